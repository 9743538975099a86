#include "relay/status/exposition.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "relay/base/human_format.h"

namespace relay {
namespace {

std::string Number(double value) {
  if (std::isinf(value)) return value < 0 ? "-Inf" : "+Inf";
  return fmt::format("{}", value);
}

// Adds a label.
std::string With(std::string_view labels, std::string_view more) {
  return labels.empty() ? std::string(more) : fmt::format("{},{}", labels, more);
}

}  // namespace

void MetricsPage::Begin(std::string_view name, std::string_view type, std::string_view help) {
  fmt::format_to(std::back_inserter(text_),
                 "# HELP influxdb_relay_{0} {2}\n# TYPE influxdb_relay_{0} {1}\n", name, type,
                 help);
}

void MetricsPage::Sample(std::string_view name, std::string_view labels, double value) {
  const std::string braced = labels.empty() ? "" : fmt::format("{{{}}}", labels);
  fmt::format_to(std::back_inserter(text_), "influxdb_relay_{}{} {}\n", name, braced,
                 Number(value));
}

void MetricsPage::Samples(std::string_view name, std::string_view labels,
                          const Histogram::Reading& reading) {
  const std::string bucket = fmt::format("{}_bucket", name);
  std::uint64_t within = 0;
  for (std::size_t i = 0; i < reading.counts.size(); ++i) {
    within += reading.counts.at(i);
    const std::string bound =
        i < Histogram::kBounds.size() ? Number(Seconds(Histogram::kBounds.at(i))) : "+Inf";
    Sample(bucket, With(labels, fmt::format("le=\"{}\"", bound)), static_cast<double>(within));
  }
  Sample(fmt::format("{}_sum", name), labels, Seconds(reading.sum));
  Sample(fmt::format("{}_count", name), labels, static_cast<double>(within));
}

void MetricsPage::Only(std::string_view name, std::string_view type, std::string_view help,
                       double value) {
  Begin(name, type, help);
  Sample(name, "", value);
}

void MetricsPage::Foreign(std::string_view name, std::string_view type, std::string_view help,
                          double value) {
  fmt::format_to(std::back_inserter(text_), "# HELP {0} {2}\n# TYPE {0} {1}\n{0} {3}\n", name, type,
                 help, Number(value));
}

}  // namespace relay
