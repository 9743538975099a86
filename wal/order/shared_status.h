// A shared log's view of the order and of the other relays, for a person and for
// metrics.
//
// THREADS. Values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "wal/base/types.h"
#include "wal/order/order.h"

namespace relay {

struct SharedLogStatus {
  // Another relay that has opened a session.
  struct Peer {
    std::string relay;
    std::string address;                               // The URL of its admin port; empty: none.
    std::optional<Place> place;                        // On its disk. nullopt: not heard of.
    std::optional<std::chrono::milliseconds> silence;  // Since it was heard of.
    bool in_sync = false;
  };
  // The relay that delivers to a backend.
  struct Deliverer {
    std::string relay;    // Empty: none does.
    std::string address;  // The URL of its admin port; empty: none.
    bool is_this = false;
  };

  std::string relay;
  Place place = Place::BeforeFirst();  // On this relay's disk.
  std::optional<OrderRange> range;     // Some seconds old. nullopt: the order does not answer.
  std::size_t copies = 1;              // Relays in sync, this one included.
  std::size_t copies_wanted = 1;
  bool may_deliver = false;  // This relay hears of itself through the order.
  std::string left_because;  // It takes no part any more; empty: it does.
  std::vector<Peer> peers;
  std::map<BackendId, Deliverer> deliverers;
  std::uint64_t repeated = 0;   // Messages that were sent again.
  std::uint64_t takeovers = 0;  // Claims of this relay that counted.
  std::uint64_t strange = 0;    // Messages in the order that no relay has sent.
};

}  // namespace relay
