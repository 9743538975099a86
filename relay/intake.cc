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
  Joint(std::size_t parts, AppendDone done) : left_(parts), done_(std::move(done)) {}

  void Take(Result<Durable> part) {
    std::unique_lock lock(mutex_);
    if (!answer_ || answer_->ok()) answer_ = std::move(part);
    if (--left_ > 0) return;
    lock.unlock();
    done_(*std::move(answer_));
  }

 private:
  std::mutex mutex_;
  std::size_t left_;
  std::optional<Result<Durable>> answer_;
  AppendDone done_;
};

}  // namespace

void AppendRouted(Log& log, const WriteParams& params, RoutedLines routed, Codec codec,
                  WallTime accepted_at, AppendDone done) {
  INVARIANT(!routed.parts.empty());
  std::vector<AppendRequest> requests;
  requests.reserve(routed.parts.size());
  for (RoutedPart& part : routed.parts) {
    Result<EncodedRecord> encoded = Encode({params, part.points, std::move(part.lines)}, codec);
    if (!encoded.ok()) return done(std::move(encoded).error());
    requests.push_back({std::move(encoded).value(), std::move(part.backends), accepted_at});
  }
  const auto joint = std::make_shared<Joint>(requests.size(), std::move(done));
  for (AppendRequest& request : requests) {
    log.Append(std::move(request), [joint](Result<Durable> part) { joint->Take(std::move(part)); });
  }
}

}  // namespace relay
