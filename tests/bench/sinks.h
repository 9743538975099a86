// The backends of a benchmark: null sinks at fixed addresses, so that they
// can be down and come back.
//
// THREADS. One thread opens and closes them.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/null_sink.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/relay_process.h"

namespace relay::bench {

class Sinks {
 public:
  static std::vector<std::string> Names(std::size_t count = 2) {
    std::vector<std::string> names;
    while (names.size() < count) names.push_back(fmt::format("sink-{}", names.size() + 1));
    return names;
  }

  // Starts them down: their connections are refused.
  explicit Sinks(std::size_t count = 2) : names_(Names(count)) {
    while (ports_.size() < count) ports_.push_back(test::FreePort());
  }

  const std::vector<std::string>& names() const { return names_; }

  bool up() const { return !sinks_.empty(); }

  void Open() {
    for (const std::uint16_t port : ports_) sinks_.push_back(std::make_unique<NullSink>(port));
  }

  // Settings of a relay with these backends and otherwise the defaults.
  test::RelayProcess::Settings Settings() const {
    test::RelayProcess::Settings settings;
    for (std::size_t i = 0; i < ports_.size(); ++i) {
      settings.backends.push_back({names_[i], fmt::format("http://127.0.0.1:{}", ports_[i])});
    }
    return settings;
  }

 private:
  const std::vector<std::string> names_;
  std::vector<std::uint16_t> ports_;
  std::vector<std::unique_ptr<NullSink>> sinks_;
};

}  // namespace relay::bench
