// What a life of the script (crash_script.h) left behind, wherever and however it
// ended: it opens again as what the steps made that were done.
#pragma once

#include <cstdint>
#include <string>

#include "tests/support/models/crash_script.h"
#include "tests/support/models/script_model.h"

namespace relay::test {

// How far a life came.
struct Lived {
  bool died = false;
  std::size_t done = 0;   // Steps that were reported.
  std::size_t begun = 0;  // One more where it ended in one.
};

// A process that may die any moment writes down how far it has come: in a file,
// for another one to read, that begins its own steps with `from`.
enum class Progress : std::uint8_t { kBegun, kDone };
void ReportStep(const std::string& report, Progress progress, std::size_t step);
Lived ReadLived(const std::string& report, std::size_t from);

// In what the log is neither as the done steps made it nor as the one under way
// would have; empty: in nothing, and the model has followed it.
std::string DifferenceAfter(const LogView& log, const Lived& lived, ScriptModel& model);

// The log opens, has lost nothing, goes on, and is sound to `verify`; so is a copy
// that was made of it. Checks by doctest.
void CheckWhatIsLeft(const std::string& directory, const Lived& lived, bool damaged);

}  // namespace relay::test
