#include "replay/batch/divide_by_answer.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "wal/base/byte_set.h"
#include "wal/record/lines.h"

namespace relay {
namespace {

// Chooses the `count` oldest lines; half of them if it is not known how many were refused. Lines
// of one time stay together: they are all too old, or none is.
std::optional<DividedBatch> DivideByTime(const SendBatch& batch, std::optional<PointCount> count) {
  std::vector<std::int64_t> times;
  times.reserve(batch.points);
  for (const SendBatch::Part& part : batch.parts) {
    for (LineWalk walk(part.lines()); !walk.AtEnd();) {
      const std::optional<std::int64_t> time = TimestampOf(walk.Next());
      if (!time) return std::nullopt;
      times.push_back(*time);
    }
  }
  const PointCount oldest = count.value_or(times.size() / 2);
  if (oldest == 0 || oldest >= times.size()) return std::nullopt;
  const auto first_kept = times.begin() + static_cast<std::ptrdiff_t>(oldest);
  std::nth_element(times.begin(), first_kept, times.end());
  const std::int64_t limit = *first_kept;
  const bool is_exact =
      std::all_of(times.begin(), first_kept, [limit](std::int64_t time) { return time < limit; });
  if (count && !is_exact) return std::nullopt;
  return Divide(batch, [limit](std::string_view line) { return *TimestampOf(line) < limit; });
}

// Returns the text of a JSON string. nullopt: it has an escape other than Go writes for ASCII.
std::optional<std::string> UnescapedJson(std::string_view json) {
  constexpr std::string_view kEscapes = "\"\\/nrt";
  constexpr std::string_view kMeanings = "\"\\/\n\r\t";
  constexpr std::size_t kDigits = 4;
  std::string text;
  for (std::size_t at = 0; at < json.size(); ++at) {
    if (json[at] != '\\') {
      text += json[at];
      continue;
    }
    if (++at == json.size()) return std::nullopt;
    if (json[at] != 'u') {
      const std::size_t known = kEscapes.find(json[at]);
      if (known == std::string_view::npos) return std::nullopt;
      text += kMeanings[known];
      continue;
    }
    const std::string_view digits = json.substr(at + 1, kDigits);
    unsigned code = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (digits.size() != kDigits || parsed.ptr != digits.data() + kDigits || code >= 0x80U) {
      return std::nullopt;
    }
    text += static_cast<char>(code);
    at += kDigits;
  }
  return text;
}

// Returns the text between two marks behind `from`, unescaped as JSON; `from` moves behind it.
std::optional<std::string> TextBetween(std::string_view body, std::string_view begin_mark,
                                       std::string_view end_mark, std::size_t& from) {
  const std::size_t mark = body.find(begin_mark, from);
  if (mark == std::string_view::npos) return std::nullopt;
  const std::size_t begin = mark + begin_mark.size();
  const std::size_t end = body.find(end_mark, begin);
  if (end == std::string_view::npos) return std::nullopt;
  from = end;
  return UnescapedJson(body.substr(begin, end - begin));
}

// A field as a type conflict names it.
struct ConflictingField {
  std::string measurement;
  std::string name;
  std::string type;
};

std::optional<ConflictingField> FieldIn(std::string_view body) {
  std::size_t at = 0;
  auto name = TextBetween(body, R"(input field \")", R"(\" on measurement \")", at);
  if (!name) return std::nullopt;
  auto measurement = TextBetween(body, R"(on measurement \")", R"(\" is type )", at);
  if (!measurement) return std::nullopt;
  auto type = TextBetween(body, " is type ", ",", at);
  if (!type) return std::nullopt;
  return ConflictingField{*std::move(measurement), *std::move(name), *std::move(type)};
}

std::string_view TypeOf(std::string_view value) {
  if (value.empty() || value.front() == '"') return "string";
  if (value.back() == 'i') return "integer";
  if (value.back() == 'u') return "unsigned";
  return std::string_view("tTfF").find(value.front()) == std::string_view::npos ? "float"
                                                                                : "boolean";
}

bool HasField(std::string_view line, const ConflictingField& field) {
  if (MeasurementOf(line) != field.measurement) return false;
  for (FieldWalk walk(FieldsOf(line)); !walk.AtEnd();) {
    const FieldText one = walk.Next();
    if (TypeOf(one.value) == field.type && Unescaped(one.name) == field.name) return true;
  }
  return false;
}

// Returns the measurement and the tags of a line, as they are written.
std::vector<std::string_view> KeyPartsOf(std::string_view line) {
  constexpr ByteSet kKeyEnd(" ");
  constexpr ByteSet kTagEnd(",");
  std::string_view key = line.substr(0, FindBare(line, 1, kKeyEnd));
  std::vector<std::string_view> parts;
  while (!key.empty()) {
    const std::size_t end = FindBare(key, 0, kTagEnd);
    parts.push_back(key.substr(0, end));
    key.remove_prefix(std::min(end + 1, key.size()));
  }
  return parts;
}

// Names the series of a line, whatever the order of its tags.
std::string SeriesOf(std::string_view line) {
  std::vector<std::string_view> parts = KeyPartsOf(line);
  if (!parts.empty()) std::sort(parts.begin() + 1, parts.end());
  std::string name;
  for (const std::string_view part : parts) name.append(",").append(part);
  return name;
}

// Names the point that a line writes: its series and its time.
std::string PointOf(std::string_view line) {
  return std::to_string(TimestampOf(line).value_or(0)) + SeriesOf(line);
}

// A tag's value as a limit on its values names it.
struct RefusedTag {
  std::string measurement;
  std::string name;
  std::string value;
};

// Returns the line's value of the tag; nullopt: it has none.
std::optional<std::string> ValueOf(std::string_view line, const RefusedTag& tag) {
  constexpr ByteSet kNameEnd("=");
  if (MeasurementOf(line) != tag.measurement) return std::nullopt;
  const std::vector<std::string_view> parts = KeyPartsOf(line);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::size_t equals = FindBare(parts[i], 0, kNameEnd);
    if (equals >= parts[i].size() || Unescaped(parts[i].substr(0, equals)) != tag.name) continue;
    return Unescaped(parts[i].substr(equals + 1));
  }
  return std::nullopt;
}

// nullopt: the answer names none, as that of a limit on series.
std::optional<RefusedTag> TagIn(std::string_view body) {
  std::size_t at = 0;
  auto measurement = TextBetween(body, R"(measurement=\")", R"(\" tag=\")", at);
  if (!measurement) return std::nullopt;
  auto name = TextBetween(body, R"(tag=\")", R"(\" value=\")", at);
  if (!name) return std::nullopt;
  auto value = TextBetween(body, R"(value=\")", R"(\" dropped=)", at);
  if (!value) return std::nullopt;
  return RefusedTag{*std::move(measurement), *std::move(name), *std::move(value)};
}

// Calls `each` with every line and what the limit counts in it: with a tag its value, else the
// series. nullopt: the line has none.
void ForEachCounted(
    const SendBatch& batch, const std::optional<RefusedTag>& tag,
    const std::function<void(std::string_view line, std::optional<std::string>)>& each) {
  for (const SendBatch::Part& part : batch.parts) {
    for (LineWalk walk(part.lines()); !walk.AtEnd();) {
      const std::string_view line = walk.Next();
      each(line, tag ? ValueOf(line, *tag) : SeriesOf(line));
    }
  }
}

// Divides by what a limit on series or on a tag's values counts: series that the backend has are
// accepted beyond it, new ones are not. All lines of one series stay together. Of what is counted
// the first half is chosen, unless the number of refused points tells more.
std::optional<DividedBatch> DivideByLimit(const SendBatch& batch, std::optional<PointCount> count,
                                          std::string_view body) {
  const std::optional<RefusedTag> tag = TagIn(body);
  std::map<std::string, std::size_t> first;  // By what is counted, in which order it came.
  PointCount counted = 0;
  PointCount named = 0;
  ForEachCounted(batch, tag, [&](std::string_view, const std::optional<std::string>& value) {
    if (!value) return;
    ++counted;
    if (tag && *value == tag->value) ++named;
    first.try_emplace(*value, first.size());
  });
  const auto chosen = [&](const std::optional<std::string>& value) {
    if (!value) return false;
    if (tag && counted == count) return true;
    if (tag && named == count) return *value == tag->value;
    return first.at(*value) < first.size() / 2;
  };
  return Divide(batch, [&](std::string_view line) {
    return chosen(tag ? ValueOf(line, *tag) : SeriesOf(line));
  });
}

}  // namespace

