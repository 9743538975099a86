#include "relay/history/rows.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "relay/base/json_text.h"
#include "wal/base/crc32c.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;
using Milliseconds = std::chrono::milliseconds;

constexpr std::array kKinds = {
    std::pair{HistoryKind::kStarted, std::string_view("started")},
    std::pair{HistoryKind::kStopped, std::string_view("stopped")},
    std::pair{HistoryKind::kDown, std::string_view("down")},
    std::pair{HistoryKind::kUp, std::string_view("up")},
    std::pair{HistoryKind::kRecovered, std::string_view("recovered")},
    std::pair{HistoryKind::kRemoved, std::string_view("removed")},
    std::pair{HistoryKind::kClockSet, std::string_view("clock set")},
    std::pair{HistoryKind::kCompared, std::string_view("compared")},
    std::pair{HistoryKind::kDrill, std::string_view("drill")},
};

std::int64_t ToMilliseconds(WallTime time) {
  return std::chrono::floor<Milliseconds>(time.time_since_epoch()).count();
}

WallTime FromMilliseconds(std::int64_t milliseconds) {
  return WallTime(Milliseconds(milliseconds));
}

std::string Framed(std::uint64_t sequence, std::pair<WallTime, WallTime> span, const Json& json) {
  const std::string body = fmt::format("{} {} {} {}", sequence, ToMilliseconds(span.first),
                                       ToMilliseconds(span.second), DumpJson(json));
  return fmt::format("{:08x} {}\n", Crc32c(body), body);
}

Json ToJson(const CounterTotals& totals) {
  return {totals.accepted, totals.bytes, totals.delivered, totals.dead, totals.dropped};
}

CounterTotals TotalsFrom(const Json& json) {
  return {json.at(0).get<PointCount>(), json.at(1).get<std::uint64_t>(),
          json.at(2).get<PointCount>(), json.at(3).get<PointCount>(), json.at(4).get<PointCount>()};
}

Json ToJson(const BackendRow& row) {
  return {{"n", {row.samples, row.samples_down}},
          {"p", {row.undelivered_max, row.undelivered_last, row.held_max}},
          {"a", row.age_max},
          {"g", ToJson(row.grown)},
          {"t", ToJson(row.total)},
          {"r", {row.requests, row.request_seconds, row.request_p99_seconds}}};
}

BackendRow BackendFrom(const Json& json) {
  BackendRow row;
  row.samples = json.at("n").at(0).get<std::uint64_t>();
  row.samples_down = json.at("n").at(1).get<std::uint64_t>();
  row.undelivered_max = json.at("p").at(0).get<PointCount>();
  row.undelivered_last = json.at("p").at(1).get<PointCount>();
  row.held_max = json.at("p").at(2).get<PointCount>();
  row.age_max = json.at("a").get<double>();
  row.grown = TotalsFrom(json.at("g"));
  row.total = TotalsFrom(json.at("t"));
  row.requests = json.at("r").at(0).get<std::uint64_t>();
  row.request_seconds = json.at("r").at(1).get<double>();
  row.request_p99_seconds = json.at("r").at(2).get<double>();
  return row;
}

// Takes the part up to the next space.
template <typename Number>
std::optional<Number> TakeNumber(std::string_view& text, int base = 10) {
  const std::size_t end = text.find(' ');
  if (end == std::string_view::npos) return std::nullopt;
  Number number{};
  const auto [stop, failed] = std::from_chars(text.data(), text.data() + end, number, base);
  if (failed != std::errc() || stop != text.data() + end) return std::nullopt;
  text.remove_prefix(end + 1);
  return number;
}

void AddBackend(const BackendRow& next, BackendRow& into) {
  into.samples += next.samples;
  into.samples_down += next.samples_down;
  into.undelivered_max = std::max(into.undelivered_max, next.undelivered_max);
  into.undelivered_last = next.undelivered_last;
  into.held_max = std::max(into.held_max, next.held_max);
  into.age_max = std::max(into.age_max, next.age_max);
  into.grown = into.grown + next.grown;
  into.total = next.total;
  into.requests += next.requests;
  into.request_seconds += next.request_seconds;
  into.request_p99_seconds = std::max(into.request_p99_seconds, next.request_p99_seconds);
}

