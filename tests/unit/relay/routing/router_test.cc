#include "relay/routing/router.h"

#include <doctest/doctest.h>

#include <map>

#include "config/schema/glob.h"

namespace relay::test::relay_routing_router_test {
namespace {

BackendConfig Backend(std::string_view name, Selection only = {}, Selection except = {}) {
  BackendConfig backend{.name = BackendId::Parse(name).value()};
  backend.only = std::move(only);
  backend.except = std::move(except);
  return backend;
}

Config With(std::vector<BackendConfig> backends) {
  Config config;
  config.backends = std::move(backends);
  return config;
}

WriteParams To(std::string database, std::string retention_policy = "") {
  return {.database = std::move(database), .retention_policy = std::move(retention_policy)};
}

// Returns each backend's part and, under "", the reason why something is not routed.
std::map<std::string, std::string> Routes(const Config& config, const WriteParams& params,
                                          const std::string& lines, PointCount points,
                                          const std::vector<BackendId>& listener = {}) {
  const RoutedLines routed = Router(config, listener).Route(params, lines, points);
  std::map<std::string, std::string> got;
  PointCount all = routed.unrouted;
  for (const RoutedPart& part : routed.parts) {
    all += part.points;
    for (const BackendId& backend : *part.backends) got[backend.text()] += part.lines;
  }
  CHECK_EQ(all, points);
  CHECK_EQ(routed.size.points, points - routed.unrouted);
  CHECK_EQ(routed.why.empty(), routed.unrouted == 0);
  if (routed.unrouted > 0) got[""] = routed.why;
  return got;
}

using Map = std::map<std::string, std::string>;

TEST_CASE("router: without filters everything goes everywhere, as one part") {
  const Config config = With({Backend("a"), Backend("b")});
  const RoutedLines routed = Router(config, {}).Route(To("d"), "m v=1 1\nn v=1 1\n", 2);
  REQUIRE_EQ(routed.parts.size(), 1);
  CHECK_EQ(routed.parts[0].lines, "m v=1 1\nn v=1 1\n");
  CHECK_EQ(routed.parts[0].points, 2);
  CHECK_EQ(routed.parts[0].backends->size(), 2);
  CHECK(routed.size == Totals{.points = 2, .bytes = 16_B});
}

TEST_CASE("router: a bucket kept whole is to a backend with databases the database that it names") {
  Selection metrics;
  metrics.databases = {"metrics"};
  Selection whole;
  whole.databases = {"metrics/"};
  BackendConfig bucket = Backend("bucket", whole);
  bucket.api = Api::kV2;
  const Config config = With({Backend("v1", metrics), Backend("other", whole), bucket});
  CHECK_EQ(Routes(config, To("metrics/"), "m v=1 1\n", 1),
           Map{{"v1", "m v=1 1\n"}, {"bucket", "m v=1 1\n"}});
  CHECK_EQ(Routes(config, To("metrics"), "m v=1 1\n", 1), Map{{"v1", "m v=1 1\n"}});
  CHECK_EQ(Router(config, {}).TakersOf("metrics/")->size(), 2);
  CHECK_EQ(Router(config, {}).TakersOfAll("metrics/")->size(), 2);
}

TEST_CASE("router: names of buckets are sent as they are where a backend has buckets") {
  CHECK_FALSE(Router(With({Backend("a")}), {}).SendsBuckets());
  for (const Api api : {Api::kV2, Api::kV3}) {
    BackendConfig backend = Backend("b");
    backend.api = api;
    CHECK(Router(With({Backend("a"), backend}), {}).SendsBuckets());
    CHECK_FALSE(
        Router(With({Backend("a"), backend}), {BackendId::Parse("a").value()}).SendsBuckets());
    backend.bucket = "{database}";
    CHECK_FALSE(Router(With({Backend("a"), backend}), {}).SendsBuckets());
  }
}

TEST_CASE("router: a listener's points go to its backends only") {
  const Config config = With({Backend("a"), Backend("b")});
  CHECK_EQ(Routes(config, To("d"), "m v=1 1\n", 1, {BackendId::Parse("b").value()}),
           Map{{"b", "m v=1 1\n"}});
}

TEST_CASE("router: a backend takes only the databases it names, exactly or by a glob") {
  const Config config = With({Backend("a", {.databases = {"metrics", "tele*"}}), Backend("b")});
  const std::string line = "m v=1 1\n";
  CHECK_EQ(Routes(config, To("metrics"), line, 1), Map{{"a", line}, {"b", line}});
  CHECK_EQ(Routes(config, To("telegraf"), line, 1), Map{{"a", line}, {"b", line}});
  CHECK_EQ(Routes(config, To("metrics2"), line, 1), Map{{"b", line}});
}

TEST_CASE("router: a backend does not take what it excepts") {
  const Config config = With({Backend("a", {}, {.databases = {"_internal"}}), Backend("b")});
  const std::string line = "m v=1 1\n";
  CHECK_EQ(Routes(config, To("_internal"), line, 1), Map{{"b", line}});
  CHECK_EQ(Routes(config, To("d"), line, 1), Map{{"a", line}, {"b", line}});
}

TEST_CASE("router: a backend takes what `only` names without what `except` names") {
  const Config config =
      With({Backend("a", {.databases = {"d*"}}, {.databases = {"dev"}}), Backend("b")});
  const std::string line = "m v=1 1\n";
  CHECK_EQ(Routes(config, To("db"), line, 1), Map{{"a", line}, {"b", line}});
  CHECK_EQ(Routes(config, To("dev"), line, 1), Map{{"b", line}});
}

TEST_CASE("router: the retention policy that a write does not name is the empty one") {
  const Config config = With({Backend("a", {.retention_policies = {"", "week"}}), Backend("b")});
  const std::string line = "m v=1 1\n";
  CHECK_EQ(Routes(config, To("d"), line, 1), Map{{"a", line}, {"b", line}});
  CHECK_EQ(Routes(config, To("d", "week"), line, 1), Map{{"a", line}, {"b", line}});
  CHECK_EQ(Routes(config, To("d", "year"), line, 1), Map{{"b", line}});
}

TEST_CASE("router: a body is split where backends take different measurements") {
  const Config config =
      With({Backend("cpu", {.measurements = {"cpu*"}}),
            Backend("rest", {}, {.measurements = {"cpu*"}}), Backend("everything")});
  const std::string lines = "cpu v=1 1\nmem v=2 2\ncpu_load,h=a v=3 3\nmem v=4 4\n";
  const RoutedLines routed = Router(config, {}).Route(To("d"), lines, 4);
  CHECK_EQ(routed.parts.size(), 2);  // Each line once.
  CHECK_EQ(Routes(config, To("d"), lines, 4),
           Map{{"cpu", "cpu v=1 1\ncpu_load,h=a v=3 3\n"},
               {"rest", "mem v=2 2\nmem v=4 4\n"},
               {"everything", "cpu v=1 1\ncpu_load,h=a v=3 3\nmem v=2 2\nmem v=4 4\n"}});
}

TEST_CASE("router: all lists of a selection describe it together") {
  const Config config = With({
      Backend("a", {.databases = {"d"}, .measurements = {"m"}}),
      Backend("b", {}, {.databases = {"d"}, .measurements = {"m"}}),
  });
  CHECK_EQ(Routes(config, To("d"), "m v=1 1\nn v=1 1\n", 2),
           Map{{"a", "m v=1 1\n"}, {"b", "n v=1 1\n"}});
  CHECK_EQ(Routes(config, To("e"), "m v=1 1\n", 1), Map{{"b", "m v=1 1\n"}});
}

TEST_CASE("router: points that no backend takes are reported in words") {
  const Config by_database = With({Backend("a", {.databases = {"d"}})});
  CHECK_EQ(Routes(by_database, To("e"), "m v=1 1\n", 1),
           Map{{"", "no backend accepts database \"e\""}});
  CHECK_EQ(Routes(by_database, To("e", "week"), "m v=1 1\n", 1),
           Map{{"", "no backend accepts database \"e\", retention policy \"week\""}});

  const Config by_measurement = With({Backend("a", {.measurements = {"m"}})});
  CHECK_EQ(Routes(by_measurement, To("d"), "n v=1 1\nm v=1 1\no v=1 1\nn v=2 2\n", 4),
           Map{{"a", "m v=1 1\n"}, {"", "no backend accepts measurement \"n\" of database \"d\""}});
}

TEST_CASE("router: a line that has newlines in a string is not torn") {
  const Config config = With({Backend("a", {.measurements = {"m"}}), Backend("b")});
  const std::string line = "m s=\"x\nn v=1\" 1\n";
  CHECK_EQ(Routes(config, To("d"), line + "n v=1 1\n", 2),
           Map{{"a", line}, {"b", line + "n v=1 1\n"}});
}

TEST_CASE("router: a star stands for any number of characters") {
  struct Row {
    const char* glob;
    const char* text;
    bool matches;
  };
  for (const Row& row : {
           Row{"", "", true},
           Row{"", "a", false},
           Row{"*", "", true},
           Row{"*", "abc", true},
           Row{"a*", "a", true},
           Row{"a*", "ba", false},
           Row{"*a", "cba", true},
           Row{"*a", "ab", false},
           Row{"a*c", "abbc", true},
           Row{"a*c", "abcb", false},
           Row{"a*b*c", "a-b-b-c", true},
           Row{"*ab*", "aab", true},
           Row{"a**b", "ab", true},
           Row{"a?", "ab", false},
           Row{"[a]", "a", false},
           Row{"cpu", "cpu", true},
           Row{"cpu", "CPU", false},
       }) {
    CAPTURE(row.glob);
    CAPTURE(row.text);
    CHECK_EQ(GlobMatches(row.glob, row.text), row.matches);
  }
  const std::string as(10'000, 'a');
  CHECK_FALSE(GlobMatches("*a*a*a*a*a*a*a*a*b", as));
}

TEST_CASE("router: a regular expression selects databases, policies and measurements") {
  const Config config = With({Backend("teams", {.databases = {"/^team-(a|b)$/"}}),
                              Backend("disks", {.measurements = {"/^disk/", "swap"}}),
                              Backend("rest", {}, {.databases = {"/^team-/"}})});
  CHECK_EQ(Routes(config, To("team-a"), "cpu v=1 1\ndiskio v=1 1\n", 2),
           Map{{"teams", "cpu v=1 1\ndiskio v=1 1\n"}, {"disks", "diskio v=1 1\n"}});
  CHECK_EQ(Routes(config, To("d"), "swap v=1 1\nmydisk v=1 1\n", 2),
           Map{{"disks", "swap v=1 1\n"}, {"rest", "swap v=1 1\nmydisk v=1 1\n"}});
}

TEST_CASE("router: points go by their tags, each series on its own") {
  const Config config =
      With({Backend("eu", {.tags = {"region=eu*", "region=/^uk$/", "host=/^web[0-9]+$/"}}),
            Backend("other", {}, {.tags = {"region=eu*"}})});
  const std::string lines =
      "m,host=web1,region=eu-west v=1 1\n"
      "m,host=db1,region=eu-west v=2 2\n"
      "m,region=uk,host=web2 v=3 3\n"
      "m,host=web3 v=4 4\n"
      "m,host=web1,region=eu-west v=5 5\n";
  CHECK_EQ(Routes(config, To("d"), lines, 5),
           Map{{"eu",
                "m,host=web1,region=eu-west v=1 1\nm,host=web1,region=eu-west v=5 5\n"
                "m,region=uk,host=web2 v=3 3\n"},
               {"other", "m,region=uk,host=web2 v=3 3\nm,host=web3 v=4 4\n"},
               {"", "no backend accepts measurement \"m\" of database \"d\", with its tags"}});
}

TEST_CASE("router: names and values of tags are compared unescaped; a missing tag is empty") {
  const Config config = With({Backend("a", {.tags = {"the room=first floor, left=x"}}),
                              Backend("none", {.tags = {"the room="}})});
  CHECK_EQ(Routes(config, To("d"),
                  "m,the\\ room=first\\ floor\\,\\ left\\=x v=1 1\nm v=\"a,the room=b\" 2\n", 2),
           Map{{"a", "m,the\\ room=first\\ floor\\,\\ left\\=x v=1 1\n"},
               {"none", "m v=\"a,the room=b\" 2\n"}});
}

bool IsMarked(std::string_view line) {
  return line.find(" opaque=") != std::string_view::npos;
}

TEST_CASE("router: opaque lines go to backends with remote write alone, in their order") {
  Config config =
      With({Backend("influx"), Backend("mimir"), Backend("m", {.measurements = {"m"}})});
  config.backends[1].api = Api::kPrometheus;
  const std::string lines = "m v=1 1\nm opaque=1 2\nn opaque=1 3\nn v=2 4\n";
  const RoutedLines routed = Router(config, {}).Route(To("d"), lines, 4, &IsMarked);
  Map got;
  for (const RoutedPart& part : routed.parts) {
    for (const BackendId& backend : *part.backends) got[backend.text()] += part.lines;
  }
  CHECK_EQ(got, Map{{"influx", "m v=1 1\nn v=2 4\n"}, {"m", "m v=1 1\n"}, {"mimir", lines}});
  // Lines that are in a part for each API count once.
  CHECK(routed.size == Totals{.points = 4, .bytes = Bytes(lines.size())});
  CHECK_EQ(routed.untranslated, 0);
  CHECK_EQ(routed.unrouted, 0);
}

TEST_CASE("router: opaque lines without a backend for them are counted, and are not unrouted") {
  const Config config = With({Backend("influx", {.measurements = {"m"}})});
  const RoutedLines routed =
      Router(config, {}).Route(To("d"), "m opaque=1 1\nm v=1 1\nn opaque=1 1\n", 3, &IsMarked);
  REQUIRE_EQ(routed.parts.size(), 1);
  CHECK_EQ(routed.parts[0].lines, "m v=1 1\n");
  CHECK_EQ(routed.untranslated, 1);
  CHECK_EQ(routed.unrouted, 1);
  CHECK(routed.size == Totals{.points = 1, .bytes = 8_B});
  CHECK(Router(config, {}).Route(To("d"), "m opaque=1 1\n", 1, &IsMarked).parts.empty());
}

TEST_CASE("router: statements on a database go to all that take anything of it") {
  const Config config = With({Backend("all"), Backend("one", {.databases = {"d"}}),
                              Backend("part", {.databases = {"d"}, .measurements = {"cpu"}}),
                              Backend("but", {}, {.databases = {"d"}}),
                              Backend("most", {}, {.databases = {"d"}, .measurements = {"cpu"}})});
  const auto takers_of = [&config](const std::string& database) {
    std::string names;
    const BackendSet takers = Router(config, {}).TakersOf(database);
    for (const BackendId& backend : *takers) names += backend.text() + ' ';
    return names;
  };
  CHECK_EQ(takers_of("d"), "all one part most ");
  CHECK_EQ(takers_of("e"), "all but most ");
}

}  // namespace
}  // namespace relay::test::relay_routing_router_test
