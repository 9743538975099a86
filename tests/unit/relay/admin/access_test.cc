#include "relay/admin/access.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::relay_admin_access_test {
namespace {

constexpr int kAllowed = 0;

// The status a request is refused with, or kAllowed.
class IngestFixture {
 public:
  explicit IngestFixture(std::string host) {
    config_.address = {.host = std::move(host), .port = 9097};
  }

  IngestFixture& Operators(const std::string& token) {
    WriteFile(directory_.path() + "/operate", token + "\n");
    config_.token = SecretSource::FromFile(directory_.path() + "/operate");
    return *this;
  }
  IngestFixture& Readers(const std::string& token) {
    WriteFile(directory_.path() + "/read", token + "\n");
    config_.read_token = SecretSource::FromFile(directory_.path() + "/read");
    return *this;
  }

  using Headers = std::vector<std::pair<std::string_view, std::string_view>>;
  int Ask(Role role, Headers headers = {}) const {
    HttpRequest request{.method = role == Role::kOperate ? "POST" : "GET", .client = "127.0.0.1"};
    request.headers = std::move(headers);
    if (request.Header("Host").empty()) request.headers.emplace_back("Host", "127.0.0.1:9097");
    const auto is_type = [](const auto& header) { return header.first == "Content-Type"; };
    const bool has_type = std::any_of(request.headers.begin(), request.headers.end(), is_type);
    if (role == Role::kOperate && !has_type) {
      request.headers.emplace_back("Content-Type", "application/json");
    }
    const auto refusal = Access(config_).Check(request, role);
    return refusal ? refusal->status : kAllowed;
  }

 private:
  TempDir directory_;
  AdminConfig config_;
};

TEST_CASE("access: a loopback port without tokens is open to users of this machine") {
  const IngestFixture door("127.0.0.1");
  CHECK_EQ(door.Ask(Role::kRead), kAllowed);
  CHECK_EQ(door.Ask(Role::kOperate), kAllowed);
}

TEST_CASE("access: a port that others reach changes nothing without a token") {
  const IngestFixture door("0.0.0.0");
  CHECK_EQ(door.Ask(Role::kProbe), kAllowed);
  CHECK_EQ(door.Ask(Role::kRead), kAllowed);
  CHECK_EQ(door.Ask(Role::kOperate), 403);
}

TEST_CASE("access: the operators' token guards changes everywhere, reading where others can") {
  for (const char* host : {"127.0.0.1", "::1", "0.0.0.0"}) {
    CAPTURE(host);
    const bool loopback = std::string(host) != "0.0.0.0";
    IngestFixture door(host);
    door.Operators("open sesame");
    CHECK_EQ(door.Ask(Role::kProbe), kAllowed);
    CHECK_EQ(door.Ask(Role::kRead), loopback ? kAllowed : 401);
    CHECK_EQ(door.Ask(Role::kOperate), 401);
    CHECK_EQ(door.Ask(Role::kOperate, {{"Authorization", "Bearer wrong"}}), 401);
    CHECK_EQ(door.Ask(Role::kOperate, {{"Authorization", "open sesame"}}), 401);
    CHECK_EQ(door.Ask(Role::kOperate, {{"Authorization", "Bearer open sesame"}}), kAllowed);
    CHECK_EQ(door.Ask(Role::kRead, {{"Authorization", "Bearer open sesame"}}), kAllowed);
  }
}

TEST_CASE("access: a reader reads and changes nothing") {
  IngestFixture door("0.0.0.0");
  door.Operators("open sesame").Readers("peek");
  CHECK_EQ(door.Ask(Role::kRead), 401);
  CHECK_EQ(door.Ask(Role::kRead, {{"Authorization", "Bearer peek"}}), kAllowed);
  CHECK_EQ(door.Ask(Role::kOperate, {{"Authorization", "Bearer peek"}}), 403);
}

TEST_CASE("access: a change without a body needs no type, unless a browser sends it") {
  const IngestFixture door("127.0.0.1");
  CHECK_EQ(door.Ask(Role::kOperate, {{"Content-Type", ""}}), kAllowed);
  CHECK_EQ(door.Ask(Role::kOperate, {{"Content-Type", ""}, {"Sec-Fetch-Site", "none"}}), 415);
  CHECK_EQ(door.Ask(Role::kOperate, {{"Content-Type", ""}, {"Origin", "null"}}), 403);
}

TEST_CASE("access: a page of another site changes nothing, even where no token is needed") {
  const IngestFixture door("127.0.0.1");
  CHECK_EQ(door.Ask(Role::kOperate, {{"Content-Type", "text/plain"}}), 415);
  CHECK_EQ(door.Ask(Role::kOperate, {{"Content-Type", "application/x-www-form-urlencoded"}}), 415);
  CHECK_EQ(door.Ask(Role::kOperate, {{"Origin", "http://evil.example"}}), 403);
  CHECK_EQ(door.Ask(Role::kOperate, {{"Origin", "null"}}), 403);
  CHECK_EQ(door.Ask(Role::kOperate, {{"Sec-Fetch-Site", "cross-site"}}), 403);
  CHECK_EQ(door.Ask(Role::kOperate, {{"Sec-Fetch-Site", "same-site"}}), 403);
  CHECK_EQ(door.Ask(Role::kOperate,
                    {{"Origin", "http://127.0.0.1:9097"}, {"Sec-Fetch-Site", "same-origin"}}),
           kAllowed);
  CHECK_EQ(door.Ask(Role::kOperate, {{"Content-Type", "application/json; charset=utf-8"}}),
           kAllowed);
}

TEST_CASE("access: without a token, requests for a foreign host name are refused") {
  const IngestFixture open("127.0.0.1");
  CHECK_EQ(open.Ask(Role::kRead, {{"Host", "rebound.example:9097"}}), 403);
  CHECK_EQ(open.Ask(Role::kRead, {{"Host", "localhost:9097"}}), kAllowed);
  CHECK_EQ(open.Ask(Role::kRead, {{"Host", "[::1]:9097"}}), kAllowed);
  CHECK_EQ(open.Ask(Role::kProbe, {{"Host", "relay.example"}}), kAllowed);
  IngestFixture guarded("0.0.0.0");
  guarded.Operators("open sesame");
  CHECK_EQ(guarded.Ask(Role::kRead,
                       {{"Host", "relay.example"}, {"Authorization", "Bearer open sesame"}}),
           kAllowed);
}

TEST_CASE("access: a token that cannot be read opens nothing") {
  AdminConfig config;
  config.token = SecretSource::FromFile("/nowhere/token");
  HttpRequest request{.method = "POST", .client = "127.0.0.1"};
  request.headers = {
      {"Host", "localhost"}, {"Content-Type", "application/json"}, {"Authorization", "Bearer "}};
  CHECK_EQ(Access(config).Check(request, Role::kOperate)->status, 401);
}

TEST_CASE("access: secrets are equal only where every byte is") {
  CHECK(SameSecret("abc", "abc"));
  CHECK_FALSE(SameSecret("abc", "abd"));
  CHECK_FALSE(SameSecret("abc", "abcabc"));
  CHECK_FALSE(SameSecret("abcabc", "abc"));
  CHECK_FALSE(SameSecret("", "a"));
}

}  // namespace
}  // namespace relay::test::relay_admin_access_test
