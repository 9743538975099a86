#include "relay/transfer/log_copy.h"

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

#include "wal/record/identity.h"
#include "wal/record/rows.h"

namespace relay {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDraft = "joining";
constexpr std::string_view kReplaced = "replaced-";
constexpr std::string_view kIdentity = "identity";

// Stays in the directory whatever log is in it.
bool Stays(const std::string& name) {
  return name == "lock" || name == "checkpoints" || name == kDraft || name.starts_with(kReplaced);
}

Error Failed(const std::string& what, const std::error_code& failed) {
  return {ErrorCode::kIo, fmt::format("{}: {}", what, failed.message())};
}

Status Sync(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = file >= 0 && fsync(file) == 0;
  const std::error_code failed(errno, std::generic_category());
  if (file >= 0) close(file);
  return synced ? Ok() : Status(Failed("syncing " + path.string(), failed));
}

// Syncs the files and directories below, and the directory itself.
Status SyncAll(const fs::path& directory) {
  std::error_code failed;
  for (fs::recursive_directory_iterator at(directory, failed);
       !failed && at != fs::recursive_directory_iterator(); at.increment(failed)) {
    RETURN_IF_ERROR(Sync(at->path()));
  }
  if (failed) return Failed(directory.string(), failed);
  return Sync(directory);
}

}  // namespace

Result<std::unique_ptr<LogCopy>> LogCopy::Begin(const std::string& directory, bool replaces,
                                                std::string_view time) {
  ASSIGN_OR_RETURN(std::unique_ptr<DirectoryLock> lock, DirectoryLock::Take(directory));
  std::unique_ptr<LogCopy> copy(new LogCopy(directory, std::move(lock)));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(directory));
  const bool has_log = !std::all_of(names.begin(), names.end(), Stays);
  // An unfinished copy is not a log: a former one is set aside already.
  const Result<std::string> identity = ReadWhole(directory + "/" + std::string(kIdentity));
  const bool is_unfinished = identity.ok() && IsUnfinished(identity.value());
  if (has_log && !is_unfinished && !replaces) {
    return Error(ErrorCode::kConflict,
                 fmt::format("there is a log in {}: --replace sets it aside", directory));
  }
  std::error_code failed;
  fs::remove_all(copy->draft(), failed);
  for (const std::string& name : names) {
    if (is_unfinished && !Stays(name)) fs::remove_all(fs::path(directory) / name, failed);
  }
  if (has_log && !is_unfinished)
    copy->replaced_ = fmt::format("{}/{}{}", directory, kReplaced, time);
  fs::create_directory(copy->draft(), failed);
  if (failed) return Failed(copy->draft(), failed);
  return copy;
}

std::string LogCopy::draft() const {
  return fmt::format("{}/{}", directory_, kDraft);
}

Status LogCopy::Add(const std::string& path, std::string_view part) {
  const fs::path relative(path);
  const bool leaves = std::find(relative.begin(), relative.end(), "..") != relative.end();
  if (path.empty() || relative.is_absolute() || leaves) {
    return Error(ErrorCode::kInvalidInput, fmt::format("\"{}\" is not a file of a log", path));
  }
  const fs::path file = draft() / relative;
  std::error_code failed;
  fs::create_directories(file.parent_path(), failed);
  if (failed) return Failed(file.parent_path().string(), failed);
  std::ofstream out(file, std::ios::binary | std::ios::app);
  out.write(part.data(), static_cast<std::streamsize>(part.size()));
  out.close();
  if (out.good()) return Ok();
  return Failed("writing " + file.string(), {errno, std::generic_category()});
}

Status LogCopy::MoveAll(const std::string& from, const std::string& to) const {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(from));
  for (const std::string& name : names) {
    if (Stays(name) || name == kIdentity) continue;
    std::error_code failed;
    fs::rename(fs::path(from) / name, fs::path(to) / name, failed);
    if (failed) return Failed("moving " + name, failed);
  }
  return Ok();
}

// Gives the files to the owner of the directory: root may copy for the relay's user.
Status LogCopy::GiveToOwner() const {
  struct stat info {};
  if (stat(directory_.c_str(), &info) != 0 || geteuid() != 0) return Ok();
  std::error_code failed;
  for (fs::recursive_directory_iterator at(draft(), failed);
       !failed && at != fs::recursive_directory_iterator(); at.increment(failed)) {
    if (lchown(at->path().c_str(), info.st_uid, info.st_gid) == 0) continue;
    return Failed("changing the owner of " + at->path().string(), {errno, std::generic_category()});
  }
  if (failed) return Failed(draft(), failed);
  return Ok();
}

Status LogCopy::Finish() {
  RETURN_IF_ERROR(GiveToOwner());
  RETURN_IF_ERROR(SyncAll(draft()));
  std::error_code failed;
  const std::string identity = directory_ + "/" + std::string(kIdentity);
  if (!replaced_.empty()) {
    fs::create_directory(replaced_, failed);
    if (failed) return Failed(replaced_, failed);
    if (fs::exists(identity)) {
      fs::copy_file(identity, fs::path(replaced_) / kIdentity, failed);
      if (failed) return Failed(replaced_, failed);
    }
    RETURN_IF_ERROR(MoveAll(directory_, replaced_));
  }
  RETURN_IF_ERROR(WriteUnfinished(directory_));
  RETURN_IF_ERROR(MoveAll(draft(), directory_));
  RETURN_IF_ERROR(SyncDirectory(directory_));
  fs::rename(draft() + "/" + std::string(kIdentity), identity, failed);
  if (failed) return Failed("moving the identity", failed);
  fs::remove_all(draft(), failed);
  return SyncDirectory(directory_);
}

}  // namespace relay
