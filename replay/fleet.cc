#include "replay/fleet.h"

#include <utility>

namespace relay {

namespace {

std::vector<Transport*> Borrowed(const std::vector<std::unique_ptr<Transport>>& owned) {
  std::vector<Transport*> transports;
  transports.reserve(owned.size());
  for (const auto& transport : owned) transports.push_back(transport.get());
  return transports;
}

}  // namespace

struct Fleet::Member {
  Member(FleetMember member, Log& log, Clock& clock)
      : backend(member.options.backend),
        transports(std::move(member.transports)),
        worker(std::move(member.options), log, Borrowed(transports), clock) {}

  void Start() {
    thread = std::jthread([this](const std::stop_token& stop) { worker.Run(stop); });
  }

  BackendId backend;
  std::vector<std::unique_ptr<Transport>> transports;
  Worker worker;
  std::jthread thread;  // Ends before what it uses.
};

Fleet::Fleet(std::vector<FleetMember> members, Log& log, Clock& clock, Bytes read_ahead)
    : log_(log), clock_(clock), read_budget_(std::make_shared<ReadBudget>(read_ahead)) {
  for (FleetMember& member : members) {
    const BackendId backend = member.options.backend;
    members_.emplace(backend, Made(std::move(member)));
  }
  log.OnReadable([this] {
    const std::lock_guard lock(mutex_);
    for (const auto& [backend, member] : members_) member->worker.Wake();
  });
}

std::unique_ptr<Fleet::Member> Fleet::Made(FleetMember member) {
  member.options.suspects = suspects_;
  member.options.read_budget = read_budget_;
  return std::make_unique<Member>(std::move(member), log_, clock_);
}

Fleet::~Fleet() {
  Stop();
}

void Fleet::Start() {
  for (const auto& [backend, member] : members_) member->Start();
}

void Fleet::Put(FleetMember member) {
  const BackendId backend = member.options.backend;
  Remove(backend);  // Only one worker may move a cursor.
  auto added = Made(std::move(member));
  Member& started = *added;
  {
    const std::lock_guard lock(mutex_);
    members_.emplace(backend, std::move(added));
  }
  started.Start();  // From here on it is told of new records.
}

void Fleet::Remove(const BackendId& backend) {
  decltype(members_)::node_type removed;
  {
    const std::lock_guard lock(mutex_);
    removed = members_.extract(backend);
  }
  // Waits for the worker without the lock: its commits may wake the log's thread, which takes the
  // lock.
}

void Fleet::Stop() {
  for (const auto& [backend, member] : members_) member->thread.request_stop();
  for (const auto& [backend, member] : members_) {
    if (member->thread.joinable()) member->thread.join();
  }
}

bool Fleet::TryNow(const BackendId& backend) {
  const std::lock_guard lock(mutex_);
  const auto found = members_.find(backend);
  if (found == members_.end()) return false;
  found->second->worker.TryNow();
  return true;
}

std::map<BackendId, WorkerStatus> Fleet::Snapshots() const {
  const std::lock_guard lock(mutex_);
  std::map<BackendId, WorkerStatus> snapshots;
  for (const auto& [backend, member] : members_) {
    snapshots.emplace(backend, member->worker.Snapshot());
  }
  return snapshots;
}

}  // namespace relay
