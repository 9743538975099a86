// The parts that jobs on two servers have in common: their progress, how they end, and how an
// interruption reaches what they wait for.
//
// THREADS. As BackendJob.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "replay/backend_job.h"
#include "replay/compare/comparison.h"
#include "replay/compare/fence.h"
#include "replay/compare/source.h"
#include "wal/base/clock.h"

namespace relay {

// Opens a server for questions.
using SourceMaker = std::function<std::unique_ptr<Source>()>;

// Makes a fence of the two backends that fails soon once it is cancelled. The first is A.
using FenceMaker = std::function<std::unique_ptr<Fence>(const std::atomic<bool>& cancelled)>;

class ServerJob : public BackendJob {
 public:
  Clock::Duration Step() final;
  void Cancel() final;
  void GiveUp(std::string reason) final { End(ReplayState::kGivenUp, std::move(reason)); }
  void Interrupt() final;
  ReplayProgress Progress() const final;

 protected:
  explicit ServerJob(ReplayProgress progress) : progress_(std::move(progress)) {}

  // Does a part of the work. kUnavailable, kBrokenOff, kFull: it is tried again later; other
  // errors end the job.
  virtual Status StepPhase() = 0;
  // Forgets what is under way, after a failure.
  virtual void BeginAgain() {}
  // Makes what the job waits for besides its servers end soon.
  virtual void InterruptMore() {}

  void Say(std::string doing);
  void End(ReplayState state, std::string reason);
  void EndWith(std::string result, bool good);
  const std::atomic<bool>& interrupted() const { return interrupted_; }
  // Opens a server so that an interruption reaches it.
  std::shared_ptr<Source> Open(const SourceMaker& maker);
  template <typename Change>
  void ChangeProgress(Change change) {
    const std::lock_guard lock(mutex_);
    change(progress_);
  }

 private:
  Clock::Duration Failed(const Error& error);

  std::uint32_t failures_ = 0;
  std::atomic<bool> interrupted_ = false;
  mutable std::mutex mutex_;
  ReplayProgress progress_;
  std::vector<std::weak_ptr<Source>> open_;
};

// Returns the error with the server's name in front.
Error OnServer(const std::string& name, Error error);

// Returns one sentence: "equal: 5 points of 2 measurements".
std::string Summarised(const Outcome& outcome, const std::string& a, const std::string& b);

}  // namespace relay
