// The command `join`: makes the log of a stopped relay whole from another relay that shares it.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "config/load.h"
#include "relay/base/human_format.h"
#include "relay/base/json_text.h"
#include "relay/cli/admin_session.h"
#include "relay/cli/commands.h"
#include "relay/cli/confirm.h"
#include "relay/cli/log_directory.h"
#include "relay/terminal/progress_line.h"
#include "relay/transfer/log_copy.h"
#include "wal/base/clock.h"
#include "wal/verify/verify.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

struct File {
  std::string path;
  std::uint64_t bytes = 0;
};

// The audit trail and the manual replays are the other relay's own.
bool IsOfLog(const std::string& path) {
  return !path.starts_with("audit.jsonl") && !path.starts_with("jobs/");
}

// Another relay, and a checkpoint of its log that is made for this one.
class SourceRelay {
 public:
  SourceRelay(const Config& config, std::string url)
      : config_(config), url_(std::move(url)), name_(fmt::format("join-{}", std::time(nullptr))) {
    while (url_.ends_with('/')) url_.pop_back();
  }

  // kInvalidInput: its log is not shared, or is another one.
  Status Check() const {
    ASSIGN_OR_RETURN(const Json status, Ask("/api/v1/status"));
    if (!status.value("shared_log", Json()).is_object()) {
      return Error(ErrorCode::kInvalidInput,
                   fmt::format("the relay at {} has a log of its own: expected one with "
                               "log.engine: jetstream",
                               url_));
    }
    if (status.at("shared_log").value("relay", "") == config_.log.jetstream.relay) {
      return Error(
          ErrorCode::kInvalidInput,
          fmt::format("{} is this relay itself: expected the admin port of another one", url_));
    }
    const std::string left = status.at("shared_log").value("left_because", "");
    if (left.empty()) return Ok();
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("the relay at {} takes no part any more: {}", url_, left));
  }

  Status MakeCheckpoint() const { return Change("/api/v1/checkpoints"); }
  Status DropCheckpoint() const { return Change("/api/v1/checkpoints/drop"); }

  Result<std::vector<File>> Files() const {
    ASSIGN_OR_RETURN(const Json answer, Ask(fmt::format("/api/v1/checkpoints/{}/files", name_)));
    std::vector<File> files;
    for (const Json& one : answer.value("files", Json::array())) {
      File file{one.value("path", ""), one.value("bytes", std::uint64_t{0})};
      if (IsOfLog(file.path)) files.push_back(std::move(file));
    }
    return files;
  }

  // Returns a part of a file; empty: it has ended.
  Result<std::string> Read(const File& file, std::uint64_t offset) const {
    return GetFromRelay(
        TargetOf(config_.admin), url_,
        fmt::format("/api/v1/checkpoints/{}/content?path={}&offset={}", name_, file.path, offset));
  }

 private:
  Result<Json> Ask(const std::string& path) const {
    ASSIGN_OR_RETURN(const std::string body, GetFromRelay(TargetOf(config_.admin), url_, path));
    Json json = Json::parse(body, nullptr, false);
    if (json.is_object()) return json;
    return Error(ErrorCode::kIo, fmt::format("cannot parse the answer of {}: {}", url_, body));
  }

  Status Change(const std::string& path) const {
    const std::string body = DumpJson(Json{{"name", name_}, {"by", LoginName()}});
    const Result<std::string> answer = PostToRelay(TargetOf(config_.admin), url_, path, body);
    return answer.ok() ? Ok() : Status(answer.error());
  }

  const Config& config_;
  std::string url_;
  const std::string name_;
};

// Fetches a file part by part; `fetched` is called with the size of each.
template <typename OnPart>
Status FetchFile(const SourceRelay& source, const File& file, LogCopy& copy,
                 const OnPart& fetched) {
  RETURN_IF_ERROR(copy.Add(file.path, ""));
  for (std::uint64_t offset = 0; offset < file.bytes;) {
    ASSIGN_OR_RETURN(const std::string part, source.Read(file, offset));
    if (part.empty()) {
      return Error(ErrorCode::kIo,
                   fmt::format("{} ended after {} of {} bytes", file.path, offset, file.bytes));
    }
    RETURN_IF_ERROR(copy.Add(file.path, part));
    offset += part.size();
    fetched(Bytes(part.size()));
  }
  return Ok();
}

Status Fetch(const SourceRelay& source, LogCopy& copy, Bytes& fetched) {
  ASSIGN_OR_RETURN(const std::vector<File> files, source.Files());
  Bytes all{1};
  for (const File& file : files) all += Bytes(file.bytes);
  const SystemClock clock;
  ProgressLine progress(clock);
  const auto note = [&](Bytes size) {
    fetched += size;
    progress.Show(static_cast<double>(fetched.count()) / static_cast<double>(all.count()),
                  fmt::format("{} of {}", ShownBytes(fetched), ShownBytes(all)));
  };
  for (const File& file : files) RETURN_IF_ERROR(FetchFile(source, file, copy, note));
  return Ok();
}

// Refuses a copy that is not sound: it would be noticed only when its records are needed.
Status CheckCopy(const LogCopy& copy) {
  ASSIGN_OR_RETURN(const VerifySummary summary, VerifyLog(copy.draft(), {}));
  if (summary.sound()) return Ok();
  return Error(ErrorCode::kCorruption,
               fmt::format("the copy has {} damages: join another relay, or run `verify` there",
                           summary.findings));
}

Status FetchInto(const SourceRelay& peer, LogCopy& copy, Bytes& fetched) {
  RETURN_IF_ERROR(peer.MakeCheckpoint());
  Status fetched_all = Fetch(peer, copy, fetched);
  static_cast<void>(peer.DropCheckpoint());
  RETURN_IF_ERROR(fetched_all);
  RETURN_IF_ERROR(CheckCopy(copy));
  return copy.Finish();
}

}  // namespace

int Join(const JoinArgs& args) {
  const Result<Config> config = LoadConfig(args.config_path);
  if (!config.ok()) return PrintNoSession(config.error());
  const LogConfig& log = config.value().log;
  if (log.engine != LogEngine::kJetStream) {
    return PrintFailure("join",
                        {ErrorCode::kInvalidInput,
                         fmt::format("{}: log.engine is local: only relays that share a log "
                                     "can join one another",
                                     args.config_path)});
  }
  if (!args.url.starts_with("http://") && !args.url.starts_with("https://")) {
    return PrintFailure("join", {ErrorCode::kInvalidInput,
                                 fmt::format("\"{}\": expected the URL of another relay's admin "
                                             "port: http://10.0.0.12:9097",
                                             args.url)});
  }
  const SourceRelay peer(config.value(), args.url);
  if (const Status checked = peer.Check(); !checked.ok()) {
    return PrintFailure("join", checked.error());
  }
  const std::string time = fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(std::time(nullptr)));
  const Result<std::unique_ptr<LogCopy>> copy = LogCopy::Begin(log.path, args.replaces, time);
  if (!copy.ok()) return PrintFailure("join", copy.error());
  Bytes fetched{0};
  const Status joined = FetchInto(peer, *copy.value(), fetched);
  if (!joined.ok()) return PrintFailure("join", joined.error());
  fmt::print("joined: {} in {}; start the relay, it follows the others from there\n",
             ShownBytes(fetched), log.path);
  if (!copy.value()->replaced().empty()) {
    fmt::print("the former log is in {}: delete it when this one is in sync\n",
               copy.value()->replaced());
  }
  return kDone;
}

}  // namespace relay
