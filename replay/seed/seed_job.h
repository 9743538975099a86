// Fills a backend with what another one holds, while writes go on; README.md has the design.
//
// THREADS. As BackendJob.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "replay/compare/source.h"
#include "replay/seed/part_sender.h"
#include "replay/seed/server_job.h"
#include "replay/transport/transport.h"
#include "wal/base/clock.h"

namespace relay {

struct SeedParts {
  std::string source_name;
  std::string target_name;
  SourceMaker source;
  SourceMaker target;
  std::vector<std::unique_ptr<Transport>> transports;  // To the target.
  FenceMaker source_passes;                            // Knows the source twice.
  FenceMaker both_pass;                                // The target is A.
  // kUnavailable: records for the target are on hold.
  std::function<Status()> nothing_held;
  // Makes the databases on the target, with their policies.
  std::function<Status(const std::vector<std::string>& databases, Source& from, Source& to)> make;
  std::function<std::vector<std::string>()> not_copied;
  std::function<void()> on_equal;  // Called when the two were found to hold the same.
  WhyLeftOutOf why_left_out;
};

class SeedJob final : public ServerJob {
 public:
  // `progress`: that of an earlier process. REQUIRES: the clock outlives it.
  SeedJob(SeedParts parts, ReplayProgress progress, Clock& clock);

  bool NeedsPause() const override;

 private:
  enum class Phase : std::uint8_t { kFence, kMake, kCount, kCopy, kCompare };

  // Where the job is; kept as text in the progress.
  struct Cursor {
    Phase phase = Phase::kFence;
    std::uint64_t position =
        0;  // The position of the source when the target was paused; 0: not taken yet.
    MeasurementRef place = {};                 // The last one begun; in order.
    std::int64_t from = TimeRange::kEarliest;  // Everything before is copied in it.
    std::uint64_t values = 0;                  // Done.
  };

  struct Place {
    MeasurementRef ref;
    std::vector<FieldInfo> fields;
    WindowShape shape;
  };

  static std::string ToText(const Cursor& cursor);
  static Cursor FromText(const std::string& text);

  Status StepPhase() override;
  void BeginAgain() override;
  void InterruptMore() override;

  Status WaitForSource();
  Status MakeForm();
  Status Count();
  Status CopyNext();
  Status CopyRange(const Place& place, const TimeRange& range);
  Status CompareBoth();

  Status ListPlaces();
  Status ListDatabase(Source& from, const std::string& database, std::vector<Place>& places) const;
  Result<std::vector<std::string>> DatabasesOf(Source& from) const;
  Result<std::vector<TimeRange>> RangesIn(const Place& place);
  Result<std::vector<TimeWindow>> WindowsIn(const Place& place);
  void GoTo(Cursor cursor);
  void Sent(const SentPart& sent);
  void SetSender(PartSender* sender);

  const SeedParts parts_;
  Clock& clock_;
  Cursor cursor_;
  std::optional<std::vector<Place>> places_;  // In order.
  std::vector<TimeRange> ranges_;             // Those of the place under way, the next one last.
  std::size_t counted_ = 0;

  std::atomic<bool> needs_pause_;
  std::mutex sender_mutex_;
  PartSender* sender_ = nullptr;
};

}  // namespace relay
