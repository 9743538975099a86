// A transport whose requests are timed.
//
// THREADS. As the transport that it passes everything on to. Times and clock
// outlive it.
#pragma once

#include <memory>
#include <utility>

#include "replay/transport/transport.h"
#include "wal/base/clock.h"
#include "wal/base/histogram.h"

namespace relay {

class TimedTransport final : public Transport {
 public:
  TimedTransport(std::unique_ptr<Transport> inner, Histogram& times, const Clock& clock)
      : inner_(std::move(inner)), times_(times), clock_(clock) {}

  Result<Reply> Send(const Batch& batch) override {
    const Clock::TimePoint begun = clock_.Now();
    Result<Reply> reply = inner_->Send(batch);
    times_.Record(clock_.Now() - begun);
    return reply;
  }
  Result<Reply> CreateDatabase(const WriteParams& params) override {
    return inner_->CreateDatabase(params);
  }
  void Cancel() override { inner_->Cancel(); }

 private:
  const std::unique_ptr<Transport> inner_;
  Histogram& times_;
  const Clock& clock_;
};

}  // namespace relay
