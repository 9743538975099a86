#include "replay/fleet.h"

#include <utility>

namespace relay {

struct Fleet::Member {
  Member(FleetMember member, Log& log, Clock& clock)
      : backend(member.options.backend),
        transport(std::move(member.transport)),
        worker(std::move(member.options), log, *transport, clock) {}

  BackendId backend;
  std::unique_ptr<Transport> transport;
  Worker worker;
  Signal more;
  std::jthread thread;
};

Fleet::Fleet(std::vector<FleetMember> members, Log& log, Clock& clock) {
  members_.reserve(members.size());
  for (FleetMember& member : members) {
    members_.push_back(std::make_unique<Member>(std::move(member), log, clock));
  }
  log.OnReadable([this] {
    for (const auto& member : members_) member->more.Raise();
  });
}

Fleet::~Fleet() {
  Stop();
}

void Fleet::Start() {
  for (const auto& member : members_) {
    member->thread = std::jthread([raw = member.get()](const std::stop_token& stop) {
      constexpr std::size_t kNameMax = 15;  // The kernel's, for top and perf.
      const std::string name = "to " + raw->backend.text();
      pthread_setname_np(pthread_self(), name.substr(0, kNameMax).c_str());
      raw->worker.Run(raw->more, stop);
    });
  }
}

void Fleet::Stop() {
  for (const auto& member : members_) member->thread.request_stop();
  for (const auto& member : members_) {
    if (member->thread.joinable()) member->thread.join();
  }
}

std::map<BackendId, WorkerStatus> Fleet::Snapshots() const {
  std::map<BackendId, WorkerStatus> snapshots;
  for (const auto& member : members_) snapshots.emplace(member->backend, member->worker.Snapshot());
  return snapshots;
}

}  // namespace relay
