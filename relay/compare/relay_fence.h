// The positions of two backends in a relay's log, as its status tells them.
//
// ERRORS. As the status; kNotFound: the relay does not know a backend.
//
// THREADS. One.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "relay/status/relay_status.h"
#include "replay/compare/fence.h"
#include "wal/base/clock.h"

namespace relay {

class RelayFence final : public Fence {
 public:
  struct Options {
    std::string a;
    std::string b;
    std::chrono::milliseconds patience{60'000};  // For a position to be passed.
    std::function<Result<RelayStatus>()> status;
    // Called now and then while it waits.
    std::function<void(const std::string& why)> on_wait = {};
  };

  // REQUIRES: the clock outlives it.
  RelayFence(Clock& clock, Options options) : clock_(clock), options_(std::move(options)) {}

  Result<Mark> Here() override;
  Status WaitPassed(const Mark& mark) override;

 private:
  Clock& clock_;
  const Options options_;
};

// Takes the place of positions where no writes come in.
class NoFence final : public Fence {
 public:
  explicit NoFence(const Clock& clock) : clock_(clock) {}

  Result<Mark> Here() override { return Mark{.time = clock_.WallNow()}; }
  Status WaitPassed(const Mark& /*mark*/) override { return Ok(); }

 private:
  const Clock& clock_;
};

// Returns one sentence for each thing in the status that makes the backend lack points: records on
// hold, dead letters.
std::vector<std::string> ReasonsForGaps(const RelayStatus& status, const std::string& backend);

}  // namespace relay
