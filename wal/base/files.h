// Small files beside the database, read and written whole. They must be readable when the database
// is not, so they do not use its engine.
//
// ERRORS. kIo with the system's message; kNotFound if the file does not exist.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"

namespace relay {

// Creates the directory, mode 0700, if it does not exist.
Status MakeDirectory(const std::string& directory);

Result<std::string> ReadWhole(const std::string& path);

// Replaces the file atomically: a crash leaves the old content or the new, never a mixture; mode
// 0600.
Status ReplaceWhole(const std::string& path, std::string_view content);

// Lists the names in a directory, sorted; empty: no such directory. Returns all of them or an
// error: callers take a file that is not listed for lost.
Result<std::vector<std::string>> NamesIn(const std::string& directory);

// Makes created, renamed and deleted names in the directory durable.
Status SyncDirectory(const std::string& directory);

// Held by the one process that may change a directory, until the object or the process ends. The
// file `lock` has its id, for messages.
class DirectoryLock {
 public:
  // Creates the directory (mode 0700) if it does not exist. kUnavailable: another process, or this
  // one, holds the lock.
  static Result<std::unique_ptr<DirectoryLock>> Take(const std::string& directory);

  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(int file) : file_(file) {}

  int file_;
};

}  // namespace relay
