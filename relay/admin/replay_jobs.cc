#include "relay/admin/replay_jobs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>

#include "relay/base/event_log.h"
#include "relay/base/human_format.h"
#include "relay/base/json_text.h"
#include "relay/status/log_position.h"
#include "relay/status/range_summary.h"
#include "wal/base/files.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

Json ToFile(const ReplayReport& report, const std::string& url) {
  return {{"id", report.id},
          {"kind", ToString(report.kind)},
          {"source", report.source},
          {"pauses", report.pauses},
          {"paused", report.paused},
          {"values_done", report.progress.values_done},
          {"values_total", report.progress.values_total},
          {"doing", report.progress.doing},
          {"result", report.progress.result},
          {"cursor", report.progress.cursor},
          {"target", report.target},
          {"url", url},
          {"checkpoint", report.checkpoint},
          {"started_ns", report.started.time_since_epoch().count()},
          {"backend", report.range.backend.text()},
          {"after", report.range.after.value()},
          {"last", report.range.last.value()},
          {"database", report.range.database},
          {"measurement", report.range.measurement},
          {"points_per_second", report.range.points_per_second},
          {"state", ToString(report.progress.state)},
          {"next_after", report.progress.next_after.value()},
          {"points_sent", report.progress.points_sent},
          {"points_refused", report.progress.points_refused},
          {"damaged", report.progress.damaged},
          {"bytes_sent", report.progress.bytes_sent.count()},
          {"reason", report.progress.reason},
          {"refusal", report.progress.refusal}};
}

// The kinds of earlier builds are all replays.
JobKind KindFrom(const std::string& word) {
  for (const JobKind kind : {JobKind::kSeed, JobKind::kRepair}) {
    if (word == ToString(kind)) return kind;
  }
  return JobKind::kReplay;
}

ReplayState StateFrom(const std::string& word) {
  for (const ReplayState state :
       {ReplayState::kRunning, ReplayState::kComplete, ReplayState::kCancelled}) {
    if (word == ToString(state)) return state;
  }
  return ReplayState::kGivenUp;
}

// Throws Json::exception if it is not the file of a job.
ReplayReport FromFile(const Json& json) {
  const auto sequence = [&json](const char* key) {
    return Sequence(json.at(key).get<std::uint64_t>());
  };
  const auto backend = BackendId::Parse(json.at("backend").get<std::string>());
  ReplayReport report{
      .id = json.at("id"),
      .kind = KindFrom(json.value("kind", "")),
      .source = json.value("source", ""),
      .target = json.at("target"),
      .started = WallTime(std::chrono::nanoseconds(json.at("started_ns").get<std::int64_t>())),
      .checkpoint = json.value("checkpoint", ""),
      .range = {.backend = backend.ok() ? backend.value() : BackendId::Parse("unknown").value(),
                .after = sequence("after"),
                .last = sequence("last"),
                .database = json.at("database"),
                .measurement = json.at("measurement"),
                .points_per_second = json.at("points_per_second"),
                .pauses_target = !json.value("pauses", "").empty()},
      .progress = {.state = StateFrom(json.at("state")),
                   .next_after = sequence("next_after"),
                   .points_sent = json.at("points_sent"),
                   .points_refused = json.at("points_refused"),
                   .damaged = json.at("damaged"),
                   .bytes_sent = Bytes(json.at("bytes_sent").get<std::uint64_t>()),
                   .reason =
                       json.at(json.contains("reason") ? "reason" : "why"),  // Earlier builds.
                   .refusal = json.value("refusal", ""),
                   .values_done = json.value("values_done", std::uint64_t{0}),
                   .values_total = json.value("values_total", std::uint64_t{0}),
                   .doing = json.value("doing", ""),
                   .result = json.value("result", ""),
                   .cursor = json.value("cursor", "")},
      .pauses = json.value("pauses", ""),
      .paused = json.value("paused", false)};
  return report;
}

bool WriteSynced(const std::string& path, const std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return false;
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const bool synced = written && fdatasync(file) == 0;
  close(file);
  return synced;
}

std::string TargetOf(const ReplayRequest& request) {
  if (!request.to_backend.empty()) return request.to_backend;
  return request.to_url.empty() ? request.backend : request.to_url;
}

// Returns the backend that requests go to.
BackendId BackendSentTo(const ReplayReport& report) {
  const Result<BackendId> other = BackendId::Parse(report.pauses);
  return other.ok() ? other.value() : report.range.backend;
}

