#include "tests/support/process/small_disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <utility>

namespace relay::test {

SmallDisk::SmallDisk(std::string directory, std::size_t mebibytes)
    : directory_(std::move(directory)) {
  const std::string options = fmt::format("size={}m", mebibytes);
  is_mounted_ = mount("tmpfs", directory_.c_str(), "tmpfs", 0, options.c_str()) == 0;
  if (!is_mounted_ && errno != EPERM && errno != EACCES) {
    throw std::runtime_error("cannot mount " + directory_);
  }
}

// Detaches it: a server that still runs keeps its files until it ends.
SmallDisk::~SmallDisk() {
  if (is_mounted_) umount2(directory_.c_str(), MNT_DETACH);
}

void SmallDisk::FillBut(std::size_t bytes) const {
  struct statvfs disk {};
  statvfs(directory_.c_str(), &disk);
  const std::size_t room = disk.f_bavail * disk.f_frsize;
  const int file = open((directory_ + "/filler").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  const int error =
      room > bytes ? posix_fallocate(file, 0, static_cast<off_t>(room - bytes)) : ENOSPC;
  close(file);
  if (error != 0) throw std::runtime_error("cannot fill " + directory_);
}

void SmallDisk::MakeRoom() const {
  std::filesystem::remove(directory_ + "/filler");
}

}  // namespace relay::test
