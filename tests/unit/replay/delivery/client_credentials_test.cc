// Clients' own credentials, passed on: a client that a backend refuses affects
// nobody else.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/worker_fixture.h"

namespace relay::test::replay_delivery_client_credentials_test {
namespace {

using namespace std::chrono_literals;
using enum WorkerState;

Worker::Options Passing() {
  Worker::Options options = QuickOptions();
  options.passes_credentials = true;
  return options;
}

// Knows some clients; keeps what each database was sent, and by whom.
struct Backend {
  std::set<std::string> clients;
  std::map<std::string, std::string> taken;
  std::vector<std::string> asked_by;

  Result<Reply> operator()(const WriteParams& params, std::string_view lines) {
    const std::string& client = params.credentials.Reveal();
    asked_by.push_back(client);
    if (!clients.contains(client)) return Http(401, R"({"error":"authorization failed"})");
    taken[params.database] += lines;
    return Status204();
  }
};

struct Bench : WorkerFixture {
  explicit Bench(std::set<std::string> clients)
      : WorkerFixture([this](const WriteParams& p, std::string_view l) { return backend(p, l); }),
        backend{.clients = std::move(clients)} {
    Restart(Passing());
  }

  void AcceptOf(const std::string& client, int number, const std::string& database = "db",
                Api api = Api::kV1) {
    Record record;
    record.params.api = api;
    record.params.database = database;
    record.params.credentials = ClientCredentials(client);
    record.lines = fmt::format("m v={} {}\n", number, number);
    record.points = 1;
    REQUIRE(AppendAndWait(log, record).ok());
  }
  std::vector<std::string> DeadLines() {
    std::vector<std::string> lines;
    for (const DeadLetter& letter : Dead()) lines.push_back(letter.lines);
    return lines;
  }

