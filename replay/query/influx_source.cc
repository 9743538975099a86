#include "replay/query/influx_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "replay/query/http_query.h"
#include "replay/query/influx_answer.h"
#include "replay/transport/create_database.h"
#include "replay/transport/target.h"
#include "wal/record/lane_rename.h"

namespace relay {
namespace {

using std::chrono::nanoseconds;

constexpr std::string_view kMsgpack = "application/x-msgpack";
constexpr int kOk = 200;

// Keeps a short answer: each row with its series' name, absent values empty.
class Table final : public RowSink {
 public:
  struct Line {
    std::string series;
    std::vector<std::string> texts;
    std::vector<Value> values;  // Without texts.
  };

  void Series(const std::string& name, const std::vector<Tag>& /*tags*/,
              const std::vector<std::string>& columns) override {
    name_ = name;
    columns_ = columns.size();
  }
  void Row() override {
    lines_.push_back({name_, std::vector<std::string>(columns_), std::vector<Value>(columns_)});
  }
  void Cell(std::size_t column, const Value& value) override {
    lines_.back().texts.at(column) = value.text;
    lines_.back().values.at(column) = {.type = value.type, .bits = value.bits};
  }

  const std::vector<Line>& lines() const { return lines_; }

 private:
  std::string name_;
  std::size_t columns_ = 0;
  std::vector<Line> lines_;
};

// Passes the rows of a SELECT on: the first column is the time.
class Points final : public RowSink {
 public:
  explicit Points(ValueSink& sink) : sink_(sink) {}

  void Series(const std::string& /*name*/, const std::vector<Tag>& tags,
              const std::vector<std::string>& columns) override {
    fields_.assign(columns.begin() + (columns.empty() ? 0 : 1), columns.end());
    sink_.Series(tags, fields_);
  }
  void Row() override {}
  void Cell(std::size_t column, const Value& value) override {
    if (column == 0) {
      sink_.Point(static_cast<std::int64_t>(value.bits));
    } else {
      sink_.Take(column - 1, value);
    }
  }

 private:
  ValueSink& sink_;
  std::vector<std::string> fields_;
};

// Returns "168h0m0s" as a duration; 0 for text of another form.
nanoseconds ParseGoDuration(std::string_view text) {
  nanoseconds sum{0};
  while (!text.empty()) {
    std::int64_t number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || rest == text.data() + text.size()) return nanoseconds(0);
    switch (*rest) {
      case 'h': sum += std::chrono::hours(number); break;
      case 'm': sum += std::chrono::minutes(number); break;
      case 's': sum += std::chrono::seconds(number); break;
      default: return nanoseconds(0);
    }
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()) + 1);
  }
  return sum;
}

std::optional<FieldType> TypeNamed(std::string_view text) {
  for (const FieldType type : {FieldType::kFloat, FieldType::kInteger, FieldType::kUnsigned,
                               FieldType::kBoolean, FieldType::kString}) {
    if (ToString(type) == text) return type;
  }
  return std::nullopt;
}

// Quotes a name; a line end within one has an escape of its own.
std::string Name(std::string_view name) {
  std::string quoted;
  for (const char c : QuotedName(name))
    quoted += c == '\n' ? std::string("\\n") : std::string(1, c);
  return quoted;
}

std::string TimeCondition(const TimeRange& range) {
  return fmt::format("time >= {} AND time <= {}", range.from, range.to - 1);
}

class InfluxSource final : public Source {
 public:
  InfluxSource(std::string name, HttpTransportOptions options,
               std::chrono::milliseconds silence_max)
      : name_(std::move(name)),
        renames_(options.target.renames),
        query_(std::move(options), silence_max) {}

  const std::string& name() const override { return name_; }
  SourceTraits traits() const override { return {}; }

  Result<std::vector<std::string>> Databases() override {
    ASSIGN_OR_RETURN(const Table table, Ask("SHOW DATABASES"));
    std::vector<std::string> names;
    for (const Table::Line& line : table.lines()) {
      const std::string& theirs = line.texts.at(0);
      if (theirs == "_internal") continue;
      for (std::string& ours : ClientsNamesOf(theirs)) names.push_back(std::move(ours));
    }
    return names;
  }

  Result<std::vector<PolicyInfo>> Policies(const std::string& database) override {
    const std::string on = Name(Theirs(database));
    ASSIGN_OR_RETURN(const Table table, Ask("SHOW RETENTION POLICIES ON " + on));
    std::vector<PolicyInfo> policies;
    for (const Table::Line& line : table.lines()) {
      constexpr std::size_t kColumns = 5;
      if (line.texts.size() < kColumns) {
        return Error(ErrorCode::kInvalidInput, "its list of retention policies is unknown");
      }
      policies.push_back({.name = line.texts[0],
                          .duration = ParseGoDuration(line.texts[1]),
                          .shard_duration = ParseGoDuration(line.texts[2]),
                          .is_default = line.values[4].bits == 1});
    }
    return policies;
  }

