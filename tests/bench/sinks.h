// The two backends of a benchmark: null sinks at fixed addresses, so that they
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
  static const std::vector<std::string>& Names() {
    static const std::vector<std::string> names = {"sink-a", "sink-b"};
    return names;
  }

  // Starts them down: their connections are refused.
  Sinks() {
    while (ports_.size() < Names().size()) ports_.push_back(test::FreePort());
  }

  bool up() const { return !sinks_.empty(); }

  void Open() {
    for (const std::uint16_t port : ports_) sinks_.push_back(std::make_unique<NullSink>(port));
  }

  // Settings of a relay with these backends and otherwise the defaults.
  test::RelayProcess::Settings Settings() const {
    test::RelayProcess::Settings settings;
    for (std::size_t i = 0; i < ports_.size(); ++i) {
      settings.backends.push_back({Names()[i], fmt::format("http://127.0.0.1:{}", ports_[i])});
    }
    return settings;
  }

 private:
  std::vector<std::uint16_t> ports_;
  std::vector<std::unique_ptr<NullSink>> sinks_;
};

}  // namespace relay::bench
