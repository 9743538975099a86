// deploy/RUNBOOK.md: its commands are run as written, while the events it is
// about happen to real servers and relays.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/process/nats_servers.h"
#include "tests/support/process/places.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/two_servers.h"

namespace relay::test::integration_shipped_runbook_test {
namespace {

const std::string kPage = SourceRoot() + "/deploy/RUNBOOK.md";
const std::string kProxy = SourceRoot() + "/deploy/haproxy/haproxy.cfg";

struct Chapter {
  std::string title;
  std::vector<std::string> blocks;  // Blocks of commands.
};

// The first chapter, "", is the text before the first title.
std::vector<Chapter> Chapters() {
  std::vector<Chapter> chapters(1);
  std::istringstream page(ReadFile(kPage));
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("```")) {
      inside = line == "```sh";
      if (inside) chapters.back().blocks.emplace_back();
    } else if (inside) {
      chapters.back().blocks.back() += line + "\n";
    } else if (line.starts_with("## ")) {
      chapters.push_back({line.substr(3), {}});
    }
  }
  return chapters;
}

std::set<std::string> Found(const std::string& text, const std::string& pattern) {
  const std::regex wanted(pattern);
  std::set<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), wanted), end; it != end; ++it) {
    names.insert((*it)[1].str());
  }
  return names;
}

// Two servers behind a relay, and an operator at its host with the page.
// Stand-ins replace systemd and apt, which a test cannot have: their commands
// do to the test's relay what they would do to the service.
class Site {
 public:
  explicit Site(std::vector<std::string> log = {})
      : log_(std::move(log)), relay(relay_directory_.path(), Settings()) {
    a.CreateDatabase("metrics");
    b.CreateDatabase("metrics");
    std::filesystem::create_directory(aside_.File("bin"));
    const std::string ask =
        "#!/bin/bash\nask={}/$$; echo \"${{0##*/}} $*\" > \"$ask.new\"; mv \"$ask.new\" "
        "\"$ask.ask\"\n"
        "until [[ -e $ask.done ]]; do sleep 0.05; done\n";
    for (const std::string program : {"systemctl", "apt-get"}) {
      const std::string path = aside_.File("bin/" + program);
      WriteFile(path, fmt::format(fmt::runtime(ask), aside_.path()));
      std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    }
    std::filesystem::create_symlink(RelayBinary(), aside_.File("bin/influxdb-relay"));
    variables_ = {{"A", "influx-a"},       {"INFLUX_A", Client(a)}, {"BACKUP_A", Rpc(a)},
                  {"B", "influx-b"},       {"INFLUX_B", Client(b)}, {"BACKUP_B", Rpc(b)},
                  {"DATABASE", "metrics"}, {"ASIDE", aside_.path()}};
    GoTo(relay);
  }

  // Continues at the host of this relay.
  void GoTo(RelayProcess& to) {
    at_ = &to;
    Set("INFLUXDB_RELAY_CONFIG", to.config_path());
    Set("LOG", to.log_path());
    Set("RELAY", Url(to.endpoint()));
    Set("ADMIN", Url(to.admin()));
  }
  // Sets what `systemctl COMMAND` does.
  void Obey(const std::string& command, std::function<void()> act) {
    commands_["systemctl " + command] = std::move(act);
  }

  static std::string Url(const HostPort& endpoint) {
    return fmt::format("http://127.0.0.1:{}", endpoint.port);
  }
  static std::string Client(const Influxd& server) {
    return fmt::format("-host 127.0.0.1 -port {}", server.endpoint().port);
  }
  static std::string Rpc(const Influxd& server) {
    return fmt::format("127.0.0.1:{}", server.rpc_endpoint().port);
  }
  RelayProcess::Settings Settings() const {
    return {.backends = {{"influx-a", a.Url()}, {"influx-b", b.Url()}}, .log = log_};
  }
  void Set(const std::string& variable, const std::string& value) { variables_[variable] = value; }
  const std::map<std::string, std::string>& variables() const { return variables_; }
  std::string File(const std::string& name) const { return aside_.File(name); }

