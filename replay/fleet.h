// The workers of a relay, one for each backend. Members come and go while the
// others deliver.
//
// THREADS. Start, Put, Remove and Stop by one thread; Snapshots and TryNow from any.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "replay/delivery/worker.h"
#include "replay/transport/transport.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

struct FleetMember {
  Worker::Options options;
  std::vector<std::unique_ptr<Transport>> transports;  // Their number limits concurrent requests.
};

class Fleet {
 public:
  // Listens to the log for new records: the log may call until it is destroyed, so the fleet
  // outlives it, though a stopped fleet does not use it. The clock outlives the fleet. Lines that
  // end one member's backend are kept from the others. `read_ahead` limits the lines that all
  // members together have read from the log and not resolved.
  Fleet(std::vector<FleetMember> members, Log& log, Clock& clock,
        Bytes read_ahead = ReadBudget::kDefault);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  void Start();

  void LimitReadAhead(Bytes read_ahead) { read_budget_->Set(read_ahead); }

  // Makes a running fleet deliver to this member too; one of the same name is removed first, as by
  // Remove. REQUIRES: the log has the backend.
  void Put(FleetMember member);

  // Ends the requests under way (their lines stay owed) and waits for the worker. Nothing is
  // delivered to the backend afterwards.
  void Remove(const BackendId& backend);

  // Ends the requests under way (their lines stay owed) and waits for the workers.
  void Stop();

  // Makes a member ask its backend again now instead of after its back-off, also for lanes on hold.
  // Returns false if there is no such member.
  bool TryNow(const BackendId& backend);

  std::map<BackendId, WorkerStatus> Snapshots() const;

 private:
  struct Member;

  std::unique_ptr<Member> Made(FleetMember member);

  Log& log_;
  Clock& clock_;
  const std::shared_ptr<SuspectLines> suspects_ = std::make_shared<SuspectLines>();
  const std::shared_ptr<ReadBudget> read_budget_;
  mutable std::mutex mutex_;  // Guards the map: the log's thread walks it too.
  std::map<BackendId, std::unique_ptr<Member>> members_;
};

}  // namespace relay
