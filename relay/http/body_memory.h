// Memory for bodies: what one body has reserved, and the queue of those that wait for more.
//
// A body reserves room as it grows, not by the length its client announced, and waits when there is
// none: refusing at once would make every client resend its body again and again.
//
// THREADS. One: its loop's. The memory itself (Admission) is shared by all.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>

#include "relay/http/admission.h"
#include "wal/base/types.h"

namespace relay::http_parts {

// INVARIANT. What is held is released exactly once.
class BodyReservation {
 public:
  explicit BodyReservation(Admission& admission) : admission_(admission) {}
  BodyReservation(const BodyReservation&) = delete;
  BodyReservation& operator=(const BodyReservation&) = delete;
  ~BodyReservation() { Release(); }

  // Raises the total to `total`; returns false if there is not enough. A body that is partly read
  // (`begun`) may exceed the limit, one such body at a time: half-read bodies that fill the memory
  // between them still finish.
  bool Raise(Bytes total, bool begun);
  Bytes held() const { return held_; }

  // Returns whether it held any.
  bool Release();

 private:
  Admission& admission_;
  Bytes held_{0};
  bool has_pass_ = false;
};

// First come, first served, except that bodies that already hold some go first.
class BodyQueue {
 public:
  // Tries to go on; returns whether it no longer needs to wait.
  using TryProceed = std::function<bool()>;

  void Add(TryProceed waiting, bool first);
  bool empty() const { return waiting_.empty(); }

  // Lets go on whoever can. Called when memory was released, and now and then for memory that was
  // released on other threads.
  void Admit();

 private:
  std::deque<TryProceed> waiting_;
  bool admitting_ = false;
};

}  // namespace relay::http_parts
