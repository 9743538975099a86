// A connection to the servers of a NATS cluster, with JetStream. It is made again by itself when a
// server goes, but not after a server has refused its credentials.
//
// THREADS. Any number at once, once it is open.
#pragma once

#include "wal/order/nats_library.h"

#if __has_include(<nats/nats.h>)

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "wal/base/result.h"
#include "wal/order/jetstream_order.h"

namespace relay {

// A change needs an election to be over.
inline constexpr std::int64_t kNatsChangeWaitMs = 5'000;

struct NatsMessageDeleter {
  const NatsLibrary* nats;
  void operator()(natsMsg* message) const { nats->natsMsg_Destroy(message); }
};
using NatsMessage = std::unique_ptr<natsMsg, NatsMessageDeleter>;

class NatsConnection {
 public:
  // The arguments outlive this object.
  NatsConnection(const JetStreamOptions& options, const NatsLibrary& nats)
      : options_(options), nats_(nats) {}
  ~NatsConnection();
  NatsConnection(const NatsConnection&) = delete;
  NatsConnection& operator=(const NatsConnection&) = delete;

  // Connects, or begins to try. kInvalidInput: an option cannot be used.
  Status Open();

  // Ends it: no message comes after this.
  void Close();

  // Returns true once the library has given the connection up, as a server has refused its user,
  // password or certificate. It stays true.
  bool IsRefused() const;

  // Returns whether the servers take messages of this size. kUnavailable: none is connected.
  // kInvalidInput: their max_payload is smaller.
  Status CheckMessages(std::size_t size) const;

  // Returns an error in words: what was being done, and what the library says.
  Error Failed(std::string_view doing, natsStatus status) const;

  // Subscribes without a limit of what waits.
  Status Subscribe(const std::string& subject, natsSubscription** subscription) const;

  // nullptr: none came.
  NatsMessage NextMessage(natsSubscription* subscription, std::int64_t wait_ms) const;

  // REQUIRES: it was opened.
  natsConnection* connection() const { return connection_; }
  jsCtx* context() const { return context_; }

 private:
  Status SetOptions(natsOptions* options) const;

  const JetStreamOptions& options_;
  const NatsLibrary& nats_;
  natsConnection* connection_ = nullptr;
  jsCtx* context_ = nullptr;
};

}  // namespace relay

#endif
