#include "tests/support/process/ports.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "tests/support/process/socket.h"

namespace relay::test {
namespace {

constexpr std::uint16_t kFirst = 20'000;
constexpr std::uint16_t kCount = 10'000;

std::string LockDirectory() {
  const auto path =
      std::filesystem::temp_directory_path() / ("relay-test-ports-" + std::to_string(getuid()));
  std::filesystem::create_directories(path);
  return path.string();
}

// The lock is on the open file: the system releases it when the process ends.
Fd TryLock(const std::string& path) {
  Fd file(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  if (file.open() && flock(file.get(), LOCK_EX | LOCK_NB) != 0) file.Close();
  return file;
}

bool CanListenOn(std::uint16_t port) {
  try {
    return ListenOn(port).open();
  } catch (const std::system_error&) {
    return false;
  }
}

// Hands out each port once, starting at a place that differs by process.
class PortBook {
 public:
  std::uint16_t Take() {
    const std::lock_guard lock(mutex_);
    for (int tries = 0; tries < kCount; ++tries) {
      const auto port = static_cast<std::uint16_t>(kFirst + next_);
      next_ = (next_ + 1) % kCount;
      Fd held = TryLock(directory_ + "/" + std::to_string(port));
      if (!held.open() || !CanListenOn(port)) continue;
      held_.push_back(std::move(held));
      return port;
    }
    throw std::runtime_error("every port for tests is taken");
  }

 private:
  std::mutex mutex_;
  const std::string directory_ = LockDirectory();
  std::uint32_t next_ = static_cast<std::uint32_t>(getpid()) * 31 % kCount;
  std::vector<Fd> held_;
};

}  // namespace

std::uint16_t FreePort() {
  static PortBook book;
  return book.Take();
}

}  // namespace relay::test
