#include "replay/transport/remote_write.h"

#include <fmt/format.h>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <snappy.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include "replay/transport/base64.h"
#include "wal/base/byte_set.h"
#include "wal/record/lines.h"

namespace relay {
namespace {

using Fields = RemoteWriteFields;

constexpr std::string_view kNameLabel = "__name__";
constexpr std::string_view kOpaqueBegin = "__remote_write__=\"";
constexpr std::string_view kValueField = "value";

std::string_view KeyOf(std::string_view line) {
  constexpr ByteSet kKeyEnd(" ");
  return line.substr(0, FindBare(line, 1, kKeyEnd));
}

// Labels of other origin may hold bytes that Prometheus does not allow in names.
std::string AllowedName(std::string_view name) {
  std::string allowed(name);
  for (char& c : allowed) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == ':';
    if (!fits) c = '_';
  }
  if (!allowed.empty() && allowed.front() >= '0' && allowed.front() <= '9') allowed.insert(0, "_");
  return allowed;
}

std::int64_t InMilliseconds(std::int64_t time, Precision precision) {
  constexpr std::int64_t kMillisecond = 1'000'000;
  const std::int64_t unit = UnitOf(precision).count();
  if (unit >= kMillisecond) {
    std::int64_t scaled = 0;
    if (!__builtin_mul_overflow(time, unit / kMillisecond, &scaled)) return scaled;
    return time < 0 ? INT64_MIN : INT64_MAX;
  }
  const std::int64_t per_millisecond = kMillisecond / unit;
  const std::int64_t whole = time / per_millisecond;
  return time % per_millisecond < 0 ? whole - 1 : whole;
}

// nullopt: a string.
std::optional<double> NumberIn(std::string_view text) {
  if (text.empty() || text.front() == '"') return std::nullopt;
  if (std::string_view("tT").find(text.front()) != std::string_view::npos) return 1;
  if (std::string_view("fF").find(text.front()) != std::string_view::npos) return 0;
  if (text.ends_with('i') || text.ends_with('u')) text.remove_suffix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc()) return std::nullopt;
  return number;
}

struct Sample {
  double value = 0;
  std::int64_t time_ms = 0;
};

void AppendSeries(std::string& message, const std::vector<Label>& labels, Sample sample) {
  protozero::pbf_writer request(message);
  protozero::pbf_writer series(request, Fields::kSeries);
  for (const auto& [name, value] : labels) {
    protozero::pbf_writer label(series, Fields::kLabels);
    label.add_string(Fields::kName, name);
    label.add_string(Fields::kText, value);
  }
  protozero::pbf_writer point(series, Fields::kSamples);
  // A sample with neither would not be written at all.
  point.add_double(Fields::kValue, sample.value);
  point.add_int64(Fields::kTime, sample.time_ms);
}

// The labels of a line that did not come by remote write; its name is to follow.
std::vector<Label> AllowedLabels(const std::vector<Label>& tags) {
  std::vector<Label> labels;
  for (const auto& [name, value] : tags) {
    if (name != kNameLabel) labels.emplace_back(AllowedName(name), value);
  }
  return labels;
}

void AppendField(std::string& message, std::vector<Label> labels, std::string name, Sample sample) {
  labels.emplace_back(kNameLabel, std::move(name));
  std::sort(labels.begin(), labels.end());
  AppendSeries(message, labels, sample);
}

// Checks what anybody may have written into a line: a message that is cut off would swallow the
// one behind it.
bool IsWhole(std::string_view message) {
  try {
    protozero::pbf_reader request(message.data(), message.size());
    while (request.next()) request.skip();
  } catch (const protozero::exception&) {
    return false;
  }
  return true;
}

// Stops behind the field that makes the message larger than `limit`.
void AppendLine(std::string& message, std::string_view line, Precision precision, Bytes limit) {
  const std::string_view fields = FieldsOf(line);
  if (const std::optional<std::string> opaque = MessageOfOpaque(line)) {
    message += *opaque;
    return;
  }
  const std::string_view key = KeyOf(line);
  const std::vector<Label> labels = LabelsOfKey(key);
  const bool was_sample = key.find(",__name__=") != std::string_view::npos;
  const std::int64_t time_ms = InMilliseconds(TimestampOf(line).value_or(0), precision);
  for (FieldWalk walk(fields); Bytes(message.size()) <= limit && !walk.AtEnd();) {
    const FieldText field = walk.Next();
    const std::optional<double> number = NumberIn(field.value);
    if (!number) continue;
    const Sample sample{*number, time_ms};
    if (field.name == kValueField && (was_sample || MeasurementOf(key) == kNamelessSample)) {
      AppendSeries(message, labels, sample);
      continue;
    }
    std::string name = MeasurementOf(key);
    if (field.name != kValueField) name += "_" + Unescaped(field.name);
    AppendField(message, AllowedLabels(labels), AllowedName(name), sample);
  }
}

}  // namespace

std::vector<Label> LabelsOfKey(std::string_view key) {
  constexpr ByteSet kTagEnd(",");
  constexpr ByteSet kNameEnds("=");
  std::vector<Label> labels;
  std::string_view left = key.substr(RawMeasurementOf(key).size());
  while (!left.empty()) {
    left.remove_prefix(1);
    const std::string_view tag = left.substr(0, FindBare(left, 0, kTagEnd));
    left.remove_prefix(tag.size());
    const std::size_t equals = FindBare(tag, 0, kNameEnds);
    if (equals + 1 >= tag.size()) continue;
    labels.emplace_back(Unescaped(tag.substr(0, equals)), Unescaped(tag.substr(equals + 1)));
  }
  std::sort(labels.begin(), labels.end());
  return labels;
}

std::string OpaqueFields(std::string_view message) {
  return std::string(kOpaqueBegin) + EncodeBase64(message) + '"';
}

std::optional<std::string> MessageOfOpaque(std::string_view line) {
  const std::string_view fields = FieldsOf(line);
  if (!fields.starts_with(kOpaqueBegin) || !fields.ends_with('"')) return std::nullopt;
  const std::string_view text =
      fields.substr(kOpaqueBegin.size(), fields.size() - kOpaqueBegin.size() - 1);
  std::string opaque = DecodeBase64(text, text.size() + 4).value_or("");
  if (!IsWhole(opaque)) opaque.clear();
  return opaque;
}

bool IsOpaqueSample(std::string_view line) {
  return FieldsOf(line).starts_with(kOpaqueBegin);
}

bool MayHaveOpaqueSamples(std::string_view lines) {
  return lines.find(kOpaqueBegin) != std::string_view::npos;
}

Result<std::string> EncodeRemoteWrite(std::string_view lines, Precision precision, Bytes limit) {
  std::string message;
  for (LineWalk walk(lines); !walk.AtEnd();) {
    AppendLine(message, walk.Next(), precision, limit);
    if (Bytes(message.size()) > limit) {
      return Error(ErrorCode::kFull,
                   fmt::format("a remote write request larger than {} bytes: it repeats the labels "
                               "of a line for each of its fields",
                               limit.count()));
    }
  }
  std::string compressed;
  if (!message.empty()) snappy::Compress(message.data(), message.size(), &compressed);
  return compressed;
}

}  // namespace relay
