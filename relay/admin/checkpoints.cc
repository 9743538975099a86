#include "relay/admin/checkpoints.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <utility>

#include "relay/base/event_log.h"
#include "relay/base/human_format.h"
#include "relay/base/json_text.h"
#include "wal/offline.h"
#include "wal/record/identity.h"
#include "wal/record/rows.h"

namespace relay {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// Returns the files beside the log that a relay started on a copy needs: the audit
// trail, the manual replays, when pauses end and the databases that clients have named.
const std::vector<std::string>& Beside() {
  static const std::vector<std::string> names = {"audit.jsonl", "audit.jsonl.1", "jobs",
                                                 "pause-ends", "databases"};
  return names;
}

bool IsName(const std::string& text) {
  const auto alphanumeric = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  return !text.empty() && text.size() <= Checkpoints::kNameMax && alphanumeric(text.front()) &&
         !text.ends_with(kUnfinishedCheckpoint) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return alphanumeric(c) || c == '.' || c == '-' || c == '_'; });
}

// Returns the path without ".", ".." and a slash at the end.
fs::path Normal(const fs::path& path) {
  const fs::path normal = fs::absolute(path).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

bool IsInside(const fs::path& path, const fs::path& directory) {
  const fs::path relative = path.lexically_relative(directory);
  return !relative.empty() && *relative.begin() != "..";
}

// Measures a checkpoint; files without another link are its own.
CheckpointReport Measure(const fs::path& path) {
  CheckpointReport report{.name = path.filename().string(), .path = path.string(), .made = ""};
  std::error_code failed;
  for (fs::recursive_directory_iterator at(path, failed);
       !failed && at != fs::recursive_directory_iterator(); at.increment(failed)) {
    struct stat info {};
    if (lstat(at->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    constexpr std::uint64_t kBlock = 512;
    const Bytes taken(static_cast<std::uint64_t>(info.st_blocks) * kBlock);
    report.size += taken;
    if (info.st_nlink == 1) report.own += taken;
  }
  return report;
}

}  // namespace

Checkpoints::Checkpoints(const std::string& log_path, const std::string& directory, Maker maker)
    : log_path_(Normal(log_path).string()),
      directory_(Normal(directory.empty() ? CheckpointsDirectory(log_path_) : directory).string()),
      maker_(std::move(maker)) {}

void Checkpoints::DeleteUnfinished() const {
  std::error_code failed;
  for (fs::directory_iterator at(directory_, failed); !failed && at != fs::directory_iterator();
       at.increment(failed)) {
    if (!at->path().filename().string().ends_with(kUnfinishedCheckpoint)) continue;
    std::error_code kept;
    fs::remove_all(at->path(), kept);
    LogEvent(kept ? Level::kWarning : Level::kInfo, "deleting an unfinished checkpoint",
             {{"path", at->path().string()}, {"failed", kept ? kept.message() : "no"}});
  }
}

Result<std::string> Checkpoints::PathOf(const std::string& named) const {
  const bool is_path = named.find('/') != std::string::npos;
  const fs::path path = is_path ? Normal(named) : fs::path(directory_) / named;
  if (is_path && (!named.starts_with('/') || path.parent_path() != directory_)) {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("{}: not in {} (log.checkpoint_dir): give a name, or a path in "
                             "that directory",
                             named, directory_));
  }
  const std::string name = is_path ? path.filename().string() : named;
  if (!IsName(name)) {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("\"{}\" is not a valid checkpoint name: use up to {} letters, "
                             "digits, '.', '-' and '_', starting with a letter or digit",
                             name, kNameMax));
  }
  // The log deletes unknown files in its own directories.
  if (directory_ != CheckpointsDirectory(log_path_) && IsInside(directory_, log_path_)) {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("log.checkpoint_dir is {}, inside the log: choose another directory",
                             directory_));
  }
  return path.string();
}

Result<std::string> Checkpoints::DescribeMaking(const std::string& named) const {
  Result<std::string> path = PathOf(named);
  if (!path.ok()) return path;
  std::error_code failed;
  if (fs::symlink_status(path.value(), failed).type() != fs::file_type::not_found) {
    return Error(ErrorCode::kInvalidInput, path.value() + " already exists");
  }
  return "make a checkpoint in " + path.value();
}

std::optional<WallTime> Checkpoints::NewestMade() const {
  std::optional<WallTime> newest;
  std::error_code failed;
  for (fs::directory_iterator at(directory_, failed); !failed && at != fs::directory_iterator();
       at.increment(failed)) {
    if (!IsName(at->path().filename().string())) continue;
    struct stat identity {};  // Written when it was complete.
    if (stat((at->path() / "identity").c_str(), &identity) != 0) continue;
    const WallTime made(std::chrono::seconds(identity.st_mtim.tv_sec));
    newest = std::max(newest.value_or(made), made);
  }
  return newest;
}