  // Runs a block of commands as on the page; returns their output.
  std::string Do(const std::string& block) {
    std::vector<std::string> environment;
    for (const auto& [name, value] : variables_) environment.push_back(name + "=" + value);
    const std::string output = aside_.File(fmt::format("output-{}", ++runs_));
    const std::string path = fmt::format("PATH={}:$PATH\n", aside_.File("bin"));
    Process bash({.argv = {"bash", "-euo", "pipefail", "-c", path + block},
                  .environment = environment,
                  .output_path = output});
    std::optional<int> code;
    const bool ended = Eventually(4 * kPatience, [&] {
      AnswerRequests();
      code = bash.WaitFor(milliseconds{10});
      return code.has_value();
    });
    CAPTURE(block);
    INFO(bash.Output());
    CHECK(ended);
    CHECK_EQ(code.value_or(-1), 0);
    return bash.Output();
  }

  void Write(int first, int last) const {
    for (int i = first; i <= last; ++i) REQUIRE_EQ(relay.Write("metrics", Lines(i)).status, 204);
  }
  static std::string Lines(int n) {
    return fmt::format("cpu,host=a v={0} {0}\nmem,host=b v={0} {0}", n);
  }
  static void CheckEqual(const Influxd& one, const Influxd& other, std::size_t points) {
    for (const std::string measurement : {"cpu", "mem"}) {
      CHECK_EQ(one.ReadPoints("metrics", measurement).size(), points);
      CHECK(one.ReadPoints("metrics", measurement) == other.ReadPoints("metrics", measurement));
    }
  }
  const std::vector<std::string>& asked() const { return asked_; }

 private:
  void AnswerRequests() {
    for (const auto& entry : std::filesystem::directory_iterator(aside_.path())) {
      if (entry.path().extension() != ".ask") continue;
      std::string request = ReadFile(entry.path());
      request.resize(request.find('\n'));
      std::filesystem::remove(entry.path());
      Obey(request);
      asked_.push_back(std::move(request));
      WriteFile(std::filesystem::path(entry.path()).replace_extension(".done"), "");
    }
  }
  void Obey(const std::string& request) {
    if (const auto set = commands_.find(request); set != commands_.end()) set->second();
    if (request == "systemctl stop influxdb-relay") at_->Stop();
    if (request == "systemctl start influxdb-relay") at_->Start();
    if (request == "systemctl restart influxdb-relay") {
      at_->Stop();
      at_->Start();
    }
    if (request == "systemctl reload influxdb-relay") {
      const std::string said = "event=\"configuration reloaded\"";
      const std::size_t before = at_->Output().rfind(said);
      at_->process().Kill(SIGHUP);
      CHECK(Eventually(kPatience, [&] { return at_->Output().rfind(said) != before; }));
    }
  }

  TempDir a_directory_;
  TempDir b_directory_;
  TempDir relay_directory_;
  TempDir aside_;
  std::vector<std::string> log_;
  std::map<std::string, std::string> variables_;
  std::vector<std::string> asked_;
  std::map<std::string, std::function<void()>> commands_;
  RelayProcess* at_ = nullptr;
  int runs_ = 0;

 public:
  Influxd a{a_directory_.path()};
  Influxd b{b_directory_.path()};
  RelayProcess relay;
};

