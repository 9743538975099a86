// Measures how long the requests to each backend take.
//
// THREADS. Any number at once. References to histograms stay valid.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "wal/base/histogram.h"
#include "wal/base/types.h"

namespace relay {

class SendTimes {
 public:
  Histogram& Of(const BackendId& backend) {
    const std::lock_guard lock(mutex_);
    auto& histogram = histograms_[backend];
    if (!histogram) histogram = std::make_unique<Histogram>();
    return *histogram;
  }

 private:
  std::mutex mutex_;
  std::map<BackendId, std::unique_ptr<Histogram>> histograms_;
};

}  // namespace relay
