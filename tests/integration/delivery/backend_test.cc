// Backends that do what no proper server does, and the relay's reaction.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "replay/transport/gzip.h"
#include "tests/support/eventually.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_backend_test {
namespace {

constexpr milliseconds kTimeout{500};  // The timeout of one attempt at the odd backend.
// An attempt's time, the pause before the next, and a margin for a busy machine.
constexpr milliseconds kAttemptMax{5'000};

// One gzip member.
std::string Deflated(const std::string& plain) {
  GzipCompressor compressor;
  return std::string(compressor.Compress(plain));
}

// An odd backend beside a good one.
struct Beside {
  explicit Beside(const FakeBackend::Script& script, std::vector<std::string> settings = {})
      : odd(script),
        relay(directory.path(),
              {.backends = {{"odd", odd.Url(), std::move(settings)}, {"good", good.Url()}}}) {}

  TempDir directory;
  FakeBackend odd;
  FakeBackend good;
  RelayProcess relay;

  void Write(const std::string& lines) const {
    REQUIRE_EQ(relay.Write("metrics", lines).status, 204);
  }
  bool GoodHas(const std::string& bodies) const {
    return Eventually(kPatience, [&] { return good.Bodies() == bodies; });
  }
};

std::string TimeoutSetting() {
  return fmt::format("timeout: {}ms", kTimeout.count());
}

// ---- Requests that a backend may make

TEST_CASE("backend: nothing is sent before the time that Retry-After asks for") {
  constexpr milliseconds kAsked{2'000};
  const Stopwatch watch;
  std::atomic<milliseconds> first{milliseconds{0}};
  std::atomic<milliseconds> second{milliseconds{0}};
  const Beside beside([&](const FakeRequest& request) {
    (request.number == 1 ? first : second) = watch.elapsed();
    FakeAnswer busy = Answering(503, R"({"error":"too busy"})");
    busy.headers.emplace("Retry-After", "2");
    return request.number == 1 ? busy : Answering(204);
  });
  beside.Write("m v=1 1\n");
  REQUIRE(WaitForState(beside.relay, "odd", "retrying"));
  beside.Write("m v=2 2\n");  // Does not wake the delivery.
  REQUIRE(beside.relay.WaitDrained());
  CHECK_GE(second.load() - first.load(), kAsked - milliseconds{1});
}

TEST_CASE("backend: a password that was changed is read again once the old one is refused") {
  const TempDir secrets;
  WriteFile(secrets.File("password"), "old\n");
  const Beside beside(
      [](const FakeRequest& request) {
        const bool known = request.Header("authorization") == "Basic cmVsYXk6bmV3";  // relay:new
        return known ? Answering(204) : Answering(401, R"({"error":"authorization failed"})");
      },
      {"username: relay", "password_file: " + secrets.File("password")});
  beside.Write("m v=1 1\n");
  REQUIRE(WaitForState(beside.relay, "odd", "held"));
  CHECK_EQ(StatusOf(beside.relay, "odd").why, "the credentials were refused");
  CHECK_EQ(beside.odd.Requests().front().Header("authorization"),
           "Basic cmVsYXk6b2xk");  // relay:old

  WriteFile(secrets.File("password"), "new\n");
  REQUIRE(beside.relay.WaitDrained());
  CHECK_EQ(beside.odd.Requests().back().body, "m v=1 1\n");
  CHECK_EQ(beside.good.Requests().front().Header("authorization"), "");
}

TEST_CASE("backend: a redirection is reported, not followed") {
  const FakeBackend elsewhere;
  const Beside beside([&elsewhere](const FakeRequest& request) {
    FakeAnswer answer = Answering(307);
    answer.headers.emplace("Location", elsewhere.Url() + request.target);
    return answer;
  });
  beside.Write("m v=1 1\n");
  REQUIRE(WaitForState(beside.relay, "odd", "held"));
  const std::string target = elsewhere.Url() + "/write?db=metrics&precision=ns";
  CHECK_EQ(StatusOf(beside.relay, "odd").why,
           "the backend redirects writes to another address: " + target);
  CHECK_EQ(StatusOf(beside.relay, "odd").last_answer, "HTTP 307 to " + target);
  CHECK_EQ(elsewhere.RequestCount(), 0);
  CHECK_EQ(StatusOf(beside.relay, "odd").figures.owed.points, 1);
}

// ---- Behaviour that no backend should have

// Makes the odd backend misbehave until told otherwise; the same bytes come
// again, in time, and the good backend gets its own meanwhile.
void CheckTriedAgain(const FakeAnswer& odd_answer) {
  Beside beside([&odd_answer](const FakeRequest&) { return odd_answer; }, {TimeoutSetting()});
  beside.Write("m v=1 1\n");
  REQUIRE(beside.odd.WaitForRequests(1));
  const Stopwatch watch;
  REQUIRE(beside.odd.WaitForRequests(2));
  CHECK_LT(watch.elapsed(), kAttemptMax);
  CHECK(beside.GoodHas("m v=1 1\n"));
  CHECK(WaitForState(beside.relay, "odd", "retrying"));
  CHECK_EQ(StatusOf(beside.relay, "odd").figures.owed.points, 1);

  beside.odd.Follow({});
  REQUIRE(beside.relay.WaitDrained());
  for (const FakeRequest& request : beside.odd.Requests()) CHECK_EQ(request.body, "m v=1 1\n");
  CHECK_EQ(StatusOf(beside.relay, "odd").figures.delivered, 1);
}

// Sends these bytes, then nothing for ever.
FakeAnswer Saying(std::string bytes) {
  FakeAnswer answer;
  answer.raw = std::move(bytes);
  return answer;
}

std::string Repeated(const std::string& text, std::size_t bytes_min) {
  std::string all;
  while (all.size() < bytes_min) all += text;
  return all;
}

constexpr std::size_t kPiece = 1U << 20U;

// Returns the peak memory of the relay since it was started.
Bytes MemoryPeak(RelayProcess& relay) {
  const std::string status = ReadFile(fmt::format("/proc/{}/status", relay.process().pid()));
  const std::size_t at = status.find("VmHWM:");
  REQUIRE_NE(at, std::string::npos);
  return Bytes(std::stoull(status.substr(at + 6)) * 1024);
}

// Checks that an answer without end is retried too, and not kept in memory: a
// backend on the same machine sends gigabytes in the time of an attempt.
void CheckNotHeld(const FakeAnswer& odd_answer) {
  constexpr Bytes kGrowthMax = 32_MiB;
  Beside beside([](const FakeRequest&) { return Answering(204); }, {"timeout: 2s"});
  beside.Write("m v=1 1\n");
  REQUIRE(beside.relay.WaitDrained());
  const Bytes before = MemoryPeak(beside.relay);
  beside.odd.Follow([&odd_answer](const FakeRequest&) { return odd_answer; });
  beside.Write("m v=2 2\n");
  REQUIRE(beside.odd.WaitForRequests(4));
  CHECK_LT(MemoryPeak(beside.relay).count(), (before + kGrowthMax).count());
  CHECK_EQ(StatusOf(beside.relay, "odd").figures.owed.points, 1);
  beside.odd.Follow({});
  REQUIRE(beside.relay.WaitDrained());
}

TEST_CASE("backend: an attempt at one that never answers ends in its time") {
  CheckTriedAgain(NeverAnswering());
}

TEST_CASE("backend: one that resets the connection, with or without part of an answer") {
  CheckTriedAgain(ResettingAfter(0, Answering(204)));
  CheckTriedAgain(ResettingAfter(20, Answering(204)));
  CheckTriedAgain(ResettingAfter(90, Answering(500, std::string(1'000, 'x'))));
}

TEST_CASE("backend: an attempt at one that answers a byte now and then ends in its time") {
  CheckTriedAgain(Slowly(milliseconds{100}, Answering(204)));
  CheckTriedAgain(Slowly(milliseconds{20}, Answering(500, std::string(1'000, 'x'))));
}

TEST_CASE("backend: an answer without an end is cut, an attempt ends in its time") {
  const std::string head = "HTTP/1.1 500 Internal Server Error\r\n";
  CheckNotHeld(Endlessly(head + "Content-Length: 1073741824\r\n\r\n", std::string(kPiece, 'x')));
  CheckNotHeld(Endlessly(head + "\r\n", std::string(kPiece, 'x')));
  CheckNotHeld(
      Endlessly(head + "Transfer-Encoding: chunked\r\n\r\n", Repeated("5\r\nabcde\r\n", kPiece)));
  CheckTriedAgain(Saying(head + "Content-Length: 1073741824\r\n\r\nx"));
}

TEST_CASE("backend: an endless head is not an answer") {
  const std::string head = "HTTP/1.1 204 No Content\r\n";
  CheckNotHeld(Endlessly(head, Repeated("X-More: x\r\n", kPiece)));
  CheckNotHeld(Endlessly(head + "X-More: ", std::string(kPiece, 'x')));
  CheckNotHeld(Endlessly("", std::string(kPiece, 'x')));
  CheckNotHeld(Endlessly("", Repeated("HTTP/1.1 100 Continue\r\n\r\n", kPiece)));
}

TEST_CASE("backend: an interim answer or half a head is not an answer") {
  CheckTriedAgain(Saying("HTTP/1.1 100 Continue\r\n\r\n"));
  CheckTriedAgain(Saying("HTTP/1.1 204 No Content\r\n"));
}

TEST_CASE("backend: an answer of another length than announced is not an answer") {
  const std::string head = "HTTP/1.1 500 Internal Server Error\r\n";
  CheckTriedAgain(AnsweringBytes(head + "Content-Length: 9\r\n\r\nshort"));
  CheckTriedAgain(AnsweringBytes(head + "Content-Length: 1\r\n\r\nlong"));
  CheckTriedAgain(AnsweringBytes(head + "Content-Length: -1\r\n\r\nx"));
}

TEST_CASE("backend: an answer that would fill the memory once inflated is not inflated") {
  // 1 GiB of zeros is 1 MiB of gzip; this is its beginning, which is cut anyway.
  const std::string zeros = Deflated(std::string(256U << 20U, '\0'));
  CheckNotHeld(Saying(fmt::format("HTTP/1.1 500 Internal Server Error\r\nContent-Encoding: gzip\r\n"
                                  "Content-Length: {}\r\n\r\n",
                                  zeros.size()) +
                      zeros));
}

TEST_CASE("backend: an answer after the time was up does not count") {
  std::atomic<bool> in_time = false;
  Beside beside(
      [&in_time](const FakeRequest&) {
        FakeAnswer late = Answering(204);
        if (!in_time) late.delay = kTimeout + milliseconds{300};
        return late;
      },
      {TimeoutSetting()});
  beside.Write("m v=1 1\n");
  REQUIRE(beside.odd.WaitForRequests(3));
  CHECK_EQ(StatusOf(beside.relay, "odd").figures.owed.points, 1);
  in_time = true;
  REQUIRE(beside.relay.WaitDrained());
  CHECK_EQ(StatusOf(beside.relay, "odd").figures.delivered, 1);
}

TEST_CASE("backend: a second answer to one request is not taken for that to the next") {
  std::atomic<bool> takes = false;
  Beside beside([&takes](const FakeRequest& request) {
    FakeAnswer twice;
    twice.raw = Answering(204).Wire() + Answering(204).Wire();
    if (request.number == 1) return twice;
    return takes ? Answering(204) : Answering(503, R"({"error":"busy"})");
  });
  beside.Write("m v=1 1\n");
  REQUIRE(beside.relay.WaitDrained());
  beside.Write("m v=2 2\n");
  REQUIRE(WaitForState(beside.relay, "odd", "retrying"));
  CHECK_EQ(StatusOf(beside.relay, "odd").figures.owed.points, 1);
  takes = true;
  REQUIRE(beside.relay.WaitDrained());
}

TEST_CASE("backend: redirections in a circle are not followed") {
  const Beside beside([](const FakeRequest& request) {
    FakeAnswer answer = Answering(308);
    answer.headers.emplace("Location", request.target);
    return answer;
  });
  beside.Write("m v=1 1\n");
  REQUIRE(WaitForState(beside.relay, "odd", "held"));
  CHECK_LE(beside.odd.RequestCount(), 2);  // It is probed slowly.
}

TEST_CASE("backend: bytes that are not HTTP are not an answer") {
  CheckTriedAgain(AnsweringBytes("SSH-2.0-OpenSSH_9.2\r\n"));
  CheckTriedAgain(AnsweringBytes(""));
}

TEST_CASE("backend: one that hangs delays no other") {
  const Beside beside([](const FakeRequest&) { return NeverAnswering(); }, {"timeout: 60s"});
  beside.Write("m v=1 1\n");
  REQUIRE(beside.odd.WaitForRequests(1));
  std::string lines;
  for (int i = 2; i <= 20; ++i) lines += fmt::format("m v={} {}\n", i, i);
  beside.Write(lines);
  CHECK(beside.GoodHas("m v=1 1\n" + lines));
  CHECK_EQ(beside.odd.RequestCount(), 1);  // Still the first attempt.
  CHECK_EQ(StatusOf(beside.relay, "odd").figures.owed.points, 20);
}

}  // namespace
}  // namespace relay::test::integration_delivery_backend_test
