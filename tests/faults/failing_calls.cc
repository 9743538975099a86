#include "tests/faults/failing_calls.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <string_view>
#include <utility>

namespace relay::test {
namespace {

enum class Effect : std::uint8_t { kNone, kFails, kHalf };

// The effect of a call on the disk.
enum class Use : std::uint8_t { kReads, kTakesSpace, kWrites, kChanges };

std::atomic<bool> armed = false;
std::mutex mutex;  // Guards the rest.
std::string below;
Fault fault = Fault::kError;
std::uint64_t nth = 0;
std::uint64_t count = 0;
std::string first_failed;

// The rest of a half-taken write has no space either: the number of the fault
// that took the half, for not every caller tries the rest.
std::atomic<std::uint64_t> faults = 0;
thread_local std::uint64_t rest_fails = 0;

bool Concerns(Use use) {
  switch (fault) {
    case Fault::kUnreadable: return use == Use::kReads;
    case Fault::kFull: return use == Use::kTakesSpace || use == Use::kWrites;
    case Fault::kShortWrite: return use == Use::kWrites;
    case Fault::kError:
    case Fault::kBroken: return use != Use::kReads;
  }
  return false;
}

bool LastsOn() {
  return fault == Fault::kBroken || fault == Fault::kFull;
}

// Sets errno if the call is to fail.
Effect Judge(const char* name, Use use, std::string_view path) {
  const std::lock_guard lock(mutex);
  if (!armed || !path.starts_with(below) || !Concerns(use)) return Effect::kNone;
  ++count;
  const std::uint64_t last = LastsOn() ? nth + kOutage : nth;
  if (count < nth || count > last) return Effect::kNone;
  if (first_failed.empty()) first_failed = std::string(name) + " " + std::string(path);
  const bool no_space = fault == Fault::kFull || fault == Fault::kShortWrite;
  errno = no_space ? ENOSPC : EIO;
  return fault == Fault::kShortWrite ? Effect::kHalf : Effect::kFails;
}

std::string PathOf(int file) {
  std::array<char, 4096> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const ssize_t size = readlink(link.c_str(), path.data(), path.size());
  return size < 0 ? "" : std::string(path.data(), static_cast<std::size_t>(size));
}

bool Fails(const char* name, Use use, std::string_view path) {
  return armed && Judge(name, use, path) == Effect::kFails;
}

bool Fails(const char* name, Use use, int file) {
  return armed && Judge(name, use, PathOf(file)) == Effect::kFails;
}

// Returns how much of a write succeeds: all of it, half, or nothing (-1).
ssize_t Taken(const char* name, int file, std::size_t size) {
  if (armed && std::exchange(rest_fails, 0) == faults) {
    errno = ENOSPC;
    return -1;
  }
  switch (armed ? Judge(name, Use::kWrites, PathOf(file)) : Effect::kNone) {
    case Effect::kFails: return -1;
    case Effect::kHalf:
      rest_fails = size > 1 ? faults.load() : 0;
      return static_cast<ssize_t>(size / 2);
    case Effect::kNone: break;
  }
  return static_cast<ssize_t>(size);
}

Use UseOfOpening(int flags) {
  if ((flags & O_CREAT) != 0) return Use::kTakesSpace;
  return (flags & O_ACCMODE) == O_RDONLY ? Use::kReads : Use::kChanges;
}

}  // namespace

void FailCalls(const std::string& directory, Fault what, std::uint64_t which) {
  const std::lock_guard lock(mutex);
  below = directory;
  fault = what;
  nth = which;
  count = 0;
  first_failed.clear();
  ++faults;
  armed = true;
}

std::string MendCalls() {
  const std::lock_guard lock(mutex);
  armed = false;
  return first_failed;
}

}  // namespace relay::test

// Finds the C library's own function, once.
#define REAL(function) \
  static const auto real = reinterpret_cast<decltype(&function)>(dlsym(RTLD_NEXT, #function))

using relay::test::Fails;
using relay::test::Taken;
using relay::test::Use;

extern "C" {

int open(const char* path, int flags, ...) {
  REAL(open);
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (Fails("open", relay::test::UseOfOpening(flags), path)) return -1;
  return real(path, flags, mode);
}

FILE* fopen(const char* path, const char* mode) {
  REAL(fopen);
  const bool reads = std::string_view(mode).starts_with("r");
  return Fails("fopen", reads ? Use::kReads : Use::kTakesSpace, path) ? nullptr : real(path, mode);
}

DIR* opendir(const char* path) {
  REAL(opendir);
  return Fails("opendir", Use::kReads, path) ? nullptr : real(path);
}

DIR* fdopendir(int file) {
  REAL(fdopendir);
  return Fails("fdopendir", Use::kReads, file) ? nullptr : real(file);
}

// Fails for one in five entries at most: a directory is read in part or not at all.
struct dirent* readdir(DIR* directory) {
  REAL(readdir);
  static std::atomic<unsigned> calls = 0;
  if (relay::test::armed && ++calls % 5 != 0) return real(directory);
  return Fails("readdir", Use::kReads, dirfd(directory)) ? nullptr : real(directory);
}

ssize_t read(int file, void* to, size_t size) {
  REAL(read);
  return Fails("read", Use::kReads, file) ? -1 : real(file, to, size);
}

ssize_t pread(int file, void* to, size_t size, off_t at) {
  REAL(pread);
  return Fails("pread", Use::kReads, file) ? -1 : real(file, to, size, at);
}

ssize_t write(int file, const void* from, size_t size) {
  REAL(write);
  const ssize_t taken = Taken("write", file, size);
  return taken < 0 ? -1 : real(file, from, static_cast<size_t>(taken));
}

ssize_t pwrite(int file, const void* from, size_t size, off_t at) {
  REAL(pwrite);
  const ssize_t taken = Taken("pwrite", file, size);
  return taken < 0 ? -1 : real(file, from, static_cast<size_t>(taken), at);
}

int fsync(int file) {
  REAL(fsync);
  return Fails("fsync", Use::kChanges, file) ? -1 : real(file);
}

int fdatasync(int file) {
  REAL(fdatasync);
  return Fails("fdatasync", Use::kChanges, file) ? -1 : real(file);
}

int ftruncate(int file, off_t size) noexcept {
  REAL(ftruncate);
  return Fails("ftruncate", Use::kChanges, file) ? -1 : real(file, size);
}

int fallocate(int file, int mode, off_t at, off_t size) {
  REAL(fallocate);
  return Fails("fallocate", Use::kTakesSpace, file) ? -1 : real(file, mode, at, size);
}

int mkdir(const char* path, mode_t mode) noexcept {
  REAL(mkdir);
  return Fails("mkdir", Use::kTakesSpace, path) ? -1 : real(path, mode);
}

int link(const char* from, const char* to) noexcept {
  REAL(link);
  return Fails("link", Use::kTakesSpace, to) ? -1 : real(from, to);
}

int rename(const char* from, const char* to) noexcept {
  REAL(rename);
  return Fails("rename", Use::kChanges, to) ? -1 : real(from, to);
}

int renameat2(int from_at, const char* from, int to_at, const char* to,
              unsigned int flags) noexcept {
  REAL(renameat2);
  if (Fails("renameat2", Use::kChanges, to)) return -1;
  return real(from_at, from, to_at, to, flags);
}

int unlink(const char* path) noexcept {
  REAL(unlink);
  return Fails("unlink", Use::kChanges, path) ? -1 : real(path);
}

// Does not sleep: RocksDB waits for a second after a failed flush, which no test learns from.
int usleep(useconds_t /*microseconds*/) {
  return 0;
}

}  // extern "C"
