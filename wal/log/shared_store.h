// The open store, shared by those who read it and the one that replaces it.
//
// INVARIANT. Nobody reads while the store is replaced. There is none from when
// it was closed until it could be opened again.
//
// THREADS. Use from any thread. Close and Set by the one thread that writes to
// the store, and only while it holds Exclusive or nobody reads yet or any more.
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
  // The store, which stays open as long as this lives.
  struct Lease {
    Store* store = nullptr;
    std::shared_lock<std::shared_mutex> open;
  };

  Result<Lease> Use() const {
    std::shared_lock open(mutex_);
    if (store_ == nullptr) return Error(ErrorCode::kUnavailable, "the log is being reopened");
    return Lease{store_.get(), std::move(open)};
  }

  // Waits for the readers and keeps them out.
  std::unique_lock<std::shared_mutex> Exclusive() { return std::unique_lock(mutex_); }

  // The store of the thread that writes. nullptr: none is open.
  Store* ForWriter() { return store_.get(); }

  void Close() { store_.reset(); }
  void Set(std::unique_ptr<Store> store) { store_ = std::move(store); }

 private:
  mutable std::shared_mutex mutex_;
  std::unique_ptr<Store> store_;
};

}  // namespace relay
