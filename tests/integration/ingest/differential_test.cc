// The same requests to influxd 1.6.7 itself and through the relay: row by row the
// same status, and errors of the same form. If the relay differs on purpose, the
// row says how, and relay/ingest/HTTP.md says why.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "replay/transport/remote_write.h"
#include "tests/support/fakes/fake_backend.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/socket.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_differential_test {
namespace {

struct Row {
  std::string name;
  std::string bytes;
  // The heading of the row of relay/ingest/HTTP.md that explains a difference, and the
  // relay's status; influxd's own is checked all the same.
  std::string difference = {};
  int influxd = 0;
  int relay = 0;
};

std::string Request(std::string_view method, std::string_view target, std::string_view body = "",
                    std::string_view headers = "") {
  return fmt::format(
      "{} {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}Content-Length: {}\r\n\r\n{}", method,
      target, headers, body.size(), body);
}

std::string Write(std::string_view body, std::string_view more = "",
                  std::string_view headers = "") {
  return Request("POST", fmt::format("/write?db=metrics{}", more), body, headers);
}

std::string Query(std::string_view statement, std::string_view method = "POST") {
  return Request(method, fmt::format("/query?q={}", PercentEncode(statement)));
}

// An answer, as far as clients can tell answers apart.
struct Seen {
  int status = 0;
  std::string error;          // The error of a JSON body.
  bool json = false;          // The body is JSON.
  bool error_header = false;  // X-Influxdb-Error repeats the error.
  bool version = false;       // X-Influxdb-Version and X-Influxdb-Build.
  bool request_id = false;

