#include "relay/http/exchange.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <random>
#include <string>

#include "tests/support/seed.h"

namespace relay::test::relay_http_exchange_test {
namespace {

using namespace http_parts;
using Step = Exchange::Step;

// Runs a connection's exchanges over `bytes`, which arrive in pieces, and tells what came of them.
class Script {
 public:
  explicit Script(HttpLimits limits = {}) : limits_(limits) {}

  std::string Run(std::string_view bytes, const std::function<std::size_t()>& piece) {
    while (!refused_) {
      const Exchange::Progress progress = exchange_.Advance(buffer_);
      buffer_.erase(0, progress.used);
      if (Do(progress.step)) continue;
      if (bytes.empty()) break;
      const std::size_t size = std::min(piece(), bytes.size());
      Arrive(bytes.substr(0, size));
      bytes.remove_prefix(size);
    }
    return story_ + (refused_ ? "" : fmt::format("[{}]", buffer_.size()));
  }

 private:
  // Returns false if it is to read.
  bool Do(Step step) {
    switch (step) {
      case Step::kReadHead:
      case Step::kReadBody: return false;
      case Step::kWaitForRoom: INVARIANT(exchange_.TakeRoom()); return true;
      case Step::kSendContinue: story_ += "100 "; return true;
      case Step::kRefuse:
        story_ += fmt::format("{} at '{}' ", exchange_.refusal().status, exchange_.path());
        refused_ = true;
        return true;
      case Step::kHandle: break;
    }
    const bool kept = exchange_.head().keep_alive;
    const HttpRequest request = exchange_.MakeRequest("client");
    story_ += fmt::format("{} {} {} {} {} ", request.method, request.path, request.query,
                          request.body, kept);
    exchange_.ReleaseRoom();
    exchange_.Reset();
    return true;
  }

  void Arrive(std::string_view bytes) {
    const std::span<char> missing = exchange_.Missing();
    const std::size_t size = std::min(missing.size(), bytes.size());
    std::copy_n(bytes.begin(), size, missing.begin());
    if (size > 0) exchange_.Filled(size);
    buffer_ += bytes.substr(size);
  }

  HttpLimits limits_;
  Admission admission_{AdmissionLimits{}};
  Exchange exchange_{limits_, admission_};
  std::string buffer_;
  std::string story_;
  bool refused_ = false;
};

std::string Whole(const std::string& bytes, HttpLimits limits = {}) {
  return Script(limits).Run(bytes, [&] { return bytes.size(); });
}

TEST_CASE("exchange: requests of every form, one behind the other") {
  CHECK_EQ(Whole("GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n"), "GET /a b  true [0]");
  CHECK_EQ(Whole("POST /a HTTP/1.1\nHost: x\nContent-Length: 3\n\nabc\r\n"
                 "GET /b HTTP/1.0\nConnection: Keep-Alive\n\n"),
           "POST /a  abc true GET /b   true [0]");
  CHECK_EQ(Whole("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                 "Expect: 100-continue\r\n\r\n1\r\na\r\n0\r\n\r\nGET"),
           "100 POST /a  a true [3]");
}

TEST_CASE("exchange: up to four line ends in front of a request are skipped") {
  const std::string get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  CHECK_EQ(Whole("\r\n\r\n" + get + "\n\n\n\n" + get), "GET /   true GET /   true [0]");
  CHECK_EQ(Whole("\n\n\n\n\n" + get), "400 at '' ");
}

TEST_CASE("exchange: a refusal knows the path if the request line arrived") {
  HttpLimits limits;
  limits.body = 3_B;
  const std::string post = "POST /write?db=d HTTP/1.1\r\nHost: x\r\n";
  CHECK_EQ(Whole(post + "Content-Length: 4\r\n\r\n", limits), "413 at '/write' ");
  CHECK_EQ(Whole(post + "\r\n", limits), "411 at '/write' ");
  limits.needs_no_body = [](std::string_view target) { return target == "/write?db=d"; };
  CHECK_EQ(Whole(post + "\r\n", limits), "POST /write db=d  true [0]");
  CHECK_EQ(Whole(post + "A: " + std::string(20'000, 'x')), "431 at '/write' ");
  CHECK_EQ(Whole(post + "A\r\n\r\n"), "400 at '/write' ");
  CHECK_EQ(Whole("GET /" + std::string(9'000, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n").substr(0, 3),
           "414");
}

// Bytes that are almost requests.
std::string MakeBytes(std::mt19937_64& random) {
  static constexpr std::array kWords = {
      "POST /write HTTP/1.1\r\n",
      "GET /a HTTP/1.0\n",
      "Host: x\r\n",
      "Content-Length: 5\r\n",
      "Transfer-Encoding: chunked\r\n",
      "Connection: keep-alive\r\n",
      "Expect: 100-continue\n",
      "\r\n",
      "\n",
      "5\r\nabcde\r\n",
      "0\r\n\r\n",
      "hello",
      "\r",
      "A: b\r\n",
      " ",
      "0\r\nA: b\r\n",
      "POST /w HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
      "POST /w HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"};
  std::string bytes;
  for (std::uint64_t words = random() % 12; words > 0; --words) {
    bytes += kWords.at(random() % kWords.size());
  }
  if (!bytes.empty() && random() % 4 == 0) {
    bytes[random() % bytes.size()] = static_cast<char>(random() % 256);
  }
  return bytes;
}

TEST_CASE("exchange: however the bytes are cut, the same comes of them") {
  std::mt19937_64 random(PrintedSeed());
  for (int i = 0; i < 20'000; ++i) {
    const std::string bytes = MakeBytes(random);
    CAPTURE(bytes);
    const std::string whole = Whole(bytes);
    const std::string cut = Script().Run(bytes, [&] { return 1 + random() % 9; });
    const std::string single = Script().Run(bytes, [] { return 1; });
    REQUIRE_EQ(cut, whole);
    REQUIRE_EQ(single, whole);
  }
}

}  // namespace
}  // namespace relay::test::relay_http_exchange_test
