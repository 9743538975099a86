// Builds a log in a directory from the files of another relay's checkpoint.
//
// The files get the owner of the directory.
//
// SAFETY. The files come into DIRECTORY/joining; only when all are there and on stable storage does
// the log appear, its identity last: a relay does not start on a part of one. A log that is there
// already is kept in DIRECTORY/replaced-TIME, never deleted. What an interrupted copy left is.
//
// THREADS. One.
//
// ERRORS. kConflict: there is a log, and it is not to be replaced. kUnavailable: a relay uses the
// directory. kInvalidInput: the path of a file leaves the directory. kIo.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "wal/base/files.h"
#include "wal/base/result.h"

namespace relay {

class LogCopy {
 public:
  // Creates the directory if there is none. `time` names what is replaced: "20261129T142700Z".
  static Result<std::unique_ptr<LogCopy>> Begin(const std::string& directory, bool replaces,
                                                std::string_view time);

  LogCopy(const LogCopy&) = delete;
  LogCopy& operator=(const LogCopy&) = delete;

  // Appends to a file of the copy; `path` is relative.
  Status Add(const std::string& path, std::string_view part);

  // Sets the former log aside and puts the copy into its place.
  Status Finish();

  // Returns where the former log is; empty: there was none.
  const std::string& replaced() const { return replaced_; }

  // Returns the directory of the copy until Finish.
  std::string draft() const;

 private:
  LogCopy(std::string directory, std::unique_ptr<DirectoryLock> lock)
      : directory_(std::move(directory)), lock_(std::move(lock)) {}

  Status GiveToOwner() const;
  Status MoveAll(const std::string& from, const std::string& to) const;

  const std::string directory_;
  const std::unique_ptr<DirectoryLock> lock_;
  std::string replaced_;
};

}  // namespace relay
