#include "relay/status/sampler.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <utility>

#include "relay/base/human_format.h"

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

void History::Note(WallTime now, const NamedFigures& figures) {
  const std::lock_guard lock(mutex_);
  if (!samples_.empty() && now < samples_.back().at + kInterval) return;
  Sample sample{.at = now, .backends = {}};
  for (const auto& [name, of_backend] : figures) {
    const auto age =
        of_backend.oldest_owed ? now - *of_backend.oldest_owed : std::chrono::nanoseconds::zero();
    sample.backends[name] = {of_backend.owed.points, std::max(0.0, Seconds(age))};
  }
  samples_.push_back(std::move(sample));
  if (samples_.size() > kSamplesMax) samples_.pop_front();
}

std::string History::ToJson() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> names;
  Json json;
  Json& times = json["times"] = Json::array();
  for (const Sample& sample : samples_) {
    times.push_back(Seconds(sample.at.time_since_epoch()));
    for (const auto& [name, owed] : sample.backends) names.insert(name);
  }
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
    json["backends"][name] = {{"points", std::move(points)}, {"ages", std::move(ages)}};
  }
  return json.dump();
}

Observer::Observer(const LogView& log, Clock& clock)
    : log_(log), clock_(clock), thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void Observer::Look() {
  NamedFigures figures = FiguresIn(log_);
  history_.Note(clock_.WallNow(), figures);
  flow_.Note(clock_.Now(), std::move(figures));
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
