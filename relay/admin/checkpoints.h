// The checkpoints of a relay: named copies of its log in one directory, made while
// it runs.
//
// SAFETY. A request identifies a checkpoint by its name or the path of that name;
// it cannot write, read or delete anything else. The directory belongs to one
// relay: NAME.incomplete in it was never finished, and is deleted.
//
// THREADS. Any number at once.
//
// ERRORS. kInvalidInput: no name, or an invalid one; kNotFound: no such
// checkpoint; others as DurableLog::Checkpoint and OpenLogView.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wal/base/result.h"
#include "wal/log.h"

namespace relay {

// A file of a checkpoint.
struct CheckpointFile {
  std::string path;  // Relative.
  Bytes size{0};
};

struct CheckpointReport {
  std::string name;
  std::string path;
  std::string made;  // RFC 3339.
  Bytes size{0};
  Bytes own{0};  // Unshared with the log: freed when the checkpoint is deleted.
};

class Checkpoints {
 public:
  static constexpr std::size_t kNameMax = 64;

  using Maker = std::function<Status(const CheckpointRequest&)>;

  // Empty `directory`: the log's own. `maker` is the log's Checkpoint.
  Checkpoints(const std::string& log_path, const std::string& directory, Maker maker);

  // Deletes what a crash left half-made or half-deleted. Called at the start,
  // before the first is made.
  void DeleteUnfinished() const;

  // Returns the path of a name: letters, digits, '.', '-' and '_', at most kNameMax,
  // starting with a letter or digit; or of the path of such a name.
  Result<std::string> PathOf(const std::string& named) const;

  // Describes making one under that name; an error if that is not possible.
  Result<std::string> DescribeMaking(const std::string& named) const;
  Status Make(const std::string& named) const;

  // Opens the log in a checkpoint for reading.
  Result<std::unique_ptr<LogView>> Open(const std::string& named) const;

  // Returns the files of a checkpoint, by path.
  Result<std::vector<CheckpointFile>> Files(const std::string& named) const;

  // Reads a part of a file: what there is from `offset` on, at most `most`. kInvalidInput: the path
  // is not one that Files returns.
  Result<std::string> Read(const std::string& named, const std::string& path, Bytes offset,
                           Bytes most) const;

  Result<std::string> DescribeDropping(const std::string& named) const;
  Status Drop(const std::string& named) const;

  std::vector<CheckpointReport> List() const;  // Sorted by name.

  // Returns when the newest one was made; nullopt: there is none. Reads no file.
  std::optional<WallTime> NewestMade() const;

 private:
  Result<std::string> FindExisting(const std::string& named) const;

  const std::string log_path_;
  const std::string directory_;
  const Maker maker_;
};

// Returns {"checkpoints":[…]}.
std::string CheckpointsJson(const std::vector<CheckpointReport>& reports);

// Returns {"files":[…]}.
std::string CheckpointFilesJson(const std::vector<CheckpointFile>& files);

}  // namespace relay
