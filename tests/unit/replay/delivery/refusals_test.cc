// Lines that a backend refuses, and requests that are too much for it: found in
// few requests, named exactly, and nothing else is lost.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "replay/transport/refused_lines.h"
#include "tests/support/worker_fixture.h"

namespace relay::test::replay_delivery_refusals_test {
namespace {

using namespace std::chrono_literals;
using Bench = WorkerFixture;

std::string Numbered(int first, int last) {
  std::string lines;
  for (int i = first; i <= last; ++i) lines += fmt::format("m v={}i {}\n", i, i);
  return lines;
}

// An InfluxDB 3's answer; the line that it repeats looks like its own words.
std::string ThreeOf(std::initializer_list<int> numbers) {
  std::string data;
  for (const int number : numbers) {
    data += fmt::format(R"({}{{"original_line":"m s=\"line_number\":1}}]",)"
                        R"("line_number":{},"error_message":"no {}"}})",
                        data.empty() ? "" : ",", number, number);
  }
  return R"({"error":"partial write of line protocol occurred","data":[)" + data + "]}";
}

// ---- Refused lines found by searching

TEST_CASE("refusals: in records joined to one request, the line and its record are named") {
  Bench bench([](const WriteParams&, std::string_view lines) {
    return lines.find("v=50i ") == std::string_view::npos
               ? Status204()
               : Http(400, R"({"error":"partial write: field type conflict dropped=1"})");
  });
  for (int i = 0; i < 16; ++i) bench.Accept(Numbered(1 + 10 * i, 10 + 10 * i));
  bench.Drain();
  CHECK_EQ(bench.transport.sent.front(), Numbered(1, 160));  // One request, at first.
  REQUIRE_EQ(bench.Dead().size(), 1);
  CHECK_EQ(bench.Dead()[0].sequence, Sequence(5));
  CHECK_EQ(bench.Dead()[0].first_line, 10);
  CHECK_EQ(bench.Dead()[0].lines, "m v=50i 50\n");
  CHECK_EQ(bench.Now().delivered, 159);
  CHECK_LE(bench.transport.sent.size(), 1 + 2 * (4 + 4));  // log2 of 16 records and of 10 lines.
}

TEST_CASE("refusals: a line in a refused body is found in twice the logarithm of its lines") {
  constexpr int kLines = 8192;
  Bench bench([](const WriteParams&, std::string_view lines) {
    return lines.find("v=4711i ") == std::string_view::npos
               ? Status204()
               : Http(400, R"({"error":"unable to parse 'm v=4711i 4711': bad"})");
  });
  bench.Accept(Numbered(1, kLines));
  bench.Drain();
  REQUIRE_EQ(bench.Dead().size(), 1);
  CHECK_EQ(bench.Dead()[0].first_line, 4711);
  CHECK_EQ(bench.Now().delivered, kLines - 1);
  CHECK_LE(bench.transport.sent.size(), 1 + 2 * 13);
}

TEST_CASE("refusals: a line that says how many were dropped does not take others with it") {
  Bench bench([](const WriteParams&, std::string_view lines) {
    return lines.find("dropped") == std::string_view::npos
               ? Status204()
               : Http(400,
                      R"({"error":"partial write: unable to parse 'm s=\"dropped=2\" 2': bad"})");
  });
  bench.Accept("m v=1 1\nm s=\"dropped=2\" 2\n");
  bench.Drain();
  REQUIRE_EQ(bench.Dead().size(), 1);
  CHECK_EQ(bench.Dead()[0].first_line, 2);
  CHECK_EQ(bench.Now().delivered, 1);
}

// ---- Refused lines told by the answer

// Refuses what is older than `limit`, as influxd does.
ScriptedTransport::Rule KeepsFrom(int limit, const char* message) {
  return [limit, message](const WriteParams&, std::string_view lines) {
    PointCount expired = 0;
    for (LineWalk walk(lines); !walk.AtEnd();) {
      if (*TimestampOf(walk.Next()) < limit) ++expired;
    }
    if (expired == 0) return Status204();
    return Http(400, fmt::format(fmt::runtime(message), expired));
  };
}

constexpr const char* kBeyond =
    R"({{"error":"partial write: points beyond retention policy dropped={}"}})";
constexpr const char* kOutside =
    R"({{"code":"unprocessable entity","message":"failure writing points to database: )"
    R"(partial write: dropped {} points outside retention policy of duration 1h0m0s"}})";
