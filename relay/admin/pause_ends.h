// Pauses that end by themselves: `pause NAME --for 10m`. The relay resumes the backend when the
// time is over, also if it was restarted meanwhile or whoever asked for the pause is gone.
//
// The file `pause-ends` in the log's directory has a line for each: the backend, when its pause
// ends and how long it is, both in nanoseconds. A pause lasts no longer than that by the monotonic
// clock either, should the wall clock be put back.
//
// DURABILITY. An end is on stable storage when Set returns.
//
// THREADS. Methods: any number at once. Has one of its own from Start to Stop, which calls
// `resume`.
//
// ERRORS. kIo: the file cannot be written; nothing was changed.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "wal/base/clock.h"
#include "wal/base/result.h"

namespace relay {

class PauseEnds {
 public:
  using Resume = std::function<Status(const std::string& backend)>;

  // `log_path`: the relay's log.path, which exists. Reads the ends that are kept there.
  PauseEnds(const std::string& log_path, Clock& clock);
  ~PauseEnds() { Stop(); }
  PauseEnds(const PauseEnds&) = delete;
  PauseEnds& operator=(const PauseEnds&) = delete;

  // Ends the backend's pause after `length`; nullopt: by nobody but an operator.
  Status Set(const std::string& backend, std::optional<std::chrono::nanoseconds> length);

  // Returns when the backend's pause ends; nullopt: it does not by itself.
  std::optional<WallTime> EndOf(const std::string& backend) const;

  // Returns the backends whose pause is over.
  std::vector<std::string> Due() const;

  // Calls `resume` for each backend that is due, within a second, and every 30 seconds until it
  // succeeds.
  void Start(Resume resume);
  void Stop();

 private:
  struct End {
    WallTime at;
    std::chrono::nanoseconds length{0};
    Clock::TimePoint latest;
  };

  using Tries = std::map<std::string, Clock::TimePoint>;  // The last one of each backend.

  void ResumeDue(const Resume& resume, Tries& tries);
  Status Store(const std::map<std::string, End>& ends) const;

  const std::string path_;
  Clock& clock_;
  mutable std::mutex mutex_;  // Guards what follows.
  std::map<std::string, End> ends_;
  std::jthread thread_;
};

}  // namespace relay
