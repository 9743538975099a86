// The checkpoints of a relay: copies of its log, made while it runs, in one
// directory, each under a name.
//
// SAFETY. A request names a checkpoint by its name, or by the path that this
// name has; nothing else on the machine can be written to, read or deleted by
// one. The directory belongs to one relay: what is called NAME.incomplete in it
// was never finished, and is deleted.
//
// THREADS. Any number at once.
//
// ERRORS. kInvalidInput: no name, or one that may not be used; kNotFound: no
// such checkpoint; others as DurableLog::Checkpoint and OpenLogView.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "wal/base/result.h"
#include "wal/log.h"

namespace relay {

struct CheckpointReport {
  std::string name;
  std::string path;
  std::string made;  // RFC 3339.
  Bytes size{0};
  Bytes own{0};  // Of it, what the log has no more: deleting the checkpoint frees it.
};

class Checkpoints {
 public:
  static constexpr std::size_t kNameMax = 64;

  using Maker = std::function<Status(const CheckpointRequest&)>;

  // Empty `directory`: that of the log. `maker` is the log's Checkpoint.
  Checkpoints(const std::string& log_path, const std::string& directory, Maker maker);

  // Deletes what a crash left half-made, or half-deleted; to be called at the
  // start, before the first is made.
  void DeleteUnfinished() const;

  // Letters, digits, '.', '-' and '_', at most kNameMax, the first a letter or a
  // digit; or this directory's path with such a name behind it.
  Result<std::string> PathOf(const std::string& named) const;

  // Whether one could be made under that name, in words.
  Result<std::string> DescribeMaking(const std::string& named) const;
  Status Make(const std::string& named) const;

  // The log in one, to be read.
  Result<std::unique_ptr<LogView>> Open(const std::string& named) const;

  Result<std::string> DescribeDropping(const std::string& named) const;
  Status Drop(const std::string& named) const;

  std::vector<CheckpointReport> List() const;  // By name.

 private:
  Result<std::string> FindExisting(const std::string& named) const;

  const std::string log_path_;
  const std::string directory_;
  const Maker maker_;
};

// {"checkpoints":[…]}
std::string CheckpointsJson(const std::vector<CheckpointReport>& reports);

}  // namespace relay
