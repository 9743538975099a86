// A text file read from front to back, plain or gzip (told by its content, not
// its name); "-" is standard input. Memory stays small whatever its size.
//
// ERRORS. kNotFound and kIo name the file; kCorruption: its gzip is damaged or
// cut short, what came before it was read.
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

  // How much of the file is behind: 0 to 1; nothing is known of a pipe: 0.
  double PartRead() const;

 private:
  struct State;
  explicit TextFile(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace relay
