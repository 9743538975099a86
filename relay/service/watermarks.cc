#include "relay/service/watermarks.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <utility>

#include "relay/base/event_log.h"
#include "relay/base/human_format.h"
#include "relay/service/backend_transport.h"
#include "wal/base/files.h"

namespace relay {
namespace {

constexpr std::string_view kFolder = "/watermarks";

std::string ReasonOf(const Lane& lane, const LaneDivergence& diverged) {
  constexpr std::size_t kNameMax = 200;
  const std::string place = OneLine(DescribeLane(lane), kNameMax);
  switch (diverged.divergence) {
    case Divergence::kPutBack:
      return fmt::format(
          "{} was put back to an older state: points that were delivered after record {} may be "
          "missing",
          place, diverged.from.value());
    case Divergence::kEmptied:
      return fmt::format("{} was emptied or created again: what was delivered is missing", place);
    case Divergence::kGone: return fmt::format("{} is gone, with what was delivered", place);
    case Divergence::kSwapped:
      return fmt::format("{} has the marks of {}: another server answers at this URL", place,
                         OneLine(diverged.other, kNameMax));
  }
  INVARIANT(false);
}

std::string RemedyOf(const BackendId& backend, const LaneDivergence& diverged, const Marks& marks) {
  const std::string& name = backend.text();
  std::string text;
  if (diverged.divergence == Divergence::kSwapped) {
    text = "correct the url; if this server is to be filled: ";
  }
  if (diverged.divergence == Divergence::kGone) text = "create it, then ";
  text += fmt::format("influxdb-relay rewind --backend {} --to {}", name, diverged.from.value());
  if (diverged.from >= marks.trimmed) return text;
  return fmt::format(
      "{} --partial; records {} to {} are no longer kept: copy their points from another backend, "
      "and see with `influxdb-relay compare` what is missing",
      text, diverged.from.value() + 1, marks.trimmed.value());
}

}  // namespace

struct Watermarks::Watch {
  std::unique_ptr<Transport> transport;
  std::unique_ptr<Source> source;
  std::shared_ptr<MarkKeeper> keeper;
  std::jthread thread;  // Ends before what it uses.

