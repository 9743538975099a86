// Limits shared by all write listeners of a process: how many clients may be connected, and how
// much of their data may be in memory at once.
//
// THREADS. Any number at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "wal/base/types.h"

namespace relay {

struct AdmissionLimits {
  std::size_t connections = 20'000;            // Each costs a descriptor and about 10 KB of memory.
  std::size_t connections_of_address = 2'000;  // One client must not keep out the others.
  // Bodies being read or waiting for their response: bounds memory when clients are faster than the
  // disk.
  Bytes in_flight = 96_MiB;
};

class Admission {
 public:
  enum class Verdict : std::uint8_t { kAdmitted, kTooMany, kTooManyOfAddress };

  explicit Admission(AdmissionLimits limits) { SetLimits(limits); }
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // Clients already connected stay connected.
  void SetLimits(AdmissionLimits limits);

  // Every admitted connection must be returned by Disconnect.
  Verdict Connect(const std::string& address);
  void Disconnect(const std::string& address);
  std::size_t connections() const { return connections_; }

  // Reserves `size` more bytes, all or nothing. A reservation larger than the limit succeeds when
  // nothing else is reserved.
  bool Reserve(Bytes size);

  // Allows one holder at a time to exceed the limit: half-read bodies that fill the memory between
  // them still finish, one after the other.
  bool TakePass() { return !pass_.exchange(true); }
  void GivePass() { pass_ = false; }
  void ReserveBeyond(Bytes size) { in_flight_ += size.count(); }

  void Release(Bytes size) { in_flight_ -= size.count(); }
  Bytes in_flight() const { return Bytes(in_flight_); }

 private:
  std::atomic<std::size_t> connections_max_ = 0;
  std::atomic<std::size_t> of_address_max_ = 0;
  std::atomic<std::uint64_t> in_flight_max_ = 0;

  std::atomic<std::size_t> connections_ = 0;
  std::atomic<std::uint64_t> in_flight_ = 0;
  std::atomic<bool> pass_ = false;
  std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> of_address_;
};

}  // namespace relay
