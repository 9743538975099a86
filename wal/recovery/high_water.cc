#include "wal/recovery/high_water.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <utility>

#include "wal/base/big_endian.h"
#include "wal/base/crc32c.h"
#include "wal/base/files.h"

namespace relay {
namespace {

constexpr std::string_view kMagic = "RELAYHWM";
constexpr std::uint8_t kVersion = 1;
// Magic, version, length of the body, checksum of version to the body's end.
constexpr std::size_t kLengthAt = kMagic.size() + 1;
constexpr std::size_t kCrcAt = kLengthAt + sizeof(std::uint32_t);
constexpr std::size_t kBodyAt = kCrcAt + sizeof(std::uint32_t);
// Each slot has room for thousands of backends; the file is sparse.
constexpr std::uint64_t kSlotRoom = 1U << 20U;

std::string PathIn(const std::string& log_path) {
  return log_path + "/high-water";
}

void PutPosition(std::string& out, const Position& position) {
  PutBigEndian(out, position.sequence.value());
  PutBigEndian(out, position.totals.points);
  PutBigEndian(out, position.totals.bytes.count());
  PutBigEndian(out, position.totals.stored.count());
}

Position TakePosition(BigEndianReader& reader) {
  const Sequence sequence(reader.Take<std::uint64_t>());
  const PointCount points = reader.Take<std::uint64_t>();
  const Bytes bytes(reader.Take<std::uint64_t>());
  const Bytes stored(reader.Take<std::uint64_t>());
  return {sequence, {points, bytes, stored}};
}

void PutQueue(std::string& out, const BackendId& name, const Queue& queue) {
  PutSized<std::uint8_t>(out, name.text());
  PutBigEndian(out, queue.number.value());
  PutPosition(out, queue.head);
  PutBigEndian(out, static_cast<std::uint64_t>(queue.last_accepted.time_since_epoch().count()));
  PutSized<std::uint32_t>(out, EncodeQueueState(QueueKey(queue.number), queue.state));
}

Status TakeQueue(BigEndianReader& reader, Queues& queues) {
  Result<BackendId> name = BackendId::Parse(reader.TakeSized<std::uint8_t>());
  if (!name.ok()) return Error(ErrorCode::kCorruption, "a backend's name is damaged");
  Queue queue;
  queue.number = BackendNumber(reader.Take<std::uint32_t>());
  queue.head = TakePosition(reader);
  const auto accepted = static_cast<std::int64_t>(reader.Take<std::uint64_t>());
  queue.last_accepted = WallTime(std::chrono::nanoseconds(accepted));
  Result<QueueState> state =
      DecodeQueueState(QueueKey(queue.number), reader.TakeSized<std::uint32_t>());
  if (!state.ok()) return std::move(state).error();
  queue.state = state.value();
  queues.emplace(std::move(name).value(), queue);
  return Ok();
}

Error Damaged(std::string_view what) {
  return {ErrorCode::kCorruption, fmt::format("the high-water file: {}", what)};
}

// Returns a slot's body after checking its length and checksum.
Result<std::string_view> CheckedBody(std::string_view text) {
  if (!text.starts_with(kMagic) || text.size() < kBodyAt) return Damaged("not a slot");
  BigEndianReader reader(text.substr(kMagic.size()));
  const auto version = reader.Take<std::uint8_t>();
  const auto length = reader.Take<std::uint32_t>();
  const auto crc = reader.Take<std::uint32_t>();
  if (length > reader.left().size()) return Damaged("a slot is truncated");
  const std::string_view body = reader.left().substr(0, length);
  const std::uint32_t sum =
      ExtendCrc32c(Crc32c(text.substr(kMagic.size(), kCrcAt - kMagic.size())), body);
  if (sum != crc) return Damaged("checksum mismatch");
  if (version != kVersion) return Damaged(fmt::format("unknown version {}", version));
  return body;
}

}  // namespace

std::string EncodeHighWater(std::uint64_t turn, const HighWater& mark) {
  std::string text(kMagic);
  PutBigEndian(text, kVersion);
  PutBigEndian(text, std::uint32_t{0});  // Length and checksum follow below.
  PutBigEndian(text, std::uint32_t{0});
  PutBigEndian(text, turn);
  PutBigEndian(text, mark.epoch);
  PutBigEndian(text, static_cast<std::uint8_t>(mark.clean ? 1 : 0));
  PutBigEndian(text, mark.log.last_payload.value());
  PutBigEndian(text, mark.log.last_backend);
  PutBigEndian(text, static_cast<std::uint32_t>(mark.log.queues.size()));
  for (const auto& [name, queue] : mark.log.queues) PutQueue(text, name, queue);

  const std::string_view body = std::string_view(text).substr(kBodyAt);
  PatchBigEndian(text, kLengthAt, static_cast<std::uint32_t>(body.size()));
  const std::string_view head =
      std::string_view(text).substr(kMagic.size(), kCrcAt - kMagic.size());
  PatchBigEndian(text, kCrcAt, ExtendCrc32c(Crc32c(head), body));
  return text;
}

Result<DecodedHighWater> DecodeHighWater(std::string_view text) {
  ASSIGN_OR_RETURN(std::string_view body, CheckedBody(text));
  BigEndianReader reader(body);
  DecodedHighWater decoded;
  decoded.turn = reader.Take<std::uint64_t>();
  decoded.mark.epoch = reader.Take<std::uint64_t>();
  decoded.mark.clean = reader.Take<std::uint8_t>() == 1;
  decoded.mark.log.last_payload = PayloadId(reader.Take<std::uint64_t>());
  decoded.mark.log.last_backend = reader.Take<std::uint32_t>();
  const auto count = reader.Take<std::uint32_t>();
  for (std::uint32_t i = 0; i < count; ++i) {
    if (Status taken = TakeQueue(reader, decoded.mark.log.queues); !taken.ok()) {
      return Damaged(taken.error().message());
    }
  }
  if (!reader.finished()) return Damaged("a slot has the wrong length");
  return decoded;
}

Result<DecodedHighWater> ReadHighWater(const std::string& log_path) {
  ASSIGN_OR_RETURN(std::string text, ReadWhole(PathIn(log_path)));
  Result<DecodedHighWater> first = DecodeHighWater(text);
  const std::string_view whole = text;
  Result<DecodedHighWater> second =
      DecodeHighWater(whole.substr(std::min<std::size_t>(whole.size(), kSlotRoom)));
  if (!first.ok()) return second;
  if (!second.ok() || second.value().turn < first.value().turn) return first;
  return second;
}

Result<std::unique_ptr<HighWaterFile>> HighWaterFile::Open(const std::string& log_path,
                                                           rocksdb::Env* env, std::uint64_t turn) {
  ASSIGN_OR_RETURN(std::unique_ptr<SideFile> file, OpenSideFile(PathIn(log_path), env));
  RETURN_IF_ERROR(SyncDirectory(log_path));
  return std::unique_ptr<HighWaterFile>(new HighWaterFile(std::move(file), turn));
}

Status HighWaterFile::Write(const HighWater& mark) {
  ++turn_;
  const std::string slot = EncodeHighWater(turn_, mark);
  if (slot.size() > kSlotRoom) {
    return Error(ErrorCode::kFull, "the high-water file has no room for so many backends");
  }
  return file_->WriteSynced(turn_ % 2 == 0 ? 0 : kSlotRoom, slot);
}

HighWaterKeeper::HighWaterKeeper(std::unique_ptr<HighWaterFile> file,
                                 std::function<HighWater()> synced_state,
                                 std::chrono::milliseconds interval)
    : file_(std::move(file)),
      synced_state_(std::move(synced_state)),
      interval_(interval),
      thread_([this] { Loop(); }) {}

void HighWaterKeeper::Moved() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(moved_, true)) return;
  wake_.notify_one();
}

void HighWaterKeeper::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

Status HighWaterKeeper::WriteClean() {
  return WriteNow(true);
}

Status HighWaterKeeper::Health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

void HighWaterKeeper::Loop() {
  pthread_setname_np(pthread_self(), "high-water");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    wake_.wait(lock, [this] { return moved_ || stopping_; });
    if (!moved_) continue;
    moved_ = false;
    lock.unlock();
    Status written = WriteNow(false);
    lock.lock();
    health_ = std::move(written);
    if (!health_.ok()) moved_ = true;  // Retries after the interval.
    wake_.wait_for(lock, interval_, [this] { return stopping_; });
  }
}

Status HighWaterKeeper::WriteNow(bool clean) {
  HighWater mark = synced_state_();
  mark.clean = clean;
  return file_->Write(mark);
}

}  // namespace relay
