#include "relay/http/admission.h"

namespace relay {

void Admission::SetLimits(AdmissionLimits limits) {
  connections_max_ = limits.connections;
  of_address_max_ = limits.connections_of_address;
  in_flight_max_ = limits.in_flight.count();
}

Admission::Verdict Admission::Connect(const std::string& address) {
  if (connections_.fetch_add(1) >= connections_max_) {
    --connections_;
    return Verdict::kTooMany;
  }
  const std::lock_guard lock(mutex_);
  std::size_t& count = of_address_[address];
  if (count >= of_address_max_) {
    if (count == 0) of_address_.erase(address);
    --connections_;
    return Verdict::kTooManyOfAddress;
  }
  ++count;
  return Verdict::kAdmitted;
}

void Admission::Disconnect(const std::string& address) {
  --connections_;
  const std::lock_guard lock(mutex_);
  const auto found = of_address_.find(address);
  INVARIANT(found != of_address_.end());
  if (--found->second == 0) of_address_.erase(found);
}

bool Admission::Reserve(Bytes size) {
  const std::uint64_t before = in_flight_.fetch_add(size.count());
  if (before == 0 || before + size.count() <= in_flight_max_) return true;
  in_flight_ -= size.count();
  return false;
}

}  // namespace relay
