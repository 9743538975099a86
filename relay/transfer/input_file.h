// A text file read from front to back, plain or gzip (detected by content, not
// name); "-" is standard input. Memory stays small whatever its size.
//
// ERRORS. kNotFound and kIo name the file; kCorruption: the gzip data is damaged
// or truncated; everything before that was read.
//
// THREADS. One.
#pragma once

#include <memory>
#include <string>

#include "wal/base/result.h"

namespace relay {

class TextFile {
 public:
  static Result<std::unique_ptr<TextFile>> Open(const std::string& path);
  TextFile(const TextFile&) = delete;
  TextFile& operator=(const TextFile&) = delete;
  ~TextFile();

  // Appends up to `size_max` bytes to `text`; none at the end.
  Status Read(std::string& text, std::size_t size_max);

  // Returns the part of the file that was read, 0 to 1; 0: unknown, as for a pipe.
  double PartRead() const;

 private:
  struct State;
  explicit TextFile(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace relay
