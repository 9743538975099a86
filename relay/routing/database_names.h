// The databases that clients have named, by writes that were accepted or by statements, for SHOW
// DATABASES: clients ask for it before they write, and some give up if theirs is missing. The relay
// stores no databases: these are only names.
//
// The file `databases` in the log's directory keeps them over restarts. It has a line for each: the
// CRC-32C (8 hexadecimal digits) of what follows, the first and the last hour (since 1970) in which
// the name was used, and the name, in which blanks, control characters and `%` are `%` and two
// hexadecimal digits. Of several lines with a name the last counts. Lines that are damaged or cut
// short are left out.
//
// INVARIANT. There are at most kCountMax + kSlack names. Beyond that kCountMax of them are kept:
// names that were used in one hour alone go first, then those that were used longest ago, so that
// no number of made-up names displaces one that is in use. Names of more than kNameMax bytes are
// not kept; InfluxDB cannot have them. The file has at most twice as many lines.
//
// DURABILITY. WhenSaved. A file that cannot be written is tried again every second; meanwhile the
// names are in memory.
//
// THREADS. Any number at once. Has one of its own from Start to Stop, which writes the file;
// without it the callers write.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "wal/base/clock.h"
#include "wal/base/result.h"

namespace relay {

class DatabaseNames {
 public:
  static constexpr std::size_t kCountMax = 10'000;
  static constexpr std::size_t kSlack = 1'000;
  static constexpr std::size_t kNameMax = 255;

  // `path`: the file, which is read now if there is one; empty: the names are in memory alone.
  DatabaseNames(std::string path, const Clock& clock);
  ~DatabaseNames() { Stop(); }
  DatabaseNames(const DatabaseNames&) = delete;
  DatabaseNames& operator=(const DatabaseNames&) = delete;

  // Returns whether the name is saved and its use in this hour known: Note would change nothing.
  // Takes no lock. False for some names that are.
  bool IsNoted(std::string_view name) const;

  // Notes that the name is used. Returns whether it is saved already.
  bool Note(const std::string& name);

  // Forgets a name, until it is used again.
  void Remove(const std::string& name);

  // Calls `done` exactly once: when what was noted and removed so far is on stable storage, or
  // could not be written. At once if nothing has to be written.
  void WhenSaved(std::function<void()> done);

  std::set<std::string> All() const;

  void Start(Clock& clock);
  void Stop();

 private:
  struct Use {
    std::uint32_t first = 0;  // Hours since 1970.
    std::uint32_t last = 0;
    bool is_saved = false;
  };
  using Done = std::vector<std::function<void()>>;
  struct Batch;  // Names that are written in one go.

  void Load();
  bool TakeLine(std::string_view line);
  void Cut();
  void MarkNoted(std::string_view name);
  static std::string LineOf(const std::string& name, const Use& use);
  std::uint64_t MarkOf(std::string_view name) const;
  static std::size_t SlotOf(std::string_view name);
  void Save();
  Batch TakeBatch();
  Status Write(const Batch& batch) const;
  void Settle(const Batch& batch, const Status& written);

  const std::string path_;
  const Clock& clock_;
  std::atomic<std::uint32_t> hour_;
  // Each has the mark of a name that IsNoted may answer for; of names with the same slot the last.
  static constexpr std::size_t kSlots = 4'096;
  std::array<std::atomic<std::uint64_t>, kSlots> noted_ = {};

  std::mutex save_mutex_;     // Held by who writes the file.
  mutable std::mutex mutex_;  // Guards what follows.
  std::unordered_map<std::string, Use> names_;
  std::vector<std::string> changed_;  // Names whose lines are to be appended.
  bool is_whole_due_ = true;          // The file must be written anew.
  bool is_saving_ = false;
  bool failed_ = false;    // The last time.
  std::size_t lines_ = 0;  // In the file.
  Done waiting_;
  bool runs_ = false;

  Signal wake_;
  std::jthread thread_;
};

}  // namespace relay
