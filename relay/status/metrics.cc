#include "relay/status/metrics.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include "relay/status/exposition.h"
#include "relay/status/process_figures.h"

namespace relay {
namespace {

// One metric with a value for each backend.
struct BackendMetric {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  double (*value)(const BackendStatus&, WallTime now);
};

double AsNumber(std::uint64_t count) {
  return static_cast<double>(count);
}

double AsNumber(const std::optional<std::chrono::seconds>& duration) {
  if (!duration) return std::numeric_limits<double>::infinity();
  return static_cast<double>(duration->count());
}

double AgeOf(const std::optional<WallTime>& time, WallTime now) {
  return time ? Seconds(AgeAt(now, *time)) : 0;
}

double ExpiringSeconds(const BackendStatus& backend, WallTime now) {
  const auto left = backend.expiry ? ExpiresIn(*backend.expiry, now) : std::nullopt;
  return left ? Seconds(*left) : std::numeric_limits<double>::infinity();
}

using Backend = const BackendStatus&;

constexpr std::array kOwed = {
    BackendMetric{"backend_cursor", "gauge", "The last record resolved for the backend.",
                  [](Backend b, WallTime) { return AsNumber(b.figures.marks.cursor.value()); }},
    BackendMetric{"backend_head", "gauge", "The last record that the log accepted for the backend.",
                  [](Backend b, WallTime) { return AsNumber(b.figures.marks.head.value()); }},
    BackendMetric{"backend_pending_records", "gauge",
                  "Records owed to the backend: the cursor lag.",
                  [](Backend b, WallTime) { return AsNumber(b.figures.marks.lag()); }},
    BackendMetric{"backend_pending_points", "gauge", "Points owed to the backend.",
                  [](Backend b, WallTime) { return AsNumber(b.figures.owed.points); }},
    BackendMetric{"backend_pending_bytes", "gauge", "Bytes of line protocol owed to the backend.",
                  [](Backend b, WallTime) { return AsNumber(b.figures.owed.bytes.count()); }},
    BackendMetric{"backend_oldest_pending_seconds", "gauge",
                  "Age of the oldest record owed to the backend.",
                  [](Backend b, WallTime now) {
                    return std::chrono::duration<double>(OldestOwedAge(b, now)).count();
                  }},
    BackendMetric{"backend_undelivered_points", "gauge",
                  "Points that the backend does not have yet: owed, or on hold.",
                  [](Backend b, WallTime) { return AsNumber(UndeliveredPoints(b)); }},
    BackendMetric{"backend_oldest_undelivered_seconds", "gauge",
                  "Age of the oldest record owed to the backend or on hold for it.",
                  [](Backend b, WallTime now) { return Seconds(OldestUndeliveredAge(b, now)); }},
    BackendMetric{
        "backend_drain_eta_seconds", "gauge",
        "Time until everything owed is delivered at the present rates; +Inf while it does "
        "not catch up, is not delivered to, or lacks only points on hold.",
        [](Backend b, WallTime) { return AsNumber(DrainEta(b)); }},
    BackendMetric{"backend_kept_bytes", "gauge",
                  "Bytes of payloads on disk that the backend has, kept for a rewind.",
                  [](Backend b, WallTime) { return AsNumber(b.figures.kept.stored.count()); }},
    BackendMetric{"backend_kept_seconds", "gauge",
                  "How far back a rewind can go: the age of the oldest record kept.",
                  [](Backend b, WallTime now) { return AgeOf(b.figures.oldest_kept, now); }},
};

constexpr std::array kOutcomes = {
    BackendMetric{"backend_accepted_points_total", "counter",
                  "Points that the log accepted for the backend.",
                  [](Backend b, WallTime) { return AsNumber(b.figures.accepted.points); }},
    BackendMetric{"backend_rewound_points_total", "counter",
                  "Points that a rewind made pending again.",
                  [](Backend b, WallTime) { return AsNumber(b.figures.rewound); }},
    BackendMetric{"backend_delivered_points_total", "counter", "Points the backend has accepted.",
                  [](Backend b, WallTime) { return AsNumber(b.figures.delivered); }},
    BackendMetric{"backend_dead_points_total", "counter",
                  "Points the backend refused permanently: kept as dead letters.",
                  [](Backend b, WallTime) { return AsNumber(b.figures.dead); }},
    BackendMetric{"backend_dropped_points_total", "counter",
                  "Points given up by an operator or a policy: see the gap ledger.",
                  [](Backend b, WallTime) { return AsNumber(b.figures.dropped); }},
    BackendMetric{"backend_unaccounted_points", "gauge",
                  "Accepted and rewound less delivered, pending, held, dead and dropped points: "
                  "must be 0.",
                  [](Backend b, WallTime) { return static_cast<double>(b.figures.unaccounted()); }},
    BackendMetric{"backend_held_points", "gauge", "Points of lanes on hold.",
                  [](Backend b, WallTime) { return AsNumber(b.figures.held.points); }},
    BackendMetric{"backend_held_lanes", "gauge", "Databases or retention policies on hold.",
                  [](Backend b, WallTime) { return AsNumber(b.lanes.size()); }},
    BackendMetric{"backend_dead_letters", "gauge",
                  "Dead letters stored now: neither redriven nor dropped.",
                  [](Backend b, WallTime) { return AsNumber(b.figures.dead_letters); }},
    BackendMetric{
        "backend_dead_letter_bytes", "gauge",
        "Bytes of the dead letters stored now; all backends share log.dead_letters.up_to.",
        [](Backend b, WallTime) { return AsNumber(b.figures.dead_bytes.count()); }},
    BackendMetric{"backend_dead_letters_redriven_total", "counter",
                  "Dead letters that operators had delivered again, since the start.",
                  [](Backend b, WallTime) { return AsNumber(b.dead_letters_redriven); }},
    BackendMetric{"backend_dead_letters_dropped_total", "counter",
                  "Dead letters that operators deleted, since the start.",
                  [](Backend b, WallTime) { return AsNumber(b.dead_letters_dropped); }},
    BackendMetric{"backend_dead_letters_removed_total", "counter",
                  "Dead letters removed because they were beyond log.dead_letters.",
                  [](Backend b, WallTime) { return AsNumber(b.figures.dead_letters_removed); }},
    BackendMetric{"backend_dead_points_removed_total", "counter",
                  "Points of the removed dead letters; they stay counted as dead.",
                  [](Backend b, WallTime) { return AsNumber(b.figures.dead_removed); }},
    BackendMetric{"backend_gaps", "gauge", "Entries of the backend's gap ledger.",
                  [](Backend b, WallTime) { return AsNumber(b.figures.gaps); }},
    BackendMetric{"backend_takes_writes", "gauge",
                  "1 while the backend accepts writes, except for lanes on hold.",
                  [](Backend b, WallTime) { return b.takes_writes ? 1.0 : 0.0; }},
    BackendMetric{"backend_stuck", "gauge",
                  "1 while the backend is owed points, without progress for a while.",
                  [](Backend b, WallTime) { return b.stuck ? 1.0 : 0.0; }},
    BackendMetric{
        "backend_watched", "gauge",
        "1 while the backend's watermarks are checked: a loss of what it had is noticed.",
        [](Backend b, WallTime) { return b.watermarks && b.watermarks->watched ? 1.0 : 0.0; }},
    BackendMetric{"backend_diverged", "gauge",
                  "1 while the backend lacks what it acknowledged: its watermarks are missing.",
                  [](Backend b, WallTime) { return IsDiverged(b) ? 1.0 : 0.0; }},
    BackendMetric{"backend_diverged_seconds", "gauge",
                  "The time since the divergence was noticed; 0: there is none.",
                  [](Backend b, WallTime now) {
                    return IsDiverged(b) ? AgeOf(b.watermarks->diverged->since, now) : 0.0;
                  }},
    BackendMetric{"backend_expiry_watched", "gauge",
                  "1 while the backend's retention policies are known: points that will be too old "
                  "are counted.",
                  [](Backend b, WallTime) { return b.expiry && b.expiry->watched ? 1.0 : 0.0; }},
    BackendMetric{
        "backend_expiring_points", "gauge",
        "Points owed or on hold that will soon be older than their retention policy "
        "keeps: within a quarter of its duration, at most a day.",
        [](Backend b, WallTime) { return b.expiry ? AsNumber(b.expiry->expiring()) : 0; }},
    BackendMetric{"backend_expiring_seconds", "gauge",
                  "The time until the first of these points is too old; +Inf: there are none.",
                  [](Backend b, WallTime now) { return ExpiringSeconds(b, now); }},
    BackendMetric{
        "backend_expired_points", "gauge",
        "Points owed or on hold that are older already than their retention policy keeps.",
        [](Backend b, WallTime) { return b.expiry ? AsNumber(b.expiry->expired()) : 0; }},
    BackendMetric{"backend_paused", "gauge", "1 while an operator has paused delivery.",
                  [](Backend b, WallTime) { return b.figures.paused ? 1.0 : 0.0; }},
};

constexpr std::array<std::string_view, 10> kStates = {
    "caught up", "delivering",  "retrying", "held",           "diverged",
    "paused",    "log failing", "standby",  "not configured", "not running"};

constexpr std::array<std::pair<DeadReason, std::string_view>, 4> kDeadReasons = {
    {{DeadReason::kRefused, "refused"},
     {DeadReason::kExpired, "expired"},
     {DeadReason::kLimit, "limit"},
     {DeadReason::kDamaged, "damaged"}}};

// A backend's name needs no escaping: see BackendId.
std::string Label(const BackendStatus& backend) {
  return fmt::format("backend=\"{}\"", backend.name);
}

template <std::size_t kCount>
void AddEach(MetricsPage& page, const RelayStatus& status,
             const std::array<BackendMetric, kCount>& metrics) {
  for (const BackendMetric& metric : metrics) {
    page.Begin(metric.name, metric.type, metric.help);
    for (const BackendStatus& backend : status.backends) {
      page.Sample(metric.name, Label(backend), metric.value(backend, status.now));
    }
  }
}

void AddDeadReasons(MetricsPage& page, const RelayStatus& status) {
  constexpr std::string_view kName = "backend_dead_points_by_reason_total";
  page.Begin(kName, "counter", "backend_dead_points_total by reason.");
  for (const BackendStatus& backend : status.backends) {
    for (const auto& [reason, word] : kDeadReasons) {
      page.Sample(kName, fmt::format("{},reason=\"{}\"", Label(backend), word),
                  AsNumber(backend.figures.dead_by_reason[reason]));
    }
  }
}

void AddStates(MetricsPage& page, const RelayStatus& status) {
  page.Begin("backend_state", "gauge", "1 for the state the backend's delivery is in.");
  for (const BackendStatus& backend : status.backends) {
    for (const std::string_view state : kStates) {
      page.Sample("backend_state", fmt::format("{},state=\"{}\"", Label(backend), state),
                  backend.state == state ? 1 : 0);
    }
  }
}

void AddSendTimes(MetricsPage& page, const RelayStatus& status) {
  page.Begin("backend_send_seconds", "histogram",
             "Time from the start of a request to the backend to its answer.");
  for (const BackendStatus& backend : status.backends) {
    page.Samples("backend_send_seconds", Label(backend), backend.send_times);
  }
}

void AddRequests(MetricsPage& page, const Counters& counters) {
  constexpr std::array<std::pair<Endpoint, std::string_view>, Counters::kEndpoints> kNames = {
      {{Endpoint::kWrite, "write"},
       {Endpoint::kWriteV2, "write_v2"},
       {Endpoint::kWriteV3, "write_v3"},
       {Endpoint::kRemoteWrite, "remote_write"},
       {Endpoint::kQuery, "query"},
       {Endpoint::kQueryV2, "query_v2"},
       {Endpoint::kQueryV3, "query_v3"},
       {Endpoint::kPing, "ping"},
       {Endpoint::kHealth, "health"},
       {Endpoint::kReady, "ready"},
       {Endpoint::kOther, "other"}}};
  page.Begin("http_requests_total", "counter", "Requests answered, by endpoint and status.");
  for (const auto& [endpoint, name] : kNames) {
    for (int code = 0; code < Counters::kStatusMax; ++code) {
      const std::uint64_t count = counters.answered(endpoint, code);
      if (count == 0) continue;
      page.Sample("http_requests_total", fmt::format("endpoint=\"{}\",code=\"{}\"", name, code),
                  AsNumber(count));
    }
  }
  page.Begin("http_limit_reached_total", "counter", "Clients that ran into a limit, by limit.");
  for (std::size_t i = 0; i < kHttpLimitNames.size(); ++i) {
    page.Sample("http_limit_reached_total", fmt::format("limit=\"{}\"", kHttpLimitNames.at(i)),
                AsNumber(counters.reached(static_cast<HttpLimit>(i))));
  }
}

void AddQueries(MetricsPage& page, const QueryCounters& queries) {
  page.Begin("queries_total", "counter", "Queries passed on, by backend and how they ended.");
  for (const auto& [backend, counts] : queries.by_backend()) {
    for (std::size_t i = 0; i < counts.size(); ++i) {
      page.Sample("queries_total",
                  fmt::format("backend=\"{}\",end=\"{}\"", backend, kQueryEndNames.at(i)),
                  AsNumber(counts.at(i)));
    }
  }
  page.Begin("queries_unanswered_total", "counter", "Queries that no backend could answer.");
  page.Sample("queries_unanswered_total", "", AsNumber(queries.unanswered()));
}

// One metric with a value for each TCP or UDP listener.
struct LineMetric {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  std::string_view protocol;  // Only for this protocol; empty: for all.
  std::uint64_t (LineCounters::*value)() const;
};

constexpr std::array kLineMetrics = {
    LineMetric{"line_accepted_points_total", "counter", "Points made durable since the start.", "",
               &LineCounters::accepted_points},
    LineMetric{"line_accepted_bytes_total", "counter",
               "Bytes of line protocol made durable since the start.", "",
               &LineCounters::accepted_bytes},
    LineMetric{"line_refused_lines_total", "counter", "Lines refused as not line protocol.", "",
               &LineCounters::refused_lines},
    LineMetric{"line_unrouted_points_total", "counter", "Points that no backend accepts.", "",
               &LineCounters::unrouted_points},
    LineMetric{"line_packets_total", "counter", "UDP packets read.", "udp", &LineCounters::packets},
    LineMetric{"line_lost_packets_total", "counter",
               "UDP packets lost because the socket's buffer was full.", "udp",
               &LineCounters::lost_packets},
    LineMetric{"line_connections", "gauge", "Open TCP connections.", "tcp",
               &LineCounters::open_connections},
    LineMetric{"line_connections_total", "counter", "TCP connections accepted.", "tcp",
               &LineCounters::connections},
    LineMetric{"line_turned_away_total", "counter",
               "TCP connections closed because there were too many.", "tcp",
               &LineCounters::turned_away},
};

void AddLineListeners(MetricsPage& page, const Counters& counters) {
  const std::vector<const LineCounters*> listeners = counters.line_listeners();
  for (const LineMetric& metric : kLineMetrics) {
    page.Begin(metric.name, metric.type, metric.help);
    for (const LineCounters* listener : listeners) {
      if (!metric.protocol.empty() && listener->protocol() != metric.protocol) continue;
      page.Sample(
          metric.name,
          fmt::format("protocol=\"{}\",listener=\"{}\"", listener->protocol(), listener->address()),
          AsNumber((listener->*metric.value)()));
    }
  }
}

void AddIngest(MetricsPage& page, const RelayStatus& status, const Counters& counters) {
  page.Only("accepted_records_total", "counter", "Writes made durable since the start.",
            AsNumber(counters.accepted_records()));
  page.Only("accepted_points_total", "counter", "Points made durable since the start.",
            AsNumber(counters.accepted_points()));
  page.Only("accepted_bytes_total", "counter",
            "Bytes of line protocol made durable since the start.",
            AsNumber(counters.accepted_bytes()));
  page.Only("refused_lines_total", "counter", "Lines refused as not line protocol since the start.",
            AsNumber(counters.refused_lines()));
  page.Only("unrouted_points_total", "counter",
            "Points that no backend accepts, refused or dropped as configured, since the start.",
            AsNumber(counters.unrouted_points()));
  page.Only("untranslated_samples_total", "counter",
            "Prometheus samples that line protocol cannot express (NaN, infinities, native "
            "histograms, exemplars, metadata) and that no backend with api: prometheus takes, not "
            "stored, since the start.",
            AsNumber(counters.untranslated_samples()));
  page.Only("looped_requests_total", "counter",
            "Requests refused since the start because they had passed this relay before, or too "
            "many others (X-Relay-Hops).",
            AsNumber(counters.loops()));
  page.Only("codec_mismatches_total", "counter",
            "Writes that log.codec: lp did not read back as they were, stored with zstd, since the "
            "start. Anything but 0 is a bug: log.path/codec-mismatch has examples.",
            AsNumber(counters.codec_mismatches()));
  AddRequests(page, counters);
  AddQueries(page, counters.queries());
  page.Begin("append_seconds", "histogram",
             "Time from handing a write to the log until it is on stable storage.");
  page.Samples("append_seconds", "", status.append_times);
}

void AddClock(MetricsPage& page, const RelayStatus& status) {
  const ClockSteps steps = status.clock.value_or(ClockSteps());
  page.Only("clock_steps_total", "counter",
            "How often the wall clock was set, by half a second or more, since the start.",
            AsNumber(steps.count));
  page.Only("clock_last_step_seconds", "gauge",
            "By how much the wall clock was set last; negative: it was put back.",
            Seconds(steps.last_by));
}

void AddLog(MetricsPage& page, const RelayStatus& status) {
  page.Only("log_open", "gauge", "1 while the log accepts appends.",
            status.log_failure.empty() ? 1 : 0);
  page.Only("log_alarms", "gauge",
            "Damage found in the log, and a start on a checkpoint, as shown by status.",
            AsNumber(status.log_alarms.size()));
  page.Only("log_bytes", "gauge", "Bytes the log takes on disk.",
            AsNumber(status.disk.used.count()));
  page.Only("log_kept_bytes", "gauge",
            "Bytes of payloads that every backend has, kept for a rewind.",
            AsNumber(KeptByAll(status).count()));
  page.Only("log_capacity_bytes", "gauge", "Bytes the log may take on disk: log.max_size.",
            AsNumber(status.disk.max.count()));
  page.Only("log_used_ratio", "gauge",
            "How much of what the log may take is used, 0 to 1: up to log.max_size or to what the "
            "file system leaves it, whichever is less, without what is kept only for a rewind.",
            ShareUsed(status.disk, KeptByAll(status)));
  page.Only("log_disk_free_bytes", "gauge", "Bytes free on the log's file system.",
            AsNumber(status.disk.free.count()));
  page.Only("log_min_free_bytes", "gauge", "Bytes left free for others there: log.min_free.",
            AsNumber(status.disk.min_free.count()));
  page.Only("log_dead_letters_capacity_bytes", "gauge",
            "Bytes that dead letters may take, of all backends together: log.dead_letters.up_to.",
            AsNumber(status.disk.dead_max.count()));
  page.Only(
      "log_full_eta_seconds", "gauge",
      "Time until the log is full at the growth rate of what is owed; +Inf: it does not grow.",
      AsNumber(FullEta(status)));
  page.Only("log_outage_tolerance_seconds", "gauge",
            "How long all backends may be down from now on before the log is full; +Inf: no writes "
            "come in.",
            AsNumber(OutageTolerance(status)));
  page.Begin("sync_seconds", "histogram", "One write of the log to stable storage, with its sync.");
  page.Samples("sync_seconds", "", status.sync_times);
}

void AddPeers(MetricsPage& page, const SharedLogStatus& shared) {
  page.Begin("log_peer_place", "gauge", "The last message that another relay has on its disk.");
  for (const SharedLogStatus::Peer& peer : shared.peers) {
    if (!peer.place) continue;
    page.Sample("log_peer_place", fmt::format("relay=\"{}\"", peer.relay),
                AsNumber(peer.place->number()));
  }
  page.Begin("log_peer_in_sync", "gauge", "1 while another relay counts for log.jetstream.copies.");
  for (const SharedLogStatus::Peer& peer : shared.peers) {
    page.Sample("log_peer_in_sync", fmt::format("relay=\"{}\"", peer.relay), peer.in_sync ? 1 : 0);
  }
}

void AddStream(MetricsPage& page, const SharedLogStatus& shared) {
  page.Only("log_place", "gauge", "The last message of the stream on this relay's disk.",
            AsNumber(shared.place.number()));
  page.Only("log_stream_up", "gauge", "1 while the stream answers this relay.",
            shared.range ? 1 : 0);
  if (!shared.range) return;
  const OrderRange& range = *shared.range;
  const std::uint64_t behind =
      range.last > shared.place ? range.last.number() - shared.place.number() : 0;
  page.Only("log_stream_lag", "gauge", "Messages of the stream that are not on this relay's disk.",
            AsNumber(behind));
  page.Only("log_stream_bytes", "gauge", "Bytes that the stream holds.",
            AsNumber(range.bytes.count()));
  page.Only("log_stream_max_bytes", "gauge",
            "Bytes that the stream may hold: log.jetstream.max_bytes.",
            AsNumber(range.bytes_max.count()));
}

// Adds what only a log that several relays share has.
void AddShared(MetricsPage& page, const RelayStatus& status) {
  if (!status.shared) return;
  const SharedLogStatus& shared = *status.shared;
  AddStream(page, shared);
  page.Only("log_copies", "gauge", "Relays in sync, this one included.", AsNumber(shared.copies));
  page.Only("log_copies_wanted", "gauge", "Relays wanted in sync: log.jetstream.copies.",
            AsNumber(shared.copies_wanted));
  page.Only("log_fenced", "gauge", "1 while this relay may deliver to no backend.",
            shared.may_deliver ? 0 : 1);
  page.Only("log_left_order", "gauge",
            "1 when this relay takes no part any more, as its log differs from the others'.",
            shared.left_because.empty() ? 0 : 1);
  page.Only("log_resent_total", "counter", "Messages sent to the stream again.",
            AsNumber(shared.repeated));
  page.Only("log_strange_messages_total", "counter",
            "Messages in the stream that no relay has sent.", AsNumber(shared.strange));
  page.Only("backend_takeovers_total", "counter",
            "Backends whose delivery this relay has taken over.", AsNumber(shared.takeovers));
  AddPeers(page, shared);
  page.Begin("backend_delivered_here", "gauge", "1 while this relay delivers to the backend.");
  for (const BackendStatus& backend : status.backends) {
    page.Sample("backend_delivered_here", Label(backend),
                backend.delivered_by == shared.relay ? 1 : 0);
  }
  page.Begin("backend_without_relay", "gauge", "1 while no relay delivers to the backend.");
  for (const BackendStatus& backend : status.backends) {
    page.Sample("backend_without_relay", Label(backend),
                backend.delivered_by.value_or("").empty() ? 1 : 0);
  }
}

void AddProcess(MetricsPage& page) {
  const ProcessFigures process = ReadProcessFigures();
  page.Foreign("process_cpu_seconds_total", "counter", "Processor time used, user and system.",
               process.cpu_seconds);
  page.Foreign("process_resident_memory_bytes", "gauge", "Memory in use.",
               AsNumber(process.resident.count()));
  page.Foreign("process_open_fds", "gauge", "Open file descriptors.", AsNumber(process.open_files));
  page.Foreign("process_max_fds", "gauge", "The limit of open file descriptors.",
               AsNumber(process.open_files_max));
  page.Foreign("process_start_time_seconds", "gauge", "When the process was started.",
               process.started);
}

double SinceEpoch(WallTime time) {
  return Seconds(time.time_since_epoch());
}

void AddService(MetricsPage& page, const RelayStatus& status) {
  const ServiceFigures service = status.service.value_or(ServiceFigures());
  page.Only("config_last_reload_successful", "gauge",
            "1 if the last configuration is in use as a whole.", service.reload_failed ? 0 : 1);
  page.Begin("config_last_reload_success_timestamp_seconds", "gauge",
             "When a configuration was last taken into use, at the start or by a reload.");
  if (service.reloaded) {
    page.Sample("config_last_reload_success_timestamp_seconds", "", SinceEpoch(*service.reloaded));
  }
  page.Begin("checkpoint_age_seconds", "gauge",
             "Age of the newest checkpoint; no sample: there is none.");
  if (service.checkpoint) {
    page.Sample("checkpoint_age_seconds", "", AgeOf(service.checkpoint, status.now));
  }
  page.Begin("checkpoint_plan_failing", "gauge",
             "1 if the last scheduled checkpoint was not made or shipped; no sample: none is "
             "scheduled.");
  if (service.has_checkpoint_plan) {
    page.Sample("checkpoint_plan_failing", "", status.checkpoint_failure.empty() ? 0 : 1);
  }
  page.Begin("certificate_expiry_timestamp_seconds", "gauge",
             "When the certificate of a listener expires.");
  for (const ServiceFigures::Certificate& one : service.certificates) {
    page.Sample("certificate_expiry_timestamp_seconds", fmt::format("address=\"{}\"", one.address),
                SinceEpoch(one.expires));
  }
}

std::string LabelValue(std::string_view text) {
  std::string value;
  for (const char c : text) {
    if (c == '\\' || c == '"') value += '\\';
    c == '\n' ? value += "\\n" : value += c;
  }
  return value;
}

void AddDatabases(MetricsPage& page, const DatabaseFlow& databases) {
  const auto figures = databases.Read();
  page.Begin("database_accepted_points_total", "counter",
             "Points made durable since the start, by the database that clients named; `other`: "
             "those beyond limits.metric_databases.");
  for (const auto& [name, flow] : figures) {
    page.Sample("database_accepted_points_total", fmt::format("database=\"{}\"", LabelValue(name)),
                AsNumber(flow.points));
  }
  page.Begin("database_accepted_bytes_total", "counter", "Their bytes of line protocol.");
  for (const auto& [name, flow] : figures) {
    page.Sample("database_accepted_bytes_total", fmt::format("database=\"{}\"", LabelValue(name)),
                AsNumber(flow.bytes.count()));
  }
}

void AddWebhook(MetricsPage& page, const WebhookCounters& webhook) {
  page.Only("webhook_sent_total", "counter", "Changes of state that the webhook's receiver took.",
            AsNumber(webhook.sent()));
  page.Only("webhook_failed_total", "counter",
            "Changes of state that were given up, or lost as too many waited.",
            AsNumber(webhook.failed()));
  page.Only("webhook_retries_total", "counter",
            "Attempts of the webhook that failed and were repeated.", AsNumber(webhook.retried()));
}

}  // namespace

std::string ToMetrics(const RelayStatus& status, const Counters& counters) {
  MetricsPage page;
  page.Begin("build_info", "gauge", "The running version.");
  page.Sample("build_info", fmt::format("version=\"{}\"", status.version), 1);
  AddProcess(page);
  AddService(page, status);
  AddIngest(page, status, counters);
  AddDatabases(page, counters.databases());
  AddLineListeners(page, counters);
  AddLog(page, status);
  AddClock(page, status);
  AddWebhook(page, counters.webhook());
  AddShared(page, status);
  AddEach(page, status, kOwed);
  AddEach(page, status, kOutcomes);
  AddDeadReasons(page, status);
  AddStates(page, status);
  AddSendTimes(page, status);
  return std::move(page).Text();
}

}  // namespace relay
