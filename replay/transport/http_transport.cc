#include "replay/transport/http_transport.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "replay/net/tcp_connect.h"
#include "replay/transport/base64.h"
#include "replay/transport/create_database.h"
#include "replay/transport/gzip.h"
#include "replay/transport/redirect.h"
#include "replay/transport/remote_write.h"
#include "replay/transport/response_parser.h"
#include "wal/record/lines.h"

namespace relay {
namespace {

// One request and its answer on an open connection.
class Exchange {
 public:
  Exchange(Connection& connection, const Deadline& deadline,
           std::chrono::milliseconds write_timeout)
      : connection_(connection), deadline_(deadline), write_timeout_(write_timeout) {}

  // Sends head and body and waits for the answer. The peer may answer before it has everything; it
  // may refuse then, but it cannot have accepted unsent lines.
  Status Run(std::string_view head, std::string_view body) {
    const std::array<std::string_view, 2> parts = {head, body};
    for (std::string_view part : parts) {
      RETURN_IF_ERROR(Send(part));
    }
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
    ASSIGN_OR_RETURN(const Progress got, connection_.TryRead(buffer_.data(), buffer_.size()));
    const Progress progress = got;
    moved = progress.kind == Progress::Kind::kMoved || progress.kind == Progress::Kind::kEnd;
    wants_write_ = progress.kind == Progress::Kind::kWantsWrite;
    if (progress.kind == Progress::Kind::kEnd) return reader_.TakeEnd();
    return reader_.Take(std::string_view(buffer_.data(), progress.bytes));
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

// Formats host and port as in a URL and the Host header.
std::string HostPort(const Peer& peer) {
  const bool ipv6 = peer.host.find(':') != std::string::npos;
  return fmt::format("{}:{}", ipv6 ? "[" + peer.host + "]" : peer.host, peer.port);
}

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
    const WriteParams params = Renamed(options_.target.renames, by_clients_names.params);
    const WriteRequest request{params, by_clients_names.lines};
    if (params.api == Api::kStatement && params.database != by_clients_names.params.database) {
      return RefusedHere({ErrorCode::kInvalidInput,
                          "the statement names its database as clients do, and the database has "
                          "another name on this backend"});
    }
    if (request.params.api == Api::kStatement) return SendStatement(request);
    if (options_.target.api == Api::kPrometheus) return SendSamples(request);
    if (MayHaveOpaqueSamples(request.lines) && HasOpaqueSample(request.lines)) {
      return RefusedHere({ErrorCode::kInvalidInput,
                          "a sample of Prometheus that only a backend with api: prometheus takes"});
    }
    const Precision sent_as = SentAs(options_.target.api, request.params.precision);
    std::string_view lines = request.lines;
    if (sent_as != request.params.precision) {
      Result<std::string> rescaled = Rescaled(lines, request.params.precision, sent_as);
      if (!rescaled.ok()) return RefusedHere(rescaled.error());
      rescaled_ = std::move(rescaled).value();
      lines = rescaled_;
    }
    const std::string path = WritePath(options_.target, request.params);
    const std::string_view type = options_.gzip
                                      ? "text/plain; charset=utf-8\r\nContent-Encoding: gzip"
                                      : "text/plain; charset=utf-8";
    return Post(request.params, path, type, options_.gzip ? gzip_.Compress(lines) : lines);
  }

  Result<Reply> CreateDatabase(const WriteParams& by_clients_names) override {
    const WriteParams params = Renamed(options_.target.renames, by_clients_names);
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
    const WriteParams params = Renamed(options_.target.renames, by_clients_names);
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
    const Result<std::string> encoded = EncodeRemoteWrite(request.lines, request.params.precision);
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
    std::string_view statement = request.lines;
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
                     std::string_view body) {
    ASSIGN_OR_RETURN(std::string authorization, Authorization(params.credentials));
    const std::string headers = fmt::format(
        "User-Agent: influxdb-relay\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}\r\n", type,
        body.size(), authorization);
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
                        std::string_view body) {
    RETURN_IF_ERROR(Connect(place));
    std::string head = fmt::format("POST {} HTTP/1.1\r\nHost: {}\r\n{}", path, place.text, headers);
    if (body.size() <= kJoinedMax) {
      head += std::exchange(body, {});  // In one packet.
    }
    Exchange exchange(*place.connection, deadline_, options_.write_timeout);
    RETURN_IF_ERROR(exchange.Run(head, body));
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
    const Credentials& given = options_.credentials;
    if (options_.pass_credentials) {
      if (of_client.empty()) return std::string();
      return fmt::format("Authorization: {}\r\n", of_client.Reveal());
    }
    if (authorization_ || (given.username.empty() && !given.token)) {
      return authorization_.value_or("");
    }
    const std::optional<SecretSource>& source = given.token ? given.token : given.password;
    INVARIANT(source.has_value());
    ASSIGN_OR_RETURN(Secret secret, source->Read());
    const std::string& text = secret.Reveal();
    if (!given.token) {
      authorization_ =
          fmt::format("Authorization: Basic {}\r\n", EncodeBase64(given.username + ':' + text));
    } else {
      const Api api = options_.target.api;
      const bool bearer = api == Api::kV3 || api == Api::kPrometheus;
      authorization_ = fmt::format("Authorization: {} {}\r\n", bearer ? "Bearer" : "Token", text);
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

  // A body up to this size is copied behind the head.
  static constexpr std::size_t kJoinedMax = 16U << 10U;

  static constexpr int kRedirectsMax = 3;

  const HttpTransportOptions options_;
  Deadline deadline_;
  Place place_;
  std::optional<Place> redirected_;
  std::optional<std::string> authorization_;
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
