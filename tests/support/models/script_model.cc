#include "tests/support/models/script_model.h"

#include <utility>

#include "tests/support/models/log_difference.h"

namespace relay::test {

ScriptModel::ScriptModel(const std::vector<BackendId>& configured)
    : model_(std::make_unique<MemoryLog>(configured)) {}

ScriptModel ScriptModel::Copy() const {
  ScriptModel copy({});
  copy.model_ = model_->Copy();
  copy.places_ = places_;
  return copy;
}

void ScriptModel::Do(const CrashStep& step) {
  step.on_model(*model_);
  if (step.waits) places_.clear();
  for (const BackendId& backend : model_->Backends()) {
    const QueueStats figures = model_->StatsOf(backend).value();
    places_[backend].push_back({figures.marks.cursor, figures.delivered});
  }
}

std::string ScriptModel::DifferenceOf(const LogView& log, const BackendId& backend) {
  try {
    const Result<QueueStats> figures = log.StatsOf(backend);
    Expect(figures.ok(), backend.text() + " is not there");
    for (const CursorPlace& place : places_[backend]) {
      if (place.cursor != figures.value().marks.cursor) continue;
      model_->FallBack(backend, place.cursor, place.delivered);
    }
    ExpectSameFigures(log, *model_, backend);
    ExpectSameContents(log, *model_, backend);
  } catch (const Difference& difference) {
    return difference.what;
  }
  return "";
}

std::string ScriptModel::DifferenceOf(const LogView& log) {
  if (log.Backends() != model_->Backends()) return "other backends";
  for (const BackendId& backend : log.Backends()) {
    std::string difference = DifferenceOf(log, backend);
    if (!difference.empty()) return difference;
  }
  return "";
}

bool ScriptModel::FollowInterrupted(const LogView& log, const CrashStep& step) {
  ScriptModel before = Copy();
  ScriptModel after = Copy();
  after.Do(step);
  // Reopening the log configured them.
  for (const BackendId& backend : step.configured) before.model_->Configure(backend);
  const std::string without = before.DifferenceOf(log);
  if (without.empty()) {
    *this = std::move(before);
    return false;
  }
  const std::string with = after.DifferenceOf(log);
  if (with.empty()) {
    *this = std::move(after);
    return true;
  }
  Expect(step.by_backend && FollowByBackend(log, after),
         "without the step under way: " + without + "\nwith it: " + with);
  return false;
}

bool ScriptModel::FollowByBackend(const LogView& log, ScriptModel& after) {
  for (const BackendId& backend : log.Backends()) {
    if (Copy().DifferenceOf(log, backend).empty()) continue;
    if (!after.DifferenceOf(log, backend).empty()) return false;
    model_->Trim(backend, after.model_->MarksOf(backend).trimmed);
  }
  return true;
}

}  // namespace relay::test
