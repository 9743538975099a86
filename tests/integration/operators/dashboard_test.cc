// The dashboard in a real browser: an outage, an operator at work, a relay that is gone, and many
// backends and databases.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "relay/terminal/progress_line.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/browser.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/two_servers.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_operators_dashboard_test {
namespace {

using Json = nlohmann::json;

constexpr Browser::Screen kDesk{};
constexpr Browser::Screen kDark{.dark = true};
constexpr Browser::Screen kPhone{.width = 390, .height = 844, .phone = true};

std::string PageOf(const RelayProcess& relay) {
  return fmt::format("http://127.0.0.1:{}/", relay.admin().port);
}

// Returns whether the text of the first element that a selector finds comes to have these words.
bool ElementSays(const Browser& browser, const std::string& selector, const std::string& words) {
  return Eventually(kPatience, [&] {
    return browser.Is(
        fmt::format("(document.querySelector({}) || {{innerText: ''}}).innerText.includes({})",
                    Json(selector).dump(), Json(words).dump()));
  });
}

std::string RowOf(const std::string& backend) {
  return fmt::format("[data-backend=\"{}\"]", backend);
}

// Returns whether a backend's row, and what it opened to, comes to have these words.
bool Shows(const Browser& browser, const std::string& backend, const std::string& words) {
  return ElementSays(browser, RowOf(backend), words);
}

// Opens a backend's row to its details.
void OpenRow(const Browser& browser, const std::string& backend) {
  REQUIRE(Shows(browser, backend, backend));
  browser.Evaluate(fmt::format(
      "(() => {{ document.querySelector('{} .opener').click(); return 1; }})()", RowOf(backend)));
  CHECK(Shows(browser, backend, "Position"));
}

// Clicks the button with these words; inside the dialog, if one is open.
void Click(const Browser& browser, const std::string& within, const std::string& words) {
  const std::string script = fmt::format(
      "(() => {{ const found = [...document.querySelectorAll('{} button')]"
      ".find((one) => one.textContent === {}); if (found) found.click(); return !!found; }})()",
      within, Json(words).dump());
  CHECK_MESSAGE(browser.Is(script), "no button ", words);
}

void Type(const Browser& browser, const std::string& field, const std::string& text) {
  browser.Evaluate(fmt::format(
      "(() => {{ document.querySelector('#inputs [name={}]').value = {}; return 1; }})()", field,
      Json(text).dump()));
}

bool DialogSays(const Browser& browser, const std::string& words) {
  return Eventually(kPatience, [&] {
    return browser.Is(fmt::format("document.getElementById('plan').textContent.includes({})",
                                  Json(words).dump()));
  });
}

bool DialogGone(const Browser& browser) {
  return Eventually(kPatience,
                    [&] { return browser.Is("!document.getElementById('confirm').open"); });
}

// Keeps a screenshot for people: RELAY_SCREENSHOTS names a directory.
void Keep(const Browser& browser, const std::string& name) {
  if (const char* directory = std::getenv("RELAY_SCREENSHOTS"); directory != nullptr) {
    browser.Screenshot(std::string(directory) + "/" + name + ".png");
  }
}

bool NoSidewaysScrolling(const Browser& browser) {
  return browser.Is("document.documentElement.scrollWidth <= window.innerWidth");
}

TEST_CASE("dashboard: an outage is seen as it comes and goes") {
  TwoServers both;
  const TempDir directory;
  Browser browser(directory.path());
  CHECK_EQ(both.relay.Write("metrics", "cpu v=1 1").status, 204);
  CHECK(both.relay.WaitDrained());
  browser.Open(PageOf(both.relay), kDesk);
  CHECK(Shows(browser, "a", "caught up"));
  CHECK(Shows(browser, "b", "caught up"));

  both.b.Kill();
  for (int i = 0; i < 20; ++i) {
    CHECK_EQ(both.relay.Write("metrics", fmt::format("cpu v={} {}", i, i + 2)).status, 204);
  }
  CHECK(Shows(browser, "b", "retrying"));
  CHECK(Shows(browser, "b", "connection refused"));
  CHECK(Shows(browser, "b", "20"));
  CHECK(Shows(browser, "b", "next retry in"));
  CHECK(Shows(browser, "a", "caught up"));
  CHECK(ElementSays(browser, "#health", "b has accepted no writes for"));
  CHECK(ElementSays(browser, "#health", "20 points wait"));
  CHECK(ElementSays(browser, "#fix", both.b.Url() + "/ping"));
  CHECK(browser.Is("document.title.startsWith('✕ b retrying')"));
  CHECK(browser.Is("document.querySelectorAll('#plots canvas').length === 3"));
  Keep(browser, "outage-light");
  for (const auto& [name, screen] :
       {std::pair("outage-dark", kDark), std::pair("outage-phone", kPhone)}) {
    browser.Open(PageOf(both.relay), screen);
    CHECK(Shows(browser, "b", "retrying"));
    CHECK(NoSidewaysScrolling(browser));
    Keep(browser, name);
  }

  both.b.Start();
  CHECK(Shows(browser, "b", "caught up"));
  CHECK(ElementSays(browser, "#health", "All is well: 2 backends have every point."));
  CHECK_EQ(browser.Complaints(), "");
}

TEST_CASE(
    "dashboard: the plots show what was before a restart of the relay, for a day and a week") {
  TwoServers both;
  const TempDir directory;
  Browser browser(directory.path());
  both.b.Kill();
  for (int i = 0; i < 20; ++i) {
    CHECK_EQ(both.relay.Write("metrics", fmt::format("cpu v={} {}", i, i + 2)).status, 204);
  }
  CHECK(WaitForState(both.relay, "b", "retrying"));
  // The history has seen it once its first outage is told.
  CHECK(Eventually(kPatience, [&] {
    const HttpAnswer history = Get(both.relay.admin(), "/api/v1/history?from=1h");
    return history.body.find("\"kind\":\"down\"") != std::string::npos;
  }));
  CHECK_EQ(both.relay.Stop().exit_code, 0);
  both.b.Start();
  both.relay.Start();
  CHECK(both.relay.WaitDrained());
  for (const char* verb : {"pause", "resume"}) {
    const RunResult changed = Run({RelayBinary(), verb, "a", "--config", both.relay.config_path()});
    CHECK_MESSAGE(changed.exit_code == 0, changed.output);
  }
  browser.Open(PageOf(both.relay), kDesk);
  CHECK(Shows(browser, "b", "caught up"));
  for (const char* range : {"24 h", "7 d", "1 h"}) {
    CAPTURE(range);
    Click(browser, "#ranges", range);
    CHECK(Eventually(kPatience, [&] {
      return browser.Is(
          "historyLoaded && Math.max(...samples.of('b', 'owed')) === 20 && "
          "samples.of('b', 'owed').at(-1) === 0");
    }));
    CHECK(browser.Is(
        fmt::format("document.querySelector('#ranges [aria-pressed=true]').textContent === {}",
                    Json(range).dump())));
    CHECK(Eventually(kPatience, [&] {
      return browser.Is(
          "Number(document.querySelector('#plots .plot').dataset.marks) === marks.length && "
          "marks.some((mark) => mark.text.startsWith('b down')) && "
          "marks.some((mark) => mark.text.startsWith('pause the delivery to a'))");
    }));
    Keep(browser, fmt::format("plots-{}", range));
  }
  CHECK_EQ(browser.Complaints(), "");
}

TEST_CASE("dashboard: an operator pauses, is asked before a skip, and finds both in the trail") {
  TwoServers both;
  const TempDir directory;
  Browser browser(directory.path());
  browser.Open(PageOf(both.relay), kDesk);
  OpenRow(browser, "a");

  Click(browser, "[data-backend=a]", "Pause");
  CHECK(DialogSays(browser, "pause the delivery to a"));
  Type(browser, "by", "alice");
  Click(browser, "dialog", "Pause a");
  CHECK(DialogGone(browser));
  CHECK(Shows(browser, "a", "paused"));
  CHECK_EQ(both.relay.Write("metrics", "cpu v=1 1").status, 204);
  CHECK(Shows(browser, "a", "0 of 1"));

  Click(browser, "[data-backend=a]", "Skip");
  Type(browser, "to", "7");
  Click(browser, "dialog", "Preview");
  CHECK(DialogSays(
      browser, "Not possible: a can be skipped to 1 at the earliest and 1 at the latest, not 7"));
  CHECK_NE(browser.Complaints().find("400 (Bad Request)"), std::string::npos);
  Type(browser, "to", "head");
  Type(browser, "note", "<img src=x onerror=alert(1)>");
  Click(browser, "dialog", "Preview");
  CHECK(
      DialogSays(browser, "skip what a is owed up to 1: 1 record (1 points, 10 B, accepted from"));
  Keep(browser, "skip-dialog");
  Click(browser, "dialog", "Skip for a");
  CHECK(DialogGone(browser));
  CHECK(Shows(browser, "a", "1 gap"));

  Click(browser, "[data-backend=a]", "Resume");
  CHECK(DialogSays(browser, "resume"));
  Click(browser, "dialog", "Resume a");
  CHECK(DialogGone(browser));
  CHECK(Eventually(kPatience, [&] {
    return browser.Is("document.getElementById('audit').innerText.includes('alice')") &&
           browser.Is("document.getElementById('audit').innerText.includes('<img src=x')");
  }));
  CHECK(browser.Is("document.querySelectorAll('img').length === 0"));
  Keep(browser, "trail");
  CHECK_EQ(StatusOf(both.relay, "a").figures.dropped, 1);
  CHECK_EQ(browser.Complaints(), "");
}

TEST_CASE("dashboard: what a backend refused is shown with its words, as text") {
  TwoServers both;
  const TempDir directory;
  Browser browser(directory.path());
  CHECK_EQ(both.relay.Write("metrics", "cpu v=1 1").status, 204);
  CHECK(both.relay.WaitDrained());
  CHECK_EQ(both.relay.Write("metrics", "cpu,host=<b>x</b> v=\"text\" 2").status, 204);
  CHECK(both.relay.WaitDrained());
  browser.Open(PageOf(both.relay), kDesk);
  CHECK(ElementSays(browser, "#health", "1 dead letter of"));
  CHECK(ElementSays(browser, "#tab-dead", "Dead letters (2)"));
  CHECK(ElementSays(browser, "[data-dead=a]", "field type conflict"));
  CHECK(ElementSays(browser, "[data-dead=a]", "host=<b>x</b>"));
  Keep(browser, "dead-letters");
  CHECK_EQ(browser.Complaints(), "");
}

// Returns the value that the page shows under a name in a backend's card.
std::string Figure(const Browser& browser, const std::string& backend, const std::string& name) {
  const std::string value = browser.Evaluate(
      fmt::format("(() => {{ const found = [...document.querySelectorAll('[data-backend=\"{}\"] "
                  ".figures > div')]"
                  ".find((one) => one.querySelector('.name').textContent === {});"
                  " return found ? found.querySelector('.value').textContent : ''; }})()",
                  backend, Json(name).dump()));
  return Json::parse(value).get<std::string>();
}

// Returns the value of a sample of /metrics, without a fraction.
std::string Sample(const std::string& metrics, const std::string& name) {
  const std::string begin = "\ninfluxdb_relay_" + name + " ";
  const std::size_t at = metrics.find(begin);
  REQUIRE_MESSAGE(at != std::string::npos, name);
  return std::to_string(std::stoll(metrics.substr(at + begin.size())));
}

TEST_CASE("dashboard: a figure is the same in metrics, API, command and directory") {
  TwoServers both;
  const TempDir directory;
  Browser browser(directory.path());
  CHECK_EQ(both.relay.Write("metrics", "cpu v=0 0").status, 204);
  CHECK(both.relay.WaitDrained());
  CHECK_EQ(both.relay.Write("metrics", "cpu v=\"no number\" 1").status, 204);
  CHECK(both.relay.WaitDrained());
  both.b.Kill();
  std::string lines;
  for (int i = 2; i < 1'236; ++i) lines += fmt::format("cpu v={0} {0}\n", i);
  CHECK_EQ(both.relay.Write("metrics", lines).status, 204);
  CHECK(WaitForState(both.relay, "b", "retrying"));
  browser.Open(PageOf(both.relay), kDesk);
  OpenRow(browser, "a");
  OpenRow(browser, "b");
  CHECK(Shows(browser, "b", "1,234"));
  CHECK(Shows(browser, "a", "1,235"));

  const std::string metrics = Get(both.relay.admin(), "/metrics").body;
  const Json api = Json::parse(both.relay.Status());
  const Json command = Json::parse(
      Run({RelayBinary(), "status", "--json", "--config", both.relay.config_path()}).output);
  std::map<std::string, std::string> shown;
  const std::vector<std::tuple<std::string, std::string, std::string>> figures = {
      {"Undelivered", "undelivered_points", "backend_undelivered_points"},
      {"Delivered", "delivered_points", "backend_delivered_points_total"},
      {"On hold", "held_points", "backend_held_points"},
      {"Dead letters", "dead_letters", "backend_dead_letters"},
      {"Dropped", "dropped_points", "backend_dropped_points_total"},
      {"Unaccounted for", "unaccounted_points", "backend_unaccounted_points"}};
  for (const std::string name : {"a", "b"}) {
    for (const auto& [title, field, metric] : figures) {
      shown[name + field] = Figure(browser, name, title);
    }
    shown[name + "position"] = Figure(browser, name, "Position");
  }
  CHECK_EQ(both.relay.Stop().exit_code, 0);
  const Json offline =
      Json::parse(Run({RelayBinary(), "status", "--json", "--data", both.relay.log_path()}).output);
  for (std::size_t i = 0; i < 2; ++i) {
    const Json& backend = api.at("backends").at(i);
    const std::string name = backend.at("name").get<std::string>();
    for (const auto& [title, field, metric] : figures) {
      CAPTURE(name);
      CAPTURE(field);
      const auto value = backend.at(field).get<std::uint64_t>();
      CHECK_EQ(shown[name + field], Grouped(value));
      CHECK_EQ(Sample(metrics, fmt::format("{}{{backend=\"{}\"}}", metric, name)),
               std::to_string(value));
      CHECK_EQ(command.at("backends").at(i).at(field), value);
      CHECK_EQ(offline.at("backends").at(i).at(field), value);
    }
    CHECK_EQ(shown[name + "position"],
             fmt::format("{} of {}", Grouped(backend.at("cursor")), Grouped(backend.at("head"))));
  }
}

bool ReplaysShow(const Browser& browser, const std::string& words) {
  return ElementSays(browser, "#replays", words);
}

TEST_CASE("dashboard: a replay is started at a rate, seen as it goes, and cancelled") {
  TwoServers both;
  const TempDir directory;
  Browser browser(directory.path());
  for (int i = 1; i <= 100; ++i) {
    CHECK_EQ(both.relay.Write("metrics", fmt::format("cpu v={0} {0}", i)).status, 204);
  }
  CHECK(both.relay.WaitDrained());
  browser.Open(PageOf(both.relay), kDesk);
  OpenRow(browser, "a");
  Click(browser, "[data-backend=a]", "Replay");
  Type(browser, "from", "1");
  Type(browser, "to", "90");
  Type(browser, "points_per_second", "5");
  Click(browser, "dialog", "Preview");
  CHECK(DialogSays(browser, "replay records 1 to 90 of a: 90 records (90 points"));
  Keep(browser, "replay-dialog");
  Click(browser, "dialog", "Replay to a");
  CHECK(DialogGone(browser));
  CHECK(ReplaysShow(browser, "running"));
  CHECK(ReplaysShow(browser, "to go"));
  CHECK(browser.Is("document.querySelector('#replays progress').value < 1"));
  Keep(browser, "replay");
  Click(browser, "#replays", "Cancel");
  CHECK(DialogSays(browser, "cancel replay 1"));
  Click(browser, "dialog", "Cancel the replay");
  CHECK(DialogGone(browser));
  CHECK(ReplaysShow(browser, "cancelled"));
  CHECK_EQ(browser.Complaints(), "");
}

TEST_CASE("dashboard: a missing database does not show as a backend down, on a phone too") {
  TwoServers both;
  const TempDir directory;
  Browser browser(directory.path());
  CHECK_EQ(both.relay.Write("billing", "orders v=1 1").status, 204);
  CHECK_EQ(both.relay.Write("metrics", "cpu v=1 1").status, 204);
  browser.Open(PageOf(both.relay), kPhone);
  CHECK(Shows(browser, "a", "1 database on hold"));
  CHECK(ElementSays(browser, "#fix", "create database \"billing\" on a"));
  CHECK(NoSidewaysScrolling(browser));
  Keep(browser, "lane-phone");
  Click(browser, "[data-group=a]", "Check now");
  CHECK(DialogSays(browser, "ask a again now, also for databases on hold"));
  Click(browser, "dialog", "Check a now");
  CHECK(DialogGone(browser));
  CHECK(ElementSays(browser, "#audit", "ask a again now"));
  both.a.CreateDatabase("billing");
  both.b.CreateDatabase("billing");
  CHECK(Shows(browser, "a", "caught up"));
  CHECK(Shows(browser, "b", "caught up"));
  CHECK(ElementSays(browser, "#databases", "No database is on hold."));
  CHECK_EQ(browser.Complaints(), "");
}

TEST_CASE("dashboard: once the relay is gone, its figures are greyed and called stale") {
  TwoServers both;
  const TempDir directory;
  Browser browser(directory.path());
  browser.Open(PageOf(both.relay), kDesk);
  CHECK(ElementSays(browser, "#health", "All is well"));
  CHECK(browser.Is("document.title.startsWith('✓ all well')"));
  CHECK(browser.Is("!document.body.classList.contains('stale')"));
  const std::string icon = browser.Evaluate("document.getElementById('icon').href");

  both.relay.Kill();
  CHECK(ElementSays(browser, "#health", "unreachable since"));
  CHECK(ElementSays(browser, "#health", "figures are stale"));
  CHECK(browser.Is("getComputedStyle(document.querySelector('main')).filter !== 'none'"));
  CHECK(browser.Is("document.title.startsWith('? unreachable')"));
  CHECK_NE(browser.Evaluate("document.getElementById('icon').href"), icon);
  CHECK(browser.Is("document.getElementById('health').getAttribute('role') === 'status'"));
  Keep(browser, "stale");

  both.relay.Start();
  CHECK(ElementSays(browser, "#health", "All is well"));
  CHECK(browser.Is("!document.body.classList.contains('stale')"));
}

// Returns the names of the backends in the order of the table, as JSON.
std::string RowsInOrder(const Browser& browser) {
  return browser.Evaluate(
      "[...document.querySelectorAll('#backends tbody')].map((row) => row.dataset.backend)");
}

void SortBy(const Browser& browser, const std::string& key) {
  browser.Evaluate(fmt::format(
      "(() => {{ document.querySelector('.sort[data-key={}]').click(); return 1; }})()", key));
}

TEST_CASE("dashboard: backends come worst first, and in any order that is asked for") {
  TwoServers both;
  const TempDir directory;
  Browser browser(directory.path());
  browser.Open(PageOf(both.relay), kDesk);
  CHECK(Shows(browser, "b", "caught up"));
  CHECK_EQ(RowsInOrder(browser), R"(["a","b"])");
  both.b.Kill();
  CHECK_EQ(both.relay.Write("metrics", "cpu v=1 1").status, 204);
  CHECK(Shows(browser, "b", "retrying"));
  CHECK_EQ(RowsInOrder(browser), R"(["b","a"])");
  SortBy(browser, "name");
  CHECK_EQ(RowsInOrder(browser), R"(["a","b"])");
  CHECK(
      browser.Is("document.querySelector('th[aria-sort=ascending]').innerText.startsWith"
                 "('Backend')"));
  SortBy(browser, "undelivered");
  CHECK_EQ(RowsInOrder(browser), R"(["b","a"])");
  SortBy(browser, "undelivered");
  CHECK_EQ(RowsInOrder(browser), R"(["a","b"])");
}

// Twelve backends, of which one refuses connections and one has none of a hundred databases.
struct ManyBackends {
  static constexpr int kDatabases = 100;

  std::vector<std::unique_ptr<FakeBackend>> backends;
  TempDir directory;
  std::unique_ptr<RelayProcess> relay;

  ManyBackends() {
    RelayProcess::Settings settings;
    for (int i = 1; i <= 12; ++i) {
      backends.push_back(std::make_unique<FakeBackend>());
      settings.backends.push_back({fmt::format("influx-{}", i), backends.back()->Url(), {}});
    }
    backends[8]->Refuse();
    backends[4]->Follow([](const FakeRequest& request) {
      const std::size_t at = request.target.find("db=");
      if (at == std::string::npos) return FakeAnswer{};
      const std::string name = request.target.substr(at + 3, request.target.find('&', at) - at - 3);
      return Answering(404, fmt::format(R"({{"error":"database not found: \"{}\""}})", name));
    });
    relay = std::make_unique<RelayProcess>(directory.path(), settings);
    for (int i = 0; i < kDatabases; ++i) {
      CHECK_EQ(relay->Write(fmt::format("tenant{}", i), "cpu v=1 1\ncpu v=2 2").status, 204);
    }
  }
};

TEST_CASE("dashboard: 12 backends and 100 databases fit, equal holds are one group") {
  ManyBackends many;
  const TempDir directory;
  Browser browser(directory.path());
  browser.Open(PageOf(*many.relay), kDesk);
  CHECK(ElementSays(browser, "#databases", "100 databases missing on influx-5"));
  CHECK(ElementSays(browser, "#databases", "200 points wait"));
  CHECK(ElementSays(browser, "#databases", "Copy 100 commands"));
  CHECK(ElementSays(browser, "#databases pre", "CREATE DATABASE"));
  CHECK(ElementSays(browser, "#databases pre", "and 97 more"));
  CHECK(browser.Is("document.querySelectorAll('#databases .group').length === 1"));
  CHECK(ElementSays(browser, "#health", "influx-9 has accepted no writes"));
  CHECK(ElementSays(browser, "#others", "influx-5: on hold"));
  CHECK(browser.Is("document.querySelectorAll('#backends tbody').length === 12"));
  CHECK_EQ(RowsInOrder(browser).substr(0, 22), R"(["influx-9","influx-5")");
  const int height = std::stoi(browser.Evaluate("document.documentElement.scrollHeight"));
  CHECK_LE(height, 1'500);
  Keep(browser, "many");

  browser.Open(PageOf(*many.relay), kPhone);
  CHECK(Shows(browser, "influx-9", "retrying"));
  CHECK(
      browser.Is("document.querySelector('[data-backend=influx-9] .line')"
                 ".getBoundingClientRect().bottom < window.innerHeight"));
  CHECK(NoSidewaysScrolling(browser));
  Keep(browser, "many-phone");
  CHECK_EQ(browser.Complaints(), "");
}

}  // namespace
}  // namespace relay::test::integration_operators_dashboard_test
