#include "replay/transport/target.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <optional>

#include "wal/base/precision.h"
#include "wal/record/lines.h"

namespace relay {
namespace {

PrecisionDialect DialectOf(Api api) {
  switch (api) {
    case Api::kV1: return PrecisionDialect::kV1;
    case Api::kV2: return PrecisionDialect::kV2;
    case Api::kV3: return PrecisionDialect::kV3;
    case Api::kPrometheus:
    case Api::kStatement: break;
  }
  INVARIANT(false);
}

// Finer and coarser units are whole multiples of one another.
class Scale {
 public:
  Scale(Precision from, Precision to) {
    const std::int64_t old_unit = UnitOf(from).count();
    const std::int64_t new_unit = UnitOf(to).count();
    times_ = old_unit > new_unit ? old_unit / new_unit : 1;
    over_ = new_unit > old_unit ? new_unit / old_unit : 1;
  }

  std::optional<std::int64_t> Apply(std::int64_t time) const {
    std::int64_t scaled = 0;
    if (time % over_ != 0 || __builtin_mul_overflow(time / over_, times_, &scaled)) {
      return std::nullopt;
    }
    return scaled;
  }

 private:
  std::int64_t times_;
  std::int64_t over_;
};

struct TimedLine {
  std::string_view point;  // Up to and including the space before the time.
  std::int64_t time = 0;
};

// The timestamp follows the last space.
std::optional<TimedLine> Parse(std::string_view line) {
  line.remove_suffix(line.size() - 1 - line.find_last_not_of(" \r\n"));
  const std::size_t at = line.rfind(' ') + 1;
  TimedLine timed{.point = line.substr(0, at)};
  const char* end = line.data() + line.size();
  const auto [rest, error] = std::from_chars(line.data() + at, end, timed.time);
  if (error != std::errc() || rest != end) return std::nullopt;
  return timed;
}

// Returns the name of the unit for the target. InfluxDB 1.x calls it `n`, takes every name that it
// does not know for nanoseconds, and others that have its API know `ns` alone: VictoriaMetrics
// guesses the unit by the time's size where the name is another, and then 1971 becomes 2969.
std::string_view PrecisionWord(const Target& target, Precision precision) {
  const bool is_v1 = target.api == Api::kV1;
  if (is_v1 && precision == Precision::kNanosecond) return "ns";
  return WordFor(SentAs(target.api, precision), DialectOf(target.api));
}

}  // namespace

std::string PercentEncoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

WriteParams NamesOn(const Target& target, WriteParams params) {
  const bool has_buckets = target.api == Api::kV2 || target.api == Api::kV3;
  if (!has_buckets) params = AsDatabase(std::move(params));
  return Renamed(target.renames, std::move(params));
}

std::string BucketOf(const Target& target, const WriteParams& params) {
  if (target.bucket.empty()) {
    const bool plain = params.retention_policy.empty();
    return plain ? params.database : params.database + '/' + params.retention_policy;
  }
  std::string bucket;
  // Replaces from left to right, so that a name with a brace in it is not filled in again.
  std::string_view left = target.bucket;
  while (!left.empty()) {
    const std::size_t brace = std::min(left.find('{'), left.size());
    bucket += left.substr(0, brace);
    left.remove_prefix(brace);
    constexpr std::string_view kDatabase = "{database}";
    constexpr std::string_view kPolicy = "{retention_policy}";
    if (left.starts_with(kDatabase)) {
      bucket += params.database;
      left.remove_prefix(kDatabase.size());
    } else if (left.starts_with(kPolicy)) {
      bucket += params.retention_policy;
      left.remove_prefix(kPolicy.size());
    } else if (!left.empty()) {
      bucket += left.front();
      left.remove_prefix(1);
    }
  }
  return bucket;
}

Precision SentAs(Api api, Precision precision) {
  const bool coarse = precision == Precision::kMinute || precision == Precision::kHour;
  return api != Api::kV1 && coarse ? Precision::kSecond : precision;
}

std::string WritePath(const Target& target, const WriteParams& params) {
  const auto v1_parameters = [&params] {
    std::string parameters = "?db=" + PercentEncoded(params.database);
    if (params.retention_policy.empty()) return parameters;
    return parameters + "&rp=" + PercentEncoded(params.retention_policy);
  };
  if (target.api == Api::kPrometheus) {
    return target.path_prefix + target.write_path + v1_parameters();
  }
  const std::string_view precision = PrecisionWord(target, params.precision);
  const auto encoded_bucket = [&] { return PercentEncoded(BucketOf(target, params)); };
  std::string path = target.path_prefix;
  switch (target.api) {
    case Api::kV1: path += "/write" + v1_parameters(); break;
    case Api::kV2:
      path += "/api/v2/write?bucket=" + encoded_bucket();
      if (!target.org.empty()) path += "&org=" + PercentEncoded(target.org);
      break;
    case Api::kV3: path += "/api/v3/write_lp?db=" + encoded_bucket(); break;
    case Api::kPrometheus:
    case Api::kStatement: INVARIANT(false);  // The former is done, no target has the latter.
  }
  return path + fmt::format("&precision={}", precision);
}

Result<std::string> Rescaled(std::string_view lines, Precision from, Precision to) {
  const Scale scale(from, to);
  std::string rescaled;
  rescaled.reserve(lines.size() + lines.size() / 8);
  LineWalk walk(lines);
  for (std::size_t number = 1; !walk.AtEnd(); ++number) {
    const std::optional<TimedLine> line = Parse(walk.Next());
    const auto time = line ? scale.Apply(line->time) : std::nullopt;
    if (!time) {
      return Error(ErrorCode::kInvalidInput,
                   fmt::format("line {}: its timestamp cannot be converted to {} without rounding",
                               number, ToString(to)));
    }
    rescaled += line->point;
    rescaled += std::to_string(*time);
    rescaled += '\n';
  }
  return rescaled;
}

}  // namespace relay