  friend bool operator==(const Seen&, const Seen&) = default;
};

std::map<std::string, std::string> HeadersOf(const std::string& answer) {
  std::map<std::string, std::string> headers;
  const std::string head = answer.substr(0, answer.find("\r\n\r\n"));
  std::size_t at = head.find("\r\n");
  while (at != std::string::npos) {
    const std::size_t end = std::min(head.find("\r\n", at + 2), head.size());
    const std::string line = head.substr(at + 2, end - at - 2);
    std::string name = line.substr(0, line.find(": "));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    headers[name] = line.substr(std::min(line.size(), name.size() + 2));
    at = end == head.size() ? std::string::npos : end;
  }
  return headers;
}

Seen Ask(const HostPort& server, const std::string& bytes) {
  RawConnection connection(server);
  connection.Send(bytes);
  const std::string answer = connection.ReadUntilClose().bytes;
  Seen seen;
  if (answer.size() > 12) seen.status = std::stoi(answer.substr(9, 3));
  const std::map<std::string, std::string> headers = HeadersOf(answer);
  seen.version = headers.contains("x-influxdb-version") && headers.contains("x-influxdb-build");
  seen.request_id = headers.contains("x-request-id") && headers.contains("request-id");
  const std::string body = answer.substr(std::min(answer.find("\r\n\r\n") + 4, answer.size()));
  // Drops the sizes of chunks around it.
  const std::size_t begin = std::min(body.find('{'), body.size());
  const auto json =
      nlohmann::json::parse(body.substr(begin, body.rfind('}') + 1 - begin), nullptr, false);
  seen.json = json.is_object();
  if (seen.json && json.contains("error")) {
    seen.error = json["error"];
    // The header has spaces in place of newlines.
    // JSON has U+FFFD for bytes that are not UTF-8.
    const bool is_replaced = seen.error.find("\xef\xbf\xbd") != std::string::npos;
    seen.error_header = headers.contains("x-influxdb-error") &&
                        (is_replaced || headers.at("x-influxdb-error").size() == seen.error.size());
  }
  return seen;
}

constexpr const char* kGzip = "Content-Encoding: gzip\r\n";

// Requests that both treat the same.
std::vector<Row> SameRows() {
  return {
      {"a point", Write("m v=1 1")},
      {"an empty body", Write("")},
      {"blank lines and comments", Write("\n  \n# c\n")},
      {"no db", Request("POST", "/write", "m v=1 1")},
      {"an empty db", Request("POST", "/write?db=", "m v=1 1")},
      {"a bad consistency", Write("m v=1 1", "&consistency=most")},
      {"a line without fields", Write("m")},
      {"a bad value", Write("m v=x 1")},
      {"a bad value among good ones", Write("m v=1 1\nm v=\nm v=3 3")},
      {"several bad lines", Write("m\nn\nm v=3 3")},
      {"a bad time", Write("m v=1 x")},
      {"an integer too large", Write("m w=9223372036854775808i 1")},
      {"not a number", Write("m v=NaN 1")},
      {"a tag without a value", Write("m,a= v=1 1")},
      {"a negative time", Write("m v=1 -1")},
      {"bytes that are not UTF-8, in tags and strings", Write("m,t\xff=\xff s=\"\xff\" 1")},
      {"a quoted newline", Write("m s=\"a\nb\" 1")},
      {"each precision", Write("m v=1 1", "&precision=ms")},
      {"gzip that is none", Write("m v=1 1", "", kGzip)},
      {"gzip of nothing", Write("", "", kGzip)},
      {"the first of two databases", Write("m v=1 1", "&db=other")},
      {"credentials nobody asked for", Write("m v=1 1", "&u=a&p=b")},
      {"an id to be echoed", Write("m v=1 1", "", "X-Request-Id: abc\r\n")},
      {"samples for no database", Request("POST", "/api/v1/prom/write")},
      {"no samples", Request("POST", "/api/v1/prom/write?db=metrics", std::string(1, '\0'))},
      {"a sample",
       Request("POST", "/api/v1/prom/write?db=metrics",
               EncodeRemoteWrite("up,__name__=up value=1 1\n", Precision::kSecond).value())},
      {"ping", Request("GET", "/ping")},
      {"ping by HEAD", Request("HEAD", "/ping")},
      {"status", Request("GET", "/status")},
      {"no query", Request("GET", "/query")},
      {"a database is created", Query("CREATE DATABASE other")},
      {"a database is created in quotes", Query("CREATE DATABASE \"other one\" WITH DURATION 1d")},
      {"databases are shown", Query("SHOW DATABASES", "GET")},
      {"comments in a query", Query("/* a */ CREATE DATABASE -- b\n other")},
      {"several statements", Query("CREATE DATABASE a; SHOW DATABASES")},
      {"a chunked body",
       "POST /write?db=metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
       "Transfer-Encoding: chunked\r\n\r\n7\r\nm v=1 1\r\n0\r\n\r\n"},
      {"HTTP/1.0", "POST /write?db=metrics HTTP/1.0\r\nContent-Length: 7\r\n\r\nm v=1 1"},
      {"a whole URL", Request("GET", "http://x/ping")},
  };
}

// Requests with the same status; the form of the error is what HTTP.md says.
std::vector<Row> OtherForms() {
  const std::string form = "A request that matches no endpoint";
  const std::string time = "A tag named `time`, or no field but `time`";
  const std::string gzip = "The message for invalid gzip";
  return {
      {"a wrong method", Request("GET", "/write?db=metrics"), form, 405, 405},
      {"another wrong method", Request("POST", "/ping"), form, 405, 405},
      {"an unknown path", Request("GET", "/"), form, 404, 404},
      {"a path in escapes", Request("POST", "/%77rite?db=metrics", "m v=1 1"), form, 404, 404},
      {"garbage", "GARBAGE\r\n\r\n", form, 400, 400},
      {"no host", "GET /ping HTTP/1.1\r\n\r\n", form, 400, 400},
      {"a negative length",
       "POST /write?db=metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", form, 400, 400},
      {"an unknown statement", Query("GARBAGE"), "Queries", 400, 400},
      {"a bad escape", Request("POST", "/write?db=%zz", "m v=1 1"), "A bad percent escape", 400,
       400},
      {"a tag named time", Write("m,time=a v=1 1"), time, 400, 400},
      {"no field but time", Write("m time=1 1"), time, 400, 400},
      {"half a gzip", Write("\x1f\x8b\x08", "", kGzip), gzip, 400, 400},
  };
}

std::vector<Row> Differences() {
  return {
      {"an unknown database", Request("POST", "/write?db=none", "m v=1 1"),
       "A database or policy that a backend does not have", 404, 204},
      {"an unknown policy", Write("m v=1 1", "&rp=none"),
       "A database or policy that a backend does not have", 500, 204},
      {"a type conflict", Write("m v=\"text\" 1"), "A value of another type than before", 400, 204},
      {"a bad precision", Write("m v=1 1", "&precision=x"), "An unknown precision", 204, 400},
      {"microseconds", Write("m v=1 1700000000000000", "&precision=us"), "`precision=us`", 204,
       204},
      {"carriage returns", Write("m v=1 1\r\nm v=2 2\r\n"), "Carriage returns", 400, 204},
      {"an unsigned value", Write("u v=1u 1"), "Unsigned values", 400, 204},
      {"a name that is not UTF-8", Write("m\xff v=1 1"), "Names that are not UTF-8", 204, 400},
      {"a NUL byte", Write(std::string("m s=\"a\0\" 1", 10)), "NUL bytes", 204, 400},
      {"a line end in a name", Write(" =\"\n \"=\"\",M=true 5"),
       "Blanks before a line, a quote in its name and a line end", 204, 400},
      {"a quote where only one reader sees a string", Write("c,a\\\\ b=a i\"j=-3i 1"),
       "A blank behind two backslashes in a tag, and a quote in a field's name", 204, 400},
      {"a backslash at the end", Write("m b=\"\"\\"),
       "A backslash at the end of a line, behind a string", 204, 400},
      {"a long line", Write("m s=\"" + std::string(1'100'000, 'x') + "\" 1"), "Long lines", 204,
       400},
      {"an unknown encoding", Write("m v=1 1", "", "Content-Encoding: br\r\n"),
       "An unknown Content-Encoding", 204, 400},
      {"options", Request("OPTIONS", "/write"), "OPTIONS", 200, 204},
      {"options of ping", Request("OPTIONS", "/ping"), "OPTIONS", 405, 204},
      {"who pings for the version", Request("GET", "/ping?verbose=true"), "Newer endpoints", 204,
       200},
      {"health", Request("GET", "/health"), "Newer endpoints", 404, 200},
      {"ready", Request("GET", "/ready"), "Newer endpoints", 404, 200},
      {"v2", Request("POST", "/api/v2/write?bucket=metrics", "m v=1 1"), "Newer endpoints", 404,
       204},
      {"a query for points", Query("SELECT * FROM m", "GET"), "Queries", 200, 400},
      {"neither length nor chunks", "POST /write?db=metrics HTTP/1.1\r\nHost: x\r\n\r\n",
       "A body without an end", 204, 411},
      {"length and chunks",
       "POST /write?db=metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 7\r\n"
       "Transfer-Encoding: chunked\r\n\r\n7\r\nm v=1 1\r\n0\r\n\r\n",
       "A body with two ends", 204, 400},
      {"an unknown version", "GET /ping HTTP/9.9\r\nHost: x\r\n\r\n", "Unknown HTTP", 505, 400},
      {"an unknown transfer encoding",
       "POST /write?db=metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
       "Unknown HTTP", 501, 400},
      {"Prometheus", Request("POST", "/api/v1/prom/read?db=metrics"), "Other endpoints", 400, 404},
  };
}

struct Both {
  TempDir server_directory;
  TempDir relay_directory;
  Influxd server{server_directory.path()};
  FakeBackend backend;  // The relay's delivery is not checked here.
  RelayProcess relay{relay_directory.path(), {.backends = {{"a", backend.Url()}}}};