constexpr const char* kUncounted = R"({{"error":"write outside retention policy","points":"{}"}})";

// Every other point is older than 10,000.
std::string Alternating(int points) {
  std::string lines;
  for (int i = 0; i < points; ++i) {
    lines += fmt::format("m v={}i {}\n", i, i % 2 == 0 ? i : 10'000 + i);
  }
  return lines;
}

TEST_CASE("refusals: expired points among others are found in three requests") {
  for (const char* message : {kBeyond, kOutside}) {
    CAPTURE(message);
    Bench bench(KeepsFrom(10'000, message));
    bench.Accept(Alternating(5'000));
    bench.Accept(Alternating(5'000));
    bench.Drain();
    CHECK_EQ(bench.transport.sent.size(), 3);
    CHECK_EQ(bench.Now().delivered, 5'000);
    CHECK_EQ(bench.Now().unaccounted(), 0);
    REQUIRE_EQ(bench.Dead().size(), 5'000);
    CHECK_EQ(bench.Dead()[1].first_line, 3);
    CHECK_EQ(bench.Dead()[1].lines, "m v=2i 2\n");
    CHECK(bench.Dead()[0].reason == DeadReason::kExpired);
  }
}

TEST_CASE("refusals: expired points that are not counted are found by time") {
  Bench bench(KeepsFrom(10'000, kUncounted));
  bench.Accept(Alternating(1'024));
  bench.Drain();
  CHECK_EQ(bench.Now().delivered, 512);
  CHECK_EQ(bench.Dead().size(), 512);
  CHECK_LE(bench.transport.sent.size(), 2 * 512 + 2 * 10);
}

TEST_CASE("refusals: points before and behind a write window are found by time") {
  Bench bench([](const WriteParams&, std::string_view lines) {
    int outside = 0;
    for (LineWalk walk(lines); !walk.AtEnd();) {
      const std::int64_t time = *TimestampOf(walk.Next());
      outside += time < 10'050 || time > 11'000 ? 1 : 0;
    }
    if (outside == 0) return Status204();
    return Http(400, fmt::format(R"({{"error":"partial write: points beyond retention policy or )"
                                 R"(outside permissible write window dropped={}"}})",
                                 outside));
  });
  bench.Accept(Alternating(1'024));  // Odd ones are at 10,001 to 11,023.
  bench.Drain();
  CHECK_EQ(bench.Now().delivered, 475);
  CHECK_EQ(bench.Dead().size(), 549);
  CHECK_LE(bench.transport.sent.size(), 45);
}

TEST_CASE("refusals: points of one time are expired together, whatever number the answer gives") {
  Bench bench([](const WriteParams&, std::string_view lines) {
    return lines.find("bad") == std::string_view::npos
               ? Status204()
               : Http(400,
                      R"({"error":"partial write: points beyond retention policy dropped=1"})");
  });
  bench.Accept("m v=1i 5\nm bad=1i 5\nm v=3i 5\nm v=4i 9\n");
  bench.Drain();
  CHECK_EQ(bench.Now().delivered, 3);
  REQUIRE_EQ(bench.Dead().size(), 1);
  CHECK_EQ(bench.Dead()[0].lines, "m bad=1i 5\n");
}

// Refuses the lines of new hosts, as an influxd that has reached a limit does.
ScriptedTransport::Rule KnowsHosts(bool is_named) {
  return [is_named](const WriteParams&, std::string_view lines) {
    PointCount refused = 0;
    std::string last;
    for (LineWalk walk(lines); !walk.AtEnd();) {
      const std::string_view line = walk.Next();
      if (line.find("host=new") == std::string_view::npos) continue;
      const std::size_t begin = line.find("new");
      last = line.substr(begin, line.find_first_of(", ", begin) - begin);
      ++refused;
    }
    if (refused == 0) return Status204();
    const std::string what =
        is_named ? fmt::format(
                       "max-values-per-tag limit exceeded (4/4): measurement=\\\"m\\\" "
                       "tag=\\\"host\\\" value=\\\"{}\\\"",
                       last)
                 : "max-series-per-database limit exceeded: (4)";
    return Http(400, fmt::format(R"({{"error":"partial write: {} dropped={}"}})", what, refused));
  };
}

// Lines of some known and new hosts, in turn, and some that have none.
std::string OfHosts(int points, int hosts) {
  std::string lines;
  for (int i = 0; i < points; ++i) {
    lines += i % 5 == 4 ? fmt::format("other v={} {}\n", i, i)
                        : fmt::format("m,host={}{},z=1 v={} {}\n", i % 2 == 0 ? "new" : "known",
                                      i % hosts, i, i);
  }
  return lines;
}

TEST_CASE("refusals: new series beyond a limit are found by series, however many lines they have") {
  constexpr int kPoints = 5'000;
  constexpr int kHosts = 10;  // Every other one is new.
  for (const bool is_named : {true, false}) {
    CAPTURE(is_named);
    Bench bench(KnowsHosts(is_named));
    bench.Accept(OfHosts(kPoints, kHosts));
    bench.Drain();
    CHECK_EQ(bench.Dead().size(), kPoints * 2 / 5);
    CHECK_EQ(bench.Now().delivered, kPoints * 3 / 5);
    CHECK_EQ(bench.Now().unaccounted(), 0);
    CHECK(bench.Dead()[0].reason == DeadReason::kLimit);
    CHECK_LE(bench.transport.sent.size(), 1 + 2 * 2 * kHosts);
  }
}

TEST_CASE("refusals: one new value of a tag, or nothing but new ones, take three requests") {
  Bench one(KnowsHosts(true));
  one.Accept(OfHosts(5'000, 2));
  one.Drain();
  CHECK_EQ(one.Dead().size(), 2'000);
  CHECK_EQ(one.transport.sent.size(), 3);
  Bench all(KnowsHosts(true));
  std::string lines;
  for (int i = 0; i < 1'000; ++i) lines += fmt::format("m,host=new{} v=1 1\nother v=1 {}\n", i, i);
  all.Accept(lines);
  all.Drain();
  CHECK_EQ(all.Dead().size(), 1'000);
  CHECK_EQ(all.Now().delivered, 1'000);
  CHECK_EQ(all.transport.sent.size(), 3);
}

TEST_CASE("refusals: points of a wrong type among others are found in three requests") {
  const auto wrong = [](std::string_view line) {
    return line.find("a\\ b v\\,=") != std::string_view::npos && line.find('.') != line.npos;
  };
  Bench bench([&wrong](const WriteParams&, std::string_view lines) {
    int dropped = 0;
    for (LineWalk walk(lines); !walk.AtEnd();) dropped += wrong(walk.Next()) ? 1 : 0;
    if (dropped == 0) return Status204();
    return Http(400, fmt::format(R"({{"error":"partial write: field type conflict: input field )"
                                 R"(\"v,\" on measurement \"a b\" is type float, already exists )"
                                 R"(as type integer dropped={}"}})",
                                 dropped));
  });
  std::string lines;
  for (int i = 0; i < 999; i += 3) {
    lines +=
        fmt::format("a\\ b v\\,=1i {}\na\\ b v\\,=1.5 {}\nother v\\,=1.5 {}\n", i, i + 1, i + 2);
  }
  bench.Accept(lines);
  bench.Drain();
  CHECK_EQ(bench.transport.sent.size(), 3);
  CHECK_EQ(bench.Now().delivered, 666);
  CHECK_EQ(bench.Now().unaccounted(), 0);
  REQUIRE_EQ(bench.Dead().size(), 333);
  CHECK_EQ(bench.Dead()[1].first_line, 5);
}

TEST_CASE("refusals: lines of one point stay in order, though its field has the type elsewhere") {
  // The field f is an integer in the shard of times below 100, a float in the other one.
  Bench bench([](const WriteParams&, std::string_view lines) {
    int dropped = 0;
    for (LineWalk walk(lines); !walk.AtEnd();) {
      const std::string_view line = walk.Next();
      dropped += line.find("f=1.5") != line.npos && *TimestampOf(line) < 100 ? 1 : 0;
    }
    if (dropped == 0) return Status204();
    return Http(400, fmt::format(R"({{"error":"partial write: field type conflict: input field )"
                                 R"(\"f\" on measurement \"m\" is type float, already exists as )"
                                 R"(type integer dropped={}"}})",
                                 dropped));
  });
  bench.Accept("m,a=1,b=2 g=2i 200\nm,b=2,a=1 f=1.5,g=3i 200\nm,a=1 f=1.5 5\nm,a=2 g=9i 200\n");
  bench.Drain();
  CHECK_EQ(bench.Now().delivered, 3);
  CHECK_EQ(bench.Dead().size(), 1);
  std::string all;
  for (std::size_t i = 1; i < bench.transport.sent.size(); ++i) all += bench.transport.sent[i];
  CHECK_LT(all.rfind("g=2i"), all.rfind("g=3i"));
}

// ---- Refusals for a reason that is not known

TEST_CASE("refusals: for an unknown reason, good lines are delivered and the lane waits") {
  bool refuses = true;
  Bench bench([&refuses](const WriteParams&, std::string_view lines) {
    return refuses && lines.find("v=50i ") != std::string_view::npos
               ? Http(400, R"({"error":"partial write: the moon is full dropped=100"})")
               : Status204();
  });
  bench.Accept(Numbered(1, 100));
  bench.Accept(Numbered(101, 200));
  bench.StepFor(60s);
  CHECK(bench.Dead().empty());
  CHECK_EQ(bench.Now().held.points, 200);
  CHECK_EQ(bench.Status().state, WorkerState::kHeld);
  CHECK_NE(bench.Status().last_answer.find("the moon is full"), std::string::npos);
  const auto accepted = [&bench](std::string_view line) {
    const auto& sent = bench.transport.sent;
    return std::find(sent.begin(), sent.end(), line) != sent.end();
  };
  CHECK(accepted("m v=49i 49\n"));
  refuses = false;
  bench.StepFor(60s);
  CHECK_EQ(bench.Now().delivered, 200);
  CHECK_EQ(bench.Status().state, WorkerState::kCaughtUp);
}

TEST_CASE("refusals: for an unknown reason, an operator may have the line become a dead letter") {
  Bench bench([](const WriteParams&, std::string_view lines) {
    return lines.find("v=50i ") != std::string_view::npos ? Http(418, "I'm a teapot") : Status204();
  });
  bench.Restart(FinalOptions());
  bench.Accept(Numbered(1, 100));
  bench.StepFor(60s);
  CHECK_EQ(bench.Now().delivered, 99);
  REQUIRE_EQ(bench.Dead().size(), 1);
  CHECK_EQ(bench.Dead()[0].first_line, 50);
}

TEST_CASE("refusals: for an unknown reason, many lines do not keep the other databases waiting") {
  Bench bench([](const WriteParams& params, std::string_view) {
    return params.database == "odd" ? Http(418, "I'm a teapot") : Status204();
  });
  bench.Restart(FinalOptions());
  bench.Accept(Numbered(1, 200), "odd");
  for (int i = 1; i <= 30; ++i) {
    bench.Accept(Numbered(i, i));
    bench.StepFor(1s);
  }
  CHECK_EQ(bench.Now().delivered, 30);
  CHECK_EQ(bench.Dead().size(), 200);
}

TEST_CASE("refusals: a backend without room refuses nothing for good, however it says so") {
  bool full = true;
  Bench bench([&full](const WriteParams&, std::string_view lines) {
    return full && lines.find("v=2i") != std::string_view::npos
               ? Http(400, R"({"error":"partial write: write /data/db/_series/06/0000: no space )"
                           R"(left on device dropped=1"})")
               : Status204();
  });
  bench.Accept(Numbered(1, 100));
  bench.StepFor(600s);
  CHECK(bench.Dead().empty());
  CHECK_EQ(bench.Status().reason, "the backend's disk is full");
  full = false;
  bench.StepFor(60s);
  CHECK_EQ(bench.Now().delivered, 100);
}

// ---- Lines that must not be sent

TEST_CASE("refusals: a stored name that is not UTF-8 becomes a dead letter and is never sent") {
  Bench bench([](const WriteParams&, std::string_view) { return Status204(); });
  bench.Accept("m v=1i 1\nm\xff v=2i 2\nm w\xed\xa0\x80=3i 3\nm,t=\xff v=4i 4\n");
  bench.Accept("\xff v=5i 5\n");
  bench.Accept("m v=6i 6\n");
  bench.Drain();
  CHECK_EQ(bench.transport.sent, std::vector<std::string>{"m v=1i 1\nm,t=\xff v=4i 4\nm v=6i 6\n"});
  CHECK_EQ(bench.Now().delivered, 3);
  CHECK_EQ(bench.Now().unaccounted(), 0);
  REQUIRE_EQ(bench.Dead().size(), 3);
  CHECK_EQ(bench.Dead()[0].first_line, 2);
  CHECK_EQ(bench.Dead()[0].lines, "m\xff v=2i 2\n");
  CHECK_NE(bench.Dead()[0].message.find("not UTF-8"), std::string::npos);
  CHECK_EQ(bench.Dead()[2].sequence, Sequence(2));
}

TEST_CASE("refusals: a line keeps its number where lines before it are not sent") {
  Bench bench([](const WriteParams&, std::string_view lines) {
    return lines.find("v=9i") == std::string_view::npos
               ? Status204()
               : Http(400, R"({"error":"partial write: field type conflict dropped=1"})");
  });
  bench.Accept("\xff v=1i 1\nm v=2i 2\n\xff v=3i 3\n\xff v=4i 4\nm v=9i 5\nm v=6i 6\n");
  bench.Drain();
  CHECK_EQ(bench.Now().delivered, 2);
  REQUIRE_EQ(bench.Dead().size(), 4);
  CHECK_EQ(bench.Dead()[3].lines, "m v=9i 5\n");
  CHECK_EQ(bench.Dead()[3].first_line, 5);
}

TEST_CASE("refusals: a letter has lines that stand one behind the other") {
  Bench bench([](const WriteParams&, std::string_view) {
    return Http(400, R"({"error":"partial write: field type conflict dropped=3"})");
  });
  bench.Accept("m v=1i 1\n\xff v=2i 2\nm v=3i 3\nm v=4i 4\n");
  bench.Drain();
  REQUIRE_EQ(bench.Dead().size(), 3);
  CHECK_EQ(bench.Dead()[1].lines, "m v=1i 1\n");
  CHECK_EQ(bench.Dead()[1].first_line, 1);
  CHECK_EQ(bench.Dead()[2].lines, "m v=3i 3\nm v=4i 4\n");
  CHECK_EQ(bench.Dead()[2].first_line, 3);
  CHECK_EQ(bench.Dead()[2].points, 2);
}

TEST_CASE("refusals: the number that an answer names is that of the line as it was written") {
  Bench bench({Http(400, ThreeOf({2}))});
  bench.Accept("\xff v=1i 1\nm v=2i 2\n\xff v=3i 3\nm v=4i 4\nm v=5i 5\n");
  bench.Drain();
  REQUIRE_EQ(bench.Dead().size(), 3);
  CHECK_EQ(bench.Dead()[2].lines, "m v=4i 4\n");
  CHECK_EQ(bench.Dead()[2].first_line, 4);
  CHECK_EQ(bench.Now().delivered, 2);
}

TEST_CASE("refusals: an unsendable line of a lane on hold becomes a dead letter once, later") {
  bool missing = true;
  Bench bench([&missing](const WriteParams&, std::string_view) {
    return missing ? Http(404, R"({"error":"database not found: \"db\""})") : Status204();
  });
  bench.Accept("m v=1i 1\n");
  bench.StepFor(5s);
  bench.Accept("m v=2i 2\nm\xff v=3i 3\n");
  bench.StepFor(5s);
  CHECK(bench.Dead().empty());
  CHECK_EQ(bench.Now().held.points, 3);
  missing = false;
  bench.StepFor(60s);
  CHECK_EQ(bench.Dead().size(), 1);
  CHECK_EQ(bench.Now().delivered, 2);
  CHECK_EQ(bench.Now().unaccounted(), 0);
}

// ---- Refused lines named by an InfluxDB 3

TEST_CASE("refusals: lines that the backend names are set aside in one request") {
  Bench bench({Http(400, ThreeOf({5, 2}))});
  bench.Accept(Numbered(1, 3));
  bench.Accept(Numbered(4, 6));
  bench.Drain();
  CHECK_EQ(bench.transport.sent.size(), 1);
  REQUIRE_EQ(bench.Dead().size(), 2);
  CHECK_EQ(bench.Dead()[0].sequence, Sequence(1));
  CHECK_EQ(bench.Dead()[0].first_line, 2);
  CHECK_EQ(bench.Dead()[0].lines, "m v=2i 2\n");
  CHECK_NE(bench.Dead()[0].message.find("no 2"), std::string::npos);
  CHECK_EQ(bench.Dead()[1].sequence, Sequence(2));
  CHECK_EQ(bench.Dead()[1].first_line, 2);
  CHECK_EQ(bench.Dead()[1].lines, "m v=5i 5\n");
  CHECK_EQ(bench.Now().delivered, 4);
  CHECK_EQ(bench.Now().unaccounted(), 0);
}

TEST_CASE("refusals: a list of lines that is wrong is not believed") {
  CHECK_EQ(RefusedLinesIn(ThreeOf({1, 3, 1}), 3).size(), 2);
  CHECK(RefusedLinesIn(ThreeOf({4}), 3).empty());
  CHECK(RefusedLinesIn(ThreeOf({0}), 3).empty());
  CHECK(RefusedLinesIn(R"({"error":"x","data":{"line_number":1}})", 3).empty());
  CHECK(RefusedLinesIn(R"({"error":"x","data":[]})", 3).empty());
  CHECK(RefusedLinesIn(R"({"error":"partial write: m s=\"data\":[{\"line_number\":1}]"})", 3)
            .empty());
  const std::string whole = ThreeOf({1, 2, 3});
  for (std::size_t size = 0; size + 2 <= whole.size(); ++size) {
    CHECK(RefusedLinesIn(whole.substr(0, size), 3).empty());
  }
}

TEST_CASE("refusals: numbers of lines are not believed where a string holds a newline") {
  Bench bench([](const WriteParams&, std::string_view lines) {
    // The second point is bad; its line is the third by newlines.
    return lines.find("bad") == std::string_view::npos ? Status204() : Http(400, ThreeOf({3}));
  });
  bench.Accept("m s=\"a\nb\" 1\nm bad=1 2\nm v=3 3\n");
  bench.Drain();
  REQUIRE_EQ(bench.Dead().size(), 1);
  CHECK_EQ(bench.Dead()[0].lines, "m bad=1 2\n");
  CHECK_EQ(bench.Now().delivered, 2);
}

TEST_CASE("refusals: where the list was cut, the lines are looked for") {
  std::string cut = ThreeOf({1});
  cut.resize(cut.size() - 3);
  Bench bench([&cut](const WriteParams&, std::string_view lines) {
    return lines.starts_with("m v=1i ") ? Http(400, cut) : Status204();
  });
  bench.Accept(Numbered(1, 4));
  bench.Drain();
  REQUIRE_EQ(bench.Dead().size(), 1);
  CHECK_EQ(bench.Dead()[0].first_line, 1);
  CHECK_EQ(bench.Now().delivered, 3);
}

// ---- Requests that are too large

TEST_CASE("refusals: a body never answered in time is sent in smaller pieces, in order") {
  Bench* world = nullptr;
  Bench bench([&world](const WriteParams&, std::string_view lines) -> Result<Reply> {
    const bool in_time = lines.size() <= 20'000;  // A slow line.
    world->clock.Advance(in_time ? 500ms : 10s);
    if (in_time) return Status204();
    return Error(ErrorCode::kUnavailable, "no answer within 10000 ms");
  });
  world = &bench;
  for (int i = 0; i < 100; ++i) bench.Accept(Numbered(100 * i, 100 * i + 99));
  const auto start = bench.clock.Now();
  bench.Drain();
  CHECK_EQ(bench.Now().delivered, 10'000);
  CHECK(bench.Dead().empty());
  // The bodies that were taken hold all lines, each once, in order.
  std::string taken;
  for (const std::string& body : bench.transport.sent) {
    if (body.size() <= 20'000) taken += body;
  }
  CHECK_EQ(taken, Numbered(0, 9'999));
  CHECK_LT(bench.clock.Now() - start, 5min);
}

TEST_CASE("refusals: a lost answer has the same bytes sent again, twice, before they are cut") {
  Bench* world = nullptr;
  Bench bench([&world](const WriteParams&, std::string_view) -> Result<Reply> {
    world->clock.Advance(10s);
    return Error(ErrorCode::kUnavailable, "no answer within 10000 ms");
  });
  world = &bench;
  bench.Accept(Numbered(1, 10'000));
  while (bench.transport.sent.size() < 40) bench.StepOn();
  CHECK_EQ(bench.transport.sent[0], Numbered(1, 10'000));
  CHECK_EQ(bench.transport.sent[1], bench.transport.sent[0]);
  CHECK_EQ(bench.transport.sent[2], bench.transport.sent[0]);
  CHECK_LT(bench.transport.sent[3].size(), bench.transport.sent[0].size());
  // Requests never get smaller than makes sense, however long it lasts.
  CHECK_GT(bench.transport.sent.back().size(), bench.transport.sent[0].size() / 100);
  CHECK_EQ(bench.Now().marks.lag(), 1);
}

TEST_CASE("refusals: a page instead of an answer is retried before it is reported as a hold") {
  Bench bench([](const WriteParams&, std::string_view) { return Http(200, "<html>log in"); });
  bench.Accept("m v=1 1\n");
  for (int i = 0; i < 3; ++i) {
    bench.UntilSent();
    CHECK_EQ(bench.Status().state, WorkerState::kRetrying);
  }
  bench.UntilSent();
  CHECK_EQ(bench.Status().state, WorkerState::kHeld);
  CHECK_NE(bench.Status().reason.find("not InfluxDB's"), std::string::npos);
  CHECK_EQ(bench.Now().marks.lag(), 1);
}

TEST_CASE("refusals: an untrusted certificate is reported as a set-up error") {
  Bench bench([](const WriteParams&, std::string_view) -> Result<Reply> {
    return Error(ErrorCode::kInvalidInput, "its TLS certificate has expired");
  });
  bench.Accept("m v=1 1\n");
  CHECK_EQ(bench.Step(), WorkerState::kHeld);
  CHECK_EQ(bench.Status().reason, "its TLS certificate has expired");
  CHECK_NE(bench.Status().remedy.find("check the tls"), std::string::npos);
  CHECK_LE(bench.UntilSent(), 100ms);  // Retried as soon as after any other failure.
}

}  // namespace
}  // namespace relay::test::replay_delivery_refusals_test
