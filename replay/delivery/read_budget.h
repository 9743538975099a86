// A budget of memory for what all deliveries of a relay have read from the log ahead of their
// requests: divided evenly among those that have read something, so that a relay with many
// backends needs no more memory than one with few.
//
// THREADS. The budget: any. A share: one at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "wal/base/types.h"

namespace relay {

class ReadBudget {
 public:
  static constexpr Bytes kDefault = 64_MiB;
  // Each delivery may read this much, however many there are.
  static constexpr Bytes kLeast = 64_KiB;

  explicit ReadBudget(Bytes all = kDefault) : all_(all.count()) {}
  ReadBudget(const ReadBudget&) = delete;
  ReadBudget& operator=(const ReadBudget&) = delete;

  void Set(Bytes all) { all_ = all.count(); }

  // The part of one delivery.
  class Share {
   public:
    explicit Share(std::shared_ptr<ReadBudget> of) : of_(std::move(of)) {}
    ~Share() { Leave(); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // Counts the delivery among those that read, and returns the most lines that it may hold: fewer
    // than it holds already if others have come.
    Bytes Take();
    // Returns how many deliveries read, this one included if it does.
    std::uint64_t readers() const { return of_->shares_; }
    // The delivery holds no lines.
    void Leave();

   private:
    const std::shared_ptr<ReadBudget> of_;
    bool is_counted_ = false;
  };

 private:
  std::atomic<std::uint64_t> all_;
  std::atomic<std::uint64_t> shares_{0};
};

}  // namespace relay
