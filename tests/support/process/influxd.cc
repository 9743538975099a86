#include "tests/support/process/influxd.h"

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

std::string Quoted(const std::string& identifier) {
  return identifier.starts_with('"') ? identifier : '"' + identifier + '"';
}

// The series of the first statement's result.
json SeriesOf(const std::string& text) {
  const json answer = json::parse(text);
  const json& result = answer.at("results").at(0);
  const std::string error = result.value("error", "");
  // A database that does not exist yet holds no points.
  if (!error.empty() && !error.starts_with("database not found")) {
    throw std::runtime_error("influxd: " + error);
  }
  return result.value("series", json::array());
}

void AppendPair(std::string& list, const std::string& name, const std::string& value) {
  if (!list.empty()) list += ',';
  list += name + '=' + value;
}

// A tag that a point lacks has an empty value in its series.
std::string TagsOf(const json& series) {
  std::string tags;
  const json all = series.value("tags", json::object());
  for (const auto& [name, value] : all.items()) {
    if (!value.get<std::string>().empty()) AppendPair(tags, name, value.get<std::string>());
  }
  return tags;
}

// The columns are in the order of their names, after the time.
std::string FieldsOf(const json& columns, const json& row) {
  std::string fields;
  for (std::size_t i = 1; i < row.size(); ++i) {
    if (!row[i].is_null()) AppendPair(fields, columns[i].get<std::string>(), row[i].dump());
  }
  return fields;
}

}  // namespace

Influxd::Influxd(std::string directory, const std::string& http_settings,
                 std::vector<std::string> environment)
    : directory_(std::move(directory)),
      environment_(std::move(environment)),
      port_(FreePort()),
      rpc_port_(FreePort()) {
  environment_.emplace_back("INFLUXD_CONFIG_PATH=");
  WriteFile(directory_ + "/influxdb.conf", ConfigurationText(http_settings));
  Start();
}

std::string Influxd::ConfigurationText(const std::string& http_settings) const {
  return fmt::format(
      "reporting-disabled = true\n"
      "bind-address = \"127.0.0.1:{rpc}\"\n"
      "[meta]\ndir = \"{dir}/meta\"\n"
      "[data]\ndir = \"{dir}/data\"\nwal-dir = \"{dir}/wal\"\nquery-log-enabled = false\n"
      "[monitor]\nstore-enabled = false\n"
      "[ifql]\nenabled = false\n"
      "[logging]\nlevel = \"warn\"\n"
      "[subscriber]\nenabled = false\n"
      "[continuous_queries]\nenabled = false\n"
      "[http]\nbind-address = \"127.0.0.1:{http}\"\nlog-enabled = false\n{more}",
      fmt::arg("dir", directory_), fmt::arg("rpc", rpc_port_), fmt::arg("http", port_),
      fmt::arg("more", http_settings));
}

void Influxd::Kill() {
  process_->Kill(SIGKILL);
  process_->WaitFor(kPatience);
}

void Influxd::Start() {
  process_ = std::make_unique<Process>(
      Program{.argv = {"/usr/bin/influxd", "run", "-config", directory_ + "/influxdb.conf"},
              .environment = environment_,
              .output_path = directory_ + "/influxd.log"});
  const bool answers = Eventually(kPatience, [this] {
    return Get(endpoint(), "/ping").status == 204 || !process_->IsRunning();
  });
  if (!answers || !process_->IsRunning()) {
    throw std::runtime_error("influxd does not start: " + process_->Output());
  }
}

void Influxd::CreateDatabase(const std::string& name) {
  SeriesOf(Query("", "CREATE DATABASE " + Quoted(name)));
}

std::string Influxd::Query(const std::string& database, const std::string& query) const {
  const HttpAnswer answer =
      Post(endpoint(), "/query?epoch=ns&db=" + PercentEncode(database), "q=" + PercentEncode(query),
           {.headers = {{"content-type", "application/x-www-form-urlencoded"}}});
  if (answer.status != 200) {
    throw std::runtime_error(fmt::format("influxd: {}: {} {}", query, answer.status, answer.body));
  }
  return answer.body;
}

std::uint64_t Influxd::CountPoints(const std::string& database, const std::string& measurement,
                                   const std::string& field) const {
  const json series = SeriesOf(
      Query(database, fmt::format("SELECT COUNT({}) FROM {}", Quoted(field), Quoted(measurement))));
  return series.empty() ? 0 : series.at(0).at("values").at(0).at(1).get<std::uint64_t>();
}

std::vector<StoredPoint> Influxd::ReadPoints(const std::string& database,
                                             const std::string& measurement) const {
  const json all =
      SeriesOf(Query(database, fmt::format("SELECT * FROM {} GROUP BY *", Quoted(measurement))));
  std::vector<StoredPoint> points;
  for (const json& series : all) {
    const std::string tags = TagsOf(series);
    for (const json& row : series.at("values")) {
      points.push_back({.time_ns = row.at(0).get<std::int64_t>(),
                        .tags = tags,
                        .fields = FieldsOf(series.at("columns"), row)});
    }
  }
  std::sort(points.begin(), points.end());
  return points;
}

}  // namespace relay::test
