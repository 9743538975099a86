// A checkpoint in the making: a directory beside its final place. Until one rename gives it its
// final name, both its name (NAME.incomplete) and its `identity` mark it as unfinished.
//
// DURABILITY. Its content is on stable storage before the rename, the name when Finish returns.
// Remains after a crash share files with the log and nothing else: they can be deleted at any time.
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
  // Replaces a draft that a crash left. `target` is absolute. kInvalidInput: it exists, its parent
  // directory cannot be created, or files of the log cannot be linked there.
  static Result<std::unique_ptr<CheckpointDraft>> Begin(const std::string& log_path,
                                                        const std::string& target);

  // Deletes an unfinished draft.
  ~CheckpointDraft();
  CheckpointDraft(const CheckpointDraft&) = delete;
  CheckpointDraft& operator=(const CheckpointDraft&) = delete;

  const std::string& directory() const { return directory_; }

  // Copies a file of the log's directory, or the files of a directory in it; if there is none, does
  // nothing.
  Status Copy(const std::string& name);

  // Writes the identity and renames the draft. kInvalidInput: the name is taken.
  Status Finish(const Identity& identity);

 private:
  CheckpointDraft(std::string log_path, std::string target);

  const std::string log_path_;
  const std::string target_;
  const std::string directory_;
  bool finished_ = false;
};

}  // namespace relay
