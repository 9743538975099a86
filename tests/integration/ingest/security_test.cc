// Files and processes of a relay give nothing away, and it was built hardened.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/relay_status.h"
#include "tests/support/process/socket.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_security_test {
namespace {

namespace fs = std::filesystem;

class Umask {
 public:
  explicit Umask(mode_t mask) : before_(::umask(mask)) {}
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;
  ~Umask() { ::umask(before_); }

 private:
  mode_t before_;
};

fs::perms PermissionsOf(const fs::path& path) {
  return fs::status(path).permissions();
}

TEST_CASE("security: only the owner can read stored files, whatever the umask") {
  TempDir directory;
  FakeBackend backend(
      [](const FakeRequest&) { return Answering(400, R"({"error":"unable to parse"})"); });
  const Umask open_to_all(0);
  RelayProcess relay(directory.path(), {.backends = {{"a", backend.Url()}}});
  REQUIRE_EQ(relay.Write("d", "m v=1 1\n").status, 204);
  REQUIRE(relay.WaitDrained());
  CHECK_EQ(StatusOf(relay, "a").figures.dead, 1);
  const RunResult paused =
      Run({RelayBinary(), "pause", "--config", relay.config_path(), "--backend", "a"});
  CHECK_EQ(paused.exit_code, 0);
  CHECK(fs::exists(relay.log_path() + "/audit.jsonl"));
  const std::string exported = directory.File("letters");
  CHECK_EQ(Run({RelayBinary(), "dead", "export", "--config", relay.config_path(), "--backend", "a",
                "--output", exported})
               .exit_code,
           0);
  CHECK_EQ(PermissionsOf(exported), fs::perms(0600));
  REQUIRE_EQ(relay.Stop().exit_code, 0);
  CHECK_EQ(PermissionsOf(relay.log_path()), fs::perms(0700));
  for (const auto& entry : fs::recursive_directory_iterator(relay.log_path())) {
    CAPTURE(entry.path().string());
    CHECK_EQ(PermissionsOf(entry.path()), entry.is_directory() ? fs::perms(0700) : fs::perms(0600));
  }
}

TEST_CASE("security: text that clients make up does not become a label of a metric") {
  TempDir directory;
  FakeBackend backend(
      [](const FakeRequest&) { return Answering(404, "database not found: \"c4nary\""); });
  const RelayProcess relay(directory.path(), {.backends = {{"a", backend.Url()}}});
  const std::string lines = "c4nary,c4nary=c4nary c4nary=\"c4nary\" 1\nc4nary\n";
  CHECK_EQ(Post(relay.endpoint(), "/write?db=c4nary&rp=c4nary", lines).status, 400);
  CHECK_EQ(Get(relay.endpoint(), "/c4nary?c4nary=c4nary").status, 404);
  CHECK_EQ(Post(relay.endpoint(), "/query?q=c4nary", "").status, 400);
  CHECK_EQ(Post(relay.endpoint(), "/write?db=c4nary&precision=c4nary", lines,
                {.headers = {{"user-agent", "c4nary"}, {"x-request-id", "c4nary"}}})
               .status,
           400);
  RawConnection odd(relay.endpoint());
  odd.Send("C4NARY /write?db=c4nary HTTP/1.1\r\nHost: c4nary\r\nConnection: close\r\n\r\n");
  CHECK(odd.ReadUntilClose().bytes.starts_with("HTTP/1.1 405"));
  REQUIRE(WaitForState(relay, "a", "held"));  // Held for its database, which the status names.
  CHECK_NE(relay.Status().find("c4nary"), std::string::npos);
  const std::string metrics = Get(relay.admin(), "/metrics").body;
  CHECK_NE(metrics.find("influxdb_relay_http_requests_total"), std::string::npos);
  CHECK_EQ(metrics.find("c4nary"), std::string::npos);
  CHECK_EQ(metrics.find("C4NARY"), std::string::npos);
}

TEST_CASE("security: points do not get into the journal, and a client cannot write lines of it") {
  TempDir directory;
  FakeBackend backend([](const FakeRequest&) { return Answering(500, "a\n\x1b[2Jlevel=info"); });
  const RelayProcess relay(directory.path(), {.backends = {{"a", backend.Url()}}});
  CHECK_EQ(relay.Write("d", "m s=\"c4nary\" 1\nc4nary bad\n").status, 400);
  REQUIRE(WaitForState(relay, "a", "retrying"));
  REQUIRE(Eventually(kPatience,
                     [&] { return relay.Output().find("backend failing") != std::string::npos; }));
  CHECK_EQ(relay.Output().find("c4nary"), std::string::npos);
  CHECK_EQ(relay.Output().find('\x1b'), std::string::npos);
  CHECK_EQ(relay.Output().find("\nlevel=info\""), std::string::npos);
}

// Checks compiler and linker options by their results.
TEST_CASE(
    "security: the program is position independent, its tables read-only, its stack guarded") {
  const auto shown = [](const std::string& what) {
    return Run({"readelf", "--wide", what, RelayBinary()}).output;
  };
  const std::string header = shown("--file-header");
  CHECK_NE(header.find("DYN (Position-Independent Executable file)"), std::string::npos);
  const std::string segments = shown("--program-headers");
  CHECK_NE(segments.find("GNU_RELRO"), std::string::npos);
  const std::size_t stack = segments.find("GNU_STACK");
  REQUIRE_NE(stack, std::string::npos);
  CHECK_EQ(segments.substr(stack, segments.find('\n', stack) - stack).find("RWE"),
           std::string::npos);
  const std::string dynamic = shown("--dynamic");
  CHECK_NE(dynamic.find("BIND_NOW"), std::string::npos);
  CHECK_EQ(dynamic.find("RPATH"), std::string::npos);
  CHECK_EQ(dynamic.find("TEXTREL"), std::string::npos);
  const std::string symbols = shown("--dyn-syms");
  CHECK_NE(symbols.find("__stack_chk_fail"), std::string::npos);
#ifdef __OPTIMIZE__  // _FORTIFY_SOURCE needs it.
  CHECK_NE(symbols.find("_chk@GLIBC"), std::string::npos);
#endif
}

}  // namespace
}  // namespace relay::test::integration_ingest_security_test
