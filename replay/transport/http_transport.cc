#include "replay/transport/http_transport.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "replay/net/tcp_connect.h"
#include "replay/transport/authorization.h"
#include "replay/transport/create_database.h"
#include "replay/transport/gzip.h"
#include "replay/transport/redirect.h"
#include "replay/transport/remote_write.h"
#include "replay/transport/response_parser.h"
#include "wal/record/hops.h"
#include "wal/record/lines.h"

namespace relay {
namespace {

// A body in pieces, sent in chunks: small pieces are copied together, large ones are sent from
// where they are. The head goes with the first chunk, in one packet where it can.
class Chunks {
 public:
  Chunks(std::string head, std::span<const std::string_view> pieces)
      : gathered_(std::move(head)), left_(pieces) {}

  // Returns the next chunk, valid until the next call. Empty: there is none.
  std::string_view Next() {
    if (!large_.empty()) return std::exchange(large_, {});
    while (!left_.empty() && gathered_.size() < kGatheredMax) {
      const std::string_view piece = left_.front();
      left_ = left_.subspan(1);
      if (piece.size() > kCopiedMax) {
        large_ = piece;
        break;
      }
      gathered_ += piece;
    }
    sent_ = std::exchange(gathered_, {});
    return sent_.empty() ? std::exchange(large_, {}) : std::string_view(sent_);
  }

  bool done() const { return gathered_.empty() && large_.empty() && left_.empty(); }

 private:
  static constexpr std::size_t kCopiedMax = 16U << 10U;
  static constexpr std::size_t kGatheredMax = 64U << 10U;

  std::string gathered_;
  std::string sent_;
  std::string_view large_;
  std::span<const std::string_view> left_;
};

// One request and its answer on an open connection.
class Exchange {
 public:
  Exchange(Connection& connection, const Deadline& deadline,
           std::chrono::milliseconds write_timeout)
      : connection_(connection), deadline_(deadline), write_timeout_(write_timeout) {}

  // Sends head and body and waits for the answer. The peer may answer before it has everything; it
  // may refuse then, but it cannot have accepted unsent lines.
  Status Run(Chunks request) {
    while (!request.done() && !unsendable_ && !reader_.whole()) {
      RETURN_IF_ERROR(Send(request.Next()));
    }
    if (reader_.whole() && !request.done()) unsendable_ = true;
    const bool sent_all = !unsendable_ && !reader_.whole();
    while (!reader_.whole()) {
      RETURN_IF_ERROR(ReadSome());
    }
    if (sent_all || reader_.reply().http_status / 100 != 2) return Ok();
    return Error(ErrorCode::kUnavailable, "it answered before it had received the lines");
  }

  const AnswerReader& answer() const { return reader_; }

  // Returns whether the connection can carry another request. It cannot if the peer still expects
  // the rest of this one: it would take the next request for that.
  bool leaves_reusable() const { return !unsendable_ && reader_.reusable(); }

 private:
  // Returns early if the peer reads no more: an answer may still come.
  Status Send(std::string_view bytes) {
    while (!bytes.empty() && !unsendable_ && !reader_.whole()) {
      const Result<Progress> written = connection_.TryWrite(bytes);
      unsendable_ = !written.ok();
      if (unsendable_) break;
      if (written.value().kind == Progress::Kind::kMoved) {
        bytes.remove_prefix(written.value().bytes);
        continue;
      }
      const bool wants_write = written.value().kind == Progress::Kind::kWantsWrite;
      RETURN_IF_ERROR(WaitToWrite(wants_write ? POLLIN | POLLOUT : POLLIN));
      RETURN_IF_ERROR(ReadWhatIsThere());
    }
    if (reader_.whole() && !bytes.empty()) unsendable_ = true;
    return Ok();
  }

  Status ReadWhatIsThere() {
    bool more = true;
    while (more && !reader_.whole()) {
      RETURN_IF_ERROR(ReadOnce(more));
    }
    return Ok();
  }

  // Waits if no bytes are there.
  Status ReadSome() {
    bool moved = false;
    if (Status read = ReadOnce(moved); !read.ok() || moved) return read;
    return Wait(wants_write_ ? POLLIN | POLLOUT : POLLIN);
  }

  Status ReadOnce(bool& moved) {
    const Result<Progress> got = connection_.TryRead(buffer_.data(), buffer_.size());
    if (!got.ok()) return BrokenOff(got.error());
    const Progress progress = got.value();
    moved = progress.kind == Progress::Kind::kMoved || progress.kind == Progress::Kind::kEnd;
    wants_write_ = progress.kind == Progress::Kind::kWantsWrite;
    if (progress.kind == Progress::Kind::kEnd) return AtEnd();
    return reader_.Take(std::string_view(buffer_.data(), progress.bytes));
  }

