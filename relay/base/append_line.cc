#include "relay/base/append_line.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace relay {

Status AppendLine(const std::string& path, const std::string& line) {
  constexpr mode_t kOwnerOnly = 0600;
  const auto failed = [&path] {
    return Error(ErrorCode::kIo,
                 fmt::format("{}: {}", path, std::generic_category().message(errno)));
  };
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, kOwnerOnly);
  if (file < 0) return failed();
  const off_t size = lseek(file, 0, SEEK_END);
  char last = '\n';
  const bool cut_short = size > 0 && pread(file, &last, 1, size - 1) == 1 && last != '\n';
  const std::string text = (cut_short ? "\n" : "") + line;
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  Status synced = written && fdatasync(file) == 0 ? Ok() : Status(failed());
  close(file);
  return synced;
}

}  // namespace relay