// The blocks of a chapter, each to be run once, in order.
class Reading {
 public:
  Reading(Site& site, const std::string& title) : site_(site) {
    for (Chapter& chapter : chapters_) {
      if (chapter.title == title) blocks_ = std::move(chapter.blocks);
    }
    REQUIRE_MESSAGE(!blocks_.empty(), title);
  }
  ~Reading() { CHECK_EQ(next_, blocks_.size()); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  std::string DoNext() {
    REQUIRE_LT(next_, blocks_.size());
    return site_.Do(blocks_[next_++]);
  }

 private:
  Site& site_;
  std::vector<Chapter> chapters_ = Chapters();
  std::vector<std::string> blocks_;
  std::size_t next_ = 0;
};

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("runbook: every chapter is tested here, and every name that it uses is explained") {
  std::vector<std::string> titles;
  std::string commands;
  for (const Chapter& chapter : Chapters()) {
    titles.push_back(chapter.title);
    for (const std::string& block : chapter.blocks) commands += block;
  }
  CHECK_EQ(titles, std::vector<std::string>{
                       "", "A backend is lost and restored from last night's backup",
                       "A backend is replaced by an empty one", "A backend diverged",
                       "A relay's host is lost", "A copy of the log on another disk",
                       "The disk is full", "Bad data", "A drill, and a report for the auditor",
                       "Upgrade", "Moving to other backends", "Relays that share a log"});
  const std::set<std::string> explained = Found(ReadFile(kPage), "export ([A-Z_]+)=");
  for (const std::string& name : Found(commands, R"(\$([A-Z_]+))")) {
    CHECK_MESSAGE(explained.contains(name), name);
  }
  const Site site;
  std::set<std::string> set;
  for (const auto& [name, value] : site.variables()) set.insert(name);
  CHECK_EQ(Found(Chapters().front().blocks.front(), "export ([A-Z_]+)="), set);
}

// InfluxDB says "engine is closed" for a moment after a restore.
bool HoldsWhenRestored(const Influxd& server, std::uint64_t points) {
  return Eventually(kPatience, [&] {
    try {
      return server.CountPoints("metrics", "cpu", "v") == points;
    } catch (const std::exception&) {
      return false;
    }
  });
}

TEST_CASE("runbook: a backend that is restored from its backup has everything in the end") {
  Site site;
  Reading page(site, "A backend is lost and restored from last night's backup");
  site.Write(1, 20);
  page.DoNext();
  site.Write(21, 40);
  REQUIRE(site.relay.WaitDrained());

  site.b.Query("", "DROP DATABASE metrics");
  page.DoNext();
  site.Write(41, 50);
  page.DoNext();
  CHECK(HoldsWhenRestored(site.b, 20));
  CHECK(Contains(page.DoNext(), "would rewind influx-b to "));
  page.DoNext();
  Site::CheckEqual(site.a, site.b, 50);
}

TEST_CASE("runbook: an empty backend in the place of another has everything in the end") {
  Site site;
  Reading page(site, "A backend is replaced by an empty one");
  site.Write(1, 20);
  REQUIRE(site.relay.WaitDrained());
  site.b.Kill();
  site.Write(21, 30);

  const TempDir directory;
  const Influxd fresh(directory.path());
  site.Set("NEW_URL", fresh.Url());
  page.DoNext();
  site.Write(31, 40);
  CHECK(Contains(page.DoNext(), "equal: 80 points"));
  site.Write(41, 50);
  REQUIRE(site.relay.WaitDrained());
  Site::CheckEqual(site.a, fresh, 50);
}

TEST_CASE("runbook: a copy of the log on another disk is sound, and has what was owed") {
  Site site;
  Reading page(site, "A copy of the log on another disk");
  site.b.Kill();
  site.Write(1, 20);
  CHECK(Contains(page.DoNext(), "influx-b"));
  CHECK(Contains(page.DoNext(), "by-hand"));
  site.relay.Kill();
  std::filesystem::remove_all(site.relay.log_path());
  std::filesystem::copy(site.File("relay/by-hand"), site.relay.log_path(),
                        std::filesystem::copy_options::recursive);
  site.b.Start();
  site.relay.Start();
  REQUIRE(site.relay.WaitDrained());
  Site::CheckEqual(site.a, site.b, 20);
}

TEST_CASE("runbook: a backend whose database was dropped and created again is mended") {
  Site site;
  Reading page(site, "A backend diverged");
  site.Write(1, 20);
  const auto marks = [&site] { return StatusOf(site.relay, "influx-b").watermarks.value(); };
  constexpr milliseconds kTurns = std::chrono::seconds(40);
  REQUIRE(Eventually(kTurns, [&] { return marks().newest == Sequence(20); }));
  site.b.Query("", "DROP DATABASE metrics");
  site.b.CreateDatabase("metrics");
  site.Write(21, 30);
  REQUIRE(Eventually(kTurns, [&] { return marks().diverged.has_value(); }));
  const std::string said = page.DoNext();
  const std::string command = "influxdb-relay rewind --backend influx-b --to ";
  const std::size_t at = said.find(command);
  REQUIRE_NE(at, std::string::npos);
  const std::size_t end = said.find('\n', at);
  site.Set("FROM", said.substr(at + command.size(), end - at - command.size()));
  page.DoNext();
  Site::CheckEqual(site.a, site.b, 30);
  CHECK_FALSE(marks().diverged);
  site.b.Query("metrics", "DELETE FROM cpu WHERE time < 10");
  CHECK(Contains(page.DoNext(), "equal: "));
  Site::CheckEqual(site.a, site.b, 30);
}

// HAProxy as shipped, which knows of one more relay that does not exist.
Process Proxy(const Site& site, const TempDir& directory, const HostPort& statistics) {
  const auto at = [](std::uint16_t port) { return fmt::format("127.0.0.1:{}", port); };
  return Process({.argv = {"haproxy", "-db", "-f", kProxy},
                  .environment = {"LISTEN=" + at(FreePort()), "STATISTICS=" + at(statistics.port),
                                  "CONTROL=" + directory.File("socket"),
                                  "RELAY_1=" + at(FreePort()), "RELAY_1_ADMIN=" + at(FreePort()),
                                  "RELAY_2=" + at(site.relay.endpoint().port),
                                  "RELAY_2_ADMIN=" + at(site.relay.admin().port),
                                  "INFLUX_A=" + at(site.a.endpoint().port),
                                  "INFLUX_B=" + at(site.b.endpoint().port), "LOOK_EVERY=100ms"},
                  .output_path = directory.File("output")});
}

TEST_CASE("runbook: a relay on the remains of another continues where that one ended") {
  Site site;
  Reading page(site, "A relay's host is lost");
  const TempDir directory;
  const HostPort statistics{.host = "127.0.0.1", .port = FreePort()};
  const Process proxy = Proxy(site, directory, statistics);
  const auto judged = [&](const std::string& word) {
    return Eventually(2 * kPatience, [&] {
      const std::string table = Get(statistics, "/;csv").body;
      const std::size_t row = table.find("\ninflux-b-by-relay-2,relay,");
      return row != std::string::npos &&
             table.substr(row + 1, table.find('\n', row + 1) - row).find("," + word + ",") !=
                 std::string::npos;
    });
  };
  site.Write(1, 10);
  REQUIRE(site.relay.WaitDrained());
  site.b.Kill();
  site.Write(11, 30);
  CHECK(judged("NOLB"));
  site.relay.Kill();
  site.Set("FOUND", site.File("found"));
  site.Set("CONTROL", directory.File("socket"));
  std::filesystem::copy(site.relay.log_path(), site.File("found"),
                        std::filesystem::copy_options::recursive);

  site.b.Start();
  CHECK(Contains(page.DoNext(), "influx-b"));
  Site::CheckEqual(site.a, site.b, 30);

  CHECK(judged("UP"));
  site.b.Kill();
  site.Write(31, 31);
  CHECK(judged("NOLB"));
  site.relay.Kill();
  // A check under way would undo what the operator tells HAProxy.
  CHECK(judged("L4CON"));
  page.DoNext();
  CHECK(judged("UP"));
}

TEST_CASE("runbook: a full disk gets room, or what a backend is owed is set aside") {
  Site site({"max_size: 64GiB", "min_free: 0B"});
  Reading page(site, "The disk is full");
  site.b.Kill();
  site.Write(1, 20);
  REQUIRE(WaitForState(site.relay, "influx-b", "retrying"));
  // No disk has that much free space.
  site.Do(
      "sed -i 's/min_free:.*/min_free: 900000GiB/' \"$INFLUXDB_RELAY_CONFIG\"\n"
      "systemctl reload influxdb-relay");
  REQUIRE(Eventually(
      kPatience, [&] { return site.relay.Write("metrics", "cpu,host=a v=1 1").status == 503; }));
  CHECK(Contains(page.DoNext(), "not ready"));
  site.Set("NEW_SIZE", "128GiB");
  site.Set("NEW_FREE", "0B");
  page.DoNext();
  site.Write(21, 30);

  CHECK(Contains(page.DoNext(), "would skip what influx-b is owed up to "));
  CHECK_GE(StatusOf(site.relay, "influx-b").figures.dropped, 60);
  site.b.Start();
  page.DoNext();
  Site::CheckEqual(site.a, site.b, 30);
}

TEST_CASE("runbook: bad data is delivered again, put right or held") {
  Site site;
  Reading page(site, "Bad data");
  REQUIRE_EQ(site.relay.Write("metrics", "cpu v=1 1").status, 204);
  REQUIRE(site.relay.WaitDrained());
  REQUIRE_EQ(site.relay.Write("metrics", "cpu v=\"2\" 2\ncpu v=\"3\" 3000", "precision=ns").status,
             204);
  REQUIRE(site.relay.WaitDrained());
  CHECK(Contains(page.DoNext(), "field type conflict"));
  // The backend was not at fault: it refuses them again.
  page.DoNext();
  CHECK_GT(StatusOf(site.relay, "influx-b").figures.dead_letters, 0);
  page.DoNext();
  CHECK_EQ(StatusOf(site.relay, "influx-b").figures.dead_letters, 0);
  REQUIRE(site.relay.WaitDrained());
  CHECK_EQ(site.b.CountPoints("metrics", "cpu", "v"), 3);
  CHECK(site.a.ReadPoints("metrics", "cpu") == site.b.ReadPoints("metrics", "cpu"));

  page.DoNext();
  CHECK(Eventually(kPatience, [&] { return StatusOf(site.relay, "influx-b").lanes.empty(); }));
  site.a.CreateDatabase("forgotten");
  REQUIRE_EQ(site.relay.Write("forgotten", "cpu v=1 1").status, 204);
  CHECK(Eventually(kPatience,
                   [&] { return StatusOf(site.relay, "influx-b").figures.held.points == 1; }));
  page.DoNext();
  CHECK_EQ(site.b.CountPoints("forgotten", "cpu", "v"), 1);
}

TEST_CASE("runbook: a drill passes, and is in the report") {
  Site site;
  Reading page(site, "A drill, and a report for the auditor");
  site.Write(1, 20);
  REQUIRE(Eventually(kPatience, [&site] {
    const BackendStatus b = StatusOf(site.relay, "influx-b");
    return b.flow.has_value() && b.figures.owed.points == 0;
  }));
  site.Set("LENGTH", "2s");
  const std::string said = page.DoNext();
  CHECK_MESSAGE(Contains(said, "equal: influx-b and influx-a, "), said);
  CHECK(Contains(said, "paused"));
  const std::string report = page.DoNext();
  CHECK(report.starts_with("# InfluxDB Relay: report from "));
  CHECK(Contains(report, "it passed"));
}

TEST_CASE("runbook: an upgrade loses nothing") {
  Site site;
  Reading page(site, "Upgrade");
  site.b.Kill();
  site.Write(1, 20);
  site.b.Start();
  site.Set("PACKAGE", "./influxdb-relay_0.2.0_amd64.deb");
  page.DoNext();
  CHECK_EQ(site.asked(),
           std::vector<std::string>{"apt-get install --yes ./influxdb-relay_0.2.0_amd64.deb",
                                    "systemctl restart influxdb-relay"});
  CHECK(Contains(page.DoNext(), "deleted the checkpoint "));
  Site::CheckEqual(site.a, site.b, 20);
}

TEST_CASE("runbook: a new backend gets all that there was, and the old one is forgotten") {
  Site site;
  Reading page(site, "Moving to other backends");
  site.Write(1, 20);
  REQUIRE(site.relay.WaitDrained());
  const TempDir directory;
  const Influxd fresh(directory.path());
  site.Set("NEW_URL", fresh.Url());
  site.Set("BACKUP_NEW", Site::Rpc(fresh));
  page.DoNext();
  site.Write(21, 30);
  page.DoNext();
  Site::CheckEqual(site.a, fresh, 30);
  CHECK(Contains(page.DoNext(), "forgot influx-b"));
  CHECK_FALSE(Contains(site.relay.Status(), "influx-b"));
  site.Write(31, 40);
  REQUIRE(site.relay.WaitDrained());
  Site::CheckEqual(site.a, fresh, 40);
}

constexpr milliseconds kLong = 2 * kPatience;

// Returns the settings of a log that relays share by way of these servers.
std::vector<std::string> SharedLog(const NatsServers& nats, const std::string& relay) {
  return {"min_free: 0B",      "engine: jetstream",
          "jetstream:",        fmt::format("  servers: [{}]", fmt::join(nats.Urls(), ", ")),
          "  relay: " + relay, "  max_bytes: 64MiB"};
}

// Returns whether the relay comes to count as many copies as it wants.
bool ComesInSync(const RelayProcess& relay) {
  const auto is_ready = [&relay] {
    return Get(relay.admin(), "/readyz").body == "{\"status\":\"ready\",\"reason\":\"\"}\n";
  };
  return Eventually(kLong, is_ready);
}

// Two relays that share a log, and the host of one that will be a third.
struct SharedSite {
  SharedSite() {
    third.Stop();
    std::filesystem::remove_all(third.log_path());
    third.Configure(Settings("relay-3"));
    site.Set("PEER", Site::Url(second.admin()));
    site.Set("NATS", Site::Url(nats.Monitor(0)));
  }

