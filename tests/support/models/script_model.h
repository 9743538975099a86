// What a script (crash_script.h) makes of a log, lived on a MemoryLog: a log that
// was interrupted must be as this is, but for cursors that fell back and the one
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

  // In what the log is something else; empty: nothing. The model follows cursors
  // that fell back to where they may have been left.
  std::string DifferenceOf(const LogView& log);

  // The step was under way when the log was interrupted: whether it was done, the
  // model follows. Throws a Difference where the log is neither as before nor as
  // after it. A step that is done by backend may be done for some of them.
  bool FollowInterrupted(const LogView& log, const CrashStep& step);

 private:
  // Where a cursor may be found: anywhere since it was last on stable storage for sure.
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
