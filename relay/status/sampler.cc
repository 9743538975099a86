#include "relay/status/sampler.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <utility>

#include "relay/base/event_log.h"
#include "relay/base/human_format.h"
#include "relay/status/relay_status.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

NamedFigures FiguresIn(const LogView& log) {
  NamedFigures figures;
  for (const BackendId& backend : log.Backends()) {
    Result<QueueStats> read = log.StatsOf(backend);
    if (read.ok()) figures.emplace(backend.text(), read.value());
  }
  return figures;
}

}  // namespace

bool History::IsDue(Clock::TimePoint now) const {
  const std::lock_guard lock(mutex_);
  return samples_.empty() || now >= samples_.back().at + kInterval;
}

void History::Note(Clock::TimePoint now, std::map<std::string, Undelivered> backends) {
  const std::lock_guard lock(mutex_);
  samples_.push_back({.at = now, .backends = std::move(backends)});
  if (samples_.size() > kSamplesMax) samples_.pop_front();
}

std::string History::ToJson(const Moment& now) const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> names;
  Json json{{"step_seconds", kInterval.count()}};
  Json at = Json::array();
  Json times = Json::array();
  for (const Sample& sample : samples_) {
    const WallTime time = now.wall - (now.steady - sample.at);
    at.push_back(ToRfc3339(time));
    times.push_back(Seconds(time.time_since_epoch()));
    for (const auto& [name, undelivered] : sample.backends) names.insert(name);
  }
  json["at"] = std::move(at);
  json["times"] = std::move(times);
  json["backends"] = Json::object();
  for (const std::string& name : names) {
    Json points = Json::array();
    Json ages = Json::array();
    for (const Sample& sample : samples_) {
      const auto found = sample.backends.find(name);
      const bool there = found != sample.backends.end();
      points.push_back(there ? Json(found->second.points) : Json());
      ages.push_back(there ? Json(found->second.age_seconds) : Json());
    }
    Json& columns =
        json["backends"][name] = {{"points", std::move(points)}, {"ages", std::move(ages)}};
    for (const char* stored : {"on_hold", "points_in_per_second", "points_out_per_second",
                               "share_down", "request_p99_seconds"}) {
      columns[stored] = nullptr;  // Only the history on disk has them.
    }
  }
  json["events"] = Json::array();
  json["history_begins"] = nullptr;
  json["damaged_lines"] = 0;
  return json.dump();
}

Observer::Observer(const LogView& log, Clock& clock)
    : log_(log),
      clock_(clock),
      watch_(clock),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void Observer::Look() {
  NamedFigures figures = FiguresIn(log_);
  NoteClock(figures);
  if (history_.IsDue(clock_.Now())) NoteHistory();
  flow_.Note(clock_.Now(), std::move(figures));
}

void Observer::NoteHistory() {
  RelayStatus status;
  status.backends = BackendStatuses(log_);
  watch_.Correct(status);
  std::map<std::string, History::Undelivered> backends;
  for (const BackendStatus& backend : status.backends) {
    backends[backend.name] = {UndeliveredPoints(backend),
                              Seconds(OldestUndeliveredAge(backend, status.now))};
  }
  history_.Note(clock_.Now(), std::move(backends));
}

void Observer::CorrectTimes(RelayStatus& status) {
  NamedFigures figures;
  for (const BackendStatus& backend : status.backends) {
    figures.emplace(backend.name, backend.figures);
  }
  NoteClock(figures);
  watch_.Correct(status);
}

void Observer::NoteClock(const NamedFigures& figures) {
  const auto by = watch_.Note(figures);
  if (!by) return;
  LogEvent(Level::kWarning, "wall clock stepped",
           {{"by", ShownStep(*by)},
            {"effect",
             "ages and durations go by the monotonic clock; points without a time, and "
             "positions given as times, go by the new one"},
            {"remedy", "see that one time service disciplines the clock, and that it slews"}});
}

void Observer::Run(const std::stop_token& stop) {
  constexpr std::chrono::seconds kTurn{1};
  Signal never;
  while (!stop.stop_requested()) {
    Look();
    clock_.WaitFor(never, kTurn, stop);
  }
}

}  // namespace relay
