#include "relay/metrics.h"

#include <fmt/format.h>

#include <array>
#include <functional>
#include <iterator>
#include <string_view>

namespace relay {
namespace {

using Number = double;

// One metric with a value for each backend.
struct BackendMetric {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  Number (*value)(const BackendStatus&, WallTime now);
};

Number AsNumber(std::uint64_t count) {
  return static_cast<Number>(count);
}

constexpr std::array kBackendMetrics = {
    BackendMetric{"backend_pending_records", "gauge",
                  "Records owed to the backend: the cursor lag.",
                  [](const BackendStatus& b, WallTime) { return AsNumber(b.figures.marks.lag()); }},
    BackendMetric{"backend_pending_points", "gauge", "Points owed to the backend.",
                  [](const BackendStatus& b, WallTime) { return AsNumber(b.figures.owed.points); }},
    BackendMetric{
        "backend_pending_bytes", "gauge", "Bytes of line protocol owed to the backend.",
        [](const BackendStatus& b, WallTime) { return AsNumber(b.figures.owed.bytes.count()); }},
    BackendMetric{"backend_oldest_pending_seconds", "gauge",
                  "Age of the oldest record owed to the backend.",
                  [](const BackendStatus& b, WallTime now) {
                    return std::chrono::duration<Number>(OldestOwedAge(b, now)).count();
                  }},
    BackendMetric{
        "backend_kept_bytes", "gauge",
        "Payloads on disk that the backend has and that are kept for a rewind.",
        [](const BackendStatus& b, WallTime) { return AsNumber(b.figures.kept.stored.count()); }},
    BackendMetric{"backend_delivered_points_total", "counter", "Points the backend has taken.",
                  [](const BackendStatus& b, WallTime) { return AsNumber(b.figures.delivered); }},
    BackendMetric{"backend_dead_points_total", "counter",
                  "Points the backend refused for good: kept as dead letters.",
                  [](const BackendStatus& b, WallTime) { return AsNumber(b.figures.dead); }},
    BackendMetric{"backend_dropped_points_total", "counter",
                  "Points given up by an operator or a policy.",
                  [](const BackendStatus& b, WallTime) { return AsNumber(b.figures.dropped); }},
    BackendMetric{"backend_held_points", "gauge", "Points of lanes that are on hold.",
                  [](const BackendStatus& b, WallTime) { return AsNumber(b.figures.held.points); }},
    BackendMetric{"backend_unaccounted_points", "gauge",
                  "Accepted less delivered, pending, held, dead and dropped points: must be 0.",
                  [](const BackendStatus& b, WallTime) {
                    return static_cast<Number>(b.figures.unaccounted());
                  }},
};

constexpr std::array<std::string_view, 6> kStates = {"caught up", "delivering",  "retrying",
                                                     "held",      "log failing", "not running"};

class Page {
 public:
  void Begin(std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(text_),
                   "# HELP influxdb_relay_{0} {2}\n# TYPE influxdb_relay_{0} {1}\n", name, type,
                   help);
  }
  // `labels` with their braces, or nothing.
  void Sample(std::string_view name, std::string_view labels, Number value) {
    fmt::format_to(std::back_inserter(text_), "influxdb_relay_{}{} {}\n", name, labels, value);
  }
  void Only(std::string_view name, std::string_view type, std::string_view help, Number value) {
    Begin(name, type, help);
    Sample(name, "", value);
  }
  std::string Text() && { return std::move(text_); }

