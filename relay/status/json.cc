// Writes and reads the JSON of a status. Each field is declared once, for both.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

#include "relay/base/human_format.h"
#include "relay/base/json_text.h"
#include "relay/base/parse.h"
#include "relay/status/relay_status.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::nanoseconds;

Json AsJson(const Json& value) {
  return value;
}
Json AsJson(Bytes value) {
  return value.count();
}
Json AsJson(Sequence value) {
  return value.value();
}
Json AsJson(Place value) {
  return value.value();
}
Json AsJson(std::chrono::milliseconds value) {
  return value.count();
}

void FromJson(const Json& json, Bytes& into) {
  into = Bytes(json.get<std::uint64_t>());
}
void FromJson(const Json& json, Sequence& into) {
  into = Sequence(json.get<std::uint64_t>());
}
void FromJson(const Json& json, Place& into) {
  into = Place(json.get<std::uint64_t>());
}
void FromJson(const Json& json, std::chrono::milliseconds& into) {
  into = std::chrono::milliseconds(json.get<std::int64_t>());
}
template <typename T>
void FromJson(const Json& json, T& into) {
  into = json.get<T>();
}

class Writer {
 public:
  template <typename T>
  void Field(std::string_view key, const T& value) {
    json_[std::string(key)] = AsJson(value);
  }
  template <typename T>
  void Field(std::string_view key, const std::optional<T>& value) {
    json_[std::string(key)] = value ? AsJson(*value) : Json(nullptr);
  }
  // Writes a time, and its nanoseconds under the name that it had before.
  void Time(std::string_view key, std::string_view in_ns, WallTime value) {
    json_[std::string(key)] = ToRfc3339(value);
    json_[std::string(in_ns)] = value.time_since_epoch().count();
  }
  void Time(std::string_view key, std::string_view in_ns, const std::optional<WallTime>& value) {
    if (value) return Time(key, in_ns, *value);
    json_[std::string(key)] = nullptr;
    json_[std::string(in_ns)] = nullptr;
  }
  void Duration(std::string_view key, std::string_view in_ns, nanoseconds value) {
    json_[std::string(key)] = Seconds(value);
    json_[std::string(in_ns)] = value.count();
  }
  // Writes a field that relays of an earlier version do not have; Reader takes it if it is there.
  template <typename T>
  void Added(std::string_view key, const T& value) {
    Field(key, value);
  }
  // Writes a value computed from other fields; Reader ignores it.
  template <typename Value>
  void Derived(std::string_view key, const Value& value) {
    json_[std::string(key)] = OrNull(value());
  }
  template <typename T, typename Declare>
  void List(std::string_view key, const std::vector<T>& entries, const Declare& declare) {
    Json& list = json_[std::string(key)] = Json::array();
    for (const T& entry : entries) {
      Writer writer;
      declare(writer, entry);
      list.push_back(std::move(writer.json_));
    }
  }
  template <typename T, typename Declare>
  void Map(std::string_view key, const std::optional<T>& part, const Declare& declare) {
    if (part) return Map(key, *part, declare);
    json_[std::string(key)] = nullptr;
  }
  template <typename T, typename Declare>
  void Map(std::string_view key, const T& part, const Declare& declare) {
    Writer writer;
    declare(writer, part);
    json_[std::string(key)] = std::move(writer.json_);
  }
  std::string Text() const { return DumpJson(json_); }

 private:
  static Json OrNull(const Json& value) { return value; }
  static Json OrNull(const std::optional<std::chrono::seconds>& value) {
    return value ? Json(value->count()) : Json(nullptr);
  }

  Json json_ = Json::object();
};

