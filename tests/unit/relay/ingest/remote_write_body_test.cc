// Samples of Prometheus: from the request to stored lines, and to a request again.
#include "relay/ingest/remote_write_body.h"

#include <doctest/doctest.h>
#include <protozero/pbf_writer.hpp>
#include <snappy.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "replay/transport/remote_write.h"
#include "tests/support/seed.h"
#include "wal/record/lines.h"

namespace relay::test::relay_ingest_remote_write_body_test {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;
constexpr WallTime kNow{std::chrono::milliseconds(1'700'000'000'123)};

struct Sample {
  double value = 0;
  std::int64_t time_ms = 0;
};

void AddLabels(protozero::pbf_writer& series, const Labels& labels) {
  for (const auto& [name, value] : labels) {
    protozero::pbf_writer label(series, 1);
    label.add_string(1, name);
    label.add_string(2, value);
  }
}

void AddSample(protozero::pbf_writer& series, Sample sample) {
  protozero::pbf_writer out(series, 2);
  out.add_double(1, sample.value);
  out.add_int64(2, sample.time_ms);
}

std::string Series(const Labels& labels, const std::vector<Sample>& samples) {
  std::string message;
  {
    protozero::pbf_writer request(message);
    protozero::pbf_writer series(request, 1);
    AddLabels(series, labels);
    for (const Sample& sample : samples) AddSample(series, sample);
  }
  return message;
}

// Returns a series with a field that is no sample: an exemplar (3) or a native histogram (4).
std::string SeriesWith(const Labels& labels, std::uint32_t field, std::uint32_t time_field) {
  std::string message;
  {
    protozero::pbf_writer request(message);
    protozero::pbf_writer series(request, 1);
    AddLabels(series, labels);
    protozero::pbf_writer item(series, field);
    item.add_double(2, 0.5);
    item.add_int64(time_field, 1'234);
  }
  return message;
}

std::string Metadata(const std::string& family) {
  std::string message;
  {
    protozero::pbf_writer request(message);
    protozero::pbf_writer metadata(request, 3);
    metadata.add_uint32(1, 2);
    metadata.add_string(2, family);
    metadata.add_string(4, "Help, with \"quotes\" and\nlines.");
  }
  return message;
}

ScannedSamples Scanned(const std::string& message) {
  Result<ScannedSamples> samples = ScanSamples(message, kNow);
  if (!samples.ok()) FAIL(samples.error().message());
  return std::move(samples).value();
}

std::string Complaint(const std::string& message) {
  const Result<ScannedSamples> samples = ScanSamples(message, kNow);
  REQUIRE(!samples.ok());
  CHECK_EQ(samples.error().code(), ErrorCode::kInvalidInput);
  return samples.error().message();
}

std::string Sent(const std::string& lines, Precision precision = Precision::kMillisecond) {
  const std::string compressed = EncodeRemoteWrite(lines, precision).value();
  if (compressed.empty()) return "";
  return UncompressSnappy(compressed, 1_MiB).value();
}

TEST_CASE("remote write: a sample is stored as the line that InfluxDB 1.8 makes of it") {
  const ScannedSamples samples = Scanned(
      Series({{"__name__", "up"}, {"job", "node"}, {"instance", "10.0.0.1:9100"}}, {{1, 1'000}}) +
      Series({{"__name__", "temp"}, {"room", "first floor, left=x"}}, {{-2.5, -1}, {1e22, 0}}));
  CHECK_EQ(samples.scanned.lines,
           "up,__name__=up,instance=10.0.0.1:9100,job=node value=1 1000\n"
           "temp,__name__=temp,room=first\\ floor\\,\\ left\\=x value=-2.5 -1\n"
           "temp,__name__=temp,room=first\\ floor\\,\\ left\\=x value=1e+22 0\n");
  CHECK_EQ(samples.scanned.points, 3);
  CHECK_EQ(samples.scanned.refused, 0);
  CHECK_FALSE(MayHaveOpaqueSamples(samples.scanned.lines));
  CHECK_EQ(Scanned(Series({{"job", "node"}}, {{1, 2}})).scanned.lines,
           "prom_metric_not_specified,job=node value=1 2\n");
  CHECK_EQ(Scanned("").scanned.points, 0);
}

TEST_CASE("remote write: what is stored is sent as the same labels, values and times") {
  for (const std::string& message :
       {Series({{"__name__", "up"}, {"job", "node"}}, {{1, 1'000}}),
        Series({{"job", "x"}}, {{2, 3}}),
        Series({{"__name__", "a b,c=d"}, {"path", "C:\\dir\\x"}, {"r\xc3\xa9gion", "\xe2\x82\xac"}},
               {{0.1, 9'000'000'000'000}}),
        Series({{"__name__", "zero"}, {"q", "\"quoted\""}}, {{0, 0}}),
        Series({{"__name__", "negative_zero"}}, {{-0.0, -5}}),
        Series({{"__name__", "small"}}, {{5e-324, 1}}),
        Series({{"__name__", "third"}}, {{1.0 / 3, 1}})}) {
    const ScannedSamples samples = Scanned(message);
    CAPTURE(samples.scanned.lines);
    CHECK_FALSE(MayHaveOpaqueSamples(samples.scanned.lines));
    CHECK(Sent(samples.scanned.lines) == message);
  }
}

TEST_CASE("remote write: what line protocol cannot express is opaque, and sent as it came") {
  const double stale = std::bit_cast<double>(0x7ff0000000000002ULL);
  const double infinity = std::numeric_limits<double>::infinity();
  for (const std::string& message :
       {Series({{"__name__", "stale"}}, {{stale, 5}}),
        Series({{"__name__", "inf"}}, {{infinity, 5}}),
        Series({{"__name__", "m"}, {"path", "ends\\"}}, {{1, 5}}),
        Series({{"__name__", "m"}, {"path", "a\\,b"}}, {{1, 5}}),
        Series({{"__name__", "m"}, {"text", "two\nlines"}}, {{1, 5}}),
        Series({{"__name__", "#comment"}}, {{1, 5}}),
        Series({{"__name__", "m"}, {"time", "x"}}, {{1, 5}}),
        Series({{"__name__", "m"}}, {{1, std::numeric_limits<std::int64_t>::max()}}),
        SeriesWith({{"__name__", "exemplar"}}, 3, 3), SeriesWith({{"__name__", "native"}}, 4, 15),
        Metadata("family")}) {
    const ScannedSamples samples = Scanned(message);
    const std::string& lines = samples.scanned.lines;
    CAPTURE(lines);
    CHECK(MayHaveOpaqueSamples(samples.scanned.lines));
    CHECK_EQ(samples.scanned.points, 1);
    LineWalk walk(lines);
    CHECK(IsOpaqueSample(walk.Next()));
    CHECK(walk.AtEnd());
    CHECK(TimestampOf(lines).has_value());
    CHECK(NamesAreUtf8(lines));
    CHECK(Sent(lines) == message);
  }
}

TEST_CASE("remote write: plain and opaque samples keep their order") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Labels up = {{"__name__", "up"}};
  const ScannedSamples samples = Scanned(Series(up, {{1, 1}, {nan, 2}, {3, 3}}));
  CHECK_EQ(samples.scanned.points, 3);
  CHECK(Sent(samples.scanned.lines) ==
        Series(up, {{1, 1}}) + Series(up, {{nan, 2}}) + Series(up, {{3, 3}}));
}

TEST_CASE("remote write: series with invalid labels are refused one by one") {
  const ScannedSamples samples =
      Scanned(Series({{"__name__", "good"}}, {{1, 1}}) + Series({}, {{1, 1}}) +
              Series({{"__name__", "m"}, {"", "x"}}, {{1, 1}}) +
              Series({{"__name__", "m"}, {"a", "1"}, {"a", "2"}}, {{1, 1}}) +
              Series({{"__name__", "m"}, {"a", "\xff"}}, {{1, 1}}) +
              Series({{"__name__", "m"}, {"a", std::string(kLineMax.count(), 'x')}}, {{1, 1}}) +
              Series({{"__name__", "good"}, {"empty", ""}}, {{2, 2}}));
  CHECK_EQ(samples.scanned.lines, "good,__name__=good value=1 1\ngood,__name__=good value=2 2\n");
  CHECK_EQ(samples.scanned.refused, 5);
  CHECK_EQ(samples.scanned.too_long, 1);
  std::vector<std::pair<std::uint64_t, std::string>> why;
  for (const LineError& error : samples.scanned.errors) why.emplace_back(error.number, error.why);
  CHECK_EQ(why,
           std::vector<std::pair<std::uint64_t, std::string>>{{2, "a series without labels"},
                                                              {3, "a label without a name"},
                                                              {4, "a label that occurs twice"},
                                                              {5, "a label that is not UTF-8"},
                                                              {6, "longer than 1048576 bytes"}});
}

TEST_CASE("remote write: a body of another kind is refused whole, with the place") {
  const std::string good = Series({{"__name__", "m"}}, {{1, 1}});
  CHECK_EQ(Complaint(good + good.substr(0, good.size() - 1)),
           "the body is not a remote write request: end of buffer exception, in field 2 of it, "
           "which begins before byte 32 of 59");
  CHECK(Complaint("m,t=1 v=1 1\n").starts_with("the body is not a remote write request"));
  // Remote write 2.0: symbols in field 4, series in field 5.
  std::string version2;
  protozero::pbf_writer(version2).add_string(4, "symbol");
  CHECK(Complaint(version2).starts_with("the body is not a remote write request of version 1"));
}

// A request of version 2 with one series: up{job="x"}, a sample, a histogram and an exemplar.
std::string Version2(const std::vector<std::uint32_t>& references) {
  std::string message;
  {
    protozero::pbf_writer request(message);
    for (const std::string symbol : {"", "__name__", "up", "job", "x", "trace", "7f"}) {
      request.add_string(4, symbol);
    }
    protozero::pbf_writer series(request, 5);
    series.add_packed_uint32(1, references.begin(), references.end());
    AddSample(series, {1.5, 1'000});
    {
      protozero::pbf_writer histogram(series, 3);
      histogram.add_double(3, 0.5);
      histogram.add_int64(15, 2'000);
    }
    {
      protozero::pbf_writer exemplar(series, 4);
      const std::vector<std::uint32_t> trace = {5, 6};
      exemplar.add_packed_uint32(1, trace.begin(), trace.end());
      exemplar.add_double(2, 9);
      exemplar.add_int64(3, 3'000);
    }
    protozero::pbf_writer metadata(series, 5);
    metadata.add_uint32(3, 0);
  }
  return message;
}

TEST_CASE("remote write: version 2 is stored and sent like version 1") {
  const Result<ScannedSamples> scanned =
      ScanSamples(Version2({1, 2, 3, 4}), kNow, RemoteWriteVersion::k2);
  REQUIRE(scanned.ok());
  const ScannedSamples& samples = scanned.value();
  CHECK(samples.scanned.lines.starts_with("up,__name__=up,job=x value=1.5 1000\n"));
  CHECK_EQ(samples.scanned.points, 3);
  CHECK_EQ(samples.counts.samples, 1);
  CHECK_EQ(samples.counts.histograms, 1);
  CHECK_EQ(samples.counts.exemplars, 1);
  const SampleCounts counted = CountSamples(samples.scanned.lines);
  CHECK_EQ(counted.samples, 1);
  CHECK_EQ(counted.histograms, 1);
  CHECK_EQ(counted.exemplars, 1);
  const Labels labels = {{"__name__", "up"}, {"job", "x"}};
  std::string expected = Series(labels, {{1.5, 1'000}});
  for (const bool is_histogram : {true, false}) {
    protozero::pbf_writer request(expected);
    protozero::pbf_writer series(request, 1);
    AddLabels(series, labels);
    protozero::pbf_writer item(series, is_histogram ? 4 : 3);
    if (!is_histogram) AddLabels(item, {{"trace", "7f"}});
    item.add_double(is_histogram ? 3 : 2, is_histogram ? 0.5 : 9);
    item.add_int64(is_histogram ? 15 : 3, is_histogram ? 2'000 : 3'000);
  }
  CHECK(Sent(samples.scanned.lines) == expected);
}

TEST_CASE("remote write: a series of version 2 with labels that are in no table is refused") {
  for (const std::vector<std::uint32_t>& references :
       {std::vector<std::uint32_t>{1, 2, 3}, {1, 7}, {99, 2}}) {
    const Result<ScannedSamples> scanned =
        ScanSamples(Version2(references), kNow, RemoteWriteVersion::k2);
    REQUIRE(scanned.ok());
    CHECK_EQ(scanned.value().scanned.points, 0);
    REQUIRE_EQ(scanned.value().scanned.refused, 1);
    CHECK_EQ(scanned.value().scanned.errors[0].why, "a label that is not in the table of symbols");
  }
  const std::string version1 = Series({{"__name__", "m"}}, {{1, 1}});
  CHECK(!ScanSamples(version1, kNow, RemoteWriteVersion::k2).ok());
}

ErrorCode CodeOf(const std::string& message, RemoteWriteVersion version, Bytes memory) {
  const Result<ScannedSamples> samples = ScanSamples(message, kNow, version, {.memory = memory});
  REQUIRE(!samples.ok());
  return samples.error().code();
}

// Returns a request of version 2: a table with "" and a symbol of `size` bytes, and a series of
// `fill`.
template <typename Fill>
std::string OfSymbol(std::size_t size, const Fill& fill) {
  std::string message;
  {
    protozero::pbf_writer request(message);
    request.add_string(4, "");
    request.add_string(4, std::string(size, 's'));
    protozero::pbf_writer series(request, 5);
    fill(series);
  }
  return message;
}

TEST_CASE("remote write: lines that repeat long labels are bounded all together") {
  const Labels labels = {{"__name__", "m"}, {"a", std::string(900'000, 'x')}};
  for (const double value : {1.0, std::numeric_limits<double>::quiet_NaN()}) {
    // The opaque line of a NaN would be longer than a line may be.
    const Labels used = value == 1 ? labels : Labels{{"a", std::string(100'000, 'x')}};
    const std::string message = Series(used, std::vector<Sample>(500, {value, 1}));
    CHECK_EQ(CodeOf(message, RemoteWriteVersion::k1, 10_MiB), ErrorCode::kFull);
  }
  const Result<ScannedSamples> few = ScanSamples(Series(labels, {{1, 1}, {2, 2}}), kNow,
                                                 RemoteWriteVersion::k1, {.memory = 10_MiB});
  REQUIRE(few.ok());
  CHECK_EQ(few.value().scanned.points, 2);
}

TEST_CASE("remote write: many series are bounded by their lines, not by what they are read into") {
  std::string message;
  for (int i = 0; i < 100; ++i) message += Series({{"a", std::string(10'000, 'x')}}, {{1, i}});
  CHECK(ScanSamples(message, kNow, RemoteWriteVersion::k1, {.memory = 1_MiB}).ok());
  CHECK_EQ(CodeOf(message, RemoteWriteVersion::k1, 900_KiB), ErrorCode::kFull);
}

TEST_CASE("remote write: small parts of a series are bounded by the memory that they take") {
  std::string samples(2 * 100'000, '\0');
  for (std::size_t i = 0; i < samples.size(); i += 2) samples[i] = '\x12';
  std::string labels = samples;
  std::replace(labels.begin(), labels.end(), '\x12', '\x0a');
  for (const std::string& parts : {samples, labels}) {
    std::string message;
    protozero::pbf_writer(message).add_message(1, parts);
    CHECK_EQ(CodeOf(message, RemoteWriteVersion::k1, 1_MiB), ErrorCode::kFull);
  }
  std::string symbols(2 * 100'000, '\0');
  for (std::size_t i = 0; i < symbols.size(); i += 2) symbols[i] = '\x22';
  CHECK_EQ(CodeOf(symbols, RemoteWriteVersion::k2, 1_MiB), ErrorCode::kFull);
}

TEST_CASE("remote write: a symbol that is referred to very often is not copied as often") {
  const std::vector<std::uint32_t> references(200'000, 1);
  const std::string of_series = OfSymbol(100'000, [&references](protozero::pbf_writer& series) {
    series.add_packed_uint32(1, references.begin(), references.end());
    AddSample(series, {1, 1});
  });
  CHECK_EQ(CodeOf(of_series, RemoteWriteVersion::k2, 10_MiB), ErrorCode::kFull);
  const std::string of_exemplar = OfSymbol(100'000, [&references](protozero::pbf_writer& series) {
    protozero::pbf_writer exemplar(series, 4);
    exemplar.add_packed_uint32(1, references.begin(), references.end());
  });
  CHECK_EQ(CodeOf(of_exemplar, RemoteWriteVersion::k2, 10_MiB), ErrorCode::kFull);
  const std::string of_exemplars = OfSymbol(100'000, [](protozero::pbf_writer& series) {
    for (int i = 0; i < 200; ++i) {
      protozero::pbf_writer exemplar(series, 4);
      const std::vector<std::uint32_t> one = {1, 1};
      exemplar.add_packed_uint32(1, one.begin(), one.end());
    }
  });
  CHECK_EQ(CodeOf(of_exemplars, RemoteWriteVersion::k2, 10_MiB), ErrorCode::kFull);
}

TEST_CASE("remote write: a series of labels that are too long is refused by its samples") {
  const std::string message = Series(
      {{"Z", std::string(900'000, 'x')}, {"__name__", "m"}, {"a", std::string(900'000, 'x')}},
      {{1, 1}, {2, 2}});
  const ScannedSamples samples = Scanned(message);
  CHECK_EQ(samples.scanned.points, 0);
  CHECK_EQ(samples.scanned.too_long, 2);
  REQUIRE_EQ(samples.scanned.errors.size(), 2);
  CHECK(samples.scanned.errors[0].line.starts_with("m,Z=xxx"));
  CHECK_EQ(samples.scanned.errors[0].line.size(), 256);
}

TEST_CASE("remote write: the size of a body is checked before it is decompressed") {
  std::string compressed;
  const std::string plain(100'000, 'x');
  snappy::Compress(plain.data(), plain.size(), &compressed);
  CHECK_EQ(UncompressSnappy(compressed, Bytes(100'000)).value(), plain);
  CHECK_EQ(UncompressSnappy(compressed, Bytes(99'999)).error().code(), ErrorCode::kFull);
  const std::string lie = "\xff\xff\xff\xff\x0f";  // 4 GiB, and nothing behind it.
  CHECK_EQ(UncompressSnappy(lie, 8192_MiB).error().code(), ErrorCode::kInvalidInput);
  CHECK_EQ(UncompressSnappy("m v=1 1\n", 1_MiB).error().code(), ErrorCode::kInvalidInput);
  CHECK_EQ(UncompressSnappy("", 1_MiB).error().code(), ErrorCode::kInvalidInput);
  CHECK_EQ(UncompressSnappy(compressed.substr(0, compressed.size() / 2), 1_MiB).error().code(),
           ErrorCode::kInvalidInput);
}

TEST_CASE("remote write: lines of other origin are sent as VictoriaMetrics reads them") {
  CHECK(Sent("cpu,host=a usage=1.5,cores=4i,ok=t,note=\"x\" 2000000\n", Precision::kNanosecond) ==
        Series({{"__name__", "cpu_usage"}, {"host", "a"}}, {{1.5, 2}}) +
            Series({{"__name__", "cpu_cores"}, {"host", "a"}}, {{4, 2}}) +
            Series({{"__name__", "cpu_ok"}, {"host", "a"}}, {{1, 2}}));
  CHECK(Sent("temp,r\\ oom=a value=7u -1\n", Precision::kMicrosecond) ==
        Series({{"__name__", "temp"}, {"r_oom", "a"}}, {{7, -1}}));
  CHECK(Sent("9-x value=-1e3 3\n", Precision::kSecond) ==
        Series({{"__name__", "_9_x"}}, {{-1000, 3000}}));
  CHECK_EQ(Sent("log text=\"only, words=1\" 1\n"), "");
}

TEST_CASE("remote write: an opaque line of other origin cannot swallow the lines behind it") {
  const std::string up = Series({{"__name__", "up"}}, {{1, 1}});
  const std::string line = "up,__name__=up value=1 1\n";
  for (const std::string& bytes : {std::string("\x0a\x7f", 2), std::string("\x0a"), up + "\x0a"}) {
    CHECK(Sent("m " + OpaqueFields(bytes) + " 1\n" + line) == up);
  }
  CHECK(Sent("m __remote_write__=\"not base64!\" 1\n" + line) == up);
  CHECK(Sent("m __remote_write__=\"\" 1\n" + line) == up);
}

// Makes requests of random samples, with bytes in labels that line protocol escapes.
class RandomRequests {
 public:
  explicit RandomRequests(std::uint64_t seed) : random_(seed) {}

  std::size_t Below(std::size_t bound) { return random_() % bound; }

  std::string Next() {
    std::string message;
    for (std::size_t series = Below(4) + 1; series > 0; --series) {
      Labels labels = {{"__name__", Text()}};
      for (std::size_t i = Below(4); i > 0; --i)
        labels.emplace_back("l" + std::to_string(i) + Text(), Text());
      std::sort(labels.begin(), labels.end());
      message += Series(labels, {{Value(), static_cast<std::int64_t>(random_() >> 20U)}});
    }
    return message;
  }

 private:
  std::string Text() {
    static const std::string kBytes = "ab ,=\\\"\n#'/:\x7f\t";
    std::string text = "x";
    if (Below(4) == 0) text.clear();
    for (std::size_t size = Below(6) + 1; size > 0; --size) text += kBytes[Below(kBytes.size())];
    return text;
  }
  double Value() {
    return Below(2) == 0 ? std::bit_cast<double>(random_()) : double(Below(100)) / 4;
  }

  std::mt19937_64 random_;
};

TEST_CASE("remote write: random samples are sent as they came, and each is one line") {
  RandomRequests requests(PrintedSeed());
  for (int i = 0; i < 20'000; ++i) {
    const std::string message = requests.Next();
    const ScannedSamples samples = Scanned(message);
    REQUIRE_EQ(samples.scanned.refused, 0);
    PointCount lines = 0;
    for (LineWalk walk(samples.scanned.lines); !walk.AtEnd(); walk.Next()) ++lines;
    REQUIRE_EQ(lines, samples.scanned.points);
    REQUIRE(Sent(samples.scanned.lines) == message);
    // Each plain line is one that a write may have.
    std::string plain;
    PointCount points = 0;
    for (LineWalk walk(samples.scanned.lines); !walk.AtEnd();) {
      const std::string_view line = walk.Next();
      if (IsOpaqueSample(line)) continue;
      plain += line;
      ++points;
    }
    const ScannedLines scanned = ScanLines(plain, Precision::kMillisecond, kNow);
    CAPTURE(plain);
    REQUIRE_EQ(scanned.refused, 0);
    REQUIRE_EQ(scanned.points, points);
    REQUIRE(scanned.lines == plain);
  }
}

TEST_CASE("remote write: damaged requests are refused or read, never more than that") {
  const std::uint64_t seed = PrintedSeed();
  RandomRequests requests(seed);
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string message = requests.Next();
    for (std::size_t hits = requests.Below(4) + 1; hits > 0; --hits) {
      message[requests.Below(message.size())] = static_cast<char>(requests.Below(256));
    }
    message.resize(message.size() - requests.Below(message.size()));
    const Result<ScannedSamples> samples = ScanSamples(message, kNow);
    if (!samples.ok()) {
      ++refused;
      continue;
    }
    PointCount lines = 0;
    for (LineWalk walk(samples.value().scanned.lines); !walk.AtEnd(); walk.Next()) ++lines;
    REQUIRE_EQ(lines, samples.value().scanned.points);
    Sent(samples.value().scanned.lines);
    static_cast<void>(ScanSamples(message, kNow, RemoteWriteVersion::k2));
    std::string damaged;
    snappy::Compress(message.data(), message.size(), &damaged);
    damaged[requests.Below(damaged.size())] = static_cast<char>(requests.Below(256));
    if (const auto plain = UncompressSnappy(damaged, 64_KiB); plain.ok()) {
      CHECK_LE(plain.value().size(), 64U << 10U);
    }
  }
  CHECK_GT(refused, 100);
}

}  // namespace
}  // namespace relay::test::relay_ingest_remote_write_body_test
