#include "wal/commit/reserve.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

namespace relay {
namespace {

namespace fs = std::filesystem;

// Returns whether the file was made with all of its blocks.
bool MakeFile(const std::string& path, Bytes size) {
  const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const bool made = posix_fallocate(file, 0, static_cast<off_t>(size.count())) == 0;
  close(file);
  return made;
}

}  // namespace

DiskReserve::DiskReserve(const std::string& directory, Bytes size)
    : path_(directory + "/reserve"), size_(size) {}

void DiskReserve::Keep(Bytes min_free) const {
  constexpr std::uint64_t kTimesFree = 4;
  std::error_code failed;
  if (size_ == 0_B || fs::exists(path_, failed) || failed) return;
  const fs::space_info space = fs::space(fs::path(path_).parent_path(), failed);
  if (failed || Bytes(space.available) < min_free + Bytes(kTimesFree * size_.count())) return;
  if (!MakeFile(path_, size_)) fs::remove(path_, failed);
}

bool DiskReserve::ReleaseIfFull() const {
  std::error_code failed;
  const fs::space_info space = fs::space(fs::path(path_).parent_path(), failed);
  if (failed || Bytes(space.available) >= size_) return false;
  return fs::remove(path_, failed) && !failed;
}

}  // namespace relay