std::int64_t SpanOf(WallTime time, std::chrono::seconds step) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()) / step;
}

}  // namespace

std::string_view ToString(HistoryKind kind) {
  for (const auto& [one, word] : kKinds) {
    if (one == kind) return word;
  }
  INVARIANT(false);
}

std::optional<HistoryKind> HistoryKindFrom(std::string_view word) {
  for (const auto& [kind, known] : kKinds) {
    if (known == word) return kind;
  }
  return std::nullopt;
}

std::string LineOf(const HistoryRow& row) {
  Json json;
  if (row.through > 0) json["through"] = row.through;
  json["backends"] = Json::object();
  for (const auto& [name, backend] : row.backends) json["backends"][name] = ToJson(backend);
  return Framed(row.sequence, {row.from, row.to}, json);
}

std::string LineOf(const HistoryEvent& event) {
  Json json{{"kind", ToString(event.kind)}};
  if (!event.backend.empty()) json["backend"] = event.backend;
  if (!event.state.empty()) json["state"] = event.state;
  if (!event.text.empty()) json["text"] = event.text.substr(0, HistoryEvent::kTextMax);
  if (event.points > 0) json["points"] = event.points;
  if (event.seconds != 0) json["seconds"] = event.seconds;
  if (event.other) json["other"] = ToMilliseconds(*event.other);
  return Framed(event.sequence, {event.at, event.at}, json);
}

std::optional<HistoryLine> ParseLine(std::string_view line) {
  const auto checksum = TakeNumber<std::uint32_t>(line, 16);
  if (!checksum || *checksum != Crc32c(line)) return std::nullopt;
  const auto sequence = TakeNumber<std::uint64_t>(line);
  const auto from = sequence ? TakeNumber<std::int64_t>(line) : std::nullopt;
  const auto to = from ? TakeNumber<std::int64_t>(line) : std::nullopt;
  if (!to) return std::nullopt;
  return HistoryLine{*sequence, FromMilliseconds(*from), FromMilliseconds(*to), line};
}

std::optional<HistoryRow> RowFrom(const HistoryLine& line) {
  try {
    const Json json = Json::parse(line.json);
    HistoryRow row{.sequence = line.sequence, .from = line.from, .to = line.to};
    row.through = json.value("through", std::uint64_t{0});
    for (const auto& [name, backend] : json.at("backends").items()) {
      row.backends[name] = BackendFrom(backend);
    }
    return row;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

std::optional<HistoryEvent> EventFrom(const HistoryLine& line) {
  try {
    const Json json = Json::parse(line.json);
    const auto kind = HistoryKindFrom(json.at("kind").get<std::string>());
    if (!kind) return std::nullopt;
    HistoryEvent event{.sequence = line.sequence, .at = line.from, .kind = *kind};
    event.backend = json.value("backend", "");
    event.state = json.value("state", "");
    event.text = json.value("text", "");
    event.points = json.value("points", PointCount{0});
    event.seconds = json.value("seconds", 0.0);
    if (json.contains("other"))
      event.other = FromMilliseconds(json.at("other").get<std::int64_t>());
    return event;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

void AddRow(const HistoryRow& next, HistoryRow& into) {
  into.to = next.to;
  for (const auto& [name, backend] : next.backends) AddBackend(backend, into.backends[name]);
}

std::vector<HistoryRow> Joined(const std::vector<HistoryRow>& rows, std::chrono::seconds step) {
  std::vector<HistoryRow> joined;
  for (const HistoryRow& row : rows) {
    if (!joined.empty() && SpanOf(joined.back().from, step) == SpanOf(row.from, step)) {
      AddRow(row, joined.back());
    } else {
      joined.push_back(row);
    }
  }
  return joined;
}

std::optional<HistoryRow> HourRollup::Add(const HistoryRow& minute) {
  constexpr std::chrono::hours kHour{1};
  std::optional<HistoryRow> finished;
  if (hour_ && SpanOf(hour_->from, kHour) != SpanOf(minute.from, kHour)) {
    finished = std::exchange(hour_, std::nullopt);
  }
  if (hour_) {
    AddRow(minute, *hour_);
  } else {
    hour_ = minute;
  }
  hour_->through = minute.sequence;
  return finished;
}

}  // namespace relay