std::string DescribeFill(const ReplayReport& report) {
  const bool seeds = report.kind == JobKind::kSeed;
  std::string what =
      seeds
          ? fmt::format("seed {} from {}: its own delivery waits meanwhile, then they are compared",
                        report.target, report.source)
          : fmt::format(
                "repair {} from {}: points that it lacks or has otherwise are delivered to "
                "it again",
                report.target, report.source);
  if (!report.range.database.empty())
    what += fmt::format(", database \"{}\"", report.range.database);
  if (!report.range.measurement.empty()) {
    what += fmt::format(", measurement \"{}\"", report.range.measurement);
  }
  return what;
}

bool IsReplay(const ReplayReport& report) {
  return report.kind == JobKind::kReplay;
}

}  // namespace

std::string_view ToString(JobKind kind) {
  switch (kind) {
    case JobKind::kReplay: return "replay";
    case JobKind::kSeed: return "seed";
    case JobKind::kRepair: return "repair";
  }
  INVARIANT(false);
}

struct ReplayJobs::Running {
  explicit Running(ReplayReport begun) : report(std::move(begun)) {}

  ReplayReport report;  // The report at the start; the job has the progress.
  std::string url;
  Source source;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<BackendJob> job;
  Signal wake;
  std::jthread thread;
};

ReplayJobs::ReplayJobs(const std::string& log_path, Clock& clock, Parts parts)
    : directory_(log_path + "/jobs"), clock_(clock), parts_(std::move(parts)) {
  Load();
}

// Running jobs resume in the next process, from their files.
ReplayJobs::~ReplayJobs() {
  for (const auto& [id, running] : running_) {
    running->thread.request_stop();
    running->job->Interrupt();
  }
  for (const auto& [id, running] : running_) running->thread.join();
}

Result<ReplayJobs::Source> ReplayJobs::SourceFor(const std::string& checkpoint) const {
  if (checkpoint.empty()) return Source{.checkpoint = nullptr, .log = &parts_.log};
  Result<std::unique_ptr<LogView>> opened = parts_.checkpoint(checkpoint);
  if (!opened.ok()) return std::move(opened).error().Within("checkpoint");
  const LogView* log = opened.value().get();
  return Source{.checkpoint = std::move(opened).value(), .log = log};
}

Result<ReplayRange> ReplayJobs::RangeFor(const LogView& log, const ReplayRequest& request) const {
  ASSIGN_OR_RETURN(BackendId backend, BackendId::Parse(request.backend));
  ASSIGN_OR_RETURN(QueueStats stats, log.StatsOf(backend));
  const Sequence oldest = stats.marks.trimmed;
  ASSIGN_OR_RETURN(LogRange typed,
                   ResolveRange(log, backend, {request.from, request.to, "", clock_.WallNow()},
                                {.after = oldest, .last = stats.marks.head}));
  ReplayRange range{.backend = backend,
                    .after = std::max(oldest, typed.after),
                    .last = typed.last,
                    .database = request.database,
                    .measurement = request.measurement,
                    .points_per_second = request.points_per_second};
  if (range.last > range.after) return range;
  return Error(ErrorCode::kInvalidInput, "no records of that range are kept");
}

// Returns the backend to send to. kInvalidInput: the request contradicts itself.
Result<BackendId> ReplayJobs::CheckedTarget(const ReplayRequest& request) const {
  ASSIGN_OR_RETURN(BackendId backend, BackendId::Parse(request.backend));
  if (request.to_backend.empty()) return backend;
  ASSIGN_OR_RETURN(BackendId to, BackendId::Parse(request.to_backend));
  const auto refuse = [](std::string message) {
    return Error(ErrorCode::kInvalidInput, std::move(message));
  };
  if (to == backend) {
    return refuse(fmt::format("{} is the backend itself: to deliver to it again, rewind it",
                              request.to_backend));
  }
  if (!request.to_url.empty()) return refuse("specify a backend or a URL to send to, not both");
  if (!request.to.empty() || !request.checkpoint.empty()) {
    return refuse(fmt::format(
        "a replay to {} must go on to the newest record, or old values would remain over newer "
        "ones: leave out the end and the checkpoint",
        request.to_backend));
  }
  RETURN_IF_ERROR(parts_.may_send(backend, to));
  return to;
}

