#include "wal/base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "wal/base/crash_point.h"

namespace relay {
namespace {

namespace fs = std::filesystem;

Error SystemError(std::string_view doing, const std::string& path, int number) {
  const ErrorCode code = number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return {code, fmt::format("{} {}: {}", doing, path, std::generic_category().message(number))};
}

// Closes the file descriptor it owns.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      : number_(open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  bool ok() const { return number_ >= 0; }
  int number() const { return number_; }
  int Release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

bool WriteAll(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Status WriteNew(const std::string& path, std::string_view content) {
  const Descriptor file(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file.ok()) return SystemError("creating", path, errno);
  if (!WriteAll(file.number(), content)) return SystemError("writing", path, errno);
  if (fdatasync(file.number()) != 0) return SystemError("syncing", path, errno);
  return Ok();
}

}  // namespace

Status MakeDirectory(const std::string& directory) {
  std::error_code failed;
  const bool created = fs::create_directories(directory, failed);
  if (!failed && created) fs::permissions(directory, fs::perms::owner_all, failed);
  if (!failed) return Ok();
  return Error(ErrorCode::kIo, fmt::format("creating {}: {}", directory, failed.message()));
}

Result<std::string> ReadWhole(const std::string& path) {
  const Descriptor file(path, O_RDONLY);
  if (!file.ok()) return SystemError("opening", path, errno);
  std::string content;
  std::array<char, 1U << 16U> chunk{};
  while (true) {
    const ssize_t size = read(file.number(), chunk.data(), chunk.size());
    if (size == 0) return content;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return SystemError("reading", path, errno);
    content.append(chunk.data(), static_cast<std::size_t>(size));
  }
}

Status ReplaceWhole(const std::string& path, std::string_view content) {
  const std::string draft = path + ".new";
  RETURN_IF_ERROR(WriteNew(draft, content));
  PassCrashPoint(CrashPoint::kFileDrafted);
  if (rename(draft.c_str(), path.c_str()) != 0) return SystemError("renaming", draft, errno);
  PassCrashPoint(CrashPoint::kFileRenamed);
  Status in_place = SyncDirectory(fs::path(path).parent_path().string());
  PassCrashPoint(CrashPoint::kFileInPlace);
  return in_place;
}

Status SyncDirectory(const std::string& directory) {
  const Descriptor file(directory, O_RDONLY | O_DIRECTORY);
  if (!file.ok()) return SystemError("opening", directory, errno);
  if (fsync(file.number()) != 0) return SystemError("syncing", directory, errno);
  return Ok();
}

Result<std::vector<std::string>> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code failed;
  fs::directory_iterator at(directory, failed);
  if (failed == std::errc::no_such_file_or_directory) return names;
  for (; !failed && at != fs::directory_iterator(); at.increment(failed)) {
    names.push_back(at->path().filename().string());
  }
  if (failed) return SystemError("reading", directory, failed.value());
  std::sort(names.begin(), names.end());
  return names;
}

namespace {

// Writes the process id for whoever finds the directory locked; best effort.
void NameHolder(int file) {
  const std::string id = fmt::format("{}\n", getpid());
  if (ftruncate(file, 0) != 0) return;
  [[maybe_unused]] const ssize_t written = pwrite(file, id.data(), id.size(), 0);
}

// Returns " (PID 4711)"; empty: it is not known.
std::string HolderIn(const std::string& path) {
  const Result<std::string> text = ReadWhole(path);
  if (!text.ok()) return "";
  const std::string id = text.value().substr(0, text.value().find('\n'));
  const bool is_number = !id.empty() && id.find_first_not_of("0123456789") == std::string::npos;
  return is_number ? fmt::format(" (PID {})", id) : "";
}

}  // namespace

Result<std::unique_ptr<DirectoryLock>> DirectoryLock::Take(const std::string& directory) {
  RETURN_IF_ERROR(MakeDirectory(directory));
  const std::string path = directory + "/lock";
  Descriptor file(path, O_RDWR | O_CREAT);
  if (!file.ok()) return SystemError("opening", path, errno);
  if (flock(file.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return SystemError("locking", path, errno);
    return Error(
        ErrorCode::kUnavailable,
        fmt::format("data directory {} is in use by another process{}", directory, HolderIn(path)));
  }
  NameHolder(file.number());
  return std::unique_ptr<DirectoryLock>(new DirectoryLock(file.Release()));
}

DirectoryLock::~DirectoryLock() {
  close(file_);
}

}  // namespace relay
