// A short scripted life of a log that uses every command. One process lives it
// and is killed somewhere; another inspects what was left and lives the same
// beside it, on a MemoryLog.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/fakes/memory_log.h"
#include "tests/support/models/lossy_file_system.h"
#include "wal/log/durable_log.h"

namespace relay::test {

// A log whose files are small enough that a short life fills some.
class SmallLog {
 public:
  explicit SmallLog(std::string directory);

  Status Open(const std::vector<BackendId>& backends);
  void Close() { log_.reset(); }
  void LimitDeadLetters(Bytes size);  // Until it is opened again.
  bool is_open() const { return log_ != nullptr; }

  // Returns the path of a copy of it, beside it.
  std::string CopyNamed(const std::string& name) const { return options_.directory + "-" + name; }

  DurableLog& log() { return *log_; }
  LossyFileSystem& disk() { return *disk_; }

 private:
  const std::shared_ptr<LossyFileSystem> disk_ = std::make_shared<LossyFileSystem>();
  const std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(disk_);
  LogOptions options_;
  std::unique_ptr<DurableLog> log_;
};

struct CrashStep {
  std::string name;
  std::function<Status(SmallLog&)> on_log;
  std::function<void(MemoryLog&)> on_model;
  bool waits = true;  // Everything done so far is on stable storage when it is done.
  std::vector<BackendId> configured;  // The backends from here on.
  bool by_backend = false;            // Done for one backend after the other.
};

// The first step opens the log; so does a life that begins with a later one.
std::vector<CrashStep> CrashScript();

// Counts the first steps that need only what format 1 had.
std::size_t StepsOfFormatOne(const std::vector<CrashStep>& script);

}  // namespace relay::test
