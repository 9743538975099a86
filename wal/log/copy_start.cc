#include "wal/log/copy_start.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace relay {
namespace {

std::string Shown(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

}  // namespace

bool CopyStart::Begin(const Identity& identity) {
  const std::lock_guard lock(mutex_);
  identity_ = identity;
  is_new_ = !identity.origin.empty() && identity.first_start.empty();
  return is_new_;
}

Status CopyStart::Note(std::optional<WallTime> newest, WallTime now) {
  const std::lock_guard lock(mutex_);
  Identity noted = identity_;
  noted.newest_write = newest ? Shown(*newest) : identity_.created;
  noted.first_start = Shown(now);
  RETURN_IF_ERROR(WriteIdentity(directory_, noted));
  identity_ = std::move(noted);
  return Ok();
}

std::optional<StartedCopy> CopyStart::Unacknowledged() const {
  const std::lock_guard lock(mutex_);
  if (identity_.first_start.empty() || !identity_.acknowledged.empty()) return std::nullopt;
  return StartedCopy{.origin = identity_.origin,
                     .newest_write = identity_.newest_write,
                     .first_start = identity_.first_start,
                     .is_new = is_new_};
}

Status CopyStart::Acknowledge(WallTime now) {
  const std::lock_guard lock(mutex_);
  if (identity_.first_start.empty() || !identity_.acknowledged.empty()) {
    return Error(ErrorCode::kConflict, "there is nothing to acknowledge");
  }
  Identity noted = identity_;
  noted.acknowledged = Shown(now);
  RETURN_IF_ERROR(WriteIdentity(directory_, noted));
  identity_ = std::move(noted);
  return Ok();
}

}  // namespace relay