// Returns a report of the job before it begins.
Result<ReplayReport> ReplayJobs::ReportFor(const LogView& log, const ReplayRequest& request) const {
  ASSIGN_OR_RETURN(const BackendId target, CheckedTarget(request));
  ReplayReport report{.kind = request.kind,
                      .source = request.source,
                      .target = TargetOf(request),
                      .started = clock_.WallNow(),
                      .checkpoint = request.checkpoint,
                      .range = {.backend = target, .database = "", .measurement = ""}};
  if (!IsReplay(report)) {
    report.range.database = request.database;
    report.range.measurement = request.measurement;
    report.range.points_per_second = request.points_per_second;
    if (request.kind == JobKind::kSeed) report.pauses = request.backend;
    return report;
  }
  ASSIGN_OR_RETURN(report.range, RangeFor(log, request));
  report.progress.next_after = report.range.after;
  report.pauses = request.to_backend;
  report.range.pauses_target = !report.pauses.empty();
  return report;
}

// kConflict: the backend that the job pauses is paused already.
Status ReplayJobs::CheckFree(const ReplayReport& report) const {
  if (report.pauses.empty()) return Ok();
  ASSIGN_OR_RETURN(const QueueStats stats, parts_.log.StatsOf(BackendSentTo(report)));
  if (!stats.paused) return Ok();
  return Error(ErrorCode::kConflict,
               fmt::format("{0} is paused: resume it first, the job pauses and resumes {0} itself",
                           report.pauses));
}

Result<std::string> ReplayJobs::Describe(const ReplayRequest& request) const {
  const Result<Source> source = SourceFor(request.checkpoint);
  if (!source.ok()) return Error(source.error());
  ASSIGN_OR_RETURN(const ReplayReport report, ReportFor(*source.value().log, request));
  RETURN_IF_ERROR(CheckFree(report));
  if (!IsReplay(report)) {
    ASSIGN_OR_RETURN(const std::unique_ptr<BackendJob> possible, parts_.fill(report));
    return DescribeFill(report);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Transport> transport,
                   parts_.transport(BackendSentTo(report), request.to_url));
  const Sequence after = report.range.after;
  const Sequence last = report.range.last;
  const std::string summary = ShownRange(*source.value().log, report.range.backend, after, last);
  std::string what = fmt::format("replay records {} to {} of {}: {}", after.value() + 1,
                                 last.value(), request.backend, summary);
  if (!request.database.empty()) what += fmt::format(", database \"{}\"", request.database);
  if (!request.measurement.empty()) {
    what += fmt::format(", measurement \"{}\"", request.measurement);
  }
  if (!request.checkpoint.empty()) what += ", from checkpoint " + request.checkpoint;
  if (request.points_per_second > 0) {
    what += fmt::format(", at most {} points a second", request.points_per_second);
  }
  what += " to " + report.target;
  if (!report.pauses.empty()) what += ", whose own delivery waits meanwhile";
  return what;
}

Result<std::uint64_t> ReplayJobs::Start(const ReplayRequest& request) {
  ASSIGN_OR_RETURN(Source source, SourceFor(request.checkpoint));
  ASSIGN_OR_RETURN(ReplayReport report, ReportFor(*source.log, request));
  const std::lock_guard lock(mutex_);
  Reap();
  if (running_.size() >= kRunningMax) {
    return Error(
        ErrorCode::kFull,
        fmt::format("{} replays are running already: wait, or cancel one", running_.size()));
  }
  RETURN_IF_ERROR(CheckFree(report));
  report.id = ++last_id_;
  const std::uint64_t id = report.id;
  Status launched = Launch(report, request.to_url, std::move(source));
  if (launched.ok()) return id;
  std::error_code ignored;
  std::filesystem::remove(fmt::format("{}/{}.json", directory_, id), ignored);
  return std::move(launched).error();
}

// REQUIRES: mutex_ is held.
void ReplayJobs::Reap() {
  for (auto it = running_.begin(); it != running_.end();) {
    Running& running = *it->second;
    if (running.job->Progress().state == ReplayState::kRunning) {
      ++it;
      continue;
    }
    running.thread.join();
    running.report.progress = running.job->Progress();
    ended_.emplace(it->first, std::move(running.report));
    it = running_.erase(it);
  }
}

// Pauses the backend, once, and saves that it did. A replay then goes on to the records that were
// accepted until then: what comes later is owed to the backend.
Status ReplayJobs::Pause(ReplayReport& report) const {
  const BackendId backend = BackendSentTo(report);
  Result<CommandResult> paused = parts_.log.Execute(backend, SetPaused{.paused = true});
  if (!paused.ok()) return std::move(paused).error().Within(report.pauses);
  report.paused = true;
  if (!IsReplay(report)) return Ok();
  ASSIGN_OR_RETURN(const QueueStats stats, parts_.log.StatsOf(report.range.backend));
  report.range.last = stats.marks.head;
  return Ok();
}

