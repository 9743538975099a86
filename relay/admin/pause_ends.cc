#include "relay/admin/pause_ends.h"

#include <fmt/format.h>

#include <sstream>
#include <utility>

#include "wal/base/files.h"

namespace relay {

PauseEnds::PauseEnds(const std::string& log_path, Clock& clock)
    : path_(log_path + "/pause-ends"), clock_(clock) {
  const Result<std::string> text = ReadWhole(path_);
  if (!text.ok()) return;
  std::istringstream lines(text.value());
  std::string backend;
  for (std::int64_t at = 0, length = 0; lines >> backend >> at >> length;) {
    const std::chrono::nanoseconds whole(length);
    ends_[backend] = {WallTime(std::chrono::nanoseconds(at)), whole, clock_.Now() + whole};
  }
}

Status PauseEnds::Set(const std::string& backend, std::optional<std::chrono::nanoseconds> length) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, End> ends = ends_;
  if (length) {
    ends[backend] = {clock_.WallNow() + *length, *length, clock_.Now() + *length};
  } else if (ends.erase(backend) == 0) {
    return Ok();
  }
  RETURN_IF_ERROR(Store(ends));
  ends_ = std::move(ends);
  return Ok();
}

Status PauseEnds::Store(const std::map<std::string, End>& ends) const {
  std::string text;
  for (const auto& [backend, end] : ends) {
    text +=
        fmt::format("{} {} {}\n", backend, end.at.time_since_epoch().count(), end.length.count());
  }
  const Status stored = ReplaceWhole(path_, text);
  return stored.ok() ? Ok() : Status(Error(ErrorCode::kIo, stored.error().message()));
}

std::optional<WallTime> PauseEnds::EndOf(const std::string& backend) const {
  const std::lock_guard lock(mutex_);
  const auto found = ends_.find(backend);
  if (found == ends_.end()) return std::nullopt;
  return found->second.at;
}

std::vector<std::string> PauseEnds::Due() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> due;
  for (const auto& [backend, end] : ends_) {
    if (clock_.WallNow() >= end.at || clock_.Now() >= end.latest) due.push_back(backend);
  }
  return due;
}

void PauseEnds::Start(Resume resume) {
  thread_ = std::jthread([this, resume = std::move(resume)](const std::stop_token& stop) {
    constexpr std::chrono::seconds kTurn{1};
    Tries tries;
    Signal never;
    while (!stop.stop_requested()) {
      ResumeDue(resume, tries);
      clock_.WaitFor(never, kTurn, stop);
    }
  });
}

void PauseEnds::ResumeDue(const Resume& resume, Tries& tries) {
  constexpr std::chrono::seconds kRetry{30};  // Each try is in the audit trail.
  for (const std::string& backend : Due()) {
    const auto last = tries.find(backend);
    if (last != tries.end() && clock_.Now() < last->second + kRetry) continue;
    tries[backend] = clock_.Now();
    if (resume(backend).ok() && Set(backend, std::nullopt).ok()) tries.erase(backend);
  }
}

void PauseEnds::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

}  // namespace relay
