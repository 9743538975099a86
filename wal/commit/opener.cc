#include "wal/commit/opener.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "wal/base/crash_point.h"

namespace relay {
namespace {

// Logs of format 1 have no high-water file yet.
constexpr std::uint32_t kFirstFormatWithMark = 2;

bool IsEmpty(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code failed;
  return !fs::exists(directory, failed) || fs::is_empty(directory, failed);
}

}  // namespace

void Opener::ReadMark(const FoundIdentity& identity) {
  const bool known = identity.state != IdentityState::kNone;
  if (identity.state == IdentityState::kDamaged) {
    AddAlarm("the log's identity file was damaged; it was made anew");
  }
  if (known && IsEmpty(StoreDirectory(options_.directory))) {
    AddAlarm("the log's database is gone: there was one in this directory");
  }
  Result<DecodedHighWater> mark = ReadHighWater(options_.directory);
  first_open_ = !known && !mark.ok() && mark.error().code() == ErrorCode::kNotFound;
  if (mark.ok()) {
    mark_turn_ = mark.value().turn;
    known_ = std::move(mark).value().mark;
  } else if (identity.state == IdentityState::kDamaged ||
             identity.identity.format >= kFirstFormatWithMark) {
    AddAlarm(
        fmt::format("whether the log has lost its end cannot be told: {}", mark.error().message()));
  }
}

Status Opener::Open(const std::optional<Error>& because) {
  if (high_water_ != nullptr) known_ = queues_.SyncedState();
  OpenRequest request = Request();
  if (because && because->code() == ErrorCode::kCorruption) request.because = because->message();
  std::vector<std::string> alarms;
  Result<OpenedDatabase> opened = OpenLog(request, alarms);
  for (const std::string& alarm : alarms) AddAlarm(alarm);
  if (!opened.ok()) return std::move(opened).error();
  if (options_.shared && !alarms.empty()) {
    return Error(ErrorCode::kCorruption,
                 fmt::format("{}; the other relays have what this log lost: make it whole from one "
                             "of them with 'influxdb-relay join'",
                             alarms.front()));
  }
  first_open_ = false;
  queues_.Adopt(std::move(opened.value().log), opened.value().epoch);
  store_.Set(std::move(opened.value().store));
  PassCrashPoint(CrashPoint::kOpenAdopted);
  Status started = StartHighWater();
  PassCrashPoint(CrashPoint::kOpenHighWater);
  return started;
}

Status Opener::OpenToRead() {
  ASSIGN_OR_RETURN(OpenedDatabase opened, OpenLogToRead(Request()));
  queues_.Adopt(std::move(opened.log), opened.epoch);
  store_.Set(std::move(opened.store));
  return Ok();
}

void Opener::ServeReaders() {
  Result<std::unique_ptr<Store>> readable =
      OpenStoreReadOnly({.directory = StoreDirectory(options_.directory), .env = options_.env});
  if (readable.ok()) store_.Set(std::move(readable).value());
}

OpenRequest Opener::Request() const {
  return {.directory = options_.directory,
          .env = options_.env,
          .file_size = options_.file_size,
          // A shared log gets all that it lacks from the order, backends' numbers too.
          .backends = options_.shared ? std::vector<BackendId>() : queues_.Configured(),
          .known = options_.shared ? std::nullopt : known_,
          .first_open = first_open_,
          .because = {},
          .numbering = options_.shared ? Numbering::kShared : Numbering::kOwn};
}

// Starts to write the high-water mark of this opening.
Status Opener::StartHighWater() {
  if (high_water_ != nullptr) {
    high_water_->Moved();
    return Ok();
  }
  ASSIGN_OR_RETURN(std::unique_ptr<HighWaterFile> file,
                   HighWaterFile::Open(options_.directory, options_.env, mark_turn_));
  // Writes both slots now, so that both have their space on disk even if it becomes full.
  for (int slot = 0; slot < 2; ++slot) {
    RETURN_IF_ERROR(file->Write(queues_.SyncedState()));
  }
  auto keeper = std::make_unique<HighWaterKeeper>(
      std::move(file), [this] { return queues_.SyncedState(); }, options_.cursor_interval);
  const std::lock_guard lock(mutex_);
  high_water_ = std::move(keeper);
  return Ok();
}

void Opener::Close(bool clean) {
  if (high_water_ == nullptr) return;
  high_water_->Stop();
  // If this write fails, the next start only checks more than it needs to.
  if (clean) static_cast<void>(high_water_->WriteClean().ok());
  PassCrashPoint(CrashPoint::kCloseMarked);
}

std::vector<std::string> Opener::Alarms() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> alarms = alarms_;
  if (high_water_ == nullptr) return alarms;
  if (const Status written = high_water_->Health(); !written.ok()) {
    alarms.push_back(
        fmt::format("the high-water file cannot be written: {}", written.error().message()));
  }
  return alarms;
}

void Opener::AddAlarm(std::string alarm) {
  const std::lock_guard lock(mutex_);
  if (std::find(alarms_.begin(), alarms_.end(), alarm) != alarms_.end()) return;
  alarms_.push_back(std::move(alarm));
}

}  // namespace relay