  Status AtEnd() {
    Status ended = reader_.TakeEnd();
    if (!ended.ok()) return BrokenOff(ended.error());
    return ended;
  }

  // A refused certificate, too, may be told only now.
  static Error BrokenOff(const Error& error) {
    if (error.code() != ErrorCode::kUnavailable) return error;
    return {ErrorCode::kBrokenOff, error.message()};
  }

  Status WaitToWrite(int events) {
    const Deadline::Wake wake =
        deadline_.Wait(connection_.fd(), static_cast<short>(events), write_timeout_);
    if (wake == Deadline::Wake::kReady) return Ok();
    if (wake != Deadline::Wake::kPauseOver) return WaitEnded(wake);
    return Error(
        ErrorCode::kUnavailable,
        fmt::format("it accepted no bytes of the request for {} ms", write_timeout_.count()));
  }

  Status Wait(int events) {
    const Deadline::Wake wake = deadline_.Wait(connection_.fd(), static_cast<short>(events));
    if (wake != Deadline::Wake::kReady) return WaitEnded(wake);
    return Ok();
  }

  Connection& connection_;
  const Deadline& deadline_;
  const std::chrono::milliseconds write_timeout_;
  AnswerReader reader_;
  bool unsendable_ = false;
  bool wants_write_ = false;
  std::array<char, 16384> buffer_{};
};

constexpr int kOk = 200;
constexpr int kNoContent = 204;
constexpr int kStatusNotFound = 404;
constexpr int kStatusConflict = 409;  // It exists.
constexpr int kStatusTooLarge = 413;
constexpr int kStatusUnprocessable = 422;
constexpr int kFailed = 500;

// Converts an answer of /query to a write's with the same meaning: /query answers 200 with the
// error in its body.
Reply AsWritesAnswer(Reply reply) {
  constexpr std::array<std::string_view, 5> kForGood = {"already exists", "error parsing",
                                                        "invalid", "must be", "conflict"};
  const auto says = [&reply](std::string_view text) {
    return reply.body.find(text) != std::string::npos;
  };
  if (reply.http_status != kOk) return reply;
  if (!says("\"error\"")) {
    reply.body.clear();
  } else if (says("database not found")) {
    reply.http_status = kStatusNotFound;
  } else if (std::any_of(kForGood.begin(), kForGood.end(), says)) {
    reply.http_status = kStatusUnprocessable;
  } else {
    reply.http_status = kFailed;  // Some pass: a missing policy, a busy shard.
  }
  return reply;
}

Reply RefusedHere(const Error& reason) {
  return {.http_status = kStatusUnprocessable,
          .content_type = "text/plain",
          .body = "not sent: " + reason.message()};
}

// A peer and the connection to it.
struct Place {
  explicit Place(Peer to)
      : peer(std::move(to)), text(HostPort(peer)), has_name(!IsLiteralAddress(peer.host)) {}

  Peer peer;
  std::string text;
  bool has_name;
  Deadline age;  // The age of the connection.
  std::unique_ptr<Connection> connection;
};

bool HasOpaqueSample(std::string_view lines) {
  for (LineWalk walk(lines); !walk.AtEnd();) {
    if (IsOpaqueSample(walk.Next())) return true;
  }
  return false;
}

class HttpTransport final : public Transport {
 public:
  explicit HttpTransport(HttpTransportOptions options)
      : options_(std::move(options)), place_(options_.peer) {}

  Result<Reply> Send(const WriteRequest& by_clients_names) override {
    const WriteParams params = NamesOn(options_.target, by_clients_names.params);
    const WriteRequest request{params, by_clients_names.lines,
                               by_clients_names.may_have_opaque_samples};
    if (params.api == Api::kStatement && params.database != by_clients_names.params.database) {
      return RefusedHere({ErrorCode::kInvalidInput,
                          "the statement names its database as clients do, and the database has "
                          "another name on this backend"});
    }
    if (request.params.api == Api::kStatement) return SendStatement(request);
    if (options_.target.api == Api::kPrometheus) return SendSamples(request);
    const auto text = [&] { return request.lines.Text(joined_); };
    const bool may_have_opaque = request.may_have_opaque_samples && MayHaveOpaqueSamples(text());
    if (may_have_opaque && HasOpaqueSample(text())) {
      return RefusedHere({ErrorCode::kInvalidInput,
                          "a sample of Prometheus that only a backend with api: prometheus takes"});
    }
    const Precision sent_as = SentAs(options_.target.api, request.params.precision);
    LinesInPieces lines = request.lines;
    if (sent_as != request.params.precision) {
      Result<std::string> rescaled = Rescaled(text(), request.params.precision, sent_as);
      if (!rescaled.ok()) return RefusedHere(rescaled.error());
      rescaled_ = std::move(rescaled).value();
      lines = rescaled_;
    }
    if (options_.gzip) lines = gzip_.Compress(lines.Text(joined_));
    const std::string path = WritePath(options_.target, request.params);
    const std::string_view type = options_.gzip
                                      ? "text/plain; charset=utf-8\r\nContent-Encoding: gzip"
                                      : "text/plain; charset=utf-8";
    return Post(request.params, path, type, lines);
  }

