#include "relay/service/expiries.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <pthread.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "relay/base/event_log.h"
#include "relay/base/human_format.h"
#include "relay/base/json_text.h"
#include "relay/service/backend_transport.h"
#include "wal/base/files.h"

namespace relay {
namespace {

using OrderedJson = nlohmann::ordered_json;
using std::chrono::nanoseconds;

constexpr std::string_view kPoliciesFolder = "/policies";
constexpr int kPoliciesVersion = 1;
constexpr std::size_t kReasonMax = 300;

LaneExpiryReport ReportOfLane(const LaneExpiry& lane) {
  LaneExpiryReport report{.lane = lane.lane,
                          .on_backend = lane.theirs,
                          .keeps = lane.keeps,
                          .expired = lane.due.expired,
                          .expiring = lane.due.expiring};
  if (lane.due.expiring == 0) return report;
  report.from = lane.due.from;
  report.to = lane.due.to;
  return report;
}

// Lists the most urgent lanes alone: clients choose how many there are.
ExpiryReport ReportOfStatus(const ExpiryStatus& status) {
  constexpr std::size_t kLanesMax = 1'000;
  ExpiryReport report{.watched = status.is_watched,
                      .why = status.why,
                      .asked_at = status.asked_at,
                      .whole = status.is_whole};
  const std::size_t count = std::min(status.lanes.size(), kLanesMax);
  report.whole = report.whole && count == status.lanes.size();
  for (std::size_t i = 0; i < count; ++i) report.lanes.push_back(ReportOfLane(status.lanes[i]));
  return report;
}

void Announce(const BackendId& backend, const ExpiryStatus& status, WallTime now) {
  const ExpiryReport report = ReportOfStatus(status);
  if (report.lanes.empty()) {
    return LogEvent(Level::kInfo, "no undelivered points expire any more",
                    {{"backend", backend.text()}});
  }
  LogEvent(Level::kWarning, "undelivered points will expire",
           {{"backend", backend.text()},
            {"reason", OneLine(DescribeExpiry(report, now).front(), kReasonMax)},
            {"remedy", ExpiryRemedy(report, backend.text())}});
}

}  // namespace

std::string ToText(const KnownPolicies& known) {
  OrderedJson databases = OrderedJson::array();
  for (const auto& [database, policies] : known.databases) {
    OrderedJson list = OrderedJson::array();
    for (const PolicyInfo& policy : policies) {
      list.push_back({{"name", policy.name},
                      {"duration_ns", policy.duration.count()},
                      {"default", policy.is_default}});
    }
    databases.push_back({{"name", database}, {"policies", std::move(list)}});
  }
  return DumpJson({{"version", kPoliciesVersion},
                   {"asked_ns", known.asked_at.time_since_epoch().count()},
                   {"databases", std::move(databases)}}) +
         "\n";
}

std::optional<KnownPolicies> PoliciesFromText(const std::string& text) try {
  const OrderedJson json = OrderedJson::parse(text);
  if (json.at("version") != kPoliciesVersion) return std::nullopt;
  KnownPolicies known;
  known.asked_at = WallTime(nanoseconds(json.at("asked_ns").get<std::int64_t>()));
  for (const OrderedJson& database : json.at("databases")) {
    auto& policies = known.databases[database.at("name").get<std::string>()];
    for (const OrderedJson& policy : database.at("policies")) {
      policies.push_back({.name = policy.at("name").get<std::string>(),
                          .duration = nanoseconds(policy.at("duration_ns").get<std::int64_t>()),
                          .is_default = policy.at("default").get<bool>()});
    }
  }
  return known;
} catch (const OrderedJson::exception&) {  // Another version's, or damaged.
  return std::nullopt;
}

struct Expiries::Watch {
  std::unique_ptr<Source> source;
  std::unique_ptr<ExpiryWatch> watch;
  std::jthread thread;  // Ends before what it uses.

  ~Watch() {
    thread.request_stop();
    watch->Cancel();
  }
};

Expiries::Expiries(Parts parts) : parts_(std::move(parts)) {}

Expiries::~Expiries() {
  Stop();
}

void Expiries::Put(const BackendConfig& backend) {
  Remove(backend.name);
  std::string why = WhyPoliciesUnknown(backend);
  const std::string folder = parts_.log_path + std::string(kPoliciesFolder);
  const Status made = MakeDirectory(folder);
  if (why.empty() && !made.ok()) why = made.error().message();
  if (!why.empty()) {
    const std::lock_guard lock(mutex_);
    unwatched_[backend.name] = std::move(why);
    return;
  }
  const std::string file = folder + "/" + backend.name.text();
  const Result<std::string> text = ReadWhole(file);
  ExpiryWatch::Options options{.backend = backend.name, .renames = backend.renames};
  if (text.ok()) options.known = PoliciesFromText(text.value());
  // Written when they change: that they were asked for is no change.
  options.on_known = [file, saved = options.known](const KnownPolicies& known) mutable {
    KnownPolicies now = known;
    if (saved) now.asked_at = saved->asked_at;
    if (saved && ToText(*saved) == ToText(now)) return;
    if (ReplaceWhole(file, ToText(known)).ok()) saved = known;
  };
  options.on_change = [name = backend.name, &clock = parts_.clock](const ExpiryStatus& status) {
    Announce(name, status, clock.WallNow());
  };
  auto watch = std::make_unique<Watch>();
  watch->source = SideSourceFor(backend);
  watch->watch = std::make_unique<ExpiryWatch>(
      std::move(options), ExpiryWatch::Parts{parts_.log, *watch->source, parts_.clock});
  watch->thread = std::jthread(
      [watched = watch->watch.get(), &clock = parts_.clock](const std::stop_token& stop) {
        pthread_setname_np(pthread_self(), "expiries");
        Signal never;
        while (!stop.stop_requested()) clock.WaitFor(never, watched->Turn(), stop);
      });
  const std::lock_guard lock(mutex_);
  watches_.emplace(backend.name, std::move(watch));
}

void Expiries::Remove(const BackendId& backend) {
  decltype(watches_)::node_type removed;
  const std::lock_guard lock(mutex_);
  removed = watches_.extract(backend);
  unwatched_.erase(backend);
}

void Expiries::Stop() {
  decltype(watches_) stopped;
  const std::lock_guard lock(mutex_);
  stopped.swap(watches_);
}

std::optional<ExpiryReport> Expiries::ReportOf(const BackendId& backend) const {
  const std::lock_guard lock(mutex_);
  const auto found = watches_.find(backend);
  if (found != watches_.end()) return ReportOfStatus(found->second->watch->Snapshot());
  const auto why = unwatched_.find(backend);
  if (why == unwatched_.end()) return std::nullopt;
  return ExpiryReport{.why = why->second};
}

std::string WhyPoliciesUnknown(const BackendConfig& backend) {
  if (backend.url.udp) return "gets UDP packets and cannot be asked";
  if (backend.api != Api::kV1) return "is asked for its retention policies only with api v1";
  if (!backend.watermarks) return "watermarks: false";
  if (!backend.bucket.empty()) return "has `bucket`: its names cannot be told from each other";
  return "";
}

}  // namespace relay
