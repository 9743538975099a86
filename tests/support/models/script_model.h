// The expected state of a script's log (crash_script.h), on a MemoryLog: an
// interrupted log must match it, except for cursors that fell back and the one
// step that was under way.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/fakes/memory_log.h"
#include "tests/support/models/crash_script.h"

namespace relay::test {

class ScriptModel {
 public:
  explicit ScriptModel(const std::vector<BackendId>& configured);

  void Do(const CrashStep& step);

  // Describes how the log differs; empty: it does not. The model follows cursors
  // that fell back to where they may have been left.
  std::string DifferenceOf(const LogView& log);

  // Handles the step under way when the log was interrupted: returns whether it was done, and the
  // model follows. Throws a Difference if the log is neither as before nor as after it. A step that
  // is done by backend may be done for some of them.
  bool FollowInterrupted(const LogView& log, const CrashStep& step);

 private:
  // The positions where a cursor may be found: any since it was last on stable storage for sure.
  struct CursorPlace {
    Sequence cursor;
    PointCount delivered;
  };

  ScriptModel Copy() const;
  std::string DifferenceOf(const LogView& log, const BackendId& backend);
  bool FollowByBackend(const LogView& log, ScriptModel& after);

  std::unique_ptr<MemoryLog> model_;
  std::map<BackendId, std::vector<CursorPlace>> places_;
};

}  // namespace relay::test