 private:
  std::string text_;
};

// A backend's name needs no escaping: see BackendId.
std::string Label(const BackendStatus& backend) {
  return fmt::format("{{backend=\"{}\"}}", backend.name);
}

void AddBackends(Page& page, const RelayStatus& status) {
  for (const BackendMetric& metric : kBackendMetrics) {
    page.Begin(metric.name, metric.type, metric.help);
    for (const BackendStatus& backend : status.backends) {
      page.Sample(metric.name, Label(backend), metric.value(backend, status.now));
    }
  }
  page.Begin("backend_state", "gauge", "1 for the state the backend's delivery is in.");
  for (const BackendStatus& backend : status.backends) {
    for (const std::string_view state : kStates) {
      page.Sample("backend_state",
                  fmt::format("{{backend=\"{}\",state=\"{}\"}}", backend.name, state),
                  backend.state == state ? 1 : 0);
    }
  }
}

void AddRequests(Page& page, const Counters& counters) {
  constexpr std::array<std::pair<Endpoint, std::string_view>, Counters::kEndpoints> kNames = {
      {{Endpoint::kWrite, "write"},
       {Endpoint::kWriteV2, "write_v2"},
       {Endpoint::kWriteV3, "write_v3"},
       {Endpoint::kQuery, "query"},
       {Endpoint::kPing, "ping"},
       {Endpoint::kHealth, "health"},
       {Endpoint::kReady, "ready"},
       {Endpoint::kOther, "other"}}};
  page.Begin("http_requests_total", "counter", "Requests answered, by endpoint and status.");
  for (const auto& [endpoint, name] : kNames) {
    for (int code = 0; code < Counters::kStatusMax; ++code) {
      const std::uint64_t count = counters.answered(endpoint, code);
      if (count == 0) continue;
      page.Sample("http_requests_total", fmt::format("{{endpoint=\"{}\",code=\"{}\"}}", name, code),
                  AsNumber(count));
    }
  }
  page.Begin("http_limit_reached_total", "counter", "Clients that ran into a limit, by limit.");
  for (std::size_t i = 0; i < kHttpLimitNames.size(); ++i) {
    page.Sample("http_limit_reached_total", fmt::format("{{limit=\"{}\"}}", kHttpLimitNames.at(i)),
                AsNumber(counters.reached(static_cast<HttpLimit>(i))));
  }
}

// One metric with a value for each listener without answers.
struct LineMetric {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  std::string_view protocol;  // That alone has it; empty: all.
  std::uint64_t (LineCounters::*value)() const;
};

constexpr std::array kLineMetrics = {
    LineMetric{"line_accepted_points_total", "counter", "Points made durable since the start.", "",
               &LineCounters::accepted_points},
    LineMetric{"line_accepted_bytes_total", "counter",
               "Bytes of line protocol made durable since the start.", "",
               &LineCounters::accepted_bytes},
    LineMetric{"line_refused_lines_total", "counter", "Lines refused as not line protocol.", "",
               &LineCounters::refused_lines},
    LineMetric{"line_unrouted_points_total", "counter", "Points that no backend takes.", "",
               &LineCounters::unrouted_points},
    LineMetric{"line_packets_total", "counter", "UDP packets read.", "udp", &LineCounters::packets},
    LineMetric{"line_lost_packets_total", "counter",
               "UDP packets that the socket's buffer had no room for.", "udp",
               &LineCounters::lost_packets},
    LineMetric{"line_connections", "gauge", "TCP connections that are open.", "tcp",
               &LineCounters::open_connections},
    LineMetric{"line_connections_total", "counter", "TCP connections accepted.", "tcp",
               &LineCounters::connections},
    LineMetric{"line_turned_away_total", "counter",
               "TCP connections closed because there were too many.", "tcp",
               &LineCounters::turned_away},
};

void AddLineListeners(Page& page, const Counters& counters) {
  const std::vector<const LineCounters*> listeners = counters.line_listeners();
  for (const LineMetric& metric : kLineMetrics) {
    page.Begin(metric.name, metric.type, metric.help);
    for (const LineCounters* listener : listeners) {
      if (!metric.protocol.empty() && listener->protocol() != metric.protocol) continue;
      page.Sample(metric.name,
                  fmt::format("{{protocol=\"{}\",listener=\"{}\"}}", listener->protocol(),
                              listener->address()),
                  AsNumber((listener->*metric.value)()));
    }
  }
}

}  // namespace

std::string ToMetrics(const RelayStatus& status, const Counters& counters) {
  Page page;
  page.Begin("build_info", "gauge", "The version that runs.");
  page.Sample("build_info", fmt::format("{{version=\"{}\"}}", status.version), 1);
  page.Only("accepted_records_total", "counter", "Writes made durable since the start.",
            AsNumber(counters.accepted_records()));
  page.Only("accepted_points_total", "counter", "Points made durable since the start.",
            AsNumber(counters.accepted_points()));
  page.Only("accepted_bytes_total", "counter",
            "Bytes of line protocol made durable since the start.",
            AsNumber(counters.accepted_bytes()));
  page.Only("refused_lines_total", "counter", "Lines refused as not line protocol since the start.",
            AsNumber(counters.refused_lines()));
  page.Only("unrouted_points_total", "counter",
            "Points that no backend takes, refused or dropped as configured, since the start.",
            AsNumber(counters.unrouted_points()));
  page.Only("log_open", "gauge", "1 while the log takes appends.",
            status.log_failure.empty() ? 1 : 0);
  page.Only("log_alarms", "gauge", "Findings of damage to the log, as status says them.",
            AsNumber(status.log_alarms.size()));
  page.Only("log_bytes", "gauge", "Bytes the log takes on disk.",
            AsNumber(status.disk.used.count()));
  page.Only("log_capacity_bytes", "gauge", "Bytes the log may take on disk: log.max_size.",
            AsNumber(status.disk.max.count()));
  page.Only("log_disk_free_bytes", "gauge", "Bytes free on the log's file system.",
            AsNumber(status.disk.free.count()));
  AddRequests(page, counters);
  AddLineListeners(page, counters);
  AddBackends(page, status);
  return std::move(page).Text();
}

}  // namespace relay