  Both() {
    server.CreateDatabase("metrics");
    // Makes the field types known.
    REQUIRE_EQ(Ask(server.endpoint(), Write("m v=1 1")).status, 204);
  }
};

TEST_CASE("differential: the same requests get the same status and form from influxd and relay") {
  const Both both;
  for (const Row& row : SameRows()) {
    CAPTURE(row.name);
    const Seen influxd = Ask(both.server.endpoint(), row.bytes);
    const Seen relay = Ask(both.relay.endpoint(), row.bytes);
    CHECK_EQ(relay.status, influxd.status);
    // The text of an error is the same, except for errors in gzip.
    if (row.name.find("gzip") == std::string::npos) CHECK_EQ(relay.error, influxd.error);
    CHECK_EQ(relay.error.empty(), influxd.error.empty());
    CHECK_EQ(relay.json, influxd.json);
    CHECK_EQ(relay.error_header, influxd.error_header);
    CHECK_EQ(relay.version, influxd.version);
    CHECK_EQ(relay.request_id, influxd.request_id);
  }
}

TEST_CASE("differential: where the relay differs it is intended, and HTTP.md says so") {
  const Both both;
  const std::string page = ReadFile(SourceRoot() + "/relay/ingest/HTTP.md");
  std::vector<Row> rows = Differences();
  for (Row& row : OtherForms()) rows.push_back(std::move(row));
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK_EQ(Ask(both.server.endpoint(), row.bytes).status, row.influxd);
    const Seen relay = Ask(both.relay.endpoint(), row.bytes);
    CHECK_EQ(relay.status, row.relay);
    CHECK(relay.version);
    CHECK_EQ(relay.error_header, row.relay >= 400);
    CHECK_NE(page.find("| " + row.difference + " |"), std::string::npos);
  }
}

}  // namespace
}  // namespace relay::test::integration_ingest_differential_test
