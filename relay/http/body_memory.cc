#include "relay/http/body_memory.h"

#include <utility>

namespace relay::http_parts {

bool BodyReservation::Raise(Bytes total, bool begun) {
  const Bytes more = total - held_;
  if (!admission_.Reserve(more)) {
    if (!begun || (!has_pass_ && !admission_.TakePass())) return false;
    has_pass_ = true;
    admission_.ReserveBeyond(more);
  }
  held_ = total;
  return true;
}

bool BodyReservation::Release() {
  if (std::exchange(has_pass_, false)) admission_.GivePass();
  if (held_.count() == 0) return false;
  admission_.Release(std::exchange(held_, Bytes(0)));
  return true;
}

void BodyQueue::Add(TryProceed waiting, bool first) {
  first ? waiting_.push_front(std::move(waiting)) : waiting_.push_back(std::move(waiting));
}

void BodyQueue::Admit() {
  if (std::exchange(admitting_, true)) return;  // Admitting one may release another.
  while (!waiting_.empty()) {
    TryProceed next = std::move(waiting_.front());
    waiting_.pop_front();  // Removed first: it may have to wait again at once.
    if (next()) continue;
    waiting_.push_front(std::move(next));
    break;
  }
  admitting_ = false;
}

}  // namespace relay::http_parts
