// Replaces the C library's sync calls, by LD_PRELOAD: a sync waits as long as
// another program has locked the file that RELAY_DISK names.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>

namespace {

using Sync = int (*)(int);

void WaitForDisk() {
  const char* const disk = std::getenv("RELAY_DISK");
  if (disk == nullptr) return;
  const int file = open(disk, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  flock(file, LOCK_SH);
  close(file);
}

}  // namespace

extern "C" int fdatasync(int file) {
  static const auto kReal = reinterpret_cast<Sync>(dlsym(RTLD_NEXT, "fdatasync"));
  WaitForDisk();
  return kReal(file);
}

extern "C" int fsync(int file) {
  static const auto kReal = reinterpret_cast<Sync>(dlsym(RTLD_NEXT, "fsync"));
  WaitForDisk();
  return kReal(file);
}
