// The output of a command: a new file that no other user can read, or standard output.
//
// DURABILITY. Finish returns once the file is on stable storage. A file that
// was not finished is removed.
//
// ERRORS. kInvalidInput: the file already exists; it is never replaced, and links
// are not followed. kIo, kFull: the system's message.
//
// THREADS. One.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "wal/base/result.h"

namespace relay {

class OutputFile {
 public:
  // Empty: standard output.
  static Result<std::unique_ptr<OutputFile>> Create(const std::string& path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  Status Write(std::string_view text);
  Status Finish();

 private:
  OutputFile(std::string path, int file) : path_(std::move(path)), file_(file) {}
  Status Flush();
  Error Failed() const;

  const std::string path_;
  int file_;
  std::string buffer_;
};

}  // namespace relay
