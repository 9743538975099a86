// How old records and dead letters are, told by a clock that nobody sets: what is deleted for its
// age must not go because the wall clock was put forward, nor stay because it was put back.
//
// Housekeeping looks at the log about once a second. A number that a look finds given is at least
// as old as that look by the monotonic clock. The looks are kept in the file `ages` in log.path, so
// that a later process goes on with the ages of an earlier one; the time in which no process had
// the log open does not count.
//
// Everything stored before the first look of all, or before the file was lost, is as old as its
// stamp says, compared with the newest stamp or with the wall clock, whichever is earlier.
//
// INVARIANT. An age is never more than the time that has passed, wherever the file is there; it may
// be less by 2 s, by a 64th, and by a minute for each crash.
//
// THREADS. One thread looks; any number ask.
//
// ERRORS. None: a file that cannot be written is written again a minute later.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/clock.h"
#include "wal/base/types.h"
#include "wal/reading/age_limit.h"
#include "wal/reading/queue.h"

namespace relay {

class RecordAges {
 public:
  static constexpr std::chrono::seconds kSaveInterval{60};

  // `directory`: the log's.
  explicit RecordAges(std::string directory) : path_(std::move(directory) + "/ages") {}

  // Looks at all queues. The first call reads the file.
  void Look(const Queues& queues, const Moment& now);

  // Writes the file.
  void Save(Clock::TimePoint now);

  // Returns what of a queue is older than `age`. Nothing is before the first look.
  AgeLimit RecordsOlderThan(BackendNumber queue, std::chrono::nanoseconds age,
                            Clock::TimePoint now) const;
  AgeLimit LettersOlderThan(BackendNumber queue, std::chrono::nanoseconds age,
                            Clock::TimePoint now) const;

 private:
  struct Mark {
    Clock::TimePoint at;  // A look that found the numbers up to `through`, and no earlier one did.
    std::uint64_t through = 0;
  };
  // The numbers up to `through` are as old as their stamps say: `reference` was the time at `at`.
  struct Stamps {
    std::uint64_t through = 0;
    WallTime reference;
    Clock::TimePoint at;
  };
  struct Numbers {
    std::vector<Mark> marks;  // Oldest first.
    Stamps stamps;
    std::size_t thin_at = kThinLeast;
  };
  struct OfQueue {
    Numbers records;
    Numbers letters;
  };
  using Ages = std::map<std::uint32_t, OfQueue>;

  static constexpr std::size_t kThinLeast = 256;

  static void Add(Numbers& numbers, std::uint64_t given, Clock::TimePoint now);
  static void Thin(Numbers& numbers, Clock::TimePoint now);
  static AgeLimit OlderThan(const Numbers& numbers, std::chrono::nanoseconds age,
                            Clock::TimePoint now);
  static void Put(std::string& text, const Numbers& numbers, Clock::TimePoint now);
  static bool TakeNumbers(std::string_view line, Numbers& numbers, Clock::TimePoint now);
  static std::optional<Ages> Decode(std::string_view text, Clock::TimePoint now);
  std::string Encode(Clock::TimePoint now) const;
  Ages Begin(const Queues& queues, const Moment& now) const;

  const std::string path_;
  std::optional<Clock::TimePoint> saved_at_;  // The looking thread alone.
  mutable std::mutex mutex_;                  // Guards what follows.
  Ages ages_;                                 // By the queue's number.
};

}  // namespace relay
