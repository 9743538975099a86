// A copy of a log that is being made: a directory beside its later place, of
// which neither its name (NAME.incomplete) nor its `identity` lets anybody think
// that it is whole, until one rename gives it its own.
//
// DURABILITY. All that is in it is on stable storage before it gets its name,
// the name when Finish returns. What a crash leaves of it shares files with the
// log and nothing else: it can be deleted at any time.
//
// THREADS. One.
#pragma once

#include <memory>
#include <string>

#include "wal/base/result.h"
#include "wal/log.h"
#include "wal/record/identity.h"

namespace relay {

class CheckpointDraft {
 public:
  // Takes the place of one that a crash left. `target` is absolute.
  // kInvalidInput: it is there, the directory above it cannot be made, or files
  // of the log cannot be linked there.
  static Result<std::unique_ptr<CheckpointDraft>> Begin(const std::string& log_path,
                                                        const std::string& target);

  // Deletes what is not finished.
  ~CheckpointDraft();
  CheckpointDraft(const CheckpointDraft&) = delete;
  CheckpointDraft& operator=(const CheckpointDraft&) = delete;

  const std::string& directory() const { return directory_; }

  // Copies a file of the log's directory, or the files of a directory in it;
  // where there is none, nothing.
  Status Copy(const std::string& name);

  // Gives it its identity and its name. kInvalidInput: something took the name.
  Status Finish(const Identity& identity);

 private:
  CheckpointDraft(std::string log_path, std::string target);

  const std::string log_path_;
  const std::string target_;
  const std::string directory_;
  bool finished_ = false;
};

}  // namespace relay