Status Checkpoints::Make(const std::string& named) const {
  ASSIGN_OR_RETURN(std::string path, PathOf(named));
  return maker_({.directory = path, .beside = Beside()});
}

Result<std::string> Checkpoints::FindExisting(const std::string& named) const {
  Result<std::string> path = PathOf(named);
  std::error_code failed;
  if (!path.ok() || fs::is_directory(path.value(), failed)) return path;
  return Error(ErrorCode::kNotFound, "no checkpoint " + path.value());
}

Result<std::unique_ptr<LogView>> Checkpoints::Open(const std::string& named) const {
  ASSIGN_OR_RETURN(std::string path, FindExisting(named));
  return OpenLogView(path);
}

Result<std::vector<CheckpointFile>> Checkpoints::Files(const std::string& named) const {
  ASSIGN_OR_RETURN(const fs::path directory, FindExisting(named));
  std::vector<CheckpointFile> files;
  std::error_code failed;
  for (fs::recursive_directory_iterator at(directory, failed);
       !failed && at != fs::recursive_directory_iterator(); at.increment(failed)) {
    struct stat info {};
    if (lstat(at->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    files.push_back({at->path().lexically_relative(directory).string(),
                     Bytes(static_cast<std::uint64_t>(info.st_size))});
  }
  if (failed) return Error(ErrorCode::kIo, fmt::format("{}: {}", named, failed.message()));
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

Result<std::string> Checkpoints::Read(const std::string& named, const std::string& path,
                                      Bytes offset, Bytes most) const {
  ASSIGN_OR_RETURN(const fs::path directory, FindExisting(named));
  const fs::path relative(path);
  const bool leaves = std::find(relative.begin(), relative.end(), "..") != relative.end();
  struct stat info {};
  if (path.empty() || relative.is_absolute() || leaves ||
      lstat((directory / relative).c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return Error(ErrorCode::kInvalidInput, "path: expected a file of the checkpoint");
  }
  std::ifstream file(directory / relative, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset.count()));
  std::string part(most.count(), '\0');
  if (file.good()) file.read(part.data(), static_cast<std::streamsize>(part.size()));
  if (file.bad() || !file.is_open()) {
    return Error(ErrorCode::kIo, fmt::format("reading {} of {} failed", path, named));
  }
  part.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  return part;
}

Result<std::string> Checkpoints::DescribeDropping(const std::string& named) const {
  Result<std::string> path = FindExisting(named);
  if (!path.ok()) return path;
  return fmt::format("delete the checkpoint {}, which frees {}", path.value(),
                     ShownBytes(Measure(path.value()).own));
}

// Renames it first: half a checkpoint must not look complete.
Status Checkpoints::Drop(const std::string& named) const {
  ASSIGN_OR_RETURN(std::string path, FindExisting(named));
  const std::string unfinished = path + std::string(kUnfinishedCheckpoint);
  std::error_code failed;
  fs::remove_all(unfinished, failed);
  fs::rename(path, unfinished, failed);
  if (!failed) fs::remove_all(unfinished, failed);
  if (!failed) return Ok();
  return Error(ErrorCode::kIo, fmt::format("deleting {}: {}", path, failed.message()));
}

std::vector<CheckpointReport> Checkpoints::List() const {
  std::vector<CheckpointReport> reports;
  std::error_code failed;
  for (fs::directory_iterator at(directory_, failed); !failed && at != fs::directory_iterator();
       at.increment(failed)) {
    const Result<FoundIdentity> found = ReadIdentity(at->path().string(), kFormatVersion);
    if (!IsName(at->path().filename().string()) || !found.ok()) continue;
    if (found.value().state == IdentityState::kNone) continue;
    reports.push_back(Measure(at->path()));
    reports.back().made = found.value().identity.created;
  }
  std::sort(reports.begin(), reports.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return reports;
}

std::string CheckpointsJson(const std::vector<CheckpointReport>& reports) {
  Json list = Json::array();
  for (const CheckpointReport& report : reports) {
    list.push_back({{"name", report.name},
                    {"path", report.path},
                    {"made", report.made},
                    {"bytes", report.size.count()},
                    {"own_bytes", report.own.count()}});
  }
  return DumpJson({{"checkpoints", list}});
}

std::string CheckpointFilesJson(const std::vector<CheckpointFile>& files) {
  Json list = Json::array();
  for (const CheckpointFile& file : files) {
    list.push_back({{"path", file.path}, {"bytes", file.size.count()}});
  }
  return DumpJson({{"files", list}});
}

}  // namespace relay
