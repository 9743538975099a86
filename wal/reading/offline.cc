#include "wal/offline.h"

#include <utility>
#include <vector>

#include "wal/reading/load.h"
#include "wal/reading/queue_view.h"
#include "wal/record/identity.h"
#include "wal/store/store.h"

namespace relay {
namespace {

class OfflineLog final : public QueueView<LogView> {
 public:
  OfflineLog(std::unique_ptr<Store> store, LoadedLog log)
      : store_(std::move(store)), log_(std::move(log)) {}

  std::vector<BackendId> Backends() const override {
    std::vector<BackendId> names;
    names.reserve(log_.queues.size());
    for (const auto& [name, queue] : log_.queues) names.push_back(name);
    return names;
  }

  bool Gave(const WritePosition& position) const override {
    return log_.lives.Gave(position, log_.last_payload);
  }

 private:
  Result<OpenQueue> OpenQueueOf(const BackendId& backend) const override {
    const auto found = log_.queues.find(backend);
    if (found == log_.queues.end()) return NoSuchBackend(backend);
    return OpenQueue{QueueReader(*store_, found->second), {}};
  }

  std::unique_ptr<Store> store_;
  LoadedLog log_;
};

}  // namespace

Result<std::unique_ptr<LogView>> OpenLogView(const std::string& directory) {
  if (Result<FoundIdentity> found = ReadIdentity(directory, kFormatVersion); !found.ok()) {
    return std::move(found).error().Within(directory);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Store> store,
                   OpenStoreReadOnly({.directory = StoreDirectory(directory)}));
  Result<LoadedLog> log = LoadLog(*store);
  if (!log.ok()) return std::move(log).error().Within(directory);
  return std::unique_ptr<LogView>(
      std::make_unique<OfflineLog>(std::move(store), std::move(log).value()));
}

std::string CheckpointsDirectory(const std::string& log_path) {
  return log_path + "/checkpoints";
}

}  // namespace relay
