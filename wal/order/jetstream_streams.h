// The streams of a shared log: one for each generation, of which the newest is used.
//
// A stream keeps what it has until it is forgotten, takes nothing beyond its size, and deletes
// nothing by age or number. One of its name with other settings is refused, never adopted.
//
// THREADS. `name` and `generation`: any number at once. The others: one at a time.
// ERRORS. kUnavailable: nobody answers. kInvalidInput: the stream is not a relay's.
#pragma once

#include "wal/order/nats_connection.h"

#if __has_include(<nats/nats.h>)

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/order/order.h"

namespace relay {

class JetStreams {
 public:
  // The names of a generation's stream and of its subject.
  struct Name {
    std::string stream;
    std::string subject;
  };

  // The arguments outlive this object.
  JetStreams(const JetStreamOptions& options, const NatsLibrary& nats,
             const NatsConnection& connection)
      : options_(options), nats_(nats), connection_(connection) {}

  Name name() const { return NameOf(generation_); }
  std::uint16_t generation() const { return generation_; }

  // Uses the stream of the newest generation from `at_least` on.
  Status FindGeneration(std::uint16_t at_least);

  // Makes the stream of the generation in use, unless it is there.
  Status EnsureStream();

  // Returns nothing of a stream that does not exist.
  Result<OrderRange> ReadRange();

  // Ends the generation of `last` and begins the next one with a message.
  // kConflict: it has begun already.
  Status Found(Place last, std::string_view first);

  Status Forget(Place through);

 private:
  Name NameOf(std::uint16_t generation) const;
  natsStatus AddStream(const Name& added, jsStreamInfo** info, jsErrCode* code) const;
  Result<bool> HasGeneration(std::uint16_t generation) const;
  Status Seal(const Name& ended) const;
  Status CheckStream(const jsStreamConfig& found) const;

  const JetStreamOptions& options_;
  const NatsLibrary& nats_;
  const NatsConnection& connection_;
  std::atomic<std::uint16_t> generation_{0};
};

}  // namespace relay

#endif
