// Requests as small devices, old libraries and scripts form them, byte by byte, to influxd 1.6.7
// itself and to the relay in front of another one: both give an answer of the same class in the
// same version of HTTP, the point or the statement takes effect or not, and the connection stays
// open or not. Where the relay differs on purpose the row says how, and relay/ingest/HTTP.md why.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process/influxd.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/socket.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_ingest_http_forms_test {
namespace {

// Ways to send the bytes.
enum class Pace : std::uint8_t { kAtOnce, kBytewise, kThenHalfClosed };

struct Row {
  std::string name;
  std::string bytes;  // "NAME" stands for a name that only this row uses.
  Pace pace = Pace::kAtOnce;
};

struct Difference {
  std::string heading;  // The row of HTTP.md.
  Row row;
  std::string influxd;
  std::string relay;
};

std::string Replace(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

// The answers on a connection, one after the other.
class Answers {
 public:
  explicit Answers(RawConnection& connection) : connection_(connection) {}

  // Returns the head of the next final answer; "": none came.
  std::string Next(milliseconds patience) {
    std::string head = NextHead(patience);
    if (head.starts_with("HTTP/1.1 100")) head = NextHead(patience);
    SkipBody(head, patience);
    return head;
  }

 private:
  bool Read(milliseconds patience) {
    const Received more = connection_.ReadSome(patience);
    bytes_ += more.bytes;
    return !more.bytes.empty();
  }
  std::string Take(std::string_view marker, milliseconds patience) {
    while (bytes_.find(marker) == std::string::npos) {
      if (!Read(patience)) return {};
    }
    const std::size_t end = bytes_.find(marker) + marker.size();
    std::string taken = bytes_.substr(0, end);
    bytes_.erase(0, end);
    return taken;
  }
  std::string NextHead(milliseconds patience) { return Take("\r\n\r\n", patience); }
  void SkipBody(const std::string& head, milliseconds patience) {
    if (head.find("Transfer-Encoding: chunked") != std::string::npos) Take("0\r\n\r\n", patience);
    const std::string name = "Content-Length: ";
    const std::size_t length = head.find(name);
    if (length == std::string::npos || head_only) return;
    const std::size_t size = std::stoull(head.substr(length + name.size()));
    while (bytes_.size() < size && Read(patience)) {
    }
    bytes_.erase(0, size);
  }

  RawConnection& connection_;
  std::string bytes_;

 public:
  bool head_only = false;
};

// Returns "2xx 1.1 open": the class and version of the answer, and what became of the connection.
std::string Ask(const HostPort& server, const Row& row) {
  RawConnection connection(server);
  Answers answers(connection);
  answers.head_only = row.bytes.starts_with("HEAD");
  if (row.pace == Pace::kBytewise) {
    for (const char byte : row.bytes) connection.Send(std::string_view(&byte, 1));
  } else {
    connection.Send(row.bytes);
  }
  if (row.pace == Pace::kThenHalfClosed) connection.CloseSending();
  const std::string head = answers.Next(kPatience);
  if (head.size() < 12) return "nothing";
  const std::string answer = fmt::format("{}xx {}", head.substr(9, 1), head.substr(5, 3));
  if (row.pace == Pace::kThenHalfClosed) return answer;
  connection.Send("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string next = answers.Next(kPatience);
  return answer + (next.empty() ? " closed" : next.starts_with("HTTP/1.1 204") ? " open" : " ?");
}

// A server, and where to look for what its clients sent.
struct Server {
  HostPort endpoint;
  const Influxd& store;

  // Returns what came of a row: " stored" if its point or its database exists.
  std::string Try(Row row, int number) const {
    const std::string name = fmt::format("r{:03}", number);
    row.bytes = Replace(row.bytes, "NAME", name);
    return Ask(endpoint, row);
  }
  std::string Effect(int number) const {
    const std::string name = fmt::format("r{:03}", number);
    if (store.CountPoints("metrics", name, "v") > 0) return " stored";
    RawConnection connection(endpoint);
    connection.Send("GET /query?q=SHOW+DATABASES HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const std::string all = connection.ReadUntilClose().bytes;
    return all.find(fmt::format("\"{}\"", name)) != std::string::npos ? " stored" : "";
  }
};

struct Both {
  TempDir direct_directory;
  TempDir behind_directory;
  TempDir relay_directory;
  Influxd direct{direct_directory.path()};
  Influxd behind{behind_directory.path()};
  RelayProcess relay{relay_directory.path(), {.backends = {{"a", behind.Url()}}}};

  Both() {
    direct.CreateDatabase("metrics");
    behind.CreateDatabase("metrics");
  }
};

struct Outcome {
  std::string influxd;
  std::string relay;
};

std::vector<Outcome> TryAll(const std::vector<Row>& rows) {
  const Both both;
  const Server influxd{both.direct.endpoint(), both.direct};
  const Server relay{both.relay.endpoint(), both.behind};
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const int number = static_cast<int>(i);
    outcomes.push_back({influxd.Try(rows[i], number), relay.Try(rows[i], number)});
  }
  REQUIRE(both.relay.WaitDrained());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const int number = static_cast<int>(i);
    outcomes[i].influxd += influxd.Effect(number);
    outcomes[i].relay += relay.Effect(number);
  }
  return outcomes;
}

// ---- The rows

constexpr std::string_view kLine = "NAME v=1 1";  // Ten bytes, also with its name.
constexpr std::string_view kPost = "POST /write?db=metrics HTTP/1.1\r\n";
constexpr std::string_view kPost10 = "POST /write?db=metrics HTTP/1.0\r\n";
constexpr std::string_view kChunks = "a\r\nNAME v=1 1\r\n0\r\n\r\n";

// A write with these headers besides Host and Content-Length.
std::string Write(std::string_view headers = "", std::string_view behind = "") {
  return fmt::format("{}Host: x\r\nContent-Length: 10\r\n{}\r\n{}{}", kPost, headers, kLine,
                     behind);
}

std::string Write10(std::string_view headers) {
  return fmt::format("{}Content-Length: 10\r\n{}\r\n{}", kPost10, headers, kLine);
}

// A write whose head is exactly this, its empty line included.
std::string WithHead(std::string_view head) {
  return fmt::format("{}{}", head, kLine);
}

std::string Chunked(std::string_view body, std::string_view encoding = "chunked") {
  return fmt::format("{}Host: x\r\nTransfer-Encoding: {}\r\n\r\n{}", kPost, encoding, body);
}

std::string Get(std::string_view target, std::string_view method = "GET",
                std::string_view headers = "") {
  return fmt::format("{} {} HTTP/1.1\r\nHost: x\r\n{}\r\n", method, target, headers);
}

// A POST to /query with that body.
std::string Query(std::string_view type, std::string_view body, std::string_view target = "/query",
                  std::string_view method = "POST") {
  return fmt::format("{} {} HTTP/1.1\r\nHost: x\r\n{}Content-Length: {}\r\n\r\n{}", method, target,
                     type, body.size(), body);
}

constexpr std::string_view kForm = "Content-Type: application/x-www-form-urlencoded\r\n";
constexpr std::string_view kMultipart = "Content-Type: multipart/form-data; boundary=XY\r\n";
constexpr std::string_view kCreateForm = "q=CREATE+DATABASE+NAME";

std::string Part(std::string_view headers, std::string_view content,
                 std::string_view line_end = "\r\n") {
  return fmt::format("--XY{0}{1}{0}{0}{2}{0}--XY--{0}", line_end, headers, content);
}

std::vector<Row> LineEnds() {
  return {
      {"a write", Write()},
      {"a head with LF alone",
       WithHead("POST /write?db=metrics HTTP/1.1\nHost: x\nContent-Length: 10\n\n")},
      {"a head with both ends of a line",
       WithHead("POST /write?db=metrics HTTP/1.1\r\nHost: x\nContent-Length: 10\r\n\n")},
      {"CRLF behind a body", Write("", "\r\n")},
      {"LF behind a body", Write("", "\n")},
      {"two CRLF behind a body", Write("", "\r\n\r\n")},
      {"five line ends behind a body", Write("", "\n\n\n\n\n")},
      {"CRLF behind chunks", Chunked(std::string(kChunks) + "\r\n")},
      {"bytes that come one by one", Write(), Pace::kBytewise},
      {"chunks that come one by one", Chunked(kChunks), Pace::kBytewise},
      {"LF alone, one by one",
       WithHead("POST /write?db=metrics HTTP/1.1\nHost: x\nContent-Length: 10\n\n"),
       Pace::kBytewise},
      {"a client that ends its stream", Write(), Pace::kThenHalfClosed},
      {"a client of 1.0 that ends its stream", Write10(""), Pace::kThenHalfClosed},
      {"CR CR LF", Write("A: b\r\r\n")},
      {"CR in a value", Write("A: b\rc\r\n")},
      {"NUL in a value", Write(std::string("A: \0\r\n", 6))},
      {"text that is no HTTP", "NAME v=1 1\n"},
      {"the head of a TLS connection and a line end", "\x16\x03\x01\x02\n"},
  };
}

std::vector<Row> Versions() {
  return {
      {"1.0", Write10("")},
      {"1.0 with Keep-Alive", Write10("Connection: Keep-Alive\r\n")},
      {"1.0 with keep-alive and Host", Write10("Host: x\r\nConnection: keep-alive\r\n")},
      {"1.0 with close", Write10("Connection: close\r\n")},
      {"1.0 with LF alone", WithHead("POST /write?db=metrics HTTP/1.0\nContent-Length: 10\n"
                                     "Connection: Keep-Alive\n\n")},
      {"1.0 asking for 100-continue",
       Write10("Connection: Keep-Alive\r\nExpect: 100-continue\r\n")},
      {"ping of 1.0", "GET /ping HTTP/1.0\r\n\r\n"},
      {"ping of 1.0 with Keep-Alive", "GET /ping HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"},
      {"HEAD of 1.0 with Keep-Alive", "HEAD /ping HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"},
      {"a bad line of 1.0 with Keep-Alive",
       "POST /write?db=metrics HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nm"},
      {"an unknown path of 1.0", "GET /none HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"},
      {"1.1 with close", Write("Connection: close\r\n")},
      {"1.1 with Close in a list", Write("Connection: TE, Close\r\n")},
      {"1.1 with Keep-Alive", Write("Connection: Keep-Alive\r\nKeep-Alive: 300\r\n")},
      {"1.2", WithHead("POST /write?db=metrics HTTP/1.2\r\nHost: x\r\nContent-Length: 10\r\n\r\n")},
      {"no version", "GET /ping\r\n\r\n"},
      {"a version in lower case", "GET /ping http/1.1\r\nHost: x\r\n\r\n"},
      {"two blanks in a request line", "GET  /ping HTTP/1.1\r\nHost: x\r\n\r\n"},
      {"a blank behind a request line", "GET /ping HTTP/1.1 \r\nHost: x\r\n\r\n"},
  };
}

std::vector<Row> Headers() {
  return {
      {"names in lower case",
       WithHead("POST /write?db=metrics HTTP/1.1\r\nhost:x\r\ncontent-length:10\r\n\r\n")},
      {"names in upper case",
       WithHead("POST /write?db=metrics HTTP/1.1\r\nHOST: x\r\nCONTENT-LENGTH: \t10 \t\r\n\r\n")},
      {"the same length twice", Write("Content-Length: 10\r\n")},
      {"two lengths", Write("Content-Length: 11\r\n")},
      {"a list of lengths",
       WithHead(fmt::format("{}Host: x\r\nContent-Length: 10, 10\r\n\r\n", kPost))},
      {"a length with a sign",
       WithHead(fmt::format("{}Host: x\r\nContent-Length: +10\r\n\r\n", kPost))},
      {"a length with zeros",
       WithHead(fmt::format("{}Host: x\r\nContent-Length: 0010\r\n\r\n", kPost))},
      {"a length that is no number",
       WithHead(fmt::format("{}Host: x\r\nContent-Length: ten\r\n\r\n", kPost))},
      {"no bytes", fmt::format("{}Host: x\r\nContent-Length: 0\r\n\r\n", kPost)},
      {"a blank in front of a colon", Write("A : b\r\n")},
      {"a line without a colon", Write("A\r\n")},
      {"a name in quotes", Write("\"A\": b\r\n")},
      {"a name with an underscore", Write("device_id: 7\r\n")},
      {"a value that is not ASCII", Write("User-Agent: Z\xe4hler\r\n")},
      {"an empty value", Write("User-Agent:\r\n")},
      {"an empty host", WithHead("POST /write?db=metrics HTTP/1.1\r\nHost:\r\n"
                                 "Content-Length: 10\r\n\r\n")},
      {"no host", WithHead("POST /write?db=metrics HTTP/1.1\r\nContent-Length: 10\r\n\r\n")},
      {"two hosts", Write("Host: y\r\n")},
      {"a first line that begins with a blank",
       WithHead(fmt::format("{} Host: x\r\nContent-Length: 10\r\n\r\n", kPost))},
      {"100-continue", Write("Expect: 100-continue\r\n")},
      {"100-Continue", Write("expect: 100-Continue\r\n")},
      {"gzip accepted", Write("Accept-Encoding: gzip\r\nAccept: */*\r\n")},
      {"the type of a form", Write(kForm)},
      {"the type of a multipart form", Write(kMultipart)},
      {"credentials", Write("Authorization: BASIC dTpw\r\n")},
      {"a tab in a value", Write("A: b\tc\r\n")},
      {"a proxy's connection header", Write("Proxy-Connection: Keep-Alive\r\n")},
      {"forty headers", Write([] {
         std::string all;
         for (int i = 0; i < 40; ++i) all += fmt::format("X-{}: {}\r\n", i, i);
         return all;
       }())},
  };
}

std::vector<Row> Chunks() {
  return {
      {"chunks", Chunked(kChunks)},
      {"the name of chunks in upper case", Chunked(kChunks, "CHUNKED")},
      {"blanks around the name of chunks", Chunked(kChunks, " \tchunked ")},
      {"a size in upper case", Chunked("A\r\nNAME v=1 1\r\n0\r\n\r\n")},
      {"a size with zeros", Chunked("0000a\r\nNAME v=1 1\r\n000\r\n\r\n")},
      {"a size with a blank", Chunked("a \r\nNAME v=1 1\r\n0\r\n\r\n")},
      {"an extension", Chunked("a;n=v\r\nNAME v=1 1\r\n0;x\r\n\r\n")},
      {"a trailer", Chunked("a\r\nNAME v=1 1\r\n0\r\nChecksum: 7\r\n\r\n")},
      {"several chunks", Chunked("4\r\nNAME\r\n6\r\n v=1 1\r\n0\r\n\r\n")},
      {"chunks and 100-continue",
       fmt::format("{}Host: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n{}",
                   kPost, kChunks)},
      {"no size", Chunked("zz\r\n")},
      {"chunks with LF alone", Chunked("a\nNAME v=1 1\n0\n\n")},
      {"a size with a prefix", Chunked("0xa\r\nNAME v=1 1\r\n0\r\n\r\n")},
      {"a chunk that is too long", Chunked("a\r\nNAME v=1 1x\r\n0\r\n\r\n")},
  };
}

std::vector<Row> Targets() {
  const std::string rest = " HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n";
  return {
      {"a whole URL", WithHead("POST http://x/write?db=metrics" + rest)},
      {"a whole URL in upper case", WithHead("POST HTTP://X:8086/write?db=metrics" + rest)},
      {"a whole URL of https", WithHead("POST https://x/write?db=metrics" + rest)},
      {"a whole URL without a path", Get("http://x")},
      {"a slash at the end of a whole URL", Get("http://x/")},
      {"escapes in parameters", WithHead("POST /write?db=m%65trics&precision=%6es" + rest)},
      {"ands in excess", WithHead("POST /write?&&db=metrics&" + rest)},
      {"a parameter without a value", WithHead("POST /write?pretty&db=metrics" + rest)},
      {"bytes that are not ASCII", WithHead("POST /write?db=metrics&x=\xe4" + rest)},
      {"a path in upper case", WithHead("POST /WRITE?db=metrics" + rest)},
      {"a path without a slash", WithHead("POST write?db=metrics" + rest)},
      {"a method in lower case", WithHead("post /write?db=metrics" + rest)},
      {"a part of a method", WithHead("POS /write?db=metrics" + rest)},
      {"a tab in a target", WithHead("POST /write?db=metrics\t" + rest)},
      {"GET with a body", fmt::format("GET /ping{}{}", rest, kLine)},
      {"HEAD", Get("/ping", "HEAD")},
      {"PUT", WithHead("PUT /write?db=metrics" + rest)},
  };
}

std::vector<Row> Forms() {
  const std::string field = "Content-Disposition: form-data; name=\"q\"";
  return {
      {"a statement in the URL", Get("/query?q=CREATE+DATABASE+NAME")},
      {"... with POST", Query("", "", "/query?q=CREATE%20DATABASE%20NAME")},
      {"a form", Query(kForm, kCreateForm)},
      {"a form in another case",
       Query("content-type: Application/X-WWW-Form-URLEncoded\r\n", kCreateForm)},
      {"a form with a character set",
       Query("Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n", kCreateForm)},
      {"a form of 1.0", "POST /query HTTP/1.0\r\nContent-Length: 22\r\n" + std::string(kForm) +
                            "\r\n" + std::string(kCreateForm)},
      {"a form in chunks",
       fmt::format("POST /query HTTP/1.1\r\nHost: x\r\n{}Transfer-Encoding: chunked\r\n\r\n"
                   "16\r\n{}\r\n0\r\n\r\n",
                   kForm, kCreateForm)},
      {"a form and parameters", Query(kForm, kCreateForm, "/query?db=metrics&epoch=s")},
      {"a form before the URL", Query(kForm, kCreateForm, "/query?q=GARBAGE")},
      {"an empty form before the URL", Query(kForm, "q=", "/query?q=CREATE+DATABASE+NAME")},
      {"a form without a type", Query("", kCreateForm)},
      {"a form as plain text", Query("Content-Type: text/plain\r\n", kCreateForm)},
      {"a form with GET", Query(kForm, kCreateForm, "/query", "GET")},
      {"a multipart form", Query(kMultipart, Part(field, "CREATE DATABASE NAME"))},
      {"a multipart form in another case",
       Query("content-type: Multipart/Form-Data; charset=utf-8; BOUNDARY=\"XY\"\r\n",
             Part("content-disposition: FORM-DATA; Name=q", "CREATE DATABASE NAME"))},
      {"a multipart form with LF alone",
       Query(kMultipart, Part(field, "CREATE DATABASE NAME", "\n"))},
      {"a file of a multipart form",
       Query(kMultipart, Part(field + "; filename=\"a;b\"\r\nContent-Type: text/plain",
                              "CREATE DATABASE NAME\n"))},
      {"a multipart form in escapes",
       Query(kMultipart, Part(field + "\r\nContent-Transfer-Encoding: quoted-printable",
                              "CREATE=20DATABASE =\r\nNAME"))},
      {"the URL before a multipart form",
       Query(kMultipart, Part(field, "GARBAGE"), "/query?q=CREATE+DATABASE+NAME")},
      {"a text before its parts",
       Query(kMultipart, "a preamble\r\n" + Part(field, "CREATE DATABASE NAME"))},
      {"another field", Query(kMultipart, Part("Content-Disposition: form-data; name=\"p\"",
                                               "CREATE DATABASE NAME"))},
      {"a multipart form without an end",
       Query(kMultipart, "--XY\r\n" + field + "\r\n\r\nCREATE DATABASE NAME")},
      {"a multipart form without a boundary",
       Query("Content-Type: multipart/form-data\r\n", Part(field, "CREATE DATABASE NAME"))},
      {"parts of another kind", Query("Content-Type: multipart/mixed; boundary=XY\r\n",
                                      Part(field, "CREATE DATABASE NAME"))},
      {"a form of two parts",
       Query(kMultipart, "--XY\r\nContent-Disposition: form-data; name=\"db\"\r\n\r\nmetrics\r\n" +
                             Part(field, "CREATE DATABASE NAME"))},
      {"a multipart form with GET",
       Query(kMultipart, Part(field, "CREATE DATABASE NAME"), "/query", "GET")},
      {"a multipart form without content", Query(kMultipart, Part(field, ""))},
      {"a multipart form in chunks",
       fmt::format("POST /query HTTP/1.1\r\nHost: x\r\n{}Transfer-Encoding: chunked\r\n\r\n"
                   "{:x}\r\n{}\r\n0\r\n\r\n",
                   kMultipart, Part(field, "CREATE DATABASE NAME").size(),
                   Part(field, "CREATE DATABASE NAME"))},
      {"blanks before a statement", Get("/query?q=+CREATE+DATABASE+NAME+")},
      {"blanks for a statement", Get("/query?q=+")},
  };
}

// The headings of HTTP.md's table of differences, each with what it stands for.
std::vector<Difference> Differences() {
  const std::string both = fmt::format(
      "{}Host: x\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n{}", kPost, kChunks);
  const std::string length = " HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n";
  const std::string folded = "Lines of a head that go on in the next";
  return {
      {"Unknown HTTP",
       {"2.0",
        WithHead("POST /write?db=metrics HTTP/2.0\r\nHost: x\r\nContent-Length: 10\r\n\r\n")},
       "5xx 1.1 closed",
       "4xx 1.1 closed"},
      {"Unknown HTTP",
       {"chunks twice", Chunked(kChunks, "chunked, chunked")},
       "5xx 1.1 closed",
       "4xx 1.1 closed"},
      {"Unknown HTTP",
       {"gzip and chunks", Chunked(kChunks, "gzip, chunked")},
       "5xx 1.1 closed",
       "4xx 1.1 closed"},
      {"Unknown HTTP",
       {"two headers for chunks", Chunked(kChunks, "chunked\r\nTransfer-Encoding: chunked")},
       "5xx 1.1 closed",
       "4xx 1.1 closed"},
      {"A body with two ends",
       {"a length and chunks", both},
       "2xx 1.1 open stored",
       "4xx 1.1 closed"},
      {"Chunks of HTTP/1.0",
       {"chunks of 1.0", fmt::format("{}Transfer-Encoding: chunked\r\n\r\n{}", kPost10, kChunks)},
       "2xx 1.0 closed",
       "4xx 1.0 closed"},
      {"A body without an end",
       {"no length", fmt::format("{}Host: x\r\n\r\n", kPost)},
       "2xx 1.1 open",
       "4xx 1.1 closed"},
      {folded,
       {"a continued line", Write("A: b\r\n c\r\n")},
       "2xx 1.1 open stored",
       "4xx 1.1 closed"},
      {folded, {"a last line of blanks", Write(" \r\n")}, "2xx 1.1 open stored", "4xx 1.1 closed"},
      {"An unknown `Expect`",
       {"an unknown Expect", Write("Expect: x\r\n")},
       "4xx 1.1 closed",
       "2xx 1.1 open stored"},
      {"A path with slashes in excess",
       {"two slashes", WithHead("POST //write?db=metrics" + length)},
       "4xx 1.1 open",
       "2xx 1.1 open stored"},
      {"A path with slashes in excess",
       {"a slash at the end", WithHead("POST /write/?db=metrics" + length)},
       "4xx 1.1 open",
       "2xx 1.1 open stored"},
      {"Line ends in front of the first request",
       {"an empty line in front", "\r\n" + Write()},
       "4xx 1.1 closed",
       "2xx 1.1 open stored"},
  };
}

void CheckSame(const std::vector<Row>& rows) {
  const std::vector<Outcome> outcomes = TryAll(rows);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(rows[i].name);
    CHECK_EQ(outcomes[i].relay, outcomes[i].influxd);
  }
}

TEST_CASE("http forms: the differences are those that HTTP.md lists") {
  const std::string document = ReadFile(SourceRoot() + "/relay/ingest/HTTP.md");
  const std::vector<Difference> differences = Differences();
  std::vector<Row> rows;
  for (const Difference& difference : differences) rows.push_back(difference.row);
  const std::vector<Outcome> outcomes = TryAll(rows);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(rows[i].name);
    CHECK_EQ(outcomes[i].influxd, differences[i].influxd);
    CHECK_EQ(outcomes[i].relay, differences[i].relay);
    CHECK_NE(document.find(fmt::format("\n| {} |", differences[i].heading)), std::string::npos);
  }
}
TEST_CASE("http forms: the ends of lines and of requests") {
  CheckSame(LineEnds());
}
TEST_CASE("http forms: versions and connections that stay open") {
  CheckSame(Versions());
}
TEST_CASE("http forms: headers") {
  CheckSame(Headers());
}
TEST_CASE("http forms: chunks") {
  CheckSame(Chunks());
}
TEST_CASE("http forms: targets") {
  CheckSame(Targets());
}
TEST_CASE("http forms: the fields of a query") {
  CheckSame(Forms());
}

}  // namespace
}  // namespace relay::test::integration_ingest_http_forms_test