std::optional<DividedBatch> DivideByAnswer(const SendBatch& batch, const Verdict& verdict,
                                           std::string_view body) {
  const bool was_refused = verdict.action == Action::kPartial || verdict.action == Action::kSplit;
  if (!was_refused || batch.points < 2 || verdict.dropped == batch.points) return std::nullopt;
  if (verdict.reason == DeadReason::kExpired) {
    // With a write window, points may also be too new.
    const bool has_window = body.find("write window") != std::string_view::npos;
    return DivideByTime(batch, has_window ? std::nullopt : verdict.dropped);
  }
  if (verdict.reason == DeadReason::kLimit) return DivideByLimit(batch, verdict.dropped, body);
  const std::optional<ConflictingField> field = FieldIn(body);
  if (!field) return std::nullopt;
  // Lines of one point stay together, and so in order: the field may have another type in another
  // shard, where the backend accepts them.
  std::set<std::string> points;
  for (const SendBatch::Part& part : batch.parts) {
    for (LineWalk walk(part.lines()); !walk.AtEnd();) {
      const std::string_view line = walk.Next();
      if (HasField(line, *field)) points.insert(PointOf(line));
    }
  }
  return Divide(batch, [&](std::string_view line) { return points.contains(PointOf(line)); });
}

}  // namespace relay
