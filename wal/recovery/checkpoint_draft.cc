#include "wal/recovery/checkpoint_draft.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "wal/base/crash_point.h"
#include "wal/base/files.h"

namespace relay {
namespace {

namespace fs = std::filesystem;

Error SystemError(std::string_view doing, const std::string& path) {
  const ErrorCode code = errno == ENOSPC ? ErrorCode::kFull : ErrorCode::kIo;
  return {code, fmt::format("{} {}: {}", doing, path, std::generic_category().message(errno))};
}

Error AlreadyExists(const std::string& path) {
  return {ErrorCode::kInvalidInput, path + " already exists"};
}

bool Exists(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0;
}

// Creates the parent directory, which may be missing before the first checkpoint.
Status MakeParent(const std::string& target) {
  const fs::path parent = fs::path(target).parent_path();
  if (mkdir(parent.c_str(), S_IRWXU) == 0) return SyncDirectory(parent.parent_path().string());
  if (errno == EEXIST) return Ok();
  return Error(ErrorCode::kInvalidInput, SystemError("creating", parent.string()).message());
}

// Checks that hard links work: they also fail between two mounts of one file system.
Status TryLink(const std::string& log_path, const std::string& directory) {
  const std::string probe = directory + "/lock";
  if (link((log_path + "/lock").c_str(), probe.c_str()) != 0) {
    return Error(
        ErrorCode::kInvalidInput,
        fmt::format("{}; a checkpoint hard-links the log's files: create it in the same mount "
                    "as {}, then copy it elsewhere",
                    SystemError("linking to", directory).message(), log_path));
  }
  if (unlink(probe.c_str()) != 0) return SystemError("deleting", probe);
  return Ok();
}

Status CopyFile(const std::string& from, const std::string& to) {
  Result<std::string> content = ReadWhole(from);
  if (!content.ok()) {
    return content.error().code() == ErrorCode::kNotFound ? Ok() : Status(content.error());
  }
  return ReplaceWhole(to, content.value());
}

// Renames without replacing anything, not even an empty directory.
int RenameToNew(const std::string& from, const std::string& to) {
  const int renamed = renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
  if (renamed == 0 || errno != EINVAL) return renamed;
  return std::rename(from.c_str(), to.c_str());  // The file system cannot promise that.
}

}  // namespace

CheckpointDraft::CheckpointDraft(std::string log_path, std::string target)
    : log_path_(std::move(log_path)),
      target_(std::move(target)),
      directory_(target_ + std::string(kUnfinishedCheckpoint)) {}

CheckpointDraft::~CheckpointDraft() {
  if (finished_) return;
  std::error_code ignored;  // The next draft of that name, or an operator, deletes the remains.
  fs::remove_all(directory_, ignored);
}

Result<std::unique_ptr<CheckpointDraft>> CheckpointDraft::Begin(const std::string& log_path,
                                                                const std::string& target) {
  INVARIANT(fs::path(target).is_absolute());
  if (Exists(target)) return AlreadyExists(target);
  RETURN_IF_ERROR(MakeParent(target));
  std::unique_ptr<CheckpointDraft> draft(new CheckpointDraft(log_path, target));
  const std::string& directory = draft->directory();
  std::error_code failed;
  fs::remove_all(directory, failed);
  if (mkdir(directory.c_str(), S_IRWXU) != 0) return SystemError("creating", directory);
  RETURN_IF_ERROR(TryLink(log_path, directory));
  RETURN_IF_ERROR(WriteUnfinished(directory));
  return draft;
}

Status CheckpointDraft::Copy(const std::string& name) {
  const std::string from = log_path_ + "/" + name;
  const std::string to = directory_ + "/" + name;
  std::error_code failed;
  if (!fs::is_directory(from, failed)) return CopyFile(from, to);
  if (mkdir(to.c_str(), S_IRWXU) != 0) return SystemError("creating", to);
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(from));
  for (const std::string& file : names) {
    const std::string path = fmt::format("{}/{}", from, file);
    if (!fs::is_regular_file(path, failed)) continue;
    Status copied = CopyFile(path, fmt::format("{}/{}", to, file));
    if (!copied.ok()) return copied;
  }
  return SyncDirectory(to);
}

Status CheckpointDraft::Finish(const Identity& identity) {
  // Syncs the directory too: the names in it, before its own rename.
  RETURN_IF_ERROR(WriteIdentity(directory_, identity));
  PassCrashPoint(CrashPoint::kCheckpointNamed);
  if (RenameToNew(directory_, target_) != 0) {
    return errno == EEXIST || errno == ENOTEMPTY ? AlreadyExists(target_)
                                                 : SystemError("renaming", directory_);
  }
  finished_ = true;
  PassCrashPoint(CrashPoint::kCheckpointRenamed);
  return SyncDirectory(fs::path(target_).parent_path().string());
}

}  // namespace relay
