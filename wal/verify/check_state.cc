#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "wal/base/big_endian.h"
#include "wal/verify/checks.h"

namespace relay {
namespace {

constexpr std::string_view kState = "state";

// Reads `state` and keeps what the other checks need.
class StateCheck {
 public:
  StateCheck(const Store& store, VerifyReport& report) : store_(store), report_(report) {}

  Result<std::vector<CheckedQueue>> Queue() {
    RETURN_IF_ERROR(CheckFormat());
    last_backend_ = CheckNumber(kLastBackendKey);
    CheckNumber(kLastPayloadKey);
    CheckLives();
    CheckBackends();
    for (CheckedQueue& queue : queues_) {
      CheckRun(queue);
      CheckLanes(queue);
    }
    return std::move(queues_);
  }

 private:
  Status CheckFormat() {
    const std::optional<std::uint64_t> format = CheckNumber(kFormatKey);
    report_.summary.format = format.value_or(0);
    if (!format || (*format >= kFormatVersionOldest && *format <= kFormatVersion)) return Ok();
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("the log has format {}, this program reads formats {} to {}", *format,
                             kFormatVersionOldest, kFormatVersion));
  }

  std::optional<std::string> Get(std::string_view key, const std::string& shown) {
    Result<std::optional<std::string>> stored = store_.Get(Family::kState, key);
    if (stored.ok()) return std::move(stored).value();
    report_.FindDamaged(kState, shown, stored.error());
    return std::nullopt;
  }

  std::optional<std::uint64_t> CheckNumber(std::string_view key) {
    const std::optional<std::string> stored = Get(key, std::string(key));
    if (!stored) return std::nullopt;
    Result<std::uint64_t> number = DecodeNumber(key, *stored);
    if (number.ok()) return number.value();
    report_.FindDamaged(kState, std::string(key), number.error());
    return std::nullopt;
  }

  void CheckLives() {
    const std::optional<std::string> stored = Get(kLivesKey, std::string(kLivesKey));
    if (!stored) return;
    const Result<Lives> lives = DecodeLives(kLivesKey, *stored);
    if (!lives.ok()) report_.FindDamaged(kState, std::string(kLivesKey), lives.error());
  }

  void CheckBackends() {
    const std::unique_ptr<StoreCursor> at = store_.NewCursor(Family::kState);
    for (at->Seek(kBackendPrefix); at->Valid() && at->Key().starts_with(kBackendPrefix);
         at->Next()) {
      AddBackend(at->Key(), at->Value());
    }
    if (Status health = at->Health(); !health.ok()) {
      report_.FindDamaged(kState, "the names of backends", health.error());
    }
  }

  void AddBackend(std::string_view key, std::string_view value) {
    const Result<BackendId> name = BackendId::Parse(key.substr(kBackendPrefix.size()));
    if (!name.ok()) return report_.FindDamaged(kState, "a backend's name", name.error());
    const Result<std::uint64_t> number = DecodeNumber(key, value);
    if (!number.ok()) return report_.FindDamaged(kState, std::string(key), number.error());
    CheckedQueue queue;
    queue.name = name.value().text();
    queue.number = BackendNumber(static_cast<std::uint32_t>(number.value()));
    if (last_backend_ && number.value() > *last_backend_) {
      report_.Find({"state", std::string(key), fmt::format("at most {}", *last_backend_),
                    std::to_string(number.value())});
    }
    const auto same =
        std::find_if(queues_.begin(), queues_.end(),
                     [&queue](const CheckedQueue& other) { return other.number == queue.number; });
    if (same != queues_.end()) {
      report_.Find({"state", std::string(key), "a unique number", "that of " + same->name});
    }
    queues_.push_back(std::move(queue));
  }

  void CheckRun(CheckedQueue& queue) {
    const std::string key = QueueKey(queue.number);
    const std::string shown = "queue of backend " + queue.name;
    const std::optional<std::string> stored = Get(key, shown);
    if (!stored) {
      queue.state = QueueState();  // A new backend: nothing was delivered yet.
      return;
    }
    Result<QueueState> state = DecodeQueueState(key, *stored);
    if (state.ok()) {
      queue.state = state.value();
    } else {
      report_.FindDamaged(kState, shown, state.error());
    }
  }

  void CheckLanes(CheckedQueue& queue) {
    const std::string prefix = LanePrefix(queue.number);
    const std::unique_ptr<StoreCursor> at = store_.NewCursor(Family::kState);
    for (at->Seek(prefix); at->Valid() && at->Key().starts_with(prefix); at->Next()) {
      const Result<Lane> lane = DecodeLaneKey(at->Key(), queue.number);
      const std::string shown = fmt::format("backend {}, lane {}", queue.name,
                                            lane.ok() ? lane.value().database : "of unknown name");
      if (!lane.ok()) {
        report_.FindDamaged(kState, shown, lane.error());
        continue;
      }
      const Result<LaneState> state = DecodeLane(at->Key(), at->Value());
      if (!state.ok()) report_.FindDamaged(kState, shown, state.error());
      if (state.ok()) queue.lanes.emplace(lane.value(), state.value());
    }
    if (Status health = at->Health(); !health.ok()) {
      report_.FindDamaged(kState, "lanes of backend " + queue.name, health.error());
    }
  }

  const Store& store_;
  VerifyReport& report_;
  std::optional<std::uint64_t> last_backend_;
  std::vector<CheckedQueue> queues_;
};

}  // namespace

Result<std::vector<CheckedQueue>> CheckState(const Store& store, VerifyReport& report) {
  return StateCheck(store, report).Queue();
}

void CheckMarks(const CheckedQueue& queue, VerifyReport& report) {
  const QueueState& state = *queue.state;
  const Marks marks{state.trimmed.sequence, state.cursor.sequence, queue.head.sequence};
  const std::string whose = "queue of backend " + queue.name;
  if (marks.trimmed > marks.cursor || marks.cursor > marks.head) {
    report.summary.backends.push_back({.name = queue.name, .marks = marks, .marks_known = true});
    return report.Find({"state", whose, "trimmed <= cursor <= head",
                        fmt::format("{}, {}, {}", marks.trimmed.value(), marks.cursor.value(),
                                    marks.head.value())});
  }
  if (!queue.head_known) {
    report.summary.backends.push_back({.name = queue.name, .marks = marks, .marks_known = true});
    return;
  }
  const PointCount in = queue.head.totals.points + state.rewound;
  const PointCount owed = queue.head.totals.points - state.cursor.totals.points;
  const PointCount out =
      state.delivered + owed + state.held.points + state.dead_points() + state.dropped;
  report.Compare("state", whose, fmt::format("accepted + rewound = {} points", in),
                 fmt::format("accepted + rewound = {} points", out));
  report.summary.backends.push_back(
      {queue.name, marks, true, static_cast<std::int64_t>(in) - static_cast<std::int64_t>(out)});
}

}  // namespace relay
