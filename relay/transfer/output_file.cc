#include "relay/transfer/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace relay {
namespace {

constexpr std::size_t kOutputBuffer = 256U << 10U;
constexpr int kOwnerOnly = 0600;

}  // namespace

Result<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path) {
  if (path.empty()) return std::unique_ptr<OutputFile>(new OutputFile("", STDOUT_FILENO));
  const int file =
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnerOnly);
  if (file >= 0) return std::unique_ptr<OutputFile>(new OutputFile(path, file));
  const ErrorCode code = errno == EEXIST ? ErrorCode::kInvalidInput : ErrorCode::kIo;
  return Error(code, fmt::format("{}: {}", path, std::strerror(errno)));
}

OutputFile::~OutputFile() {
  if (file_ < 0 || path_.empty()) return;
  close(file_);
  unlink(path_.c_str());
}

Error OutputFile::Failed() const {
  const ErrorCode code = errno == ENOSPC || errno == EDQUOT ? ErrorCode::kFull : ErrorCode::kIo;
  return {code,
          fmt::format("{}: {}", path_.empty() ? "standard output" : path_, std::strerror(errno))};
}

Status OutputFile::Write(std::string_view text) {
  buffer_ += text;
  return buffer_.size() < kOutputBuffer ? Ok() : Flush();
}

Status OutputFile::Flush() {
  std::string_view left = buffer_;
  while (!left.empty()) {
    const ssize_t written = write(file_, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed();
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
  return Ok();
}

Status OutputFile::Finish() {
  RETURN_IF_ERROR(Flush());
  if (path_.empty()) return Ok();
  if (fsync(file_) != 0) return Failed();
  if (close(std::exchange(file_, -1)) != 0) return Failed();
  return Ok();
}

}  // namespace relay
