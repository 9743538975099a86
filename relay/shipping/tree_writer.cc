#include "relay/shipping/tree_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

namespace relay {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPart = 1U << 20U;
constexpr mode_t kOwnersOnly = 0700;  // Copies hold what clients have written.

Error Failed(const std::string& path) {
  return {ErrorCode::kIo, fmt::format("{}: {}", path, std::generic_category().message(errno))};
}

Status SyncDirectory(const std::string& path) {
  const int directory = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return Failed(path);
  const bool is_synced = fsync(directory) == 0;
  const Error failed = Failed(path);
  close(directory);
  if (is_synced) return Ok();
  return failed;
}

// The directory itself last.
Status SyncDirectories(const std::string& root) {
  std::error_code failed;
  for (fs::recursive_directory_iterator at(root, failed);
       !failed && at != fs::recursive_directory_iterator(); at.increment(failed)) {
    if (at->is_directory()) RETURN_IF_ERROR(SyncDirectory(at->path().string()));
  }
  if (failed) return Error(ErrorCode::kIo, fmt::format("{}: {}", root, failed.message()));
  return SyncDirectory(root);
}

Status CopyFile(const fs::path& source, const std::string& path, const std::stop_token& stop,
                TreeWriter& writer) {
  RETURN_IF_ERROR(writer.BeginFile(path));
  std::ifstream file(source, std::ios::binary);
  std::string part(kPart, '\0');
  while (file.good()) {
    if (stop.stop_requested()) return Error(ErrorCode::kUnavailable, "stopped with the relay");
    file.read(part.data(), static_cast<std::streamsize>(part.size()));
    const auto read = static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount()));
    RETURN_IF_ERROR(writer.Append(std::string_view(part).substr(0, read)));
  }
  if (file.eof()) return Ok();
  return Error(ErrorCode::kIo, fmt::format("reading {} failed", source.string()));
}

}  // namespace

TreeWriter::TreeWriter(std::string target)
    : target_(std::move(target)), unfinished_(target_ + std::string(kUnfinished)) {}

TreeWriter::TreeWriter(TreeWriter&& other) noexcept
    : target_(std::exchange(other.target_, {})),
      unfinished_(std::exchange(other.unfinished_, {})),
      path_(std::exchange(other.path_, {})),
      file_(std::exchange(other.file_, -1)) {}

TreeWriter::~TreeWriter() {
  if (file_ >= 0) close(file_);
  std::error_code ignored;
  if (!target_.empty()) fs::remove_all(unfinished_, ignored);
}

Result<TreeWriter> TreeWriter::Begin(const std::string& target) {
  std::error_code failed;
  if (fs::symlink_status(target, failed).type() != fs::file_type::not_found) {
    return Error(ErrorCode::kInvalidInput, target + " already exists");
  }
  const fs::path directory = fs::absolute(target, failed).parent_path();
  if (!fs::is_directory(directory, failed)) {
    return Error(ErrorCode::kIo,
                 directory.string() + " is not a directory: create it, or name another one");
  }
  TreeWriter writer(target);
  fs::remove_all(writer.unfinished_, failed);
  if (mkdir(writer.unfinished_.c_str(), kOwnersOnly) != 0) {
    const Error error = Failed(writer.unfinished_);
    writer.target_.clear();  // It is not this one's to delete.
    return error;
  }
  return writer;
}

Status TreeWriter::BeginFile(const std::string& path) {
  RETURN_IF_ERROR(EndFile());
  const fs::path whole = fs::path(unfinished_) / path;
  std::error_code failed;
  fs::create_directories(whole.parent_path(), failed);
  if (failed) {
    return Error(ErrorCode::kIo,
                 fmt::format("{}: {}", whole.parent_path().string(), failed.message()));
  }
  path_ = whole.string();
  file_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file_ < 0) return Failed(path_);
  return Ok();
}

Status TreeWriter::Append(std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = write(file_, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Failed(path_);
    data.remove_prefix(static_cast<std::size_t>(written));
  }
  return Ok();
}

Status TreeWriter::EndFile() {
  if (file_ < 0) return Ok();
  const int file = std::exchange(file_, -1);
  if (fsync(file) != 0) {
    const Error failed = Failed(path_);
    close(file);
    return failed;
  }
  // The copy must not push what the relay reads out of the page cache.
  posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  if (close(file) != 0) return Failed(path_);
  return Ok();
}

Status TreeWriter::Finish() {
  RETURN_IF_ERROR(EndFile());
  RETURN_IF_ERROR(SyncDirectories(unfinished_));
  if (std::rename(unfinished_.c_str(), target_.c_str()) != 0) return Failed(target_);
  const std::string target = std::exchange(target_, {});
  return SyncDirectory(fs::path(target).parent_path().string());
}

Status CopyTree(const std::string& source, const std::string& target, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(TreeWriter writer, TreeWriter::Begin(target));
  std::vector<fs::path> files;
  std::error_code failed;
  for (fs::recursive_directory_iterator at(source, failed);
       !failed && at != fs::recursive_directory_iterator(); at.increment(failed)) {
    if (at->is_regular_file()) files.push_back(at->path());
  }
  if (failed) return Error(ErrorCode::kIo, fmt::format("{}: {}", source, failed.message()));
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    RETURN_IF_ERROR(CopyFile(file, file.lexically_relative(source).string(), stop, writer));
  }
  return writer.Finish();
}

}  // namespace relay