// Throws Json::exception if a field is missing or of another type.
class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {}

  template <typename T>
  void Field(std::string_view key, T& into) {
    FromJson(json_.at(std::string(key)), into);
  }
  template <typename T>
  void Field(std::string_view key, std::optional<T>& into) {
    if (!Has(key)) return;
    T value{};
    Field(key, value);
    into = value;
  }
  void Field(std::string_view key, std::optional<Sequence>& into) {
    if (Has(key)) into = Sequence(json_.at(std::string(key)).get<std::uint64_t>());
  }
  void Field(std::string_view key, std::optional<Place>& into) {
    if (Has(key)) into = Place(json_.at(std::string(key)).get<std::uint64_t>());
  }
  void Time(std::string_view key, std::string_view in_ns, WallTime& into) {
    if (!Has(key)) {
      into = WallTime(nanoseconds(json_.at(std::string(in_ns)).get<std::int64_t>()));
      return;
    }
    const Json& text = json_.at(std::string(key));
    const auto time = ParseRfc3339(text.get<std::string>());
    // Asking text for a number is the error that a wrong type is.
    into = time ? *time : WallTime(nanoseconds(text.get<std::int64_t>()));
  }
  void Time(std::string_view key, std::string_view in_ns, std::optional<WallTime>& into) {
    if (Has(key) || Has(in_ns)) Time(key, in_ns, into.emplace());
  }
  // Reads the nanoseconds: they are exact.
  void Duration(std::string_view /*key*/, std::string_view in_ns, nanoseconds& into) {
    into = nanoseconds(json_.at(std::string(in_ns)).get<std::int64_t>());
  }
  template <typename T>
  void Added(std::string_view key, T& into) {
    if (json_.contains(std::string(key))) Field(key, into);
  }
  template <typename Value>
  void Derived(std::string_view /*key*/, const Value& /*value*/) {}
  template <typename T, typename Declare>
  void List(std::string_view key, std::vector<T>& into, const Declare& declare) {
    for (const Json& json : json_.at(std::string(key))) {
      Reader reader(json);
      declare(reader, into.emplace_back());
    }
  }
  template <typename T, typename Declare>
  void Map(std::string_view key, std::optional<T>& into, const Declare& declare) {
    if (Has(key)) Map(key, into.emplace(), declare);
  }
  template <typename T, typename Declare>
  void Map(std::string_view key, T& into, const Declare& declare) {
    Reader reader(json_.at(std::string(key)));
    declare(reader, into);
  }

 private:
  // Relays of an earlier version leave out a field without a value.
  bool Has(std::string_view key) const {
    const auto found = json_.find(std::string(key));
    return found != json_.end() && !found->is_null();
  }

  const Json& json_;
};

// `io` is a Writer with constant values, or a Reader that fills them in.
template <typename Io, typename FiguresT>
void DeclareMarks(Io& io, FiguresT& figures) {
  io.Field("cursor", figures.marks.cursor);
  io.Field("head", figures.marks.head);
  io.Field("trimmed", figures.marks.trimmed);
  io.Derived("pending_records", [&] { return figures.marks.lag(); });
  io.Field("pending_points", figures.owed.points);
  io.Field("pending_bytes", figures.owed.bytes);
  io.Field("pending_stored_bytes", figures.owed.stored);
  io.Time("oldest_pending", "oldest_pending_ns", figures.oldest_owed);
  io.Derived("kept_records", [&] { return figures.marks.cursor - figures.marks.trimmed; });
  io.Field("kept_points", figures.kept.points);
  io.Field("kept_bytes", figures.kept.bytes);
  io.Field("kept_stored_bytes", figures.kept.stored);
  io.Time("oldest_kept", "oldest_kept_ns", figures.oldest_kept);
}

template <typename Io, typename FiguresT>
void DeclareCounts(Io& io, FiguresT& figures) {
  io.Field("accepted_points", figures.accepted.points);
  io.Field("accepted_bytes", figures.accepted.bytes);
  io.Field("accepted_stored_bytes", figures.accepted.stored);
  io.Field("rewound_points", figures.rewound);
  io.Field("delivered_points", figures.delivered);
  io.Field("held_records", figures.held_records);
  io.Field("held_points", figures.held.points);
  io.Field("held_bytes", figures.held.bytes);
  io.Field("held_stored_bytes", figures.held.stored);
  io.Field("dead_points", figures.dead);
  io.Map("dead_points_by_reason", figures.dead_by_reason, [](auto& part, auto& by_reason) {
    part.Field("refused", by_reason[DeadReason::kRefused]);
    part.Field("expired", by_reason[DeadReason::kExpired]);
    part.Field("limit", by_reason[DeadReason::kLimit]);
    part.Field("damaged", by_reason[DeadReason::kDamaged]);
  });
  io.Field("dead_letters", figures.dead_letters);
  io.Field("dead_letter_bytes", figures.dead_bytes);
  io.Field("dead_letters_removed", figures.dead_letters_removed);
  io.Field("dead_points_removed", figures.dead_removed);
  io.Field("dropped_points", figures.dropped);
  io.Field("gaps", figures.gaps);
  io.Derived("unaccounted_points", [&] { return figures.unaccounted(); });
}

template <typename Io, typename LaneT>
void DeclareLane(Io& io, LaneT& status) {
  auto& lane = status.held;
  io.Field("database", lane.lane.database);
  io.Field("retention_policy", lane.lane.retention_policy);
  io.Field("by_operator", lane.by_operator);
  io.Field("records", lane.records);
  io.Field("points", lane.size.points);
  io.Field("bytes", lane.size.bytes);
  io.Field("first", lane.first);
  io.Field("last", lane.last);
  io.Time("oldest", "oldest_ns", lane.oldest);
  io.Field("reason", status.why);
  io.Added("last_answer", status.last_answer);
  io.Field("remedy", status.remedy);
}

