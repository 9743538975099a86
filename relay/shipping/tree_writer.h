// Writes a copy of a directory of files so that its name stands for a whole one: the copy grows as
// NAME.incomplete, every file and folder is brought to stable storage, and only then it gets its
// name. A copy that was not finished, for whatever reason, is never seen under its name.
//
// DURABILITY. The copy is on stable storage, under its name, when Finish returns.
//
// THREADS. One. Nothing else writes to NAME.incomplete: what is left there is deleted.
//
// ERRORS. kInvalidInput: there is something of that name; kIo: there is no directory for it, or the
// disk's error, and the path.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "wal/base/result.h"

namespace relay {

class TreeWriter {
 public:
  static constexpr std::string_view kUnfinished = ".incomplete";

  // `target`: the path of the copy, in a directory that exists.
  static Result<TreeWriter> Begin(const std::string& target);

  // Deletes what is unfinished.
  ~TreeWriter();
  TreeWriter(TreeWriter&& other) noexcept;
  TreeWriter(const TreeWriter&) = delete;
  TreeWriter& operator=(const TreeWriter&) = delete;
  TreeWriter& operator=(TreeWriter&&) = delete;

  // Begins a file at a relative path, with the folders that it is in; brings the one before it to
  // stable storage.
  Status BeginFile(const std::string& path);
  Status Append(std::string_view data);

  Status Finish();

 private:
  explicit TreeWriter(std::string target);

  Status EndFile();

  std::string target_;      // Empty: moved from, or finished.
  std::string unfinished_;  // Its path until then.
  std::string path_;        // The open file's.
  int file_ = -1;
};

// Copies a directory on this machine. `target`: as Begin. kUnavailable: `stop` ended it.
Status CopyTree(const std::string& source, const std::string& target,
                const std::stop_token& stop = {});

}  // namespace relay
