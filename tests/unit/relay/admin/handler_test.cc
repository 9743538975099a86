#include "relay/admin/handler.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <set>
#include <utility>

#include "relay/admin/dashboard.h"
#include "tests/support/answer_schema.h"
#include "tests/support/fakes/fake_clock.h"
#include "tests/support/fakes/memory_log.h"
#include "tests/support/log_fixture.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::relay_admin_handler_test {
namespace {

using Json = nlohmann::json;

// The admin port over a log in memory with three records for "west".
struct Bench {
  AdminConfig config;
  TempDir directory;
  FakeClock clock;
  MemoryLog log{{kWest, kEast}};
  Audit audit{directory.path()};
  Counters counters;
  SystemClock observer_clock;
  Observer observer{log, observer_clock};
  PauseEnds pause_ends{directory.path(), observer_clock};
  Operators operators{log, audit, clock, [](const BackendId&) { return true; }, pause_ends};
  std::string log_failure;
  std::optional<SharedLogStatus> shared;
  std::string token;  // The client's token; empty: none.
  std::vector<std::string> checkpoints_made;
  Checkpoints checkpoints{directory.path(), "", [this](const CheckpointRequest& request) {
                            checkpoints_made.push_back(request.directory);
                            return Ok();
                          }};
  ReplayJobs replays{
      directory.path(),
      observer_clock,
      {.log = log,
       .checkpoint = [this](const std::string& name) { return checkpoints.Open(name); },
       .transport = [](const BackendId&, const std::string&) -> Result<std::unique_ptr<Transport>> {
         return Error(ErrorCode::kNotFound, "nowhere");
       },
       .may_send = [](const BackendId&, const BackendId&) { return Ok(); },
       .fill = [](const ReplayReport&) -> Result<std::unique_ptr<BackendJob>> {
         return Error(ErrorCode::kNotFound, "nowhere");
       }}};
  AdminHandler handler{
      config,
      {.status = [this] { return Status(); },
       .counters = counters,
       .log = log,
       .observer = observer,
       .operators = operators,
       .audit = audit,
       .replays = replays,
       .checkpoints = checkpoints,
       .clock = clock,
       .found = [](bool) { return Ok(); },
       .acknowledge = [](const std::string&, bool) { return Result<std::string>("acknowledge"); }}};

  explicit Bench(AdminConfig admin = {}) : config(std::move(admin)) {
    for (std::uint64_t n = 1; n <= 3; ++n) REQUIRE(AppendAndWait(log, NumberedRecord(n, 1)).ok());
  }

  RelayStatus Status() {
    RelayStatus status{.version = "9.9", .now = clock.WallNow(), .running = true};
    status.log_failure = log_failure;
    status.shared = shared;
    status.backends = BackendStatuses(log);
    for (BackendStatus& backend : status.backends) backend.takes_writes = true;
    return status;
  }

