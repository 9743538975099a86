#include "relay/lineprotocol/scanner.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "relay/lineprotocol/fast_path.h"
#include "relay/lineprotocol/grammar.h"
#include "tests/support/fakes/line_maker.h"
#include "tests/support/seed.h"
#include "wal/record/lines.h"

namespace relay::test::relay_lineprotocol_scanner_test {
namespace {

constexpr WallTime kNow(std::chrono::nanoseconds(1'700'000'000'123'456'789));

ScannedLines Scan(std::string body) {
  return ScanLines(std::move(body), Precision::kNanosecond, kNow);
}

// Returns what is stored of a body all of whose points are good.
std::string Stored(std::string body) {
  ScannedLines scanned = Scan(std::move(body));
  CHECK(scanned.refused == 0);
  return std::move(scanned.lines);
}

// Returns the reason why the one line of a body is not a point.
std::string WhyRefused(std::string_view line, Precision precision = Precision::kNanosecond) {
  const ScannedLines scanned = ScanLines(std::string(line) + "\n", precision, kNow);
  CHECK(scanned.points == 0);
  CHECK(scanned.lines.empty());
  REQUIRE(scanned.errors.size() == 1);
  const std::string& message = scanned.errors[0].Message();
  return message.substr(message.rfind("': ") + 3);
}

std::string Repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

// A point whose measurement and first field's key have that many bytes.
std::string PointOfSize(std::size_t measurement, std::size_t key) {
  return std::string(measurement, 'm') + " " + std::string(key, 'k') + "=1";
}

TEST_CASE("line protocol: a body of timed points is stored as it came, without a copy") {
  std::string body =
      "cpu,host=a,region=eu usage=1.5,count=3i,up=true,note=\"x, y = \\\"z\\\"\" "
      "1700000000000000000\n"
      "cpu,host=b usage=-2e3 1700000000000000001\n"
      "mem,zone=b,host=a free=1 -5\n";
  const std::string same = body;
  const char* memory = body.data();
  const ScannedLines scanned = Scan(std::move(body));
  CHECK(scanned.lines == same);
  CHECK(scanned.lines.data() == memory);
  CHECK(scanned.points == 3);
  CHECK(scanned.refused == 0);
}

TEST_CASE("line protocol: an empty body has no points") {
  const ScannedLines scanned = Scan("");
  CHECK(scanned.lines.empty());
  CHECK(scanned.points == 0);
  CHECK(scanned.refused == 0);
}

TEST_CASE("line protocol: what is stored of a line that is a point") {
  struct Row {
    const char* sentence;
    std::string_view given;
    std::string_view stored;
  };
  const std::vector<Row> rows = {
      {"the last line needs no newline", "m v=1 5", "m v=1 5\n"},
      {"carriage returns before the line's end go", "m v=1 5\r\nm v=2 6\r", "m v=1 5\nm v=2 6\n"},
      {"one of them, that is", "m v=\"a\"\r\r 5\r\n", "m v=\"a\"\r\r 5\n"},
      {"blank lines go", "\n \t\nm v=1 5\n\r\n  \n", "m v=1 5\n"},
      {"comments go", "# a\nm v=1 5\n \t# b", "m v=1 5\n"},
      {"a comment lasts as long as a quote in it", "# a b=\"\nm v=1 5\n\"\nm v=2 6\n", "m v=2 6\n"},
      {"blanks in front go", " \tm v=1 5\n", "m v=1 5\n"},
      {"spaces and tabs between the parts stay", "m  \tv=1 \t 5\n", "m  \tv=1 \t 5\n"},
      {"spaces behind the time stay", "m v=1 5  \n", "m v=1 5  \n"},
      {"a newline within quotes is data", "m v=\"a\r\nb\" 5\n", "m v=\"a\r\nb\" 5\n"},
      {"an escaped newline is data", "m\\\nx v=1 5\n", "m\\\nx v=1 5\n"},
      {"names may be escaped", "m\\ x\\,y,t\\=\\ =v\\,,u=\\  k\\ \\,\\==1 5\n",
       "m\\ x\\,y,t\\=\\ =v\\,,u=\\  k\\ \\,\\==1 5\n"},
      {"backslashes are bytes of names", "m\\x,t\\y=C:\\z k\\w=1 5\n",
       "m\\x,t\\y=C:\\z k\\w=1 5\n"},
      {"a measurement has any character but NUL", "m=\"\xc3\xbc v=1 5\n", "m=\"\xc3\xbc v=1 5\n"},
      {"a quote in a name means nothing", "m,t=\"a k\"=1 5\n", "m,t=\"a k\"=1 5\n"},
      {"tags come in any order", "m,b=1,a=2,c=3 v=1 5\n", "m,b=1,a=2,c=3 v=1 5\n"},
      {"strings hold anything", "m v=\"\xc3\xa9, = \\\" \\\\ \\n\t#\" 5\n",
       "m v=\"\xc3\xa9, = \\\" \\\\ \\n\t#\" 5\n"},
      {"text behind a string is part of it", "m v=\"a\"b 5\n", "m v=\"a\"b 5\n"},
      {"a key may be a tab that counts as blank", "m \t=1 5\n", "m \t=1 5\n"},
      {"a key may start with a comma where the count is right", "m ,a=\"x=1 5\n", "m ,a=\"x=1 5\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.sentence);
    CHECK(Stored(std::string(row.given)) == row.stored);
  }
}

TEST_CASE("line protocol: a point without a time gets one") {
  const std::string time = " 1700000000123456789\n";
  struct Row {
    std::string_view given;
    std::string_view point;
  };
  const std::vector<Row> rows = {
      {"m v=1\n", "m v=1"},       {"m v=1", "m v=1"},
      {"m v=1\r\n", "m v=1"},     {"m v=1  \n", "m v=1"},
      {"m v=1 \t \r\n", "m v=1"}, {"  m,t=a v=\"x y\"\n", "m,t=a v=\"x y\""},
      {"m v=t\n", "m v=t"},       {"m,b=1,a=2 v=1i\n", "m,b=1,a=2 v=1i"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.given);
    CHECK(Stored(std::string(row.given)) == std::string(row.point) + time);
  }
}

TEST_CASE("line protocol: the time that a point gets is in units of the precision, cut off") {
  const std::array<std::pair<Precision, std::string_view>, 6> rows = {{
      {Precision::kNanosecond, "m v=1 1700000000123456789\n"},
      {Precision::kMicrosecond, "m v=1 1700000000123456\n"},
      {Precision::kMillisecond, "m v=1 1700000000123\n"},
      {Precision::kSecond, "m v=1 1700000000\n"},
      {Precision::kMinute, "m v=1 28333333\n"},
      {Precision::kHour, "m v=1 472222\n"},
  }};
  for (const auto& [precision, stored] : rows) {
    CHECK(ScanLines("m v=1", precision, kNow).lines == stored);
  }
}

TEST_CASE("line protocol: valid values") {
  for (const std::string_view value : {
           "1",
           "-1",
           "0",
           "1.5",
           "-1.5",
           ".5",
           "-.5",
           "5.",
           "1.e5",
           ".5e1",
           "1e5",
           "1E+5",
           "-1e-5",
           "1e-400",
           "0e99999999999999999999",
           "1.7976931348623157e308",
           "98.09947643979057",
           "0.30000000000000004",
           "00000000000000000000000000000001",
           "0i",
           "-0i",
           "12i",
           "9223372036854775807i",
           "-9223372036854775808i",
           "0000000009223372036854775807i",
           "1u",
           "0u",
           "18446744073709551615u",
           "t",
           "T",
           "true",
           "True",
           "TRUE",
           "f",
           "F",
           "false",
           "False",
           "FALSE",
           "\"\"",
           "\"a\"",
       }) {
    CAPTURE(value);
    const std::string line = "m,t=a v=" + std::string(value) + ",w=" + std::string(value) + " 5\n";
    CHECK(Stored(line) == line);
    CHECK(Stored(Repeated("x", 40) + line) == Repeated("x", 40) + line);
  }
}

TEST_CASE("line protocol: invalid values") {
  struct Row {
    std::string_view value;
    std::string_view why;
  };
  const std::vector<Row> rows = {
      {"-", "invalid number"},
      {".", "invalid number"},
      {"-.", "invalid number"},
      {"-i", "invalid number"},
      {".i", "invalid number"},
      {"--1", "invalid number"},
      {"1-1", "invalid number"},
      {"1.1.1", "invalid number"},
      {"1.5i", "invalid number"},
      {"1e5i", "invalid number"},
      {"1i1", "invalid number"},
      {"1ii", "invalid number"},
      {"1iu", "invalid number"},
      {"-1u", "invalid number"},
      {"0x1", "invalid number"},
      {"1_0", "invalid number"},
      {"1x", "invalid number"},
      {"nan", "invalid number"},
      {"NaN", "invalid number"},
      {"-inf", "invalid number"},
      {"1\t", "invalid number"},
      {"1e", "invalid float"},
      {"1e+", "invalid float"},
      {".e5", "invalid float"},
      {"-e5", "invalid float"},
      {"1e5e5", "invalid float"},
      {"1e5.5", "invalid float"},
      {"1e400", "invalid float"},
      {"-1.8e308", "invalid float"},
      {"9223372036854775808i",
       "unable to parse integer 9223372036854775808: strconv.ParseInt: parsing "
       "\"9223372036854775808\": value out of range"},
      {"-9223372036854775809i",
       "unable to parse integer -9223372036854775809: strconv.ParseInt: parsing "
       "\"-9223372036854775809\": value out of range"},
      {"18446744073709551616u",
       "unable to parse unsigned 18446744073709551616: strconv.ParseUint: parsing "
       "\"18446744073709551616\": value out of range"},
      {"+1", "invalid boolean"},
      {"Inf", "invalid boolean"},
      {"i", "invalid boolean"},
      {"tr", "invalid boolean"},
      {"tRUE", "invalid boolean"},
      {"truee", "invalid boolean"},
      {"x", "invalid boolean"},
      {"=1", "invalid boolean"},
      {"\xc3\xa9", "invalid boolean"},
      {"\"", "unbalanced quotes"},
      {"\"a\\\"", "unbalanced quotes"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.value);
    CHECK(WhyRefused("m v=" + std::string(row.value)) == row.why);
    CHECK(WhyRefused(Repeated("x", 40) + " v=" + std::string(row.value)) == row.why);
  }
  CHECK(WhyRefused("m v=" + Repeated("1", 400)) == "invalid float");
}

TEST_CASE("line protocol: invalid lines") {
  struct Row {
    std::string_view line;
    std::string_view why;
  };
  const std::vector<Row> rows = {
      {",t=a v=1", "missing measurement"},
      {"m", "missing fields"},
      {"m\tv=1", "missing fields"},
      {"m\\ v=1", "missing fields"},
      {"m,t=a", "missing fields"},
      {"m,t=a\\ v", "missing fields"},
      {"m,", "missing tag key"},
      {"m, v=1", "missing tag key"},
      {"m,,t=a v=1", "missing tag key"},
      {"m,=a v=1", "missing tag key"},
      {"m,t v=1", "missing tag value"},
      {"m,t,u=a v=1", "missing tag value"},
      {"m,t\\=a v=1", "missing tag value"},
      {"m,t= v=1", "missing tag value"},
      {"m,t=,u=a v=1", "missing tag value"},
      {"m,t=", "missing tag value"},
      {"m,t=a=b v=1", "invalid tag format"},
      {"m,t=a,t=b v=1", "duplicate tags"},
      {"m,t=a,s=b,t=c v=1", "duplicate tags"},
      {"m ", "invalid field format"},
      {"m v", "invalid field format"},
      {"m v,w=1", "invalid field format"},
      {"m v=1,w", "invalid field format"},
      {"m v=1,", "invalid field format"},
      {"m v=1,,w=2", "invalid field format"},
      {"m v=\"a\"=3", "invalid field format"},
      {"m =1", "missing field key"},
      {"m v=1,=2", "missing field key"},
      {"m v=", "missing field value"},
      {"m v= 5", "missing field value"},
      {"m v=,w=1", "missing field value"},
      {"m v\\\\=1", "invalid value: field-key=v\\\\=1"},
      {"m v=\"a\"=3,w", "invalid value: field-key=w"},
      {"m v=\"a\"\\,w", "invalid value: field-key=w"},
      {"m v=1 x", "bad timestamp"},
      {"m v=1 1.5", "bad timestamp"},
      {"m v=1 5i", "bad timestamp"},
      {"m v=1 +5", "bad timestamp"},
      {"m v=1 5\t", "bad timestamp"},
      {"m v=1 5\r ", "bad timestamp"},
      {"m v=1 -", "strconv.ParseInt: parsing \"-\": invalid syntax"},
      {"m v=1 99999999999999999999",
       "strconv.ParseInt: parsing \"99999999999999999999\": value out of range"},
      {"m v=1 5 6", "point is invalid"},
      {"m,time=a v=1", "invalid tag key: input tag \"time\" on measurement \"m\" is invalid"},
      {"m time=1", "invalid field name: input field \"time\" on measurement \"m\" is invalid"},
      {"m time=1,time=2i",
       "invalid field name: input field \"time\" on measurement \"m\" is invalid"},
      {"m v=1 5 x", "point is invalid"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    CHECK(WhyRefused(row.line) == row.why);
  }
}

TEST_CASE("line protocol: a time is within InfluxDB's range at its precision") {
  const std::string why = "time outside range -9223372036854775806 - 9223372036854775806";
  struct Row {
    Precision precision;
    std::string_view highest;
    std::string_view beyond;
  };
  const std::vector<Row> rows = {
      {Precision::kNanosecond, "9223372036854775806", "9223372036854775807"},
      {Precision::kMicrosecond, "9223372036854775", "9223372036854776"},
      {Precision::kMillisecond, "9223372036854", "9223372036855"},
      {Precision::kSecond, "9223372036", "9223372037"},
      {Precision::kMinute, "153722867", "153722868"},
      {Precision::kHour, "2562047", "2562048"},
  };
  for (const Row& row : rows) {
    for (const std::string sign : {"", "-"}) {
      const std::string good = "m v=1 " + sign + std::string(row.highest) + "\n";
      CHECK(ScanLines(good, row.precision, kNow).lines == good);
      CHECK(WhyRefused("m v=1 " + sign + std::string(row.beyond), row.precision) == why);
    }
  }
}

TEST_CASE("line protocol: a point that InfluxDB takes and then fails to store is refused") {
  // The first two crash an influxd 1.6.7; the others get a 500 every time.
  CHECK(WhyRefused("m k\\\\=\"x=\" 5") == "unbalanced quotes");
  CHECK(WhyRefused("m v=1,k\\\\=2,k\\\\=\" x=\" 5") == "unbalanced quotes");
  CHECK(WhyRefused("m k\\\\=\"a=t\" 5") == "invalid boolean");
  CHECK(WhyRefused("m k\\\\=\"a=1\" 5") == "invalid number");
  CHECK(WhyRefused("m k\\\\=\"a=,=\" 5") == "missing field value");
}

TEST_CASE("line protocol: a field named time beside another one is stored, as InfluxDB does") {
  CHECK(Stored("m time=1,v=2 5\n") == "m time=1,v=2 5\n");
  CHECK(Stored("m,times=a,tim=b v=2 5\n") == "m,times=a,tim=b v=2 5\n");
}

TEST_CASE("line protocol: a measurement or field name that is not UTF-8 is refused") {
  const std::string why = "measurement or field name is not valid UTF-8";
  const std::string far(70, 'f');
  for (const std::string bad :
       {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    CAPTURE(bad);
    for (const std::string& line :
         {"m" + bad + " v=1 5", bad + ",t=a v=1 5", "m v" + bad + "=1 5", "m v=1,w" + bad + "=2 5",
          "m s=\"a\",v" + bad + "=1", far + bad + ",t=a " + far + "=1 5",
          far + ",t=a " + far + "=1," + bad + "=\"s\" 5"}) {
      CAPTURE(line);
      CHECK(WhyRefused(line) == why);
    }
  }
}

TEST_CASE("line protocol: tags and strings hold any bytes, names any text that is UTF-8") {
  for (const std::string& line :
       {std::string("m,t\xff=\xff v=1 5\n"), std::string("m s=\"\xff\xc0\",v=1 5\n"),
        std::string("m s=\"\\\"\xff\",v=1 5\n"), std::string("m\xc3\xbc,t=a v\xe6\xb8\xa9=1 5\n"),
        std::string("m \xf0\x9f\x8c\xa1=1 5\n"), std::string("m\\ \xc3\xbc v=1 5\n")}) {
    CAPTURE(line);
    CHECK(Stored(line) == line);
    CHECK(NamesAreUtf8(line));
  }
}

TEST_CASE("line protocol: a line that would swallow the next one is refused") {
  const std::string why = "line ends within quotes or an escape";
  CHECK(WhyRefused(" m=\"a v=1 5") == why);
  CHECK(WhyRefused("m\\\\ a=\",x=1 v=1 5") == why);
  CHECK(Scan("m v=\"a\"\\").errors.at(0).Message() == "unable to parse 'm v=\"a\"\\': " + why);
  CHECK(Scan("m v=\"a\"\\\n\n").errors.at(0).Message() == "unable to parse 'm v=\"a\"\\': " + why);
}

TEST_CASE("line protocol: an open quote makes one bad line of all that it holds") {
  const ScannedLines scanned = Scan("m v=\"a 1\nm v=1 2\nm v=b\" 3\nm v=4 4\nm v=\"c\n");
  CHECK(scanned.lines == "m v=\"a 1\nm v=1 2\nm v=b\" 3\nm v=4 4\n");
  CHECK(scanned.points == 2);
  REQUIRE(scanned.errors.size() == 1);
  CHECK(scanned.errors[0].number == 5);
  CHECK(scanned.errors[0].Message() == "unable to parse 'm v=\"c': unbalanced quotes");
}

TEST_CASE("line protocol: a NUL byte in a line is refused, in a comment or a blank line it goes") {
  const auto with_nul = [](std::string_view text) {
    std::string line(text);
    for (char& c : line) c = c == '0' ? '\0' : c;
    return line;
  };
  for (const char* line :
       {"m0 v=1 5", "m,t=a0 v=1 5", "m v=\"0\" 5", "m v=1 0 5", "0m v=1 5", "m v=1 50", "m v=0"}) {
    CAPTURE(line);
    CHECK(WhyRefused(with_nul(line)) == "NUL byte");
  }
  CHECK(Stored(with_nul("# 0\n 0 \nm v=1 5\n")) == "m v=1 5\n");
}

TEST_CASE("line protocol: a line has at most 1 MiB, or as many bytes as configured") {
  const std::string start = "m v=\"";
  const std::string end = "\" 5";
  const std::size_t filling = 1'048'576 - start.size() - end.size();
  const std::string longest = start + std::string(filling, 'x') + end;
  CHECK(Stored(longest + "\r\n") == longest + "\n");
  CHECK(WhyRefused(start + std::string(filling + 1, 'x') + end) ==
        "line is longer than 1048576 bytes");
  for (const std::string line : {"m v=123 5", "m v=\"a\" 5", "m v=12345", "m  v=12 5"}) {
    CAPTURE(line);
    const std::string body = "m v=1 1\n" + line + "\nm v=2 2\n";
    CHECK_EQ(ScanLines(body, Precision::kNanosecond, kNow, Bytes(line.size())).refused, 0);
    const ScannedLines scanned =
        ScanLines(body, Precision::kNanosecond, kNow, Bytes(line.size() - 1));
    CHECK_EQ(scanned.refused, 1);
    CHECK_EQ(scanned.too_long, 1);
  }
}

TEST_CASE("line protocol: a series key with a field's key has at most 65535 bytes") {
  const std::string longest = PointOfSize(65530, 1);
  CHECK(Scan(longest).points == 1);
  CHECK(WhyRefused(PointOfSize(65531, 1)) == "max key length exceeded: 65536 > 65535");
  CHECK(WhyRefused(PointOfSize(1, 65532)) == "max key length exceeded: 65537 > 65535");
}

TEST_CASE("line protocol: bad lines are left out, counted and reported by number") {
  const ScannedLines scanned =
      Scan("m v=1 1\nbad\n# c\n\nm v=\"two\nlines\" 2\n  worse x\r\nm v=3 3\nlast");
  CHECK(scanned.lines == "m v=1 1\nm v=\"two\nlines\" 2\nm v=3 3\n");
  CHECK(scanned.points == 3);
  CHECK(scanned.refused == 3);
  REQUIRE(scanned.errors.size() == 3);
  CHECK(scanned.errors[0].number == 2);
  CHECK(scanned.errors[0].Message() == "unable to parse 'bad': missing fields");
  CHECK(scanned.errors[1].number == 7);
  CHECK(scanned.errors[1].Message() == "unable to parse 'worse x': invalid field format");
  CHECK(scanned.errors[2].number == 9);
  CHECK(scanned.errors[2].Message() == "unable to parse 'last': missing fields");
}

TEST_CASE("line protocol: of many bad lines the first 16 are reported, all are counted") {
  const ScannedLines scanned = Scan(Repeated("bad\n", 100) + "m v=1 1\n");
  CHECK(scanned.refused == 100);
  CHECK(scanned.points == 1);
  REQUIRE(scanned.errors.size() == kErrorsKept);
  CHECK(scanned.errors.back().number == kErrorsKept);
}

TEST_CASE("line protocol: a message shows 256 bytes of a line and no half of a character") {
  const auto shown = [](const std::string& line) {
    const std::string message = Scan(line).errors.at(0).Message();
    const std::size_t start = message.find('\'') + 1;
    return message.substr(start, message.rfind("': ") - start);
  };
  CHECK(shown(std::string(256, 'x')) == std::string(256, 'x'));
  CHECK(shown(std::string(257, 'x')) == std::string(256, 'x'));
  CHECK(shown(std::string(254, 'x') + "\xe2\x82\xac") == std::string(254, 'x'));
  CHECK(shown(std::string(253, 'x') + "\xe2\x82\xac!") == std::string(253, 'x') + "\xe2\x82\xac");
  CHECK(shown(std::string(300, '\x80')) == std::string(253, '\x80'));
}

TEST_CASE("line protocol: lines longer than the index's window lie between others") {
  const std::string longer = "m v=\"" + std::string(2 * kWindowBytes, ',') + "\" 5\n";
  const std::string body = "m v=1 4\n" + longer + "m v=2 6\n" + longer;
  const ScannedLines scanned = Scan(body);
  CHECK(scanned.lines == body);
  CHECK(scanned.points == 4);
}

TEST_CASE("line protocol: a blank before a line does not make the quotes of its name span lines") {
  CHECK(WhyRefused(" =\"\n \"=\"\",M=true 5") == "line ends within quotes or an escape");
  CHECK(Stored(" m\"n v=1 5\n m\"n v=2 6\n") == "m\"n v=1 5\nm\"n v=2 6\n");
  CHECK(Stored("  m v=\"a\nb\" 5\n") == "m v=\"a\nb\" 5\n");
}

TEST_CASE("line protocol: a line ends at the same byte when it is accepted and when it is cut") {
  // Each is one point, and one line of what is stored.
  const std::vector<std::string> lines = {
      "m v=1 5\n",
      "m v=\"a\nb\" 5\n",                // A newline in a string.
      "m v=\"a\\\"\nb\" 5\n",            // Behind an escaped quote.
      "m v=\"a\\\\\" 5\n",               // An escaped backslash, and the string ends.
      "m v=\"a,b=c\n d\",w=\"\n\" 5\n",  // Would be fields outside of quotes.
      "m\"n v=1 5\n",                    // A quote in each part where it means nothing.
      "m,t\"=x\" v=1 5\n",
      "m \"v=1 5\n",
      "m v\"=1 5\n",
      "m\\\nn v=1 5\n",  // An escaped newline.
      "m,t=x\\\ny v=1 5\n",
      "m\\ n\" v=1 5\n",  // Quotes count from the first space on, escaped or not.
  };
  std::string body;
  for (const std::string& line : lines) {
    CAPTURE(line);
    CHECK(MeasureLine(line + "next v=1 6\n").size + 1 == line.size());
    CHECK(Stored(line) == line);
    body += line;
  }
  const ScannedLines scanned = Scan(body);
  CHECK(scanned.refused == 0);
  REQUIRE(scanned.points == lines.size());
  LineWalk walk(scanned.lines);
  for (const std::string& line : lines) CHECK(walk.Next() == line);
  CHECK(walk.AtEnd());
}

// ------------------------------------------------------------- random lines

void CheckAgainstTheRules(const std::string& text, FastLines::Line fast, Precision precision) {
  const LineExtent extent = MeasureLine(text);
  CHECK(extent.size == fast.end);
  CHECK_FALSE(extent.open);
  const LineVerdict verdict = JudgeLine(std::string_view(text).substr(0, extent.size), precision);
  CHECK(verdict.reason == "");
  CHECK(verdict.timed == (fast.kind == FastLines::Kind::kTimed));
  if (!verdict.timed) CHECK(verdict.fields_end == fast.end);
}

TEST_CASE("line protocol: whatever the fast path accepts, the complete rules accept") {
  LineMaker maker(PrintedSeed());
  constexpr int kLines = 50'000;
  int sure = 0;
  for (int i = 0; i < kLines; ++i) {
    // Short lines start where the fast path cannot look back, long ones do not.
    const std::string text = std::string(maker.Below(2) * 40, 'm') + maker.Line() + "\nnext";
    const auto precision = static_cast<Precision>(maker.Below(6));
    FastLines lines(text, precision);
    const FastLines::Line fast = lines.Next(0);
    if (fast.kind == FastLines::Kind::kUnsure) continue;
    ++sure;
    CAPTURE(text);
    CheckAgainstTheRules(text, fast, precision);
  }
  CHECK(sure > kLines / 20);
}

TEST_CASE("line protocol: a stored body is a fixed point, one stored line for each point") {
  LineMaker maker(PrintedSeed());
  for (int i = 0; i < 500; ++i) {
    std::string body;
    for (std::size_t lines = maker.Below(100); lines > 0; --lines) body += maker.Line() + "\n";
    const ScannedLines first = Scan(body);
    const ScannedLines again = Scan(first.lines);
    CAPTURE(body);
    CHECK(again.lines == first.lines);
    CHECK(again.points == first.points);
    CHECK(again.refused == 0);

    PointCount walked = 0;
    for (LineWalk walk(first.lines); !walk.AtEnd(); ++walked) static_cast<void>(walk.Next());
    CHECK(walked == first.points);
  }
}

TEST_CASE("line protocol: the index of a window is the same on every machine") {
  LineMaker maker(PrintedSeed());
  StructureIndex index;
  StructureIndex portable;
  for (int i = 0; i < 2'000; ++i) {
    const std::string text = maker.Noise(1 + maker.Below(i % 10 == 0 ? kWindowBytes : 200));
    const std::string_view window = std::string_view(text).substr(0, kWindowBytes);
    IndexStructure(window, index);
    IndexStructurePortably(window, portable);
    REQUIRE(index.count == portable.count);
    CHECK(index.is_ascii == portable.is_ascii);
    CHECK(std::equal(index.positions.begin(), index.positions.begin() + index.count,
                     portable.positions.begin()));
  }
}

}  // namespace
}  // namespace relay::test::relay_lineprotocol_scanner_test
