// The order on NATS JetStream: one stream, with one subject, replicated by the servers of a
// cluster. Only nats_library, nats_connection, jetstream_streams and this one use NATS' library: a
// relay without it can have logs of its own.
//
// The stream keeps what it has until it is forgotten, takes nothing beyond its size, and deletes
// nothing by age or number. A stream of this name with other settings is refused, never adopted.
//
// Reading. An ephemeral consumer, made anew after a hole or a silence: its heartbeats come twice a
// second. A consumer may be placed on a server that is behind: an order that ends before what was
// read is waited for, for kEndLostAfter, before its end counts as lost.
//
// DURABILITY. An accepted message is in the memory of most of the servers, no more (measured with
// 2.9.10: they sync once a minute).
//
// THREADS, ERRORS. As Order.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wal/base/clock.h"
#include "wal/base/result.h"
#include "wal/base/secret.h"
#include "wal/base/types.h"
#include "wal/order/order.h"

namespace relay {

struct JetStreamOptions {
  std::vector<std::string> servers;  // URLs, as in nats://10.0.0.1:4222.
  std::string log;  // The relays of one name share a log: letters, digits, - and _.
  int replicas = 3;
  Bytes size_max = 8_GiB;  // The servers reserve it.
  // Both or none. A credentials file excludes them.
  std::string user;
  std::optional<Secret> password;
  std::string credentials_file;
  // Files in PEM; empty: none.
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
};

inline constexpr std::chrono::seconds kEndLostAfter{30};

// kInvalidInput: NATS' library is missing; the message names its package.
Status CheckNatsLibrary();

// kInvalidInput: NATS' library is missing, or a file of the options cannot be used; the message
// says which package or file. The servers need not be there yet. The clock
// outlives the order.
Result<std::unique_ptr<Order>> MakeJetStreamOrder(const JetStreamOptions& options,
                                                  const Clock& clock);

}  // namespace relay
