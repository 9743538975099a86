// The file `high-water` in log.path: how far the log had come, known without its database. A
// database that lost its end, its state or all of its files opens without an error; comparing it
// with this file shows the loss.
//
// INVARIANT. The file is never ahead of stable storage. It may be behind: by a moment, or by as
// much as the disk refused to write.
//
// DURABILITY. Two slots are overwritten in turn, each with a checksum and synced: a torn write
// leaves the previous slot.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "wal/base/result.h"
#include "wal/reading/load.h"
#include "wal/store/store.h"

namespace relay {

struct HighWater {
  // Counts how often the log was opened. The database counts too: a lower count means that it is an
  // older copy or lost its state.
  std::uint64_t epoch = 0;
  bool clean = false;  // The log was closed cleanly, and this is its end.
  LoadedLog log;       // Without the lanes of its queues.
};

// Encodes one slot. `turn` increases with every write.
std::string EncodeHighWater(std::uint64_t turn, const HighWater& mark);

struct DecodedHighWater {
  std::uint64_t turn = 0;
  HighWater mark;
};
// Decodes the slot at the front of `text`, ignores what follows. kCorruption only.
Result<DecodedHighWater> DecodeHighWater(std::string_view text);

// Reads the newer slot of the file in `log_path`. kNotFound: there is no file. kCorruption: neither
// slot can be read.
Result<DecodedHighWater> ReadHighWater(const std::string& log_path);

class HighWaterFile {
 public:
  // Creates the file if it does not exist. `turn` is that of the newest slot.
  static Result<std::unique_ptr<HighWaterFile>> Open(const std::string& log_path, rocksdb::Env* env,
                                                     std::uint64_t turn);

  Status Write(const HighWater& mark);

 private:
  HighWaterFile(std::unique_ptr<SideFile> file, std::uint64_t turn)
      : file_(std::move(file)), turn_(turn) {}

  std::unique_ptr<SideFile> file_;
  std::uint64_t turn_;
};

// Updates the mark lazily on a thread of its own.
class HighWaterKeeper {
 public:
  // `synced_state` returns what is on stable storage at the moment of the call. Both outlive the
  // keeper's Stop.
  HighWaterKeeper(std::unique_ptr<HighWaterFile> file, std::function<HighWater()> synced_state,
                  std::chrono::milliseconds interval);
  HighWaterKeeper(const HighWaterKeeper&) = delete;
  HighWaterKeeper& operator=(const HighWaterKeeper&) = delete;
  ~HighWaterKeeper() { Stop(); }

  // Requests a write. Cheap: called for every group of appends.
  void Moved();

  // Ends all writing before it returns.
  void Stop();

  // Writes the synced state at once, marked as closed cleanly. REQUIRES: stopped.
  Status WriteClean();

  // Returns the error of the last write; ok if it succeeded.
  Status Health() const;

 private:
  void Loop();
  Status WriteNow(bool clean);

  const std::unique_ptr<HighWaterFile> file_;
  const std::function<HighWater()> synced_state_;
  const std::chrono::milliseconds interval_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool moved_ = false;
  bool stopping_ = false;
  Status health_ = Ok();
  std::thread thread_;
};

}  // namespace relay