  Backend backend;
};

TEST_CASE("clients: a request has the lines of one client, and his credentials") {
  Bench bench({"ada", "bob"});
  for (const auto& [client, number] :
       {std::pair("ada", 1), {"ada", 2}, {"bob", 3}, {"bob", 4}, {"ada", 5}}) {
    bench.AcceptOf(client, number);
  }
  bench.Drain();
  CHECK_EQ(bench.backend.asked_by, std::vector<std::string>{"ada", "bob", "ada"});
  CHECK_EQ(bench.transport.sent[1], "m v=3 3\nm v=4 4\n");
}

TEST_CASE("clients: the lines of one that the backend refuses are dead, nobody waits for him") {
  Bench bench({"ada"});
  bench.AcceptOf("ada", 1);
  bench.AcceptOf("eve", 2);
  bench.AcceptOf("eve", 3);
  bench.AcceptOf("ada", 4);
  bench.AcceptOf("eve", 5);
  bench.AcceptOf("ada", 6, "other");
  const auto begun = bench.clock.Now();
  bench.Drain();
  CHECK_LT(bench.clock.Now() - begun, 1s);
  CHECK_EQ(bench.DeadLines(), std::vector<std::string>{"m v=2 2\n", "m v=3 3\n", "m v=5 5\n"});
  CHECK_EQ(bench.backend.taken["other"], "m v=6 6\n");
  CHECK(bench.backend.taken["db"].ends_with("m v=4 4\n"));
  const DeadLetter letter = bench.Dead().front();
  CHECK_EQ(letter.http_status, 401);
  CHECK_EQ(letter.message, R"({"error":"authorization failed"})");
  CHECK_EQ(letter.params.credentials.Reveal(), "eve");  // Needed for the redrive.
  CHECK_EQ(bench.Now().unaccounted(), 0);
  CHECK_EQ(bench.Status().state, kCaughtUp);
}

TEST_CASE("clients: one that comes first and is refused is told from a backend that refuses all") {
  Bench bench({"ada"});
  bench.AcceptOf("eve", 1);
  bench.AcceptOf("mallory", 2);
  bench.AcceptOf("", 3);
  bench.AcceptOf("ada", 4);
  bench.StepFor(60s);
  CHECK_EQ(bench.DeadLines(), std::vector<std::string>{"m v=1 1\n", "m v=2 2\n", "m v=3 3\n"});
  CHECK(bench.backend.taken["db"].ends_with("m v=4 4\n"));
  CHECK_EQ(bench.Now().marks.lag(), 0);
}

TEST_CASE("clients: a backend that refuses everybody keeps everything waiting, in order") {
  Bench bench({});
  bench.AcceptOf("ada", 1);
  bench.AcceptOf("bob", 2);
  bench.AcceptOf("ada", 3);
  bench.StepFor(60s);
  CHECK(bench.Dead().empty());
  CHECK_EQ(bench.Status().state, kHeld);
  CHECK_EQ(bench.Status().reason, "the credentials were refused");
  CHECK_EQ(bench.Now().delivered, 0);
  bench.backend.clients = {"ada", "bob"};
  bench.StepFor(40s);
  CHECK_EQ(bench.Now().delivered, 3);
  CHECK(bench.Dead().empty());
  CHECK(bench.backend.taken["db"].ends_with("m v=3 3\n"));
}

TEST_CASE("clients: one that was accepted and no longer is, is refused like any other") {
  Bench bench({"ada", "bob"});
  bench.AcceptOf("ada", 1);
  bench.Drain();
  bench.backend.clients = {"bob"};
  bench.AcceptOf("ada", 2);
  bench.AcceptOf("bob", 3);
  bench.StepFor(5s);
  CHECK_EQ(bench.DeadLines(), std::vector<std::string>{"m v=2 2\n"});
  CHECK_EQ(bench.Now().marks.lag(), 0);
}

TEST_CASE("clients: one alone in his database is refused once another's lines are taken") {
  Bench bench({"ada"});
  bench.AcceptOf("eve", 1, "hers");
  bench.StepFor(3s);
  CHECK(bench.Dead().empty());
  bench.AcceptOf("ada", 2, "db");
  bench.StepFor(35s);
  CHECK_EQ(bench.DeadLines(), std::vector<std::string>{"m v=1 1\n"});
  CHECK_EQ(bench.Now().marks.lag(), 0);
  CHECK_EQ(bench.Now().held.points, 0);
}

// Each would close the backend's gate for a second, if it were taken for a
// failure of the backend.
TEST_CASE("clients: a stranger in one database after another does not slow known clients") {
  Bench bench({"ada"});
  bench.AcceptOf("ada", 0);
  bench.Drain();
  for (int i = 1; i <= 100; ++i) {
    bench.AcceptOf("eve", i, fmt::format("db{}", i));
    bench.AcceptOf("ada", i);
    while (!bench.backend.taken["db"].ends_with(fmt::format("m v={} {}\n", i, i))) {
      bench.Step();
      REQUIRE_EQ(bench.Status().failures_in_a_row, 0);
    }
  }
  bench.AcceptOf("ada", 101);
  bench.StepFor(35s);
  CHECK_EQ(bench.Now().dead, 100);
  CHECK_EQ(bench.Now().marks.lag(), 0);
  CHECK_EQ(bench.Now().unaccounted(), 0);
}

TEST_CASE(
    "clients: a statement of one that is refused is dead at once, what is behind it goes on") {
  Bench bench({"ada"});
  bench.AcceptOf("eve", 1, "db", Api::kStatement);
  bench.AcceptOf("ada", 2);
  bench.Drain();
  CHECK_EQ(bench.DeadLines(), std::vector<std::string>{"m v=1 1\n"});
  CHECK_EQ(bench.backend.taken["db"], "m v=2 2\n");
}

TEST_CASE("clients: with credentials of its own a backend that refuses them is set up wrongly") {
  Bench bench({"ada"});
  bench.Restart(QuickOptions());
  bench.AcceptOf("eve", 1);
  bench.AcceptOf("ada", 2);
  bench.StepFor(60s);
  CHECK(bench.Dead().empty());
  CHECK_EQ(bench.Status().state, kHeld);
}

}  // namespace
}  // namespace relay::test::replay_delivery_client_credentials_test
