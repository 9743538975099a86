// Small files that lie beside the database, whole in memory. They must be
// readable when the database is not, so they do without its engine.
//
// ERRORS. kIo with the system's words; kNotFound where a file is not there.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"

namespace relay {

// Makes the directory where it is not there, mode 0700.
Status MakeDirectory(const std::string& directory);

Result<std::string> ReadWhole(const std::string& path);

// The old content or the new one is there, whatever happens meanwhile; mode 0600.
Status ReplaceWhole(const std::string& path, std::string_view content);

// What there is in a directory, sorted; nothing where it is not there. All of it
// or an error: by what is missing here files are taken for lost.
Result<std::vector<std::string>> NamesIn(const std::string& directory);

// What was done to names in a directory is on stable storage.
Status SyncDirectory(const std::string& directory);

// Held by the one process that may change a directory, as long as the object
// lives and the process does.
class DirectoryLock {
 public:
  // Makes the directory (mode 0700) where it is not there. kUnavailable: another
  // process, or this one, holds it.
  static Result<std::unique_ptr<DirectoryLock>> Take(const std::string& directory);

  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(int file) : file_(file) {}

  int file_;
};

}  // namespace relay
