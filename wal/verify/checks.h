// The parts of VerifyLog, one for each family. Each tells what it finds to the
// report and goes on.
//
// THREADS. One.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wal/reading/queue.h"
#include "wal/reading/row_walk.h"
#include "wal/record/rows.h"
#include "wal/store/store.h"
#include "wal/verify/verify.h"

namespace relay {

class VerifyReport {
 public:
  explicit VerifyReport(const VerifyObserver& observer) : observer_(observer) {}

  void Find(const LogFinding& finding);
  // That what lies at `key` decodes; what is found is the error's words.
  void FindDamaged(std::string_view family, std::string key, const Error& error);
  void FindUnreadable(std::string_view family, const std::string& whose,
                      const NumberWalk::Unreadable& unreadable);
  // A finding unless the two are equal.
  void Compare(std::string_view family, const std::string& key, const std::string& expected,
               const std::string& found);
  void Progress(double part) { observer_.on_progress(part, summary); }

  VerifySummary summary;

 private:
  const VerifyObserver& observer_;
};

// Records of which the gap ledger says that they cannot be read.
class Explained {
 public:
  void Add(Sequence first, Sequence last);
  bool Covers(Sequence first, Sequence last) const;

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;  // First to last; apart from each other.
};

// A backend as the family `state` describes it.
struct CheckedRun {
  std::string name;
  BackendNumber number{0};
  std::optional<QueueState> state;  // None: damaged.
  Lanes lanes;
  Explained explained;
  Position head;
  bool head_known = true;  // Its last entry is intact.

  // "backend a, sequence 12".
  std::string At(std::string_view what, std::uint64_t number_there) const;
};

// Every row of `state`, as far as it can be read. kInvalidInput: another format.
Result<std::vector<CheckedRun>> CheckState(const Store& store, VerifyReport& report);

// The gap ledger; fills run.explained.
void CheckGaps(const Store& store, CheckedRun& run, VerifyReport& report);

void CheckDead(const Store& store, const CheckedRun& run, VerifyReport& report);

void CheckHeld(const Store& store, const CheckedRun& run, VerifyReport& report);

// Entries and payloads of all runs side by side; fills the heads.
void CheckRecords(const Store& store, std::vector<CheckedRun>& queues, VerifyReport& report);

// Marks, and that no point is missing. REQUIRES: the head is known.
void CheckMarks(const CheckedRun& run, VerifyReport& report);

// Of points, bytes and bytes as stored.
std::string ToWords(const Totals& totals);

}  // namespace relay