template <typename Io, typename FlowT>
void DeclareFlow(Io& io, FlowT& flow) {
  io.Field("points_in_per_second", flow.points_in);
  io.Field("bytes_in_per_second", flow.bytes_in);
  io.Field("points_out_per_second", flow.points_out);
  io.Added("last_points_out_per_second", flow.last_points_out);
  io.Field("stored_in_per_second", flow.stored_in);
  io.Field("owed_growth_per_second", flow.owed_growth);
}

template <typename Io, typename DivergenceT>
void DeclareDivergence(Io& io, DivergenceT& diverged) {
  io.Field("kind", diverged.kind);
  io.Time("since", "since_ns", diverged.since);
  io.Field("from", diverged.from);
  io.Field("reason", diverged.reason);
  io.Field("remedy", diverged.remedy);
}

template <typename Io, typename MarksT>
void DeclareWatermarks(Io& io, MarksT& marks) {
  io.Field("watched", marks.watched);
  io.Field("reason", marks.why);
  io.Field("lanes", marks.lanes);
  io.Field("newest", marks.newest);
  io.Time("newest_at", "newest_ns", marks.newest_at);
  io.Time("checked", "checked_ns", marks.checked_at);
  io.Map("diverged", marks.diverged,
         [](auto& part, auto& diverged) { DeclareDivergence(part, diverged); });
}

template <typename Io, typename LaneT>
void DeclareExpiringLane(Io& io, LaneT& lane) {
  io.Field("database", lane.lane.database);
  io.Field("retention_policy", lane.lane.retention_policy);
  io.Field("database_on_backend", lane.on_backend.database);
  io.Field("retention_policy_on_backend", lane.on_backend.retention_policy);
  io.Duration("keeps_seconds", "keeps_ns", lane.keeps);
  io.Field("expired_points", lane.expired);
  io.Field("expiring_points", lane.expiring);
  io.Time("from", "from_ns", lane.from);
  io.Time("to", "to_ns", lane.to);
}

template <typename Io, typename ExpiryT>
void DeclareExpiry(Io& io, ExpiryT& expiry, WallTime now) {
  io.Field("watched", expiry.watched);
  io.Field("reason", expiry.why);
  io.Time("asked", "asked_ns", expiry.asked_at);
  io.Field("whole", expiry.whole);
  io.Derived("expired_points", [&] { return Json(expiry.expired()); });
  io.Derived("expiring_points", [&] { return Json(expiry.expiring()); });
  io.Derived("expires_in_seconds", [&] {
    const std::optional<nanoseconds> left = ExpiresIn(expiry, now);
    return left ? Json(Seconds(*left)) : Json(nullptr);
  });
  io.Derived("messages", [&] { return Json(DescribeExpiry(expiry, now)); });
  io.List("lanes", expiry.lanes, [](auto& part, auto& lane) { DeclareExpiringLane(part, lane); });
}

template <typename Io, typename BackendT>
void DeclareBackend(Io& io, BackendT& backend, WallTime now) {
  io.Field("name", backend.name);
  io.Field("state", backend.state);
  io.Field("reason", backend.why);
  io.Field("last_answer", backend.last_answer);
  io.Field("remedy", backend.remedy);
  io.Field("takes_writes", backend.takes_writes);
  io.Field("stuck", backend.stuck);
  io.Time("since", "since_ns", backend.since);
  io.Field("retry_in_ms", backend.retries_in);
  io.Field("delivered_by", backend.delivered_by);
  io.Field("paused", backend.figures.paused);
  DeclareMarks(io, backend.figures);
  io.Derived("oldest_pending_seconds", [&] { return Seconds(OldestOwedAge(backend, now)); });
  io.Derived("undelivered_points", [&] { return UndeliveredPoints(backend); });
  io.Derived("oldest_undelivered_seconds",
             [&] { return Seconds(OldestUndeliveredAge(backend, now)); });
  DeclareCounts(io, backend.figures);
  io.Added("dead_letters_redriven", backend.dead_letters_redriven);
  io.Added("dead_letters_dropped", backend.dead_letters_dropped);
  io.Map("flow", backend.flow, [](auto& part, auto& flow) { DeclareFlow(part, flow); });
  io.Derived("drain_eta_seconds", [&] { return DrainEta(backend); });
  io.Derived("drain_seconds_at_last_rate", [&] { return EtaOnReturn(backend); });
  io.Map("watermarks", backend.watermarks,
         [](auto& part, auto& marks) { DeclareWatermarks(part, marks); });
  io.Map("expiry", backend.expiry,
         [now](auto& part, auto& expiry) { DeclareExpiry(part, expiry, now); });
  io.List("held_lanes", backend.lanes, [](auto& part, auto& lane) { DeclareLane(part, lane); });
}

