#include "tests/support/process/victoria_metrics.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <utility>

#include "tests/support/eventually.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/ports.h"

namespace relay::test {
namespace {

using nlohmann::json;

std::string TagsOf(const json& metric) {
  std::string tags;
  for (const auto& [name, value] : metric.items()) {
    if (name == "__name__" || name == "db") continue;
    tags += (tags.empty() ? "" : ",") + name + '=' + value.get<std::string>();
  }
  return tags;
}

void AppendSeries(const json& series, const std::string& field, std::vector<StoredPoint>& points) {
  constexpr std::int64_t kNanosInMilli = 1'000'000;
  const json& values = series.at("values");
  for (std::size_t i = 0; i < values.size(); ++i) {
    points.push_back({series.at("timestamps").at(i).get<std::int64_t>() * kNanosInMilli,
                      TagsOf(series.at("metric")), field + '=' + values[i].dump()});
  }
}

}  // namespace

VictoriaMetrics::VictoriaMetrics(std::string directory)
    : directory_(std::move(directory)), port_(FreePort()) {
  Start();
}

void VictoriaMetrics::Kill() {
  process_->Kill(SIGKILL);
  process_->WaitFor(kPatience);
}

void VictoriaMetrics::Start() {
  process_ = std::make_unique<Process>(Program{
      .argv = {"victoria-metrics", "-storageDataPath=" + directory_ + "/data",
               "-httpListenAddr=127.0.0.1:" + std::to_string(port_), "-retentionPeriod=100y",
               "-dedup.minScrapeInterval=1ms", "-memory.allowedBytes=64MB", "-loggerLevel=WARN"},
      .output_path = directory_ + "/victoria-metrics.log"});
  const bool answers = Eventually(kPatience, [this] {
    return Get(endpoint(), "/health").status == 200 || !process_->IsRunning();
  });
  if (!answers || !process_->IsRunning()) {
    throw std::runtime_error("victoria-metrics does not start: " + process_->Output());
  }
}

std::vector<StoredPoint> VictoriaMetrics::ReadPoints(const std::string& database,
                                                     const std::string& measurement,
                                                     const std::string& field) const {
  Get(endpoint(), "/internal/force_flush");
  const std::string match =
      fmt::format(R"({{__name__="{}_{}",db="{}"}})", measurement, field, database);
  const HttpAnswer answer =
      Get(endpoint(), "/api/v1/export?start=0&match[]=" + PercentEncode(match));
  if (answer.status != 200) {
    throw std::runtime_error(fmt::format("victoria-metrics: {} {}", answer.status, answer.body));
  }
  std::vector<StoredPoint> points;
  std::size_t at = 0;
  while (at < answer.body.size()) {
    const std::size_t end = std::min(answer.body.find('\n', at), answer.body.size());
    AppendSeries(json::parse(answer.body.substr(at, end - at)), field, points);
    at = end + 1;
  }
  std::sort(points.begin(), points.end());
  return points;
}

}  // namespace relay::test
