// A random life of a DurableLog beside that of a MemoryLog: both get the same
// commands, and after every step both must say the same. Only the DurableLog is
// reopened, loses power and has failing syncs; afterwards its state must be one
// that the contract allows, and the model follows it there.
//
// A run is a function of its seed. Each of the planted bugs makes it end in a
// difference, which shows that the model would notice.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/support/fakes/memory_log.h"
#include "tests/support/models/lossy_file_system.h"
#include "tests/support/temp_dir.h"
#include "wal/log/durable_log.h"

namespace relay::test {

enum class PlantedBug : std::uint8_t {
  kNone,
  kAnswerBeforeSync,
  kSyncErrorIgnored,
  kTrimBeforeSync,  // Deletes trimmed records before the marks that allow it are synced.
  kSequenceReused,
  kCursorAhead,  // Ahead of what was resolved.
};

class LogModel {
 public:
  explicit LogModel(std::uint64_t seed, PlantedBug bug = PlantedBug::kNone);
  ~LogModel();

  // Runs until that many operations are done (an appended record is one), or
  // both differ: then it returns the difference.
  std::string Run(std::uint64_t operations);

  std::uint64_t operations() const { return done_; }

  // Counts the operations of each kind, in one line.
  std::string Summary() const;

 private:
  // The positions where a cursor may be found after power was lost.
  struct CursorPlace {
    Sequence cursor;
    PointCount delivered;
  };
  using Step = std::function<void(MemoryLog&)>;

  void Open();
  void DoOne();
  void Append();
  void Deliver();
  void DeliverLate();
  void DeliverHeld();
  void Rewind();
  void Skip();
  void SkipHeld();
  void HoldOrRelease();
  void Pause();
  void DropOrRedriveDead();
  void EnforceRetention();
  void BecomeFull();
  void Reopen();
  void CutPower();
  void FailASync();
  void ForgetAndReturn();

  void AddFates(const std::vector<StoredRecord>& records, Resolution& resolution);
  // An attempt, and whether the log took it.
  struct Tried {
    Step step;
    bool accepted;
  };
  Tried AppendNow();
  Tried SkipNow();
  void LosePower();
  void WaitForTheLog();
  std::vector<AppendRequest> NextWrite();
  static Step AppendTo(const std::vector<AppendRequest>& parts);
  std::vector<Step> AppendUnawaited(std::size_t count);
  void Follow(const std::vector<Step>& uncertain);
  bool FollowsTo(MemoryLog& candidate, bool cursors_may_fall) const;
  void TrimModel(const BackendId& backend, const KeepPolicy& keep);

  template <typename Verb>
  void Both(const Verb& verb, bool waits = true);
  void BothExecute(const BackendId& backend, const LogCommand& command, bool waits = true);
  void RememberCursors();

  void Check(const BackendId& backend);
  void CheckContents(const BackendId& backend);
  void CheckAll();

  std::uint64_t Below(std::uint64_t bound);
  bool OneIn(std::uint64_t count) { return Below(count) == 0; }
  BackendId AnyBackend();
  Lane AnyLane();
  Sequence AnyBetween(Sequence low, Sequence high);

  std::mt19937_64 random_;
  const PlantedBug bug_;
  TempDir directory_;
  std::shared_ptr<LossyFileSystem> disk_ = std::make_shared<LossyFileSystem>();
  std::unique_ptr<rocksdb::Env> env_;
  LogOptions options_;
  std::vector<BackendId> configured_;
  std::unique_ptr<DurableLog> log_;
  std::unique_ptr<MemoryLog> model_;
  std::map<BackendId, std::vector<CursorPlace>> places_;
  WallTime now_;
  std::uint64_t next_number_ = 1;
  std::uint64_t done_ = 0;
  std::string doing_;
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace relay::test
