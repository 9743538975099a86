#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "config/config.h"
#include "relay/admin_handler.h"
#include "relay/commands.h"
#include "relay/counters.h"
#include "relay/http.h"
#include "relay/journal.h"
#include "relay/status.h"
#include "relay/write_handler.h"
#include "replay/fleet.h"
#include "replay/http_transport.h"
#include "wal/durable_log.h"

namespace relay {
namespace {

// A clean stop takes at most 10 s: this for the clients, little for the rest.
constexpr std::chrono::milliseconds kGrace{5'000};

std::vector<BackendId> NamesOf(const Config& config) {
  std::vector<BackendId> names;
  names.reserve(config.backends.size());
  for (const BackendConfig& backend : config.backends) names.push_back(backend.name);
  return names;
}

bool IsWell(WorkerState state) {
  return state == WorkerState::kCaughtUp || state == WorkerState::kDelivering;
}

// Tells the journal when a backend begins to fail, why, and when it is well
// again; not each retry.
class HealthTeller {
 public:
  explicit HealthTeller(std::string backend) : backend_(std::move(backend)) {}

  void operator()(const WorkerStatus& status) {
    if (IsWell(status.state)) {
      if (!std::exchange(told_, "").empty()) {
        Journal(Level::kInfo, "backend is well again", {{"backend", backend_}});
      }
      return;
    }
    std::string telling = fmt::format("{}: {}", ToString(status.state), status.why);
    if (telling == told_) return;
    told_ = std::move(telling);
    Journal(Level::kWarning, "backend is not well",
            {{"backend", backend_},
             {"state", ToString(status.state)},
             {"why", status.why},
             {"last_answer", status.last_answer}});
  }

 private:
  std::string backend_;
  std::string told_;
};

FleetMember MemberFor(const BackendConfig& backend, std::uint64_t jitter_seed) {
  Worker::Options options{.backend = backend.name};
  options.batch_points_max = backend.batch.max_points;
  options.batch_bytes_max = backend.batch.max_bytes;
  options.jitter_seed = jitter_seed;
  options.on_change = HealthTeller(backend.name.text());
  HttpTransportOptions transport;
  transport.tls = backend.url.tls;
  transport.host = backend.url.host;
  transport.port = backend.url.port;
  transport.path_prefix = backend.url.path_prefix;
  transport.username = backend.username;
  transport.password = backend.password;
  transport.timeout = backend.timeout;
  return {std::move(options), MakeHttpTransport(std::move(transport))};
}

// Everything that runs, in the order in which it is built; taken down in the
// reverse order, so that each part outlives those that use it.
class RunningRelay {
 public:
  explicit RunningRelay(const Config& config) : config_(config) {}
  RunningRelay(const RunningRelay&) = delete;
  RunningRelay& operator=(const RunningRelay&) = delete;
  ~RunningRelay() { Stop(); }

  Status Start() {
    LogOptions options{.directory = config_.log.path};
    options.keep = {.time = config_.log.keep_for, .size = config_.log.keep_up_to};
    options.size_max = config_.log.max_size;
    options.free_min = config_.log.min_free;
    Result<std::unique_ptr<DurableLog>> log = DurableLog::Open(options, NamesOf(config_));
    if (!log.ok()) return std::move(log).error();
    log_ = std::move(log).value();
    housekeeper_ = std::jthread([this](const std::stop_token& stop) { KeepHouse(stop); });
    StartFleet();
    // Whoever is told by /readyz that writes are taken must find it so.
    if (Status writes = StartWriteListeners(); !writes.ok()) return writes;
    return StartAdmin();
  }

  // Nobody new is let in, what is under way is answered, then delivery stops,
  // then the log syncs the cursors and closes.
  void Stop() {
    StopServers(write_servers_);
    if (fleet_) fleet_->Stop();
    if (admin_server_) admin_server_->Stop(std::chrono::milliseconds(0));
    housekeeper_ = {};
    log_.reset();    // Its last group still wakes the fleet,
    fleet_.reset();  // which must therefore go after it.
  }

 private:
  void StartFleet() {
    std::vector<FleetMember> members;
    members.reserve(config_.backends.size());
    for (const BackendConfig& backend : config_.backends) {
      members.push_back(MemberFor(backend, members.size() + 1));
    }
    fleet_ = std::make_unique<Fleet>(std::move(members), *log_, clock_);
    fleet_->Start();
  }

  Status StartAdmin() {
    admin_handler_ = std::make_unique<AdminHandler>([this] { return Snapshot(); }, counters_);
    Result<std::unique_ptr<HttpServer>> server =
        HttpServer::Start({.host = config_.admin.address.host, .port = config_.admin.address.port},
                          *admin_handler_, clock_);
    if (!server.ok()) return std::move(server).error().Within("admin");
    admin_server_ = std::move(server).value();
    return Ok();
  }

  Status StartWriteListeners() {
    const auto backends = std::make_shared<const std::vector<BackendId>>(NamesOf(config_));
    for (const HttpListenerConfig& listener : config_.http) {
      write_handlers_.push_back(std::make_unique<WriteHandler>(
          WriteHandlerOptions{.default_retention_policy = listener.default_retention_policy,
                              .max_body = listener.max_body,
                              .codec = config_.log.codec,
                              .backends = backends},
          *log_, clock_, counters_));
      HttpServerOptions options{.host = listener.address.host,
                                .port = listener.address.port,
                                .threads = std::max(1U, std::thread::hardware_concurrency()),
                                .headers = InfluxHeaders(),
                                .request_ids = true};
      options.limits.body = listener.max_body;
      Result<std::unique_ptr<HttpServer>> server =
          HttpServer::Start(std::move(options), *write_handlers_.back(), clock_);
      if (!server.ok()) return std::move(server).error();
      write_servers_.push_back(std::move(server).value());
    }
    return Ok();
  }

  void KeepHouse(const std::stop_token& stop) {
    constexpr std::chrono::seconds kTurn{1};
    Signal never;
    std::string told;
    while (!stop.stop_requested()) {
      const Status kept = log_->KeepHouse(clock_.WallNow());
      std::string trouble = kept.ok() ? "" : kept.error().message();
      if (const Status room = log_->Health(); trouble.empty() && !room.ok()) {
        trouble = room.error().message();
      }
      if (trouble != told && trouble.empty()) Journal(Level::kInfo, "the log is well again");
      if (told.empty() && !trouble.empty()) {
        Journal(Level::kError, "the log is not well", {{"why", trouble}});
      }
      told = std::move(trouble);
      clock_.WaitFor(never, kTurn, stop);
    }
  }

  static void StopServers(std::vector<std::unique_ptr<HttpServer>>& servers) {
    std::vector<std::jthread> stopping;
    stopping.reserve(servers.size());
    for (const auto& server : servers) stopping.emplace_back([&server] { server->Stop(kGrace); });
  }

  RelayStatus Snapshot() const {
    RelayStatus status;
    status.version = RELAY_VERSION;
    status.now = clock_.WallNow();
    status.running = true;
    status.log_path = config_.log.path;
    status.disk = log_->disk_use();
    if (Status health = log_->Health(); !health.ok()) status.log_failure = health.error().message();
    const std::map<BackendId, WorkerStatus> workers = fleet_->Snapshots();
    status.backends = BackendStatuses(*log_);
    for (BackendStatus& backend : status.backends) {
      const auto worker = workers.find(BackendId::Parse(backend.name).value());
      if (worker == workers.end()) {
        backend.state = "not configured";
        continue;
      }
      backend.state = ToString(worker->second.state);
      if (backend.why.empty()) backend.why = worker->second.why;
      backend.last_answer = worker->second.last_answer;
      backend.since = worker->second.since;
    }
    return status;
  }

  const Config& config_;
  SystemClock clock_;
  Counters counters_;
  std::vector<std::unique_ptr<WriteHandler>> write_handlers_;
  std::unique_ptr<AdminHandler> admin_handler_;
  std::vector<std::unique_ptr<HttpServer>> write_servers_;
  std::unique_ptr<HttpServer> admin_server_;
  std::unique_ptr<DurableLog> log_;
  std::unique_ptr<Fleet> fleet_;
  std::jthread housekeeper_;
};

// Thousands of clients and hundreds of files of the log.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Blocked in every thread, so that only WaitForStop sees them.
sigset_t BlockStopSignals() {
  sigset_t signals{};
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

std::string_view WaitForStop(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
  return signal == SIGTERM ? "SIGTERM" : "SIGINT";
}

std::string Joined(const Config& config) {
  std::string text;
  for (const HttpListenerConfig& listener : config.http) {
    if (!text.empty()) text += ' ';
    text += ToString(listener.address);
  }
  return text;
}

}  // namespace

int Serve(const std::string& config_path) {
  const Result<Config> config = LoadConfig(config_path);
  if (!config.ok()) {
    fmt::print(stderr, "{}\n", config.error().message());
    return kWrongUsage;
  }
  umask(S_IRWXG | S_IRWXO);  // What is stored is nobody else's to read.
  RaiseDescriptorLimit();
  const sigset_t signals = BlockStopSignals();

  RunningRelay relay(config.value());
  if (Status started = relay.Start(); !started.ok()) {
    Journal(Level::kError, "cannot start", {{"why", started.error().message()}});
    return kFailed;
  }
  Journal(Level::kInfo, "serving",
          {{"version", RELAY_VERSION},
           {"writes", Joined(config.value())},
           {"admin", ToString(config.value().admin.address)},
           {"log", config.value().log.path}});
  const std::string_view signal = WaitForStop(signals);
  Journal(Level::kInfo, "stopping", {{"signal", signal}});
  relay.Stop();
  Journal(Level::kInfo, "stopped");
  return kDone;
}

int ShowExampleConfig() {
  fmt::print("{}", ReferenceYaml());
  return kDone;
}

int CheckConfig(const std::string& config_path) {
  const Result<Config> config = LoadConfig(config_path);
  if (!config.ok()) {
    fmt::print(stderr, "{}\n", config.error().message());
    return kWrongUsage;
  }
  fmt::print("{}: right\n  writes   {}\n  admin    {}\n  log      {}\n", config_path,
             Joined(config.value()), ToString(config.value().admin.address),
             config.value().log.path);
  for (const BackendConfig& backend : config.value().backends) {
    fmt::print("  backend  {} at {}\n", backend.name.text(), ToString(backend.url));
  }
  return kDone;
}

}  // namespace relay
