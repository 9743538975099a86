#include "relay/routing/append_write.h"

#include <utility>
#include <vector>

namespace relay {
namespace {

// Larger writes compress well as records of their own, at little overhead.
constexpr std::size_t kSmallMax = 4U << 10U;

bool IsSmall(const RoutedLines& routed) {
  return routed.parts.size() == 1 && routed.parts.front().lines.size() <= kSmallMax;
}

void AppendSmall(Log& log, const Accepted& accepted, RoutedPart part, PartsDone done) {
  BackendSet backends = part.backends;
  SmallWrite write{.record = {accepted.params, part.points, std::move(part.lines)},
                   .codec = accepted.codec,
                   .backends = std::move(part.backends),
                   .accepted_at = accepted.at,
                   .judge = accepted.judge};
  log.AppendSmall(std::move(write), [backends = std::move(backends),
                                     done = std::move(done)](Result<Durable> durable) {
    if (!durable.ok()) return done(std::move(durable).error());
    done(std::vector<StoredPart>{{durable.value(), backends}});
  });
}

}  // namespace

void AppendParts(Log& log, const Accepted& accepted, RoutedLines routed, PartsDone done) {
  INVARIANT(!routed.parts.empty());
  // A statement is a record of its own, and no later write may overtake it.
  if (accepted.params.api != Api::kStatement && IsSmall(routed)) {
    return AppendSmall(log, accepted, std::move(routed.parts.front()), std::move(done));
  }
  std::vector<AppendRequest> parts;
  std::vector<BackendSet> backends;
  parts.reserve(routed.parts.size());
  backends.reserve(routed.parts.size());
  for (RoutedPart& part : routed.parts) {
    Result<EncodedRecord> encoded = Encode({accepted.params, part.points, std::move(part.lines)},
                                           accepted.codec, accepted.judge);
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