  ~Watch() {
    thread.request_stop();
    keeper->Cancel();
  }
};

Watermarks::Watermarks(Parts parts) : parts_(std::move(parts)) {}

Watermarks::~Watermarks() {
  Stop();
}

void Watermarks::Put(const BackendConfig& backend) {
  Remove(backend.name);
  std::string why = WhyNotWatched(backend);
  const Status made = MakeDirectory(parts_.log_path + std::string(kFolder));
  if (why.empty() && !made.ok()) why = made.error().message();
  if (!why.empty()) {
    const std::lock_guard lock(mutex_);
    unwatched_[backend.name] = std::move(why);
    return;
  }
  auto watch = std::make_unique<Watch>();
  watch->transport = TransportFor(backend);
  watch->source = SideSourceFor(backend);
  watch->keeper = std::make_shared<MarkKeeper>(
      MarkKeeper::Options{
          .backend = backend.name,
          .log = parts_.log_id,
          .file = fmt::format("{}{}/{}", parts_.log_path, kFolder, backend.name.text()),
          .target = TargetOf(backend),
          .rewinds = backend.rewinds_diverged,
          .rewind = [this, name = backend.name](Sequence to) { return Rewind(name, to); },
          .on_change = [this,
                        name = backend.name](const MarkStatus& status) { Announce(name, status); }},
      MarkKeeper::Parts{parts_.log, *watch->transport, *watch->source, parts_.clock});
  watch->thread =
      std::jthread([keeper = watch->keeper, &clock = parts_.clock](const std::stop_token& stop) {
        pthread_setname_np(pthread_self(), "watermarks");
        Signal never;
        clock.WaitFor(never, MarkKeeper::kTurn, stop);
        while (!stop.stop_requested()) clock.WaitFor(never, keeper->Turn(), stop);
      });
  const std::lock_guard lock(mutex_);
  watches_.emplace(backend.name, std::move(watch));
}

void Watermarks::Remove(const BackendId& backend) {
  decltype(watches_)::node_type removed;
  const std::lock_guard lock(mutex_);
  removed = watches_.extract(backend);
  unwatched_.erase(backend);
}

void Watermarks::Stop() {
  decltype(watches_) stopped;
  const std::lock_guard lock(mutex_);
  stopped.swap(watches_);
}

std::shared_ptr<MarkKeeper> Watermarks::KeeperOf(const BackendId& backend) const {
  const std::lock_guard lock(mutex_);
  const auto found = watches_.find(backend);
  return found == watches_.end() ? nullptr : found->second->keeper;
}

std::optional<WatermarkReport> Watermarks::ReportOf(const BackendId& backend) const {
  if (const auto keeper = KeeperOf(backend)) {
    return relay::ReportOf(backend, keeper->Snapshot(), parts_.log.MarksOf(backend));
  }
  const std::lock_guard lock(mutex_);
  const auto why = unwatched_.find(backend);
  if (why == unwatched_.end()) return std::nullopt;
  return WatermarkReport{.why = why->second};
}

Result<std::string> Watermarks::Acknowledge(const BackendId& backend, bool only_tries) {
  const auto keeper = KeeperOf(backend);
  if (!keeper) return Error(ErrorCode::kNotFound, backend.text() + " is not watched");
  const auto report = relay::ReportOf(backend, keeper->Snapshot(), parts_.log.MarksOf(backend));
  if (!report.diverged) {
    return Error(ErrorCode::kConflict, "there is nothing to acknowledge: " + backend.text() +
                                           " has all of its watermarks");
  }
  if (!only_tries) RETURN_IF_ERROR(keeper->Acknowledge());
  return fmt::format("acknowledge that {} diverged: {}", backend.text(), report.diverged->reason);
}

Status Watermarks::Rewind(const BackendId& backend, Sequence to) {
  const std::string what =
      fmt::format("rewind {} to {}: its watermarks behind are missing", backend.text(), to.value());
  RETURN_IF_ERROR(parts_.audit.Note({parts_.clock.WallNow(), "relay", what, "asked"}));
  const Result<CommandResult> done = parts_.log.Execute(backend, relay::Rewind{.to = to});
  const std::string outcome = done.ok() ? "done" : "failed: " + done.error().message();
  LogEvent(Level::kWarning, "backend rewound by on_divergence",
           {{"backend", backend.text()}, {"to", std::to_string(to.value())}, {"outcome", outcome}});
  RETURN_IF_ERROR(parts_.audit.Note({parts_.clock.WallNow(), "relay", what, outcome}));
  if (!done.ok()) return Error(done.error());
  return Ok();
}

void Watermarks::Announce(const BackendId& backend, const MarkStatus& status) {
  const WatermarkReport report = relay::ReportOf(backend, status, parts_.log.MarksOf(backend));
  if (!report.watched) {
    return LogEvent(Level::kWarning, "backend not watched: its watermarks cannot be read",
                    {{"backend", backend.text()}, {"reason", report.why}});
  }
  if (!report.diverged) {
    return LogEvent(Level::kInfo, "backend has its watermarks", {{"backend", backend.text()}});
  }
  LogEvent(Level::kError, "backend diverged",
           {{"backend", backend.text()},
            {"kind", report.diverged->kind},
            {"reason", report.diverged->reason},
            {"remedy", report.diverged->remedy}});
  const Status noted = parts_.audit.Note(
      {parts_.clock.WallNow(), "relay",
       fmt::format("{} diverged: {}", backend.text(), report.diverged->reason), "noticed"});
  if (noted.ok()) return;
  LogEvent(Level::kError, "cannot write the audit trail", {{"reason", noted.error().message()}});
}

std::string WhyNotWatched(const BackendConfig& backend) {
  if (!backend.watermarks) return "watermarks: false";
  if (backend.url.udp) return "gets UDP packets and cannot be asked";
  if (backend.api == Api::kV3) return "has api v3, which cannot be asked by InfluxQL yet";
  if (backend.api == Api::kPrometheus) return "has api prometheus, which stores no marks";
  if (!backend.bucket.empty()) return "has `bucket`: its names cannot be told from each other";
  return "";
}

WatermarkReport ReportOf(const BackendId& backend, const MarkStatus& status, const Marks& marks) {
  WatermarkReport report{.watched = status.is_watched, .why = status.why, .lanes = status.lanes};
  report.checked_at = status.read_at;
  if (status.newest) {
    report.newest = status.newest->sequence;
    report.newest_at = WallTime(std::chrono::nanoseconds(status.newest->time));
  }
  if (!status.diverged) return report;
  const auto& [lane, diverged] = *status.diverged;
  report.diverged = DivergenceReport{.kind = std::string(ToString(diverged.divergence)),
                                     .since = diverged.since,
                                     .from = diverged.from,
                                     .reason = ReasonOf(lane, diverged),
                                     .remedy = RemedyOf(backend, diverged, marks)};
  return report;
}

}  // namespace relay