// Resumes the backend, if this job has paused it.
void ReplayJobs::Unpause(ReplayReport& report) const {
  if (!report.paused) return;
  const Result<CommandResult> resumed =
      parts_.log.Execute(BackendSentTo(report), SetPaused{.paused = false});
  report.paused = !resumed.ok();
  if (resumed.ok()) return;
  LogEvent(Level::kWarning, "cannot resume a backend after a job",
           {{"backend", report.pauses}, {"reason", resumed.error().message()}});
}

Status ReplayJobs::MakeJob(Running& running) const {
  ReplayReport& report = running.report;
  if (!IsReplay(report)) {
    ASSIGN_OR_RETURN(running.job, parts_.fill(report));
    return Ok();
  }
  ASSIGN_OR_RETURN(running.transport, parts_.transport(BackendSentTo(report), running.url));
  running.job = std::make_unique<ReplayJob>(report.range, report.progress, *running.source.log,
                                            *running.transport, clock_);
  return Ok();
}

// REQUIRES: mutex_ is held, or no other thread uses the jobs yet.
Status ReplayJobs::Launch(ReplayReport report, const std::string& url, Source source) {
  report.resumed = clock_.WallNow();
  report.resumed_after = report.progress.next_after;
  report.resumed_values = report.progress.values_done;
  auto running = std::make_unique<Running>(std::move(report));
  running->url = url;
  running->source = std::move(source);
  RETURN_IF_ERROR(MakeJob(*running));
  Save(running->report, url);
  if (running->job->NeedsPause() && !running->report.paused) {
    RETURN_IF_ERROR(Pause(running->report));
    Save(running->report, url);
    Status made = MakeJob(*running);
    if (!made.ok()) {
      Unpause(running->report);
      return made;
    }
  }
  Running& started = *running;
  running_.emplace(started.report.id, std::move(running));
  started.thread =
      std::jthread([this, &started](const std::stop_token& stop) { Run(started, stop); });
  return Ok();
}

// Fails if somebody else has resumed the backend.
Status ReplayJobs::KeepPaused(Running& running) const {
  if (!running.job->NeedsPause() || parts_.log.PausedOf(BackendSentTo(running.report))) return Ok();
  return Error(ErrorCode::kConflict,
               fmt::format("{} was resumed before the job no longer needed it paused: start again",
                           running.report.pauses));
}

void ReplayJobs::Run(Running& running, const std::stop_token& stop) {
  constexpr std::chrono::seconds kSaveEvery{1};
  ReplayReport report = running.report;
  Clock::TimePoint saved = clock_.Now();
  while (!stop.stop_requested() && running.job->Progress().state == ReplayState::kRunning) {
    if (const Status kept = KeepPaused(running); !kept.ok()) {
      running.job->GiveUp(kept.error().message());
      break;
    }
    const Clock::Duration wait = running.job->Step();
    if (!running.job->NeedsPause()) Unpause(report);
    if (wait > Clock::Duration::zero()) clock_.WaitFor(running.wake, wait, stop);
    if (clock_.Now() - saved < kSaveEvery) continue;
    saved = clock_.Now();
    report.progress = running.job->Progress();
    Save(report, running.url);
  }
  report.progress = running.job->Progress();
  if (report.progress.state != ReplayState::kRunning) Unpause(report);
  Save(report, running.url);
  if (report.progress.state == ReplayState::kRunning) return;  // The process ends, not the job.
  running.source.checkpoint.reset();                           // No longer read: it may be deleted.
  LogEvent(Level::kInfo, fmt::format("{} ended", ToString(report.kind)),
           {{"id", std::to_string(report.id)},
            {"target", report.target},
            {"state", ToString(report.progress.state)},
            {"points", std::to_string(report.progress.points_sent)},
            {"refused", std::to_string(report.progress.points_refused)}});
}

Status ReplayJobs::Cancel(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(id);
  if (found == running_.end() || found->second->job->Progress().state != ReplayState::kRunning) {
    return Error(ErrorCode::kNotFound, fmt::format("replay {} is not running", id));
  }
  found->second->job->Cancel();
  found->second->wake.Raise();
  return Ok();
}

std::vector<ReplayReport> ReplayJobs::Reports() const {
  const std::lock_guard lock(mutex_);
  std::vector<ReplayReport> reports;
  for (const auto& [id, running] : running_) {
    reports.push_back(running->report);
    reports.back().progress = running->job->Progress();
  }
  for (const auto& [id, report] : ended_) reports.push_back(report);
  std::sort(reports.begin(), reports.end(),
            [](const ReplayReport& a, const ReplayReport& b) { return a.id > b.id; });
  return reports;
}

