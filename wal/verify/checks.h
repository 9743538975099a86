// The checks of VerifyLog, one per family. Each adds its findings to the report and continues.
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
  // Reports that the value at `key` does not decode; the finding quotes the error.
  void FindDamaged(std::string_view family, std::string key, const Error& error);
  void FindUnreadable(std::string_view family, const std::string& whose,
                      const NumberWalk::Unreadable& unreadable);
  // Adds a finding unless the two are equal.
  void Compare(std::string_view family, const std::string& key, const std::string& expected,
               const std::string& found);
  void Progress(double part) { observer_.on_progress(part, summary); }

  VerifySummary summary;

 private:
  const VerifyObserver& observer_;
};

// Records that the gap ledger lists as unreadable.
class Explained {
 public:
  void Add(Sequence first, Sequence last);
  bool Covers(Sequence first, Sequence last) const;

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;  // First to last; the ranges do not overlap.
};

// A backend as the `state` family describes it.
struct CheckedQueue {
  std::string name;
  BackendNumber number{0};
  std::optional<QueueState> state;  // nullopt: damaged.
  Lanes lanes;
  Explained explained;
  Position head;
  bool head_known = true;  // The last entry is intact.

  // Returns "backend a, sequence 12".
  std::string At(std::string_view what, std::uint64_t number_there) const;
};

// Reads every row of `state` that can be read. kInvalidInput: another format.
Result<std::vector<CheckedQueue>> CheckState(const Store& store, VerifyReport& report);

// Checks the gap ledger; fills queue.explained.
void CheckGaps(const Store& store, CheckedQueue& queue, VerifyReport& report);

void CheckDead(const Store& store, const CheckedQueue& queue, VerifyReport& report);

void CheckHeld(const Store& store, const CheckedQueue& queue, VerifyReport& report);

// Checks the entries and payloads of all queues side by side; fills the heads.
void CheckRecords(const Store& store, std::vector<CheckedQueue>& queues, VerifyReport& report);

// Checks the order of the marks, and that no point is missing. REQUIRES: the head is known.
void CheckMarks(const CheckedQueue& queue, VerifyReport& report);

// Formats points, bytes and stored bytes.
std::string DescribeTotals(const Totals& totals);

}  // namespace relay
