#include "replay/compare/pair.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <stop_token>
#include <thread>
#include <utility>

namespace relay {

Pair::Pair(Source& a, Source& b, Fence& fence, Clock& clock, Options options)
    : a_(a), b_(b), fence_(fence), clock_(clock), options_(std::move(options)) {}

Status Pair::Both(const std::function<Status(Side side)>& work) {
  std::atomic<bool> failed = false;
  Status first_failure = Ok();
  const auto run = [&](Side side) {
    Status done = work(side);
    if (done.ok() || failed.exchange(true)) return;
    first_failure = std::move(done).error().Within(Of(side).name());
    Of(side == Side::kA ? Side::kB : Side::kA).Cancel();
  };
  {
    const std::jthread other([&run] { run(Side::kB); });
    run(Side::kA);
  }
  return first_failure;
}

Status Pair::Pass(const Mark& mark) {
  RETURN_IF_ERROR(fence_.WaitPassed(mark));
  return Both([this](Side side) { return Of(side).Flush(); });
}

Result<Mark> Pair::PassHere() {
  ASSIGN_OR_RETURN(const Mark mark, fence_.Here());
  RETURN_IF_ERROR(Pass(mark));
  return mark;
}

void Pair::Pause(std::chrono::milliseconds duration) {
  Signal never;
  clock_.WaitFor(never, duration, std::stop_token());
}

OnPoints Pair::Pacer(Side side) {
  return [this, side, began = clock_.Now(), read = std::uint64_t{0}](std::uint64_t more) mutable {
    if (side == Side::kA) {
      read_from_a_ += more;
      if (options_.on_points) options_.on_points(read_from_a_);
    }
    if (options_.points_per_second == 0) return;
    read += more;
    const auto due = std::chrono::milliseconds(read * 1'000 / options_.points_per_second);
    const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Now() - began);
    if (due > spent) Pause(due - spent);
  };
}

}  // namespace relay
