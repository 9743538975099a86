// Shares the open store between its readers and the thread that replaces it.
//
// INVARIANT. Nobody reads while the store is replaced. Between Close and Set there is no
// store.
//
// THREADS. Any thread may call Use. Only the thread that writes to the store calls Close and
// Set, while it holds Exclusive or while there are no readers yet or any more.
//
// ERRORS. kUnavailable from Use: no store is open.
#pragma once

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "wal/base/result.h"
#include "wal/store/store.h"

namespace relay {

class SharedStore {
 public:
  // Keeps the store open while it lives.
  struct Lease {
    Store* store = nullptr;
    std::shared_lock<std::shared_mutex> open;
  };

  Result<Lease> Use() const {
    std::shared_lock open(mutex_);
    if (store_ == nullptr) return Error(ErrorCode::kUnavailable, "the log is being reopened");
    return Lease{store_.get(), std::move(open)};
  }

  // Waits for the readers, and keeps new ones out while the lock is held.
  std::unique_lock<std::shared_mutex> Exclusive() { return std::unique_lock(mutex_); }

  // Returns the store, for the thread that writes; nullptr: none is open.
  Store* ForWriter() { return store_.get(); }

  void Close() { store_.reset(); }
  void Set(std::unique_ptr<Store> store) { store_ = std::move(store); }

 private:
  mutable std::shared_mutex mutex_;
  std::unique_ptr<Store> store_;
};

}  // namespace relay
