#include "replay/query/victoria_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "replay/query/http_query.h"
#include "replay/query/json_scanner.h"
#include "replay/transport/target.h"
#include "wal/record/lane_rename.h"

namespace relay {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr int kStatusOk = 200;
// The values in a line of an export: they bound the memory.
constexpr int kLineValuesMax = 10'000;

// Quotes text for a selector of PromQL.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return quoted + '"';
}

Error UnknownForm() {
  return {ErrorCode::kInvalidInput, "its answer has another form than VictoriaMetrics'"};
}

// A line of an export: {"metric":{...},"values":[...],"timestamps":[...]}.
struct ExportedSeries {
  std::string metric;
  std::vector<Tag> tags;
  std::vector<std::optional<double>> values;
  std::vector<std::optional<double>> milliseconds;
};

void ReadNumbers(JsonScanner& json, std::vector<std::optional<double>>& numbers) {
  json.Expect('[');
  if (json.Try(']')) return;
  do numbers.push_back(json.Number());
  while (json.ok() && json.Try(','));
  json.Expect(']');
}

void ReadMetric(JsonScanner& json, ExportedSeries& series) {
  json.Expect('{');
  if (json.Try('}')) return;
  do {
    std::string name = json.String();
    json.Expect(':');
    std::string value = json.String();
    if (name == "__name__") {
      series.metric = std::move(value);
    } else if (name != "db") {
      series.tags.emplace_back(std::move(name), std::move(value));
    }
  } while (json.ok() && json.Try(','));
  json.Expect('}');
}

Result<ExportedSeries> ParseLine(std::string_view line) {
  JsonScanner json(line);
  ExportedSeries series;
  json.Expect('{');
  do {
    const std::string key = json.String();
    json.Expect(':');
    if (key == "metric") {
      ReadMetric(json, series);
    } else {
      ReadNumbers(json, key == "values" ? series.values : series.milliseconds);
    }
  } while (json.ok() && json.Try(','));
  json.Expect('}');
  if (!json.ok() || series.values.size() != series.milliseconds.size()) return UnknownForm();
  return series;
}

class VictoriaSource final : public Source {
 public:
  VictoriaSource(std::string name, HttpTransportOptions options)
      : name_(std::move(name)), renames_(options.target.renames), query_(std::move(options)) {}

  const std::string& name() const override { return name_; }
  SourceTraits traits() const override { return {.tick = kMillisecond, .has_measurements = false}; }

  Result<std::vector<std::string>> Databases() override {
    ASSIGN_OR_RETURN(const std::vector<std::string> theirs,
                     List("/api/v1/label/db/values?start=0"));
    std::vector<std::string> names;
    for (const std::string& name : theirs) {
      if (Theirs(name) == name) names.push_back(name);
      for (const LaneRename& rename : renames_) {
        if (rename.to.database == name) names.push_back(rename.from.database);
      }
    }
    return names;
  }

  Result<std::vector<PolicyInfo>> Policies(const std::string& database) override {
    ASSIGN_OR_RETURN(const std::vector<std::string> databases, Databases());
    if (std::find(databases.begin(), databases.end(), database) != databases.end()) {
      return std::vector<PolicyInfo>{{.name = "", .is_default = true}};
    }
    return Error(ErrorCode::kNotFound, "it has no metrics of this database");
  }

  Result<std::vector<MeasurementInfo>> Measurements(const std::string& database,
                                                    const std::string& /*policy*/) override {
    ASSIGN_OR_RETURN(const std::vector<std::string> metrics,
                     List("/api/v1/label/__name__/values?start=0&match[]=" +
                          PercentEncoded(fmt::format("{{db={}}}", Quoted(Theirs(database))))));
    std::vector<MeasurementInfo> all;
    all.reserve(metrics.size());
    for (const std::string& metric : metrics) all.push_back({.name = metric, .fields = {}});
    return all;
  }

  Result<std::vector<TimeWindow>> Windows(const MeasurementRef& /*place*/,
                                          const std::vector<FieldInfo>& /*fields*/,
                                          const TimeRange& /*range*/,
                                          WindowShape /*shape*/) override {
    return Error(ErrorCode::kInvalidInput, "it does not tell where it has values");
  }

  Status Scan(const MeasurementRef& place, const std::vector<FieldInfo>& fields,
              const TimeRange& range, ValueSink& sink) override {
    std::map<std::string, std::string> fields_by_metric;
    for (const FieldInfo& field : fields) {
      if (field.type == FieldType::kString) continue;
      fields_by_metric[place.measurement + '_' + field.name] = field.name;
    }
    // It stores no earlier times.
    const TimeRange stored{std::max<std::int64_t>(range.from, 0), range.to};
    if (stored.empty()) return Ok();
    for (const auto& [metric, field] : fields_by_metric) {
      RETURN_IF_ERROR(ScanMetric(place.database, {metric, field}, stored, sink));
    }
    return Ok();
  }

