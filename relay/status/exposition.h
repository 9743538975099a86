// Builds a page in Prometheus' exposition format, version 0.0.4.
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
  // Begins a metric; `name` without the common prefix "influxdb_relay_".
  void Begin(std::string_view name, std::string_view type, std::string_view help);

  // Adds a sample; `labels` without braces (`backend="a"`), or empty.
  void Sample(std::string_view name, std::string_view labels, double value);

  // Adds the samples of a histogram, in seconds.
  void Samples(std::string_view name, std::string_view labels, const Histogram::Reading& reading);

  // Adds a metric with one sample whose whole name is given.
  void Foreign(std::string_view name, std::string_view type, std::string_view help, double value);

  // Adds a metric with one sample.
  void Only(std::string_view name, std::string_view type, std::string_view help, double value);

  std::string Text() && { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace relay