  Result<Reply> CreateDatabase(const WriteParams& by_clients_names) override {
    const WriteParams params = NamesOn(options_.target, by_clients_names);
    switch (options_.target.api) {
      case Api::kPrometheus:  // InfluxDB 1.x is the one that has databases.
      case Api::kV1: return CreateInV1(params, by_clients_names);
      case Api::kV2: return Transport::CreateDatabase(params);
      case Api::kV3: return CreateInV3(params);
      case Api::kStatement: break;
    }
    INVARIANT(false);
  }

  bool passes_credentials() const override { return options_.pass_credentials; }

  void Cancel() override { deadline_.Cancel(); }

  Result<Reply> ShowPolicies(const WriteParams& by_clients_names) {
    const WriteParams params = NamesOn(options_.target, by_clients_names);
    return Query(params, ShowPoliciesStatement(params));
  }

 private:
  Result<Reply> CreateInV1(const WriteParams& params, const WriteParams& by_clients_names) {
    const bool asks = options_.policy_of && !params.retention_policy.empty();
    const PolicyForm policy = asks ? options_.policy_of(by_clients_names) : PolicyForm{};
    Result<Reply> reply = Query(params, CreateStatements(params, policy));
    if (!reply.ok()) return reply;
    return AsWritesAnswer(std::move(reply).value());
  }

  Result<Reply> SendSamples(const WriteRequest& request) {
    const Result<std::string> encoded =
        EncodeRemoteWrite(request.lines.Text(joined_), request.params.precision);
    if (!encoded.ok()) {  // Halved, as a backend's own answer says; a single line is given up.
      Reply too_large = RefusedHere(encoded.error());
      too_large.http_status = kStatusTooLarge;
      return too_large;
    }
    const std::string& body = encoded.value();
    // Lines of strings alone have no sample.
    if (body.empty()) return Reply{.http_status = kNoContent, .api = Api::kPrometheus};
    std::string headers =
        "application/x-protobuf\r\nContent-Encoding: snappy\r\n"
        "X-Prometheus-Remote-Write-Version: 0.1.0";
    const std::string& tenant = options_.target.org;
    if (!tenant.empty()) headers += "\r\nX-Scope-OrgID: " + tenant;
    return Post(request.params, WritePath(options_.target, request.params), headers, body);
  }

  Result<Reply> SendStatement(const WriteRequest& request) {
    if (options_.target.api != Api::kV1) {
      return RefusedHere({ErrorCode::kInvalidInput, "statements can be sent to v1 backends only"});
    }
    std::string_view statement = request.lines.Text(joined_);
    statement.remove_suffix(statement.ends_with('\n') ? 1 : 0);
    Result<Reply> reply = Query(request.params, statement);
    if (!reply.ok()) return reply;
    Reply meant = AsWritesAnswer(std::move(reply).value());
    // In a missing database nothing is left to delete. Waiting for it would delete what is written
    // there later.
    const bool deletes = statement.starts_with("DROP ") || statement.starts_with("DELETE ");
    const bool missing = meant.body.find("database not found") != std::string::npos;
    if (deletes && missing && meant.http_status == kStatusNotFound) meant = {.http_status = kOk};
    return meant;
  }

  Result<Reply> Query(const WriteParams& params, std::string_view statements) {
    return Post(params,
                options_.target.path_prefix + "/query?db=" + PercentEncoded(params.database),
                "application/x-www-form-urlencoded", "q=" + PercentEncoded(statements));
  }

  Result<Reply> CreateInV3(const WriteParams& params) {
    const std::string path = options_.target.path_prefix + "/api/v3/configure/database";
    const std::string body = CreateBody(BucketOf(options_.target, params));
    Result<Reply> reply = Post(params, path, "application/json", body);
    if (reply.ok() && reply.value().http_status == kStatusConflict) reply.value().http_status = kOk;
    return reply;
  }