  // Without it, values of the last second may be hidden. A server that does not allow it has shown
  // them when they are looked at again.
  Status Flush() override {
    RETURN_IF_ERROR(query_.Ask({.path = "/internal/force_flush"}));
    const Result<std::string> rest = query_.Rest(0);
    return rest.ok() ? Ok() : Status(Error(rest.error()));
  }

  void Cancel() override { query_.Cancel(); }

 private:
  std::string Theirs(const std::string& database) const {
    return Renamed(renames_, {.database = database}).database;
  }

  Status Ask(const std::string& path) {
    constexpr std::size_t kTextMax = 200;
    RETURN_IF_ERROR(query_.Ask({.path = path}));
    const int status = query_.head().http_status;
    if (status == kStatusOk) return Ok();
    const Result<std::string> text = query_.Rest(kTextMax);
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("answered {}: {}", status, text.ok() ? text.value() : ""));
  }

  // Reads {"status":"success","data":["a","b"]}.
  Result<std::vector<std::string>> List(const std::string& path) {
    constexpr std::size_t kListMax = 64U << 20U;
    RETURN_IF_ERROR(Ask(path));
    ASSIGN_OR_RETURN(const std::string text, query_.Rest(kListMax));
    JsonScanner json(text);
    std::vector<std::string> names;
    json.Expect('{');
    do {
      const std::string key = json.String();
      json.Expect(':');
      if (key != "data") {
        json.String();
        continue;
      }
      json.Expect('[');
      if (json.Try(']')) continue;
      do names.push_back(json.String());
      while (json.ok() && json.Try(','));
      json.Expect(']');
    } while (json.ok() && json.Try(','));
    json.Expect('}');
    if (!json.ok()) return UnknownForm();
    return names;
  }

  // One field of a measurement.
  struct Metric {
    std::string name;
    std::string field;
  };

  Status ScanMetric(const std::string& database, const Metric& metric, const TimeRange& range,
                    ValueSink& sink) {
    const std::string selector =
        fmt::format("{{__name__={},db={}}}", Quoted(metric.name), Quoted(Theirs(database)));
    const std::int64_t first = range.from / kMillisecond;
    const std::int64_t last = range.to / kMillisecond - 1;
    RETURN_IF_ERROR(Ask(
        fmt::format("/api/v1/export?match[]={}&start={}.{:03}&end={}.{:03}&max_rows_per_line={}",
                    PercentEncoded(selector), first / 1'000, first % 1'000, last / 1'000,
                    last % 1'000, kLineValuesMax)));
    std::string text;
    bool more = true;
    while (more) {
      ASSIGN_OR_RETURN(more, query_.More(text));
      std::size_t at = 0;
      for (std::size_t end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
        RETURN_IF_ERROR(
            Pass(std::string_view(text).substr(at, end - at), metric.field, range, sink));
      }
      text.erase(0, at);
    }
    if (text.empty()) return Ok();
    return Error(ErrorCode::kUnavailable, "its answer ended before it was whole");
  }

  static Status Pass(std::string_view line, const std::string& field, const TimeRange& range,
                     ValueSink& sink) {
    if (line.empty()) return Ok();
    ASSIGN_OR_RETURN(const ExportedSeries series, ParseLine(line));
    sink.Series(series.tags, {field});
    for (std::size_t i = 0; i < series.values.size(); ++i) {
      if (!series.values[i] || !series.milliseconds[i]) continue;
      const auto time = static_cast<std::int64_t>(*series.milliseconds[i]) * kMillisecond;
      if (!range.Has(time)) continue;
      sink.Point(time);
      sink.Take(0, FloatValue(*series.values[i]));
    }
    return Ok();
  }

  const std::string name_;
  const std::vector<LaneRename> renames_;
  HttpQuery query_;
};

}  // namespace

Result<bool> IsVictoriaMetrics(const HttpTransportOptions& options) {
  constexpr std::size_t kTextMax = 100;
  HttpQuery query(options, options.timeout);
  RETURN_IF_ERROR(query.Ask({.path = "/-/healthy"}));
  ASSIGN_OR_RETURN(const std::string text, query.Rest(kTextMax));
  return query.head().http_status == kStatusOk && text.starts_with("VictoriaMetrics");
}

std::unique_ptr<Source> MakeVictoriaSource(std::string name, HttpTransportOptions options) {
  return std::make_unique<VictoriaSource>(std::move(name), std::move(options));
}

}  // namespace relay
