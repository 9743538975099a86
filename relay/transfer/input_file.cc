#include "relay/transfer/input_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace relay {

struct TextFile::State {
  std::string name;
  gzFile file = nullptr;
  double size = 0;  // On disk; 0: unknown.
};

namespace {

constexpr unsigned kInputBuffer = 256U << 10U;

Error CannotOpen(const std::string& name, int number) {
  const ErrorCode code = number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return {code, fmt::format("{}: {}", name, std::strerror(number))};
}

}  // namespace

Result<std::unique_ptr<TextFile>> TextFile::Open(const std::string& path) {
  auto state = std::make_unique<State>();
  state->name = path == "-" ? "standard input" : path;
  const int file =
      path == "-" ? dup(STDIN_FILENO) : open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (file < 0) return CannotOpen(state->name, errno);
  struct stat about {};
  if (fstat(file, &about) == 0) {
    if (S_ISDIR(about.st_mode)) {
      close(file);
      return CannotOpen(state->name, EISDIR);
    }
    if (S_ISREG(about.st_mode)) state->size = static_cast<double>(about.st_size);
  }
  state->file = gzdopen(file, "rb");
  if (state->file == nullptr) {
    close(file);
    return CannotOpen(state->name, ENOMEM);
  }
  gzbuffer(state->file, kInputBuffer);
  return std::unique_ptr<TextFile>(new TextFile(std::move(state)));
}

TextFile::TextFile(std::unique_ptr<State> state) : state_(std::move(state)) {}

TextFile::~TextFile() {
  gzclose_r(state_->file);
}

Status TextFile::Read(std::string& text, std::size_t size_max) {
  const std::size_t before = text.size();
  text.resize(before + size_max);
  const int got = gzread(state_->file, text.data() + before, static_cast<unsigned>(size_max));
  text.resize(before + static_cast<std::size_t>(std::max(got, 0)));
  int number = Z_OK;
  const char* message = gzerror(state_->file, &number);
  if (number == Z_ERRNO) return CannotOpen(state_->name, errno);
  // zlib reports a truncated member only after the data before it was read.
  if (got < 0 || (number == Z_BUF_ERROR && got == 0)) {
    return Error(ErrorCode::kCorruption, fmt::format("{}: {}", state_->name, message));
  }
  return Ok();
}

double TextFile::PartRead() const {
  if (state_->size <= 0) return 0;
  return std::min(1.0, static_cast<double>(gzoffset(state_->file)) / state_->size);
}

}  // namespace relay