  HttpResponse Ask(std::string_view method, std::string_view target, const std::string& body = "",
                   std::string_view type = "application/json") {
    const std::size_t mark = target.find('?');
    HttpRequest request{.method = method, .path = target.substr(0, mark), .client = "127.0.0.1"};
    if (mark != std::string_view::npos) request.query = target.substr(mark + 1);
    request.headers = {{"Host", "127.0.0.1:9097"}, {"Content-Type", type}};
    const std::string authorization = "Bearer " + token;
    if (!token.empty()) request.headers.emplace_back("Authorization", authorization);
    request.body = body;
    std::optional<HttpResponse> answer;
    handler.Handle(std::move(request),
                   [&](HttpResponse response) { answer = std::move(response); });
    return answer.value();
  }
  HttpResponse Get(std::string_view target) { return Ask("GET", target); }
};

TEST_CASE("admin: probes say whether it lives, takes writes, and has a backend that is near") {
  Bench bench;
  CHECK_EQ(bench.Get("/healthz").status, 200);
  CHECK_EQ(bench.Get("/readyz").status, 200);
  bench.log_failure = "the disk is full";
  CHECK_EQ(bench.Get("/healthz").status, 200);
  const HttpResponse refused = bench.Get("/readyz");
  CHECK_EQ(refused.status, 503);
  CHECK_EQ(Json::parse(refused.body).at("reason"), "the disk is full");
  const std::string ready = "/api/v1/backends/west/ready";
  CHECK_EQ(bench.Get(ready + "?max_lag=3600s").status, 200);
  CHECK_EQ(bench.Get(ready + "?max_lag=60m").status, 200);
  CHECK_EQ(bench.Get(ready + "?max_lag=60min").status, 200);
  bench.clock.Advance(std::chrono::hours(24 * 365 * 60));
  CHECK_EQ(bench.Get(ready).status, 503);
  CHECK_EQ(bench.Get(ready + "?max_lag=soon").status, 400);
  CHECK_EQ(bench.Get(ready + "?held=perhaps").status, 400);
  CHECK_EQ(bench.Get("/api/v1/backends/north/ready").status, 404);
}

TEST_CASE("admin: one backend's figures are those of the status") {
  Bench bench;
  const Json status = Json::parse(bench.Get("/api/v1/status").body);
  CHECK_EQ(Json::parse(bench.Get("/api/v1/backends/west").body), status.at("backends").at(1));
  CHECK_EQ(bench.Get("/api/v1/backends/north").status, 404);
  CHECK_EQ(Json::parse(bench.Get("/api/v1/backends").body).at("backends").size(), 2);
}

TEST_CASE("admin: an operator's change is done, said in words and kept in the trail") {
  Bench bench;
  const HttpResponse done = bench.Ask("POST", "/api/v1/backends/west/skip",
                                      R"({"to":"2","by":"alice","note":"why not"})");
  CHECK_EQ(done.status, 200);
  CHECK_EQ(Json::parse(done.body).at("done"), true);
  const Json gaps = Json::parse(bench.Get("/api/v1/gaps?backend=west").body).at("gaps");
  REQUIRE_EQ(gaps.size(), 1);
  CHECK_EQ(gaps[0].at("note"), "why not");
  CHECK_EQ(gaps[0].at("by"), "alice, unauthenticated, 127.0.0.1");
  const Json trail = Json::parse(bench.Get("/api/v1/audit?limit=1").body).at("entries");
  CHECK_EQ(trail.at(0).at("outcome"), "done");
}

TEST_CASE("admin: a dry run changes nothing") {
  Bench bench;
  const HttpResponse said =
      bench.Ask("POST", "/api/v1/backends/west/skip", R"({"to":"2","dry_run":true})");
  CHECK_EQ(Json::parse(said.body).at("done"), false);
  CHECK_EQ(bench.log.MarksOf(kWest).cursor, Sequence(0));
}

TEST_CASE("admin: a wrong change is refused with the reason, and nothing is changed") {
  Bench bench;
  const std::string skip = "/api/v1/backends/west/skip";
  CHECK_EQ(bench.Ask("POST", skip, R"({"to":2})").status, 400);
  CHECK_EQ(bench.Ask("POST", skip, R"({"to":"2","dry_run":"yes"})").status, 400);
  CHECK_EQ(bench.Ask("POST", skip, "[]").status, 400);
  CHECK_EQ(bench.Ask("POST", skip, "{").status, 400);
  CHECK_EQ(bench.Ask("POST", skip, R"({"to":"9"})").status, 400);
  CHECK_EQ(bench.Ask("POST", skip, R"({"to":"2"})", "text/plain").status, 415);
  CHECK_EQ(bench.Ask("POST", "/api/v1/backends/north/pause", "{}").status, 404);
  CHECK_EQ(bench.Ask("POST", "/api/v1/dead/drop", R"({"backend":"west","numbers":[-1]})").status,
           400);
  const HttpResponse wrong = bench.Ask("GET", skip);
  CHECK_EQ(wrong.status, 405);
  CHECK(wrong.headers.front() == std::pair<std::string_view, std::string>("Allow", "POST"));
  CHECK_EQ(bench.log.MarksOf(kWest).cursor, Sequence(0));
}

TEST_CASE("admin: a field that a change does not take is refused with the nearest one it does") {
  Bench bench;
  const std::string skip = "/api/v1/backends/west/skip";
  const auto mistake = [&bench](const std::string& path, const std::string& body) {
    const HttpResponse refused = bench.Ask("POST", path, body);
    CHECK_EQ(refused.status, 400);
    return Json::parse(refused.body).at("error").get<std::string>();
  };
  CHECK_EQ(mistake(skip, R"({"to":"2","notes":"x"})"),
           R"(unknown field "notes": did you mean "note"?)");
  CHECK_EQ(mistake(skip, R"({"to":"2","dryrun":true})"),
           R"(unknown field "dryrun": did you mean "dry_run"?)");
  CHECK_EQ(mistake(skip, R"({"to":"2","zz":null})"),
           "unknown field \"zz\"; this request accepts to, note, database, retention_policy, by, "
           "dry_run");
  CHECK_EQ(mistake(skip, R"({"to":"2","backend":"west"})").substr(0, 23),
           R"(unknown field "backend")");
  CHECK_EQ(mistake(skip + "?notes=2", R"({"to":"2"})"),
           R"(unknown field "notes": did you mean "note"?)");
  CHECK_EQ(mistake(skip + "?dry_run=true", R"({"to":"2"})"),
           "dry_run: put it into the JSON body, not the query");
  CHECK_EQ(bench.log.MarksOf(kWest).cursor, Sequence(0));
  CHECK_EQ(mistake("/api/v1/checkpoints", R"({"nam":"a"})"),
           R"(unknown field "nam": did you mean "name"?)");
  CHECK_EQ(mistake("/api/v1/replays", R"({"backend":"west","measurment":"m"})"),
           R"(unknown field "measurment": did you mean "measurement"?)");
  CHECK_EQ(mistake("/api/v1/replays/1/cancel", R"({"id":1})").substr(0, 18),
           R"(unknown field "id")");
}

// A verb's row alone is thus enough to make its route.
TEST_CASE("admin: each verb has a route that takes its parameters, and is described") {
  const Json paths = Json::parse(OpenApiDocument()).at("paths");
  for (const VerbSpec& verb : Verbs()) {
    CAPTURE(verb.command);
    CHECK_EQ(&SpecOf(verb.verb), &verb);
    const Json& operation = paths.at(std::string(verb.path)).at("post");
    CHECK_EQ(operation.at("summary"), std::string(verb.description) + ".");
    const Json& fields = operation.at("requestBody")
                             .at("content")
                             .at("application/json")
                             .at("schema")
                             .at("properties");
    CHECK_EQ(fields.size(), verb.parameters.size() + 2);
    for (const RouteParameter& parameter : verb.parameters) {
      CHECK_EQ(fields.at(std::string(parameter.name)).at("description"), DescriptionOf(parameter));
    }
  }
}

TEST_CASE("admin: a checkpoint is made where checkpoints lie, audited, and nowhere else") {
  Bench bench;
  const std::string place = bench.directory.File("checkpoints/a");
  const std::string path = "/api/v1/checkpoints";
  const HttpResponse said = bench.Ask("POST", path, R"({"name":"a","dry_run":true})");
  CHECK_EQ(Json::parse(said.body).at("message"), "make a checkpoint in " + place);
  CHECK(bench.checkpoints_made.empty());
  const HttpResponse done = bench.Ask("POST", path, R"({"name":"a","by":"alice"})");
  CHECK_EQ(done.status, 200);
  CHECK_EQ(Json::parse(done.body).at("path"), place);
  CHECK_EQ(bench.checkpoints_made, std::vector<std::string>{place});
  CHECK_EQ(bench.audit.Recent(1).front().what, "make a checkpoint in " + place);
  for (const std::string name : {R"("../a")", R"("/etc/a")", R"("")", "7"}) {
    CHECK_EQ(bench.Ask("POST", path, R"({"name":)" + name + "}").status, 400);
    CHECK_EQ(bench.Ask("POST", path + "/drop", R"({"name":)" + name + "}").status, 400);
  }
  CHECK_EQ(bench.Ask("POST", path + "/drop", R"({"name":"none"})").status, 404);
  CHECK_EQ(bench.checkpoints_made.size(), 1);
}

TEST_CASE("admin: lists report bad parameters") {
  Bench bench;
  for (const std::string list : {"/api/v1/dead", "/api/v1/gaps"}) {
    CHECK_EQ(bench.Get(list).status, 400);
    CHECK_EQ(bench.Get(list + "?backend=north").status, 404);
    CHECK_EQ(bench.Get(list + "?backend=west&limit=many").status, 400);
    CHECK_EQ(bench.Get(list + "?backend=west&after=7&limit=5").status, 200);
  }
}

TEST_CASE("admin: behind a proxy that keeps its prefix, probes, metrics and dashboard are found") {
  AdminConfig config;
  config.path_prefix = "/relay";
  Bench bench(config);
  for (const std::string path : {"/healthz", "/readyz/", "/metrics", "/api/v1/status/",
                                 "/api/v1/backends/west", "/", "/dashboard/app.js"}) {
    CAPTURE(path);
    CHECK_EQ(bench.Get(path).status, 200);
    CHECK_EQ(bench.Get("/relay" + path).status, 200);
    CHECK_EQ(bench.Get("/other" + path).status, 404);
  }
  CHECK_EQ(bench.Ask("HEAD", "/relay/metrics").status, 200);
  const HttpResponse page = bench.Get("/relay");
  CHECK_EQ(page.status, 308);
  CHECK_EQ(page.headers.front(), std::pair<std::string_view, std::string>("Location", "/relay/"));
  CHECK_EQ(bench.Get("/relay/").body.find("\"/dashboard"), std::string::npos);
}

TEST_CASE("admin: the dashboard's parts are served with a policy that runs no foreign code") {
  Bench bench;
  for (const DashboardFile& file : DashboardFiles()) {
    const HttpResponse answer = bench.Get("/dashboard/" + std::string(file.name));
    CHECK_EQ(answer.status, 200);
    CHECK_EQ(answer.body, file.content);
    CHECK_EQ(answer.headers.front().first, "Content-Security-Policy");
    CHECK_EQ(answer.headers.front().second.find("unsafe"), std::string::npos);
  }
  CHECK(bench.Get("/").body.find("<title>InfluxDB Relay</title>") != std::string::npos);
  CHECK_EQ(bench.Get("/dashboard/../status.cc").status, 404);
}

// ----------------------------------------------------------------- OpenAPI

// Returns a path of the document with a value for each parameter.
std::string Filled(std::string path, const std::string& backend) {
  for (const auto& [name, value] : {std::pair<std::string, std::string>("{backend}", backend),
                                    {"{id}", "1"},
                                    {"{name}", "a"}}) {
    const std::size_t at = path.find(name);
    if (at != std::string::npos) path.replace(at, name.size(), value);
  }
  return path;
}

TEST_CASE("admin: a new stream is begun where the log ends, once that is known") {
  Bench bench;
  CHECK_EQ(bench.Ask("POST", "/api/v1/log/found", "{}").status, 503);
  bench.shared = SharedLogStatus{.relay = "r1", .place = Place(7)};
  CHECK_EQ(bench.Ask("POST", "/api/v1/log/found", "{}").status, 200);
  const Json trail = Json::parse(bench.Get("/api/v1/audit?limit=1").body).at("entries");
  CHECK_NE(trail.at(0).at("what").get<std::string>().find("the log of r1 ends, at place 7"),
           std::string::npos);
}

// Returns what is wrong with an answer's type and body; empty: they are as described.
std::string WrongWith(const HttpResponse& answer, const Json& described, const Json& document) {
  const Json& content = described.at(std::to_string(answer.status)).at("content");
  const std::string type(answer.content_type.substr(0, answer.content_type.find(';')));
  if (!content.contains(type)) return type + " is not described";
  if (type != "application/json") return "";
  return WrongIn(Json::parse(answer.body), content.at(type).at("schema"), document);
}

TEST_CASE("openapi: every path answers as described, to good and to bad requests") {
  Bench bench;
  const Json document = Json::parse(bench.Get("/api/v1/openapi.json").body);
  std::size_t operations = 0;
  for (const auto& [path, methods] : document.at("paths").items()) {
    for (const auto& [method, operation] : methods.items()) {
      CAPTURE(path);
      ++operations;
      const Json& described = operation.at("responses");
      const std::string verb = method == "get" ? "GET" : "POST";
      for (const std::string backend : {"west", "north", "No+Name"}) {
        for (const std::string body : {"{}", "[", R"({"to":"1"})", R"({"backend":"west"})"}) {
          for (const std::string query : {"", "?backend=west", "?backend=north", "?limit=x"}) {
            const HttpResponse answer = bench.Ask(verb, Filled(path, backend) + query, body);
            CAPTURE(answer.body);
            REQUIRE(described.contains(std::to_string(answer.status)));
            CHECK_EQ(WrongWith(answer, described, document), "");
          }
        }
      }
      if (verb == "POST") {
        const int refused = bench.Ask(verb, Filled(path, "west"), "{}", "text/plain").status;
        CHECK_EQ(refused, 415);
        CHECK(described.contains("415"));
      }
    }
  }
  CHECK_EQ(operations, AdminRoutes().size());
}

// Each route's status without a token, with the reader's and with the operators'.
TEST_CASE("admin: each route asks for the token of its role, and is described so") {
  const TempDir directory;
  WriteFile(directory.File("operate"), "open sesame");
  WriteFile(directory.File("read"), "peep");
  AdminConfig admin;
  admin.address.host = "0.0.0.0";
  admin.token = SecretSource::FromFile(directory.File("operate"));
  admin.read_token = SecretSource::FromFile(directory.File("read"));
  Bench bench(admin);
  const Json document = Json::parse(OpenApiDocument());
  const auto is_let_in = [&](const AdminRoute& route, const std::string& token) {
    bench.token = token;
    const int status =
        bench.Ask(route.method, Filled(std::string(route.path), "west"), R"({"dry_run":true})")
            .status;
    return status != 401 && status != 403;
  };
  for (const AdminRoute& route : AdminRoutes()) {
    CAPTURE(route.path);
    const bool changes = route.method == "POST";
    // The files of a checkpoint hold what clients have written, and their passwords.
    const bool is_copied = route.path.starts_with("/api/v1/checkpoints/{name}/");
    CHECK_EQ(route.role == Role::kOperate, changes || is_copied);
    const bool probe = route.role == Role::kProbe;
    CHECK_EQ(is_let_in(route, ""), probe);
    CHECK_EQ(is_let_in(route, "wrong"), probe);
    CHECK_EQ(is_let_in(route, "peep"), !changes && !is_copied);
    CHECK(is_let_in(route, "open sesame"));
    const Json& described =
        document.at("paths").at(std::string(route.path)).at(changes ? "post" : "get");
    CHECK_EQ(described.at("security").empty(), probe);
    CHECK_EQ(described.at("responses").contains("401"), !probe);
  }
}

TEST_CASE("openapi: the description follows OpenAPI 3") {
  const Json document = Json::parse(OpenApiDocument());
  CHECK(document.at("openapi").get<std::string>().starts_with("3."));
  for (const auto& [path, methods] : document.at("paths").items()) {
    for (const auto& [method, operation] : methods.items()) {
      CAPTURE(path);
      CHECK_FALSE(operation.at("summary").get<std::string>().empty());
      std::set<std::string> in_path;
      for (const Json& parameter : operation.at("parameters")) {
        if (parameter.at("in") == "path") in_path.insert(parameter.at("name").get<std::string>());
        CHECK(parameter.at("schema").contains("type"));
      }
      CHECK_EQ(in_path.contains("backend"), path.find("{backend}") != std::string::npos);
      for (const auto& [status, answer] : operation.at("responses").items()) {
        CHECK_FALSE(answer.at("description").get<std::string>().empty());
      }
    }
  }
}

}  // namespace
}  // namespace relay::test::relay_admin_handler_test