template <typename Io, typename StatusT>
void DeclareLog(Io& io, StatusT& status) {
  io.Field("path", status.log_path);
  io.Field("failure", status.log_failure);
  io.Added("checkpoint_failure", status.checkpoint_failure);
  io.Field("alarms", status.log_alarms);
  io.Field("used_bytes", status.disk.used);
  io.Field("max_bytes", status.disk.max);
  io.Field("free_bytes", status.disk.free);
  io.Field("min_free_bytes", status.disk.min_free);
  io.Derived("limit", [&] { return Json(ToString(BindingLimit(status.disk))); });
  io.Derived("capacity_bytes", [&] { return CapacityOf(status.disk).count(); });
  io.Derived("used_share", [&] { return ShareUsed(status.disk, KeptByAll(status)); });
  io.Field("dead_letters_max_bytes", status.disk.dead_max);
  io.Derived("remedy", [&] { return DiskRemedy(status); });
  io.Derived("dead_letters_bytes", [&] { return DeadBytes(status).count(); });
  io.Derived("full_eta_seconds", [&] { return FullEta(status); });
  io.Derived("outage_tolerance_seconds", [&] { return OutageTolerance(status); });
}

template <typename Io, typename PeerT>
void DeclarePeer(Io& io, PeerT& peer) {
  io.Field("relay", peer.relay);
  io.Field("address", peer.address);
  io.Field("place", peer.place);
  io.Field("silence_ms", peer.silence);
  io.Field("in_sync", peer.in_sync);
}

template <typename Io, typename SharedT>
void DeclareShared(Io& io, SharedT& shared) {
  io.Field("relay", shared.relay);
  io.Field("place", shared.place);
  io.Map("stream", shared.range, [](auto& part, auto& range) {
    part.Field("first", range.first);
    part.Field("last", range.last);
    part.Field("bytes", range.bytes);
    part.Field("max_bytes", range.bytes_max);
  });
  io.Field("copies", shared.copies);
  io.Field("copies_wanted", shared.copies_wanted);
  io.Field("may_deliver", shared.may_deliver);
  io.Field("left_because", shared.left_because);
  io.Field("resent_messages", shared.repeated);
  io.Field("takeovers", shared.takeovers);
  io.Field("strange_messages", shared.strange);
  io.List("peers", shared.peers, [](auto& part, auto& peer) { DeclarePeer(part, peer); });
}

template <typename Io, typename StepsT>
void DeclareClock(Io& io, StepsT& steps) {
  io.Field("steps", steps.count);
  io.Duration("last_step_seconds", "last_step_by_ns", steps.last_by);
  io.Time("last_step", "last_step_ns", steps.last_at);
}

template <typename Io, typename StatusT>
void Declare(Io& io, StatusT& status) {
  io.Field("version", status.version);
  io.Added("host", status.host);
  io.Time("now", "now_ns", status.now);
  io.Field("running", status.running);
  io.Field("configuration_failure", status.configuration_failure);
  io.Map("clock", status.clock, [](auto& part, auto& steps) { DeclareClock(part, steps); });
  io.Map("log", status, [](auto& part, auto& whole) { DeclareLog(part, whole); });
  io.Map("shared_log", status.shared,
         [](auto& part, auto& shared) { DeclareShared(part, shared); });
  const WallTime now = status.now;
  io.List("backends", status.backends,
          [now](auto& part, auto& backend) { DeclareBackend(part, backend, now); });
}

bool HasOrderedMarks(const BackendStatus& backend) {
  const Marks& marks = backend.figures.marks;
  return marks.trimmed <= marks.cursor && marks.cursor <= marks.head;
}

}  // namespace

std::string ToJson(const RelayStatus& status) {
  Writer writer;
  Declare(writer, status);
  return writer.Text();
}

std::string ToJson(const BackendStatus& backend, WallTime now) {
  Writer writer;
  DeclareBackend(writer, backend, now);
  return writer.Text();
}

Result<RelayStatus> StatusFromJson(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    Reader reader(json);
    RelayStatus status;
    Declare(reader, status);
    if (!std::all_of(status.backends.begin(), status.backends.end(), HasOrderedMarks)) {
      return Error(ErrorCode::kInvalidInput, "not a relay's status: marks out of order");
    }
    return status;
  } catch (const Json::exception& error) {
    return Error(ErrorCode::kInvalidInput, fmt::format("not a relay's status: {}", error.what()));
  }
}

}  // namespace relay