  RelayProcess::Settings Settings(const std::string& relay) const {
    RelayProcess::Settings same = site.Settings();
    same.log = SharedLog(nats, relay);
    return same;
  }
  // Writes as a client that repeats what is refused, as it is while NATS' servers elect a leader.
  void Write(int from, int to) const {
    for (int i = from; i <= to; ++i) {
      const auto is_taken = [&] { return first.Write("metrics", Site::Lines(i)).status == 204; };
      REQUIRE(Eventually(kLong, is_taken));
    }
  }
  // Starts all servers, which are killed, without their data.
  void RestartEmptyServers() {
    nats.DeleteData();
    for (std::size_t i = 0; i < nats.size(); ++i) nats.Start(i);
    nats.WaitUntilReady();
  }

  TempDir of_nats;
  TempDir of_second;
  TempDir of_third;
  NatsServers nats{of_nats.path(), 3};
  Site site{SharedLog(nats, "relay-1")};
  RelayProcess& first = site.relay;
  RelayProcess second{of_second.path(), Settings("relay-2")};
  RelayProcess third{of_third.path(), {.backends = site.Settings().backends}};
};

void LoseRelayThenDisk(SharedSite& shared, Reading& page) {
  shared.Write(1, 10);
  shared.second.Kill();
  shared.Write(11, 20);
  const std::string lost = page.DoNext();
  CHECK(Contains(lost, "copies 1 of 2; relay-2 not in sync"));
  CHECK(Contains(lost, "\"status\":\"degraded\""));
  shared.second.Start();
  REQUIRE(ComesInSync(shared.first));

  CHECK(Contains(page.DoNext(), "joined: "));
  REQUIRE(ComesInSync(shared.second));
  shared.Write(21, 30);
}

void LoseServerThenMostOfThem(SharedSite& shared, Reading& page) {
  NatsServers& nats = shared.nats;
  nats.Kill(0);
  std::filesystem::remove_all(shared.of_nats.File("nats-0/jetstream"));
  shared.site.Obey("restart nats-server", [&nats] { nats.Start(0); });
  page.DoNext();
  // The first one has everything again: it makes up the majority.
  nats.Kill(1);
  shared.Write(31, 40);

  nats.Kill(2);
  const auto refuses = [&] {
    return shared.first.Write("metrics", "cpu,host=a v=1 1").status == 503;
  };
  REQUIRE(Eventually(kLong, refuses));
  nats.Start(1);
  nats.Start(2);
  page.DoNext();
  shared.Write(41, 50);
  REQUIRE(ComesInSync(shared.first));
}

void LoseStream(SharedSite& shared, Reading& page) {
  shared.second.Kill();
  shared.Write(51, 60);
  for (std::size_t i = 0; i < shared.nats.size(); ++i) shared.nats.Kill(i);
  shared.RestartEmptyServers();
  const auto says_what_to_do = [&] {
    return Contains(Get(shared.first.admin(), "/readyz").body, "influxdb-relay found");
  };
  REQUIRE(Eventually(2 * kLong, says_what_to_do));
  page.DoNext();
  shared.Write(61, 70);

  shared.site.GoTo(shared.second);
  shared.site.Set("PEER", Site::Url(shared.first.admin()));
  CHECK(Contains(page.DoNext(), "joined: "));
  REQUIRE(ComesInSync(shared.first));
}

void AddRemoveUpgrade(SharedSite& shared, Reading& page) {
  shared.site.GoTo(shared.third);
  CHECK(Contains(page.DoNext(), "shared log: this is relay-3"));
  shared.second.Kill();
  shared.Write(71, 80);
  REQUIRE(ComesInSync(shared.third));
  shared.second.Start();
  REQUIRE(ComesInSync(shared.second));

  CHECK(Contains(page.DoNext(), "relay-1 in sync"));
  CHECK_FALSE(shared.third.process().IsRunning());
  shared.Write(81, 90);

  shared.site.GoTo(shared.second);
  shared.site.Set("PACKAGE", "./influxdb-relay_0.2.0_amd64.deb");
  CHECK(Contains(page.DoNext(), "copies 2 of 2"));
  shared.Write(91, 100);
}

TEST_CASE(
    "runbook: relays that share a log lose disks, servers and the stream, and are added, removed "
    "and upgraded") {
  SharedSite shared;
  REQUIRE(ComesInSync(shared.first));
  Reading page(shared.site, "Relays that share a log");
  LoseRelayThenDisk(shared, page);
  LoseServerThenMostOfThem(shared, page);
  LoseStream(shared, page);
  AddRemoveUpgrade(shared, page);
  REQUIRE(shared.second.WaitDrained(kLong));
  Site::CheckEqual(shared.site.a, shared.site.b, 100);
}

}  // namespace
}  // namespace relay::test::integration_shipped_runbook_test
