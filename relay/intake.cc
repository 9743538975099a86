#include "relay/intake.h"

#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace relay {
namespace {

// Answers when the last of several appends has been answered, with the first
// error that there was.
class Joint {
 public:
  Joint(std::vector<BackendSet> backends, PartsDone done)
      : backends_(std::move(backends)),
        left_(backends_.size()),
        parts_(backends_.size()),
        done_(std::move(done)) {}

  void Take(std::size_t index, Result<Durable> part) {
    std::unique_lock lock(mutex_);
    if (part.ok()) {
      parts_[index] = part.value();
    } else if (!error_) {
      error_ = std::move(part).error();
    }
    if (--left_ > 0) return;
    lock.unlock();
    if (error_) return done_(*std::move(error_));
    std::vector<StoredPart> stored;
    stored.reserve(parts_.size());
    for (std::size_t i = 0; i < parts_.size(); ++i) stored.push_back({*parts_[i], backends_[i]});
    done_(std::move(stored));
  }

 private:
  std::mutex mutex_;
  const std::vector<BackendSet> backends_;
  std::size_t left_;
  std::vector<std::optional<Durable>> parts_;
  std::optional<Error> error_;
  PartsDone done_;
};

}  // namespace

void AppendParts(Log& log, const WriteParams& params, RoutedLines routed, Codec codec,
                 WallTime accepted_at, PartsDone done) {
  INVARIANT(!routed.parts.empty());
  std::vector<AppendRequest> requests;
  std::vector<BackendSet> backends;
  requests.reserve(routed.parts.size());
  for (RoutedPart& part : routed.parts) {
    Result<EncodedRecord> encoded = Encode({params, part.points, std::move(part.lines)}, codec);
    if (!encoded.ok()) return done(std::move(encoded).error());
    backends.push_back(part.backends);
    requests.push_back({std::move(encoded).value(), std::move(part.backends), accepted_at});
  }
  const auto joint = std::make_shared<Joint>(std::move(backends), std::move(done));
  for (std::size_t i = 0; i < requests.size(); ++i) {
    log.Append(std::move(requests[i]),
               [joint, i](Result<Durable> part) { joint->Take(i, std::move(part)); });
  }
}

void AppendRouted(Log& log, const WriteParams& params, RoutedLines routed, Codec codec,
                  WallTime accepted_at, AppendDone done) {
  AppendParts(log, params, std::move(routed), codec, accepted_at,
              [done = std::move(done)](Result<std::vector<StoredPart>> parts) {
                if (!parts.ok()) return done(std::move(parts).error());
                done(parts.value().back().durable);
              });
}

}  // namespace relay