  // The list of a database alone is that of its default policy.
  Result<std::vector<MeasurementInfo>> Measurements(const std::string& database,
                                                    const std::string& policy) override {
    ASSIGN_OR_RETURN(const Table table, Ask(fmt::format("SHOW FIELD KEYS ON {} FROM {}./.*/",
                                                        Name(Theirs(database)), Name(policy))));
    std::map<std::string, std::vector<FieldInfo>> fields;
    for (const Table::Line& line : table.lines()) {
      const std::optional<FieldType> type =
          line.texts.size() < 2 ? std::nullopt : TypeNamed(line.texts[1]);
      if (!type) return Error(ErrorCode::kInvalidInput, "it has fields of an unknown type");
      fields[line.series].push_back({line.texts[0], *type});
    }
    std::vector<MeasurementInfo> measurements;
    measurements.reserve(fields.size());
    for (auto& [name, all] : fields) measurements.push_back({name, std::move(all)});
    return measurements;
  }

  Result<std::vector<TimeWindow>> Windows(const MeasurementRef& place,
                                          const std::vector<FieldInfo>& fields,
                                          const TimeRange& range, WindowShape shape) override {
    std::string counts;
    for (const FieldInfo& field : fields) {
      counts += fmt::format("{}count({}::{})", counts.empty() ? "" : ", ", Name(field.name),
                            ToString(field.type));
    }
    ASSIGN_OR_RETURN(
        const Table table,
        Ask(fmt::format("SELECT {} FROM {} WHERE {} GROUP BY time({}u, {}u) fill(none)", counts,
                        From(place), TimeCondition(range), shape.length.count() / 1'000,
                        shape.offset / 1'000)));
    std::map<std::int64_t, std::uint64_t> windows;
    for (const Table::Line& line : table.lines()) {
      std::uint64_t& values = windows[static_cast<std::int64_t>(line.values.at(0).bits)];
      for (std::size_t i = 1; i < line.values.size(); ++i) values += line.values[i].bits;
    }
    std::vector<TimeWindow> found;
    for (const auto& [start, values] : windows) {
      if (values > 0) found.push_back({start, values});
    }
    return found;
  }

  Status Scan(const MeasurementRef& place, const std::vector<FieldInfo>& fields,
              const TimeRange& range, ValueSink& sink) override {
    if (fields.empty()) return Ok();
    RETURN_IF_ERROR(Begin(
        fmt::format("SELECT * FROM {} WHERE {} GROUP BY *", From(place), TimeCondition(range))));
    Points points(sink);
    return ReadInfluxAnswer(query_, points);
  }

  void Cancel() override { query_.Cancel(); }

 private:
  std::string Theirs(const std::string& database) const {
    return Renamed(renames_, {.database = database}).database;
  }

  std::vector<std::string> ClientsNamesOf(const std::string& theirs) const {
    std::vector<std::string> names;
    if (Theirs(theirs) == theirs) names.push_back(theirs);
    for (const LaneRename& rename : renames_) {
      if (rename.to.database == theirs) names.push_back(rename.from.database);
    }
    return names;
  }

  std::string From(const MeasurementRef& place) const {
    return fmt::format("{}.{}.{}", Name(Theirs(place.database)), Name(place.policy),
                       Name(place.measurement));
  }

  Status Begin(const std::string& statement) {
    RETURN_IF_ERROR(query_.Ask({.path = "/query?epoch=ns&chunked=true",
                                .form = "q=" + PercentEncoded(statement),
                                .accept = std::string(kMsgpack)}));
    const Reply& head = query_.head();
    if (head.http_status != kOk) return Refusal();
    if (head.content_type.starts_with(kMsgpack)) return Ok();
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("it answers in '{}', not in MessagePack: InfluxDB 1.4 and later does",
                             head.content_type));
  }

  // Returns the answer's error: in MessagePack, or text of another server.
  Error Refusal() {
    constexpr std::size_t kTextMax = 200;
    const Reply head = query_.head();
    if (head.content_type.starts_with(kMsgpack)) {
      Table none;
      const Status read = ReadInfluxAnswer(query_, none);
      if (!read.ok()) {
        return {read.error().code(),
                fmt::format("answered {}: {}", head.http_status, read.error().message())};
      }
    }
    const Result<std::string> text = query_.Rest(kTextMax);
    return {ErrorCode::kInvalidInput,
            fmt::format("answered {}: {}", head.http_status, text.ok() ? text.value() : "")};
  }

  Result<Table> Ask(const std::string& statement) {
    RETURN_IF_ERROR(Begin(statement));
    Table table;
    RETURN_IF_ERROR(ReadInfluxAnswer(query_, table));
    return table;
  }

  const std::string name_;
  const std::vector<LaneRename> renames_;
  HttpQuery query_;
};

}  // namespace

std::unique_ptr<Source> MakeInfluxSource(std::string name, HttpTransportOptions options,
                                         std::chrono::milliseconds silence_max) {
  return std::make_unique<InfluxSource>(std::move(name), std::move(options), silence_max);
}

}  // namespace relay
