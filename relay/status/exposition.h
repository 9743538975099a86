// Prometheus' exposition format, version 0.0.4, as it grows.
//
// THREADS. As any value.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "wal/base/histogram.h"

namespace relay {

class MetricsPage {
 public:
  // Begins a metric; `name` without the "influxdb_relay_" that all begin with.
  void Begin(std::string_view name, std::string_view type, std::string_view help);

  // `labels` without their braces, or nothing: `backend="a"`.
  void Sample(std::string_view name, std::string_view labels, double value);

  // The samples of a metric of type histogram, in seconds.
  void Samples(std::string_view name, std::string_view labels, const Histogram::Reading& reading);

  // A metric with one sample.
  void Only(std::string_view name, std::string_view type, std::string_view help, double value);

  std::string Text() && { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace relay
