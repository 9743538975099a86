// Checks what a life of the script (crash_script.h) left behind, wherever and
// however it ended: the log reopens in the state that the completed steps made.
#pragma once

#include <cstdint>
#include <string>

#include "tests/support/models/crash_script.h"
#include "tests/support/models/script_model.h"

namespace relay::test {

// The progress of a life.
struct Lived {
  bool died = false;
  std::size_t done = 0;   // Steps reported as done.
  std::size_t begun = 0;  // One more if it ended during a step.
};

// The progress file of a process that may die at any moment, written for
// another process to read. Its own steps begin with `from`.
enum class Progress : std::uint8_t { kBegun, kDone };
void ReportStep(const std::string& report, Progress progress, std::size_t step);
Lived ReadLived(const std::string& report, std::size_t from);

// Describes how the log differs both from what the done steps made and from what the one under way
// would have; empty: it does not, and the model has followed it.
std::string DifferenceAfter(const LogView& log, const Lived& lived, ScriptModel& model);

// Checks with doctest that the log opens, has lost nothing, keeps working, and
// passes `verify`; likewise a copy that was made of it.
void CheckWhatIsLeft(const std::string& directory, const Lived& lived, bool damaged);

}  // namespace relay::test
