#include "relay/intake.h"

#include <utility>
#include <vector>

namespace relay {

void AppendParts(Log& log, const Accepted& accepted, RoutedLines routed, PartsDone done) {
  INVARIANT(!routed.parts.empty());
  std::vector<AppendRequest> parts;
  std::vector<BackendSet> backends;
  parts.reserve(routed.parts.size());
  backends.reserve(routed.parts.size());
  for (RoutedPart& part : routed.parts) {
    Result<EncodedRecord> encoded =
        Encode({accepted.params, part.points, std::move(part.lines)}, accepted.codec);
    if (!encoded.ok()) return done(std::move(encoded).error());
    backends.push_back(part.backends);
    parts.push_back({std::move(encoded).value(), std::move(part.backends), accepted.at});
  }
  log.AppendParts(std::move(parts), [backends = std::move(backends),
                                     done = std::move(done)](Result<Durable> durable) {
    if (!durable.ok()) return done(std::move(durable).error());
    std::vector<StoredPart> stored;
    stored.reserve(backends.size());
    for (std::size_t i = 0; i < backends.size(); ++i) {
      stored.push_back({durable.value().OfPart(i), backends[i]});
    }
    done(std::move(stored));
  });
}

void AppendRouted(Log& log, const Accepted& accepted, RoutedLines routed, AppendDone done) {
  AppendParts(log, accepted, std::move(routed),
              [done = std::move(done)](Result<std::vector<StoredPart>> parts) {
                if (!parts.ok()) return done(std::move(parts).error());
                done(parts.value().back().durable);
              });
}

}  // namespace relay
