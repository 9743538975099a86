#include "wal/reading/load.h"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <utility>

#include "wal/reading/queue_view.h"
#include "wal/record/identity.h"

namespace relay {
namespace {

// Reads a number of the `state` family; nullopt: never written.
Result<std::optional<std::uint64_t>> ReadNumber(const Store& store, std::string_view key) {
  ASSIGN_OR_RETURN(std::optional<std::string> stored, store.Get(Family::kState, key));
  if (!stored) return std::optional<std::uint64_t>();
  ASSIGN_OR_RETURN(std::uint64_t number, DecodeNumber(key, *stored));
  return std::optional(number);
}

// Returns the format in which the log was written.
Result<std::uint64_t> CheckFormat(const Store& store) {
  ASSIGN_OR_RETURN(std::optional<std::uint64_t> version, ReadNumber(store, kFormatKey));
  // nullopt: the log is new and still empty.
  const std::uint64_t found = version.value_or(kFormatVersion);
  if (found >= kFormatVersionOldest && found <= kFormatVersion) return found;
  return Error(ErrorCode::kInvalidInput,
               fmt::format("the log has format {}, this program reads formats {} to {}", found,
                           kFormatVersionOldest, kFormatVersion));
}

// Returns a backend's newest entry, if there is one. A damaged one counts too, with the sums of the
// last intact one: the record must be reported, and its number must not be given again.
Result<std::optional<Entry>> LastEntry(const Store& store, BackendNumber backend) {
  const std::unique_ptr<StoreCursor> at = store.NewCursor(Family::kEntries);
  std::optional<Sequence> newest;
  std::uint64_t next = std::numeric_limits<std::uint64_t>::max();
  while (true) {
    at->SeekForPrevious(EntryKey(backend, Sequence(next)));
    RETURN_IF_ERROR(at->Health());
    const Result<NumberedKey> place =
        at->Valid() ? DecodeNumberedKey(at->Key()) : Result<NumberedKey>(NumberedKey());
    if (!place.ok() || place.value().backend != backend) break;
    if (!newest) newest = Sequence(place.value().number);
    if (Result<Entry> entry = DecodeEntry(at->Key(), at->Value()); entry.ok()) {
      entry.value().position.sequence = *newest;
      return std::optional(entry.value());
    }
    if (place.value().number == 0) break;
    next = place.value().number - 1;
  }
  if (!newest) return std::optional<Entry>();
  Entry unknown;
  unknown.position.sequence = *newest;
  return std::optional(unknown);
}

// Format 1 counted dead points without a reason; it never deleted a dead letter.
Status CountDeadByReason(const Store& store, BackendNumber number, QueueState& state) {
  DeadByReason counted;
  PointCount sum = 0;
  const std::string prefix = BackendKeys(number);
  const std::unique_ptr<StoreCursor> at = store.NewCursor(Family::kDead);
  for (at->Seek(prefix); at->Valid() && at->Key().starts_with(prefix); at->Next()) {
    Result<DeadLetter> letter = DecodeDead(at->Key(), at->Value());
    if (!letter.ok() || sum + letter.value().points > state.dead_points()) continue;
    counted[letter.value().reason] += letter.value().points;
    sum += letter.value().points;
  }
  counted[DeadReason::kRefused] += state.dead_points() - sum;  // In damaged dead letters.
  state.dead = counted;
  return at->Health();
}

// Formats before 4 did not know how much their dead letters take.
Status CountDeadBytes(const Store& store, BackendNumber number, QueueState& state) {
  state.dead_bytes = Bytes(0);
  if (state.dead_letters == 0) return Ok();
  const std::string prefix = BackendKeys(number);
  const std::unique_ptr<StoreCursor> at = store.NewCursor(Family::kDead);
  at->Seek(DeadKey(number, state.first_dead));
  for (; at->Valid() && at->Key().starts_with(prefix); at->Next()) {
    state.dead_bytes += Bytes(at->Key().size() + at->Value().size());
  }
  return at->Health();
}

Result<QueueState> LoadRunState(const Store& store, BackendNumber number, std::uint64_t format) {
  const std::string key = QueueKey(number);
  ASSIGN_OR_RETURN(std::optional<std::string> stored, store.Get(Family::kState, key));
  if (!stored) return QueueState();
  Result<QueueState> state = DecodeQueueState(key, *stored);
  if (!state.ok() || format >= kFirstFormatWithDeadBytes) return state;
  RETURN_IF_ERROR(CountDeadBytes(store, number, state.value()));
  if (format > 1) return state;
  RETURN_IF_ERROR(CountDeadByReason(store, number, state.value()));
  return state;
}

Result<std::shared_ptr<const Lanes>> LoadLanes(const Store& store, BackendNumber number) {
  Lanes lanes;
  const std::string prefix = LanePrefix(number);
  const std::unique_ptr<StoreCursor> at = store.NewCursor(Family::kState);
  for (at->Seek(prefix); at->Valid() && at->Key().starts_with(prefix); at->Next()) {
    ASSIGN_OR_RETURN(Lane lane, DecodeLaneKey(at->Key(), number));
    ASSIGN_OR_RETURN(LaneState state, DecodeLane(at->Key(), at->Value()));
    lanes.emplace(std::move(lane), state);
  }
  RETURN_IF_ERROR(at->Health());
  return std::make_shared<const Lanes>(std::move(lanes));
}

Result<Queue> LoadQueue(const Store& store, BackendNumber number, LoadedLog& log) {
  Result<QueueState> state = LoadRunState(store, number, log.format);
  if (!state.ok()) return std::move(state).error();
  Result<std::shared_ptr<const Lanes>> lanes = LoadLanes(store, number);
  if (!lanes.ok()) return std::move(lanes).error();
  Result<std::optional<Entry>> last = LastEntry(store, number);
  if (!last.ok()) return std::move(last).error();

  Queue queue;
  queue.number = number;
  queue.state = state.value();
  queue.lanes = std::move(lanes).value();
  queue.head = queue.state.cursor;  // Trimmed up to the last record, or never written to.
  if (last.value() && last.value()->position.sequence > queue.head.sequence) {
    queue.head = last.value()->position;
  }
  if (last.value()) {
    queue.last_accepted = last.value()->accepted_at;
    log.last_payload = std::max(log.last_payload, last.value()->payload);
  }
  return queue;
}

Result<PayloadId> LastPayload(const Store& store) {
  const std::unique_ptr<StoreCursor> at = store.NewCursor(Family::kPayloads);
  at->SeekForPrevious(PayloadKey(PayloadId(std::numeric_limits<std::uint64_t>::max())));
  if (at->Valid()) return DecodePayloadKey(at->Key());
  RETURN_IF_ERROR(at->Health());
  return PayloadId(0);
}

Status LoadRuns(const Store& store, LoadedLog& log) {
  const std::unique_ptr<StoreCursor> at = store.NewCursor(Family::kState);
  for (at->Seek(kBackendPrefix); at->Valid() && at->Key().starts_with(kBackendPrefix); at->Next()) {
    Result<BackendId> name = BackendId::Parse(at->Key().substr(kBackendPrefix.size()));
    if (!name.ok()) return Error(ErrorCode::kCorruption, "a backend's name in the log is damaged");
    ASSIGN_OR_RETURN(std::uint64_t stored, DecodeNumber(at->Key(), at->Value()));
    const BackendNumber number(static_cast<std::uint32_t>(stored));
    Result<Queue> queue = LoadQueue(store, number, log);
    if (!queue.ok()) return std::move(queue).error().Within(name.value().text());
    log.queues.emplace(std::move(name).value(), std::move(queue).value());
    log.last_backend = std::max(log.last_backend, number.value());
  }
  return at->Health();
}

}  // namespace

Result<LoadedLog> LoadLog(const Store& store) {
  Result<std::uint64_t> format = CheckFormat(store);
  if (!format.ok()) return std::move(format).error();
  LoadedLog log;
  log.format = format.value();
  Result<PayloadId> last = LastPayload(store);
  if (!last.ok()) return std::move(last).error();
  log.last_payload = last.value();
  RETURN_IF_ERROR(LoadRuns(store, log));

  ASSIGN_OR_RETURN(std::optional<std::uint64_t> backend, ReadNumber(store, kLastBackendKey));
  log.last_backend = std::max(log.last_backend, static_cast<std::uint32_t>(backend.value_or(0)));
  // All payloads may have been trimmed.
  ASSIGN_OR_RETURN(std::optional<std::uint64_t> payload, ReadNumber(store, kLastPayloadKey));
  log.last_payload = std::max(log.last_payload, PayloadId(payload.value_or(0)));
  ASSIGN_OR_RETURN(const std::optional<std::string> lives, store.Get(Family::kState, kLivesKey));
  if (!lives) return log;
  ASSIGN_OR_RETURN(log.lives, DecodeLives(kLivesKey, *lives));
  return log;
}

std::string StoreDirectory(const std::string& log_path) {
  return log_path + "/db";
}

}  // namespace relay