void ReplayJobs::Save(const ReplayReport& report, const std::string& url) const {
  const std::string path = fmt::format("{}/{}.json", directory_, report.id);
  const std::string text =
      ToFile(report, url).dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::error_code ignored;
  std::filesystem::create_directories(directory_, ignored);
  if (WriteSynced(path + ".new", text) && std::rename((path + ".new").c_str(), path.c_str()) == 0) {
    return;
  }
  LogEvent(Level::kWarning, "cannot save a replay's progress", {{"path", path}});
}

// Resumes a job of an earlier process.
Status ReplayJobs::Resume(ReplayReport report, const std::string& url) {
  ASSIGN_OR_RETURN(Source source, SourceFor(report.checkpoint));
  return Launch(std::move(report), url, std::move(source));
}

// Resumes a job of an earlier process, or keeps its report if it ended.
void ReplayJobs::Restore(ReplayReport report, const std::string& url) {
  last_id_ = std::max(last_id_, report.id);
  if (report.progress.state == ReplayState::kRunning) {
    const Status launched = Resume(report, url);
    if (launched.ok()) return;
    report.progress.state = ReplayState::kGivenUp;
    report.progress.reason = launched.error().message();
    Unpause(report);
    Save(report, url);
  }
  ended_.emplace(report.id, std::move(report));
}

void ReplayJobs::Load() {
  const Result<std::vector<std::string>> names = NamesIn(directory_);
  if (!names.ok()) {
    LogEvent(Level::kWarning, "cannot read saved replay jobs",
             {{"reason", names.error().message()}});
    return;
  }
  for (const std::string& name : names.value()) {
    if (!name.ends_with(".json")) continue;
    const std::string path = fmt::format("{}/{}", directory_, name);
    std::ifstream file(path);
    try {
      const Json json = Json::parse(file);
      Restore(FromFile(json), json.at("url"));
    } catch (const Json::exception& error) {
      LogEvent(Level::kWarning, "cannot parse a saved replay job",
               {{"path", path}, {"reason", error.what()}});
    }
  }
  for (; ended_.size() > kKeptMax; ended_.erase(ended_.begin())) {
    std::error_code ignored;
    std::filesystem::remove(fmt::format("{}/{}.json", directory_, ended_.begin()->first), ignored);
  }
}

namespace {

// Estimates from the pace since this process started or resumed the job. null:
// unknown yet, or it has ended.
Json EtaOf(const ReplayReport& report, WallTime now) {
  const Sequence at = report.progress.next_after;
  if (report.progress.state != ReplayState::kRunning) return {};
  const double elapsed = std::chrono::duration<double>(now - report.resumed).count();
  if (const std::uint64_t done = report.progress.values_done; done > report.resumed_values) {
    const std::uint64_t total = std::max(done, report.progress.values_total);
    return elapsed * static_cast<double>(total - done) /
           static_cast<double>(done - report.resumed_values);
  }
  if (at <= report.resumed_after) return {};
  const auto left = static_cast<double>(report.range.last - std::min(at, report.range.last));
  return elapsed * left / static_cast<double>(at - report.resumed_after);
}

}  // namespace

std::string ReplaysJson(const std::vector<ReplayReport>& reports, WallTime now) {
  Json list = Json::array();
  for (const ReplayReport& report : reports) {
    const RecordCount total = report.range.last - report.range.after;
    const RecordCount done =
        std::clamp(report.progress.next_after, report.range.after, report.range.last) -
        report.range.after;
    list.push_back({{"id", report.id},
                    {"kind", ToString(report.kind)},
                    {"source", report.source},
                    {"pauses", report.pauses},
                    {"doing", report.progress.doing},
                    {"result", report.progress.result},
                    {"values_total", report.progress.values_total},
                    {"values_done", report.progress.values_done},
                    {"backend", report.range.backend.text()},
                    {"target", report.target},
                    {"checkpoint", report.checkpoint},
                    {"state", ToString(report.progress.state)},
                    {"reason", report.progress.reason},
                    {"last_refusal", report.progress.refusal},
                    {"started", ToRfc3339(report.started)},
                    {"first", report.range.after.value() + 1},
                    {"last", report.range.last.value()},
                    {"database", report.range.database},
                    {"measurement", report.range.measurement},
                    {"records_total", total},
                    {"records_done", done},
                    {"points_sent", report.progress.points_sent},
                    {"points_refused", report.progress.points_refused},
                    {"bytes_sent", report.progress.bytes_sent.count()},
                    {"damaged_records", report.progress.damaged},
                    {"eta_seconds", EtaOf(report, now)}});
  }
  Json json;
  json["replays"] = std::move(list);
  return DumpJson(json);
}

}  // namespace relay
