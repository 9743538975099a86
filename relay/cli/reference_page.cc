#include "relay/cli/reference_page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>
#include <string_view>
#include <vector>

#include "config/load.h"
#include "relay/admin/api.h"
#include "relay/ingest/write_handler.h"
#include "relay/status/metrics.h"

namespace relay {
namespace {

constexpr std::string_view kPreface =
    "# Reference\n\n"
    "Made from where everything is declared: `influxdb-relay describe markdown` prints it.\n\n"
    "[Commands](#commands) · [Endpoints](#endpoints) · [Metrics](#metrics) · "
    "[Settings](#settings)\n\n";

std::string_view RoleWord(Role role) {
  switch (role) {
    case Role::kProbe: return "everybody";
    case Role::kRead: return "readers";
    case Role::kOperate: return "operators";
  }
  return "";
}

// ---- Endpoints

std::string ParametersOf(const AdminRoute& route) {
  std::string text;
  for (const RouteParameter& parameter : route.parameters) {
    text += fmt::format("{}`{}`{}", text.empty() ? "" : ", ", parameter.name,
                        parameter.required ? " (needed)" : "");
  }
  return text;
}

std::string Endpoints() {
  std::string page =
      "# Endpoints\n\n"
      "For writes, on every address of `http`; what they answer is in "
      "[relay/ingest/HTTP.md](../relay/ingest/HTTP.md):\n\n"
      "| path | methods | what |\n|---|---|---|\n";
  for (const IngestEndpoint& path : IngestEndpoints()) {
    page += fmt::format("| `{}` | {} | {} |\n", path.path, path.methods, path.sentence);
  }
  page +=
      "\nOf the admin port (`admin.address`), beside the dashboard on `/`; with what each takes, "
      "in "
      "the query, or as JSON in the body of a POST. `/api/v1/openapi.json` says more.\n\n"
      "| path | for | what | takes |\n|---|---|---|---|\n";
  for (const AdminRoute& route : AdminRoutes()) {
    page += fmt::format("| `{} {}` | {} | {} | {} |\n", route.method, route.path,
                        RoleWord(route.role), route.sentence, ParametersOf(route));
  }
  return page + "\n";
}

// ---- Metrics

struct MetricDoc {
  std::string name;
  std::string type;
  std::string help;
  std::vector<std::string> labels;
};

// The names in `backend="a",le="1"`; the bounds of histograms are no labels of ours.
void AddLabels(std::string_view labels, std::vector<std::string>& names) {
  while (!labels.empty()) {
    const std::size_t equals = labels.find('=');
    const std::size_t end = labels.find('"', equals + 2);
    const std::string name(labels.substr(0, equals));
    const bool known = std::find(names.begin(), names.end(), name) != names.end();
    if (name != "le" && !known) names.push_back(name);
    labels.remove_prefix(std::min(end + 2, labels.size()));
  }
}

// "# HELP NAME WORDS", "# TYPE NAME TYPE", and samples.
void ReadMetricLine(const std::string& line, std::vector<MetricDoc>& docs) {
  std::istringstream words(line);
  std::string mark;
  std::string kind;
  std::string name;
  words >> mark >> kind >> name;
  if (mark == "#" && kind == "HELP") {
    docs.push_back({.name = name,
                    .type = "",
                    .help = line.substr(line.find(name) + name.size() + 1),
                    .labels = {}});
  } else if (mark == "#") {
    words >> docs.back().type;
  } else if (const std::size_t open = line.find('{'); open != std::string::npos) {
    AddLabels(std::string_view(line).substr(open + 1, line.rfind('}') - open - 1),
              docs.back().labels);
  }
}

// The page of a relay that has one of everything.
std::vector<MetricDoc> MetricDocs() {
  RelayStatus status;
  status.backends.push_back({.name = "a"});
  Counters counters;
  counters.Answered(Endpoint::kWrite, 204);
  counters.AddLineListener("tcp", "a");
  counters.AddLineListener("udp", "a");
  std::istringstream page(ToMetrics(status, counters));
  std::vector<MetricDoc> docs;
  for (std::string line; std::getline(page, line);) ReadMetricLine(line, docs);
  return docs;
}

std::string Metrics() {
  std::string page =
      "# Metrics\n\nOn `/metrics` of the admin port, for Prometheus.\n\n"
      "| metric | type | labels | what |\n|---|---|---|---|\n";
  for (const MetricDoc& doc : MetricDocs()) {
    page += fmt::format("| `{}` | {} | {} | {} |\n", doc.name, doc.type,
                        fmt::join(doc.labels, ", "), doc.help);
  }
  return page + "\n";
}

std::string Settings() {
  return "# Settings\n\nAs `influxdb-relay check-config --example` prints them.\n\n```yaml\n" +
         ReferenceYaml() + "```\n";
}

}  // namespace

std::string ReferencePage(const std::string& commands) {
  return std::string(kPreface) + commands + "\n" + Endpoints() + Metrics() + Settings();
}

}  // namespace relay