  // `type`: the value of Content-Type, and more headers.
  Result<Reply> Post(const WriteParams& params, const std::string& path, std::string_view type,
                     const LinesInPieces& body) {
    ASSIGN_OR_RETURN(std::string authorization, Authorization(params.credentials));
    const std::string headers = fmt::format(
        "User-Agent: influxdb-relay\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}{}\r\n", type,
        body.size(), HopsLine(params.hops), authorization);
    deadline_.Arm(options_.timeout);
    Place* place = &place_;
    Result<Reply> reply = Attempt(*place, path, headers, body);
    for (int followed = 0; followed < kRedirectsMax && reply.ok(); ++followed) {
      const auto to = SameHostDestination(place->peer, reply.value());
      if (!options_.follow_redirects || !to) break;
      place = &PlaceOf(*to);
      reply = Attempt(*place, to->path, headers, body);
    }
    if (reply.ok()) return reply;
    place->connection.reset();
    return WithPlace(*place, reply.error());
  }

  // Returns a header line; empty: this relay is not named.
  std::string HopsLine(std::string_view hops) const {
    if (options_.relay_id.empty()) return "";
    return fmt::format("{}: {}\r\n", kHopsHeader, WithHop(hops, options_.relay_id));
  }

  // Returns the place with the connection of before, if there is one.
  Place& PlaceOf(const Destination& to) {
    const auto is_there = [&to](const Place& place) {
      return place.peer.port == to.port && place.peer.tls.has_value() == to.tls;
    };
    if (is_there(place_)) return place_;
    if (redirected_ && is_there(*redirected_)) return *redirected_;
    Peer peer = options_.peer;
    peer.port = to.port;
    peer.tls.reset();
    if (to.tls) peer.tls = options_.peer.tls.value_or(TlsOptions{});
    return redirected_.emplace(std::move(peer));
  }

  Result<Reply> Attempt(Place& place, const std::string& path, const std::string& headers,
                        const LinesInPieces& body) {
    RETURN_IF_ERROR(Connect(place));
    std::string head = fmt::format("POST {} HTTP/1.1\r\nHost: {}\r\n{}", path, place.text, headers);
    Exchange exchange(*place.connection, deadline_, options_.write_timeout);
    RETURN_IF_ERROR(exchange.Run(Chunks(std::move(head), body.pieces())));
    if (!exchange.leaves_reusable()) place.connection.reset();
    Reply reply = exchange.answer().reply();
    reply.api = options_.target.api;
    if (reply.http_status == 401 || reply.http_status == 403) authorization_.reset();
    return reply;
  }

  Status Connect(Place& place) {
    if (deadline_.cancelled()) return WaitEnded(Deadline::Wake::kCancelled);
    const bool may_have_moved = place.has_name && place.age.Left() == std::chrono::milliseconds(0);
    if (place.connection && !may_have_moved && place.connection->Quiet()) return Ok();
    place.connection.reset();
    ASSIGN_OR_RETURN(std::unique_ptr<Connection> opened, Connection::Open(place.peer, deadline_));
    place.connection = std::move(opened);
    place.age.Arm(options_.look_up_after);
    return Ok();
  }

  // Returns a header line; empty: there are no credentials.
  Result<std::string> Authorization(const ClientCredentials& of_client) {
    if (options_.pass_credentials) {
      if (of_client.empty()) return std::string();
      return fmt::format("Authorization: {}\r\n", of_client.Reveal());
    }
    if (!authorization_) {
      // Read when it is first needed and again after a 401 or 403.
      ASSIGN_OR_RETURN(authorization_,
                       AuthorizationLine(options_.credentials, options_.target.api));
    }
    return *authorization_;
  }

  Error WithPlace(const Place& place, const Error& error) const {
    const bool time_up = deadline_.Left() == std::chrono::milliseconds(0) && !deadline_.cancelled();
    if (time_up && error.code() == ErrorCode::kUnavailable) {
      return {error.code(),
              fmt::format("{}: no answer within {} ms", place.text, options_.timeout.count())};
    }
    return {error.code(), fmt::format("{}: {}", place.text, error.message())};
  }

  static constexpr int kRedirectsMax = 3;

  const HttpTransportOptions options_;
  Deadline deadline_;
  Place place_;
  std::optional<Place> redirected_;
  std::optional<std::string> authorization_;
  std::string joined_;
  std::string rescaled_;
  GzipCompressor gzip_;
};

}  // namespace

std::unique_ptr<Transport> MakeHttpTransport(HttpTransportOptions options) {
  return std::make_unique<HttpTransport>(std::move(options));
}

Result<Reply> AskForPolicies(HttpTransportOptions options, const WriteParams& params) {
  return HttpTransport(std::move(options)).ShowPolicies(params);
}

}  // namespace relay
