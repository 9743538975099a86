// Commands that list dead letters, gaps and the audit trail. They read the log's
// directory, whether a relay runs on it or not.
#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "config/load.h"
#include "relay/base/human_format.h"
#include "relay/cli/admin_session.h"
#include "relay/cli/commands.h"
#include "relay/cli/log_directory.h"
#include "relay/status/audit_log.h"
#include "relay/status/ledger_json.h"
#include "wal/offline.h"

namespace relay {
namespace {

constexpr std::size_t kShownMax = 60;  // Characters of a message in a table.

Result<std::vector<StoredDeadLetter>> LettersFor(const LedgerArgs& args) {
  ASSIGN_OR_RETURN(OpenedLog opened, OpenLogFor(args.where, args.backend));
  return opened.log->ReadDead(opened.backend, args.after, args.limit);
}

std::string LettersTable(const std::vector<StoredDeadLetter>& letters) {
  constexpr std::size_t kLeftColumns = 5;
  std::vector<Cells> rows = {
      {"NUMBER", "WHEN", "DATABASE", "REASON", "MESSAGE", "RECORD", "LINE", "POINTS"}};
  for (const auto& [number, letter] : letters) {
    rows.push_back({fmt::format("{}", number), ToRfc3339(letter.when), letter.params.database,
                    std::string(WordFor(letter.reason)), OneLine(letter.message, kShownMax),
                    fmt::format("{}", letter.sequence.value()),
                    fmt::format("{}", letter.first_line), fmt::format("{}", letter.points)});
  }
  return Aligned(rows, kLeftColumns);
}

std::string GapsTable(const std::vector<StoredGap>& gaps) {
  constexpr std::size_t kLeftColumns = 7;
  std::vector<Cells> rows = {
      {"NUMBER", "WHEN", "REASON", "BY", "NOTE", "FROM", "TO", "FIRST", "LAST", "POINTS"}};
  for (const auto& [number, gap] : gaps) {
    rows.push_back({fmt::format("{}", number), ToRfc3339(gap.when),
                    std::string(ToString(gap.reason)), OneLine(gap.by, kShownMax),
                    OneLine(gap.note, kShownMax), ToRfc3339(gap.from), ToRfc3339(gap.to),
                    fmt::format("{}", gap.first.value()), fmt::format("{}", gap.last.value()),
                    fmt::format("{}", gap.points)});
  }
  return Aligned(rows, kLeftColumns);
}

std::string AuditTable(const std::vector<AuditEntry>& entries) {
  constexpr std::size_t kLeftColumns = 4;
  std::vector<Cells> rows = {{"WHEN", "WHO", "WHAT", "OUTCOME"}};
  for (const AuditEntry& entry : entries) {
    rows.push_back({ToRfc3339(entry.when), OneLine(entry.who, 2 * kShownMax),
                    OneLine(entry.what, 4 * kShownMax), OneLine(entry.outcome, 2 * kShownMax)});
  }
  return Aligned(rows, kLeftColumns);
}

// Returns line protocol that can be corrected and imported; a comment before each
// letter gives its target and the backend's answer.
std::string Exported(const std::vector<StoredDeadLetter>& letters) {
  std::string text;
  for (const auto& [number, letter] : letters) {
    text +=
        fmt::format("# dead letter {}: database \"{}\" retention policy \"{}\" precision {}: {}\n",
                    number, letter.params.database, letter.params.retention_policy,
                    ToString(letter.params.precision), OneLine(letter.message, 4 * kShownMax));
    text += letter.lines;
    if (!text.ends_with('\n')) text += '\n';
  }
  return text;
}

// Creates the file, readable by its owner only; an existing one is not overwritten.
Status WriteNew(const std::string& path, const std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  const auto failed = [&path] {
    return Error(ErrorCode::kIo,
                 fmt::format("{}: {}", path, std::generic_category().message(errno)));
  };
  if (file < 0) return failed();
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  Status status = written && fsync(file) == 0 ? Ok() : Status(failed());
  close(file);
  return status;
}

}  // namespace

int ListDead(const LedgerArgs& args) {
  const Result<std::vector<StoredDeadLetter>> letters = LettersFor(args);
  if (!letters.ok()) return PrintFailure("dead list", letters.error(), args.json);
  fmt::print("{}{}", args.json ? LettersJson(letters.value()) : LettersTable(letters.value()),
             args.json ? "\n" : "");
  return kDone;
}

int ShowDead(const LedgerArgs& args) {
  LedgerArgs one = args;
  one.after = args.number == 0 ? 0 : args.number - 1;
  one.limit = 1;
  const Result<std::vector<StoredDeadLetter>> letters = LettersFor(one);
  if (!letters.ok()) return PrintFailure("dead show", letters.error(), args.json);
  if (letters.value().empty() || letters.value().front().number != args.number) {
    return PrintFailure("dead show",
                        Error(ErrorCode::kNotFound, fmt::format("no dead letter {}", args.number)),
                        args.json);
  }
  const DeadLetter& letter = letters.value().front().letter;
  if (args.json) {
    fmt::print("{}\n", LettersJson(letters.value()));
    return kDone;
  }
  fmt::print(
      "letter      {}\nwhen        {}\nrecord      {}, line {}\ndatabase    {}\n"
      "policy      {}\nprecision   {}\nreason      {}\nanswer      HTTP {}: {}\n\n{}",
      args.number, ToRfc3339(letter.when), letter.sequence.value(), letter.first_line,
      letter.params.database, letter.params.retention_policy, ToString(letter.params.precision),
      WordFor(letter.reason), letter.http_status, letter.message, ShownLines(letter.lines));
  return kDone;
}

int ExportDead(const LedgerArgs& args) {
  const Result<std::vector<StoredDeadLetter>> letters = LettersFor(args);
  if (!letters.ok()) return PrintFailure("dead export", letters.error(), args.json);
  const std::string text = Exported(letters.value());
  if (args.output.empty()) {
    fmt::print("{}", text);
    return kDone;
  }
  if (Status written = WriteNew(args.output, text); !written.ok()) {
    return PrintFailure("dead export", written.error(), args.json);
  }
  return kDone;
}

int ListGaps(const LedgerArgs& args) {
  Result<OpenedLog> opened = OpenLogFor(args.where, args.backend);
  if (!opened.ok()) return PrintFailure("gaps", opened.error(), args.json);
  const Result<std::vector<StoredGap>> gaps =
      opened.value().log->ReadGaps(opened.value().backend, args.after, args.limit);
  if (!gaps.ok()) return PrintFailure("gaps", gaps.error(), args.json);
  fmt::print("{}{}", args.json ? GapsJson(gaps.value()) : GapsTable(gaps.value()),
             args.json ? "\n" : "");
  return kDone;
}

int ListAudit(const LedgerArgs& args) {
  const Result<std::string> directory = LogDirectory(args.where);
  if (!directory.ok()) return PrintFailure("audit", directory.error(), args.json);
  const Result<std::vector<AuditEntry>> entries = ReadAudit(directory.value(), args.limit);
  if (!entries.ok()) return PrintFailure("audit", entries.error(), args.json);
  fmt::print("{}{}", args.json ? AuditJson(entries.value()) : AuditTable(entries.value()),
             args.json ? "\n" : "");
  return kDone;
}

namespace {

std::set<std::string> ConfiguredNames(const std::string& what, const Config& config) {
  std::set<std::string> names;
  for (const BackendConfig& backend : config.backends) {
    if (what == "backends") names.insert(backend.name.text());
    if (what != "databases") continue;
    for (const std::string& database : backend.only.databases) {
      const bool is_pattern = database.find_first_of("*/") != std::string::npos;
      if (!is_pattern) names.insert(database);
    }
  }
  if (what != "databases") return names;
  for (const TcpListenerConfig& tcp : config.tcp) names.insert(tcp.database);
  for (const UdpListenerConfig& udp : config.udp) names.insert(udp.database);
  return names;
}

// Adds the value of `key` of each entry of a list.
void AddNames(const AdminSession::Json& list, const char* key, std::set<std::string>& names) {
  for (const auto& entry : list) names.insert(entry.value(key, ""));
}

void AddNamesOfRelay(const std::string& what, const AdminSession& session,
                     std::set<std::string>& names) {
  const std::string path = what == "checkpoints" ? "/api/v1/checkpoints" : "/api/v1/status";
  const Result<AdminSession::Json> answer = session.Get(path);
  if (!answer.ok()) return;
  const AdminSession::Json backends = answer.value().value("backends", AdminSession::Json::array());
  if (what == "checkpoints") {
    AddNames(answer.value().value("checkpoints", AdminSession::Json::array()), "name", names);
  } else if (what == "backends") {
    AddNames(backends, "name", names);
  } else {
    for (const AdminSession::Json& backend : backends) {
      AddNames(backend.value("held_lanes", AdminSession::Json::array()), "database", names);
    }
  }
}

}  // namespace

int ListNames(const std::string& what, const std::string& config_path) {
  const Result<Config> config = LoadConfig(config_path);
  if (!config.ok()) return kWrongUsage;
  std::set<std::string> names = ConfiguredNames(what, config.value());
  if (const Result<AdminSession> session = AdminSession::For(config_path); session.ok()) {
    AddNamesOfRelay(what, session.value(), names);
  }
  names.erase("");
  for (const std::string& name : names) fmt::print("{}\n", name);
  return kDone;
}

}  // namespace relay
