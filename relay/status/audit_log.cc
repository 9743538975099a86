#include "relay/status/audit_log.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include "relay/base/append_line.h"
#include "relay/base/json_text.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kAuditTextMax = 1U << 10U;

std::string PathIn(const std::string& log_path) {
  return log_path + "/audit.jsonl";
}

Error Failed(const std::string& path) {
  return {ErrorCode::kIo, fmt::format("{}: {}", path, std::generic_category().message(errno))};
}

std::string LineOf(const AuditEntry& entry) {
  Json json;
  json["when_ns"] = entry.when.time_since_epoch().count();
  json["who"] = entry.who.substr(0, kAuditTextMax);
  json["what"] = entry.what.substr(0, kAuditTextMax);
  json["outcome"] = entry.outcome.substr(0, kAuditTextMax);
  return DumpJson(json) + "\n";
}

std::optional<AuditEntry> EntryFrom(const std::string& line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto text = [&json](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const auto when = json.find("when_ns");
  if (when == json.end() || !when->is_number_integer()) return std::nullopt;
  return AuditEntry{WallTime(std::chrono::nanoseconds(when->get<std::int64_t>())), text("who"),
                    text("what"), text("outcome")};
}

void AddEntries(const std::string& path, std::vector<AuditEntry>& entries) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (auto entry = EntryFrom(line)) entries.push_back(std::move(*entry));
  }
}

}  // namespace

Audit::Audit(const std::string& log_path) : path_(PathIn(log_path)) {
  Result<std::vector<AuditEntry>> stored = ReadAudit(log_path, kRecentMax);
  if (!stored.ok()) return;
  for (AuditEntry& entry : stored.value()) recent_.push_back(std::move(entry));
}

Status Audit::Note(const AuditEntry& entry) {
  const std::lock_guard lock(mutex_);
  struct stat known {};
  if (stat(path_.c_str(), &known) == 0 &&
      static_cast<std::uint64_t>(known.st_size) >= kFileMax.count()) {
    if (std::rename(path_.c_str(), (path_ + ".1").c_str()) != 0) return Failed(path_);
  }
  Status appended = AppendLine(path_, LineOf(entry));
  if (!appended.ok()) return appended;
  recent_.push_front(entry);
  if (recent_.size() > kRecentMax) recent_.pop_back();
  return Ok();
}

std::vector<AuditEntry> Audit::Recent(std::size_t count_max) const {
  const std::lock_guard lock(mutex_);
  const auto count = std::min(count_max, recent_.size());
  return {recent_.begin(), recent_.begin() + static_cast<std::ptrdiff_t>(count)};
}

Result<std::vector<AuditEntry>> ReadAudit(const std::string& log_path, std::size_t count_max) {
  // A missing file means no changes yet; a missing directory is an error.
  if (access(log_path.c_str(), R_OK | X_OK) != 0) return Failed(log_path);
  std::vector<AuditEntry> entries;
  AddEntries(PathIn(log_path) + ".1", entries);
  AddEntries(PathIn(log_path), entries);
  std::reverse(entries.begin(), entries.end());
  if (entries.size() > count_max) entries.resize(count_max);
  return entries;
}

}  // namespace relay
