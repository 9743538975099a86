#include "tests/support/models/backend_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "tests/support/batch_text.h"
#include "wal/record/lines.h"

namespace relay::test {
namespace {

// Lines whose numbers agree modulo this overwrite each other.
constexpr std::uint64_t kPoints = 5;

constexpr std::uint64_t kSmall = 3;
constexpr std::uint64_t kAnsweredInTime = 5;

// A row of the verdict's table: an answer, as one of the servers words it.
struct Answer {
  const char* name;
  int status;
  const char* body;
  const char* retry_after = "";
};

// Answers that take nothing, and blame no line.
constexpr Answer kTakesNothing[] = {
    {"another 2xx", 202, ""},
    {"200 with a body", 200, "<html>log in</html>"},
    {"3xx", 302, ""},
    {"404 page not found", 404, "404 page not found\n"},
    {"405", 405, ""},
    {"4xx with HTML", 400, "<!DOCTYPE html>"},
    {"400 invalid precision", 400, R"({"error":"invalid precision"})"},
    {"400 database is required", 400, R"({"error":"database is required"})"},
    {"400 invalid consistency level", 400, R"({"error":"invalid consistency level"})"},
    {"400 missing db", 400, R"({"error":"missing db"})"},
    {"401", 401, R"({"error":"authorization failed"})"},
    {"403", 403, R"({"error":"not authorized to write"})"},
    {"404 organization", 404, R"({"message":"organization name \"o\" not found"})"},
    {"404 bucket not found", 404, R"({"message":"bucket \"b\" not found"})"},
    {"404 no dbrp mapping found", 404, R"({"message":"no dbrp mapping found"})"},
    {"429", 429, "", "1"},
    {"503 with Retry-After", 503, "", "2"},
    {"503 request throttled", 503, R"({"error":"request throttled"})"},
    {"500 timeout", 500, R"({"error":"timeout"})"},
    {"500 engine is closed", 500, R"({"error":"engine is closed"})"},
    {"500 shard is disabled", 500, R"({"error":"shard is disabled"})"},
    {"500 queue is full", 500, R"({"error":"queue is full"})"},
    {"500 cache-max-memory-size exceeded", 500, R"({"error":"cache-max-memory-size exceeded"})"},
    {"500 write failed", 500, R"({"error":"write failed"})"},
    {"500 An internal error has occurred", 500, R"({"message":"An internal error has occurred"})"},
    {"another 5xx", 507, ""},
    {"408", 408, ""},
    {"499", 499, ""},
    {"502", 502, "<html>Bad Gateway</html>"},
    {"504", 504, ""},
};
constexpr std::size_t kSilences = 2;  // Two rows more: no answer at all.

// Answers that refuse a whole body because of a line.
constexpr Answer kRefusesAll[] = {
    {"v1 unable to parse", 400, R"({"error":"unable to parse 'bad v=1 1': bad"})"},
    {"v2 invalid", 400,
     R"({"code":"invalid","message":"write buffer error: line protocol parse failed: bad"})"},
    {"v3 line protocol parsing error", 400, R"({"error":"line protocol parsing error"})"},
    {"400 field type conflict", 400, R"({"error":"field type conflict"})"},
    {"422 field type conflict", 422, R"({"error":"field type conflict"})"},
    {"500 field type conflict", 500, R"({"error":"field type conflict"})"},
    {"another 4xx", 418, ""},
};

// Answers that take a body except for some lines.
constexpr Answer kTakesOthers[] = {
    {"points beyond retention policy", 400, "partial write: points beyond retention policy"},
    {"outside retention policy", 422, "dropped points outside retention policy"},
    {"max-series-per-database", 400, "partial write: max-series-per-database limit exceeded"},
    {"max-values-per-tag", 400, "partial write: max-values-per-tag limit exceeded"},
    {"pending deletion", 400, "partial write: pending deletion"},
    {"another partial write", 400, "partial write: field type conflict"},
    {"v3 partial write of line protocol", 400, "partial write of line protocol occurred"},
};

// All other answers of this model.
constexpr const char* kOthers[] = {"204",
                                   "200, empty",
                                   "413",
                                   "500 hinted handoff queue not empty",
                                   "poisoned",
                                   "ended",
                                   "404 database not found",
                                   "no answer",
                                   "500 retention policy not found",
                                   "late no answer"};

Reply ReplyOf(const Answer& answer) {
  return Http(answer.status, answer.body, answer.retry_after).value();
}

std::string Text(LineKind kind, std::uint64_t number) {
  constexpr std::string_view kNames[] = {"good", "bad", "poison", "mended"};
  return fmt::format("{} v={} {}\n", kNames[static_cast<std::size_t>(kind)], number,
                     number % kPoints);
}

}  // namespace

std::uint64_t BackendModel::NumberOf(std::string_view line) {
  const std::size_t at = line.find("v=") + 2;
  std::uint64_t number = 0;
  std::from_chars(line.data() + at, line.data() + line.size(), number);
  return number;
}

void BackendModel::Wrong(std::string what) {
  if (wrong_.empty()) wrong_ = std::move(what);
}

std::string BackendModel::NextLines(const Lane& lane, std::uint64_t count) {
  Known& known = lanes_[lane];
  std::string lines;
  for (std::uint64_t i = 0; i < count; ++i) {
    LineKind kind = LineKind::kGood;
    if (OneIn(40)) kind = LineKind::kBad;
    if (OneIn(200)) kind = LineKind::kPoison;
    known.lines.push_back({.kind = kind});
    lines += Text(kind, known.lines.size());
  }
  return lines;
}

std::vector<std::uint64_t> BackendModel::NumbersIn(const SendBatch& batch) {
  const std::string text = TextOf(batch);
  std::vector<std::uint64_t> numbers;
  for (LineWalk walk(text); !walk.AtEnd();) {
    numbers.push_back(NumberOf(walk.Next()));
  }
  return numbers;
}

// Checks the good lines only: the others may be redriven, and overwrite nothing.
void BackendModel::CheckOrder(const Lane& lane, const std::vector<std::uint64_t>& all) {
  Known& known = lanes_.at(lane);
  known.PassOn();
  std::vector<std::uint64_t> numbers;
  std::copy_if(all.begin(), all.end(), std::back_inserter(numbers), [&](std::uint64_t number) {
    return known.lines[number - 1].kind == LineKind::kGood;
  });
  // A line may be sent before one that was told from it, unless it overwrites that one's point.
  const auto passes = [&known](std::uint64_t passed, std::uint64_t sent) {
    const Line& line = known.lines[passed - 1];
    const bool is_told = line.group != 0 && line.group == known.lines[sent - 1].group;
    return line.passes() || (is_told && passed % kPoints != sent % kPoints);
  };
  for (std::uint64_t passed = known.unsettled; !numbers.empty() && passed < numbers.front();
       ++passed) {
    if (passes(passed, numbers.front())) continue;
    Wrong(fmt::format("{}: line {} is sent before line {} is settled", lane.database,
                      numbers.front(), passed));
  }
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    bool follows = numbers[i] > numbers[i - 1];
    for (std::uint64_t between = numbers[i - 1] + 1; between < numbers[i]; ++between) {
      follows = follows && passes(between, numbers[i]);
    }
    if (!follows) {
      Wrong(fmt::format("{}: line {} is sent behind line {}", lane.database, numbers[i],
                        numbers[i - 1]));
    }
  }
}

std::size_t BackendModel::RowsOfTable() {
  return std::size(kTakesNothing) + std::size(kRefusesAll) + std::size(kTakesOthers) +
         std::size(kOthers) + kSilences;
}

Told BackendModel::Row(const std::string& name, Result<Reply> reply, bool settles) {
  ++rows[name];
  return {std::move(reply), settles};
}

void BackendModel::ChangeWeather() {
  weather = OneIn(2) ? Weather::kFair : static_cast<Weather>(random_() % kWeathers);
  row_ = random_() % (std::size(kTakesNothing) + kSilences);
}

Told BackendModel::Arrive(const SendBatch& batch, Arrival arrival) {
  const Lane lane = LaneOf(batch.params());
  const std::vector<std::uint64_t> numbers = NumbersIn(batch);
  ++requests;
  if (!arrival.is_alone) Wrong(fmt::format("{}: two requests at the same time", lane.database));
  if (!IsCanary(batch) && !arrival.is_overtaken) CheckOrder(lane, numbers);
  if (std::optional<Told> told = OfTheWeather(lane, numbers.size())) return *std::move(told);
  Told told = Judge(lanes_.at(lane), numbers);
  if (weather == Weather::kLosesAnswers && OneIn(3)) return Row("no answer", NoAnswer());
  return told;
}

// Returns the answer that takes nothing; nullopt: this weather takes the lines.
std::optional<Told> BackendModel::OfTheWeather(const Lane& lane, std::size_t lines) {
  switch (weather) {
    case Weather::kDown: return Row("no answer", NoAnswer());
    case Weather::kOverloaded:
      if (OneIn(2)) return Row("503 request throttled", Http(503, "request throttled", "1"));
      break;
    case Weather::kCredentials: return Row("401", Http(401, "authorization failed"));
    case Weather::kNotInflux: return Row("200 with a body", Http(200, "<html>log in</html>"));
    case Weather::kFailing:
      return Row("500 An internal error has occurred", Http(500, "An internal error has occurred"));
    case Weather::kSmall:
      if (lines > kSmall) return Row("413", Http(413, "Request Entity Too Large"));
      break;
    case Weather::kSlow:
      if (lines > kAnsweredInTime) {
        Told told = Row("late no answer", NoAnswer());
        told.is_late = true;
        return told;
      }
      break;
    case Weather::kOneRow: {
      if (row_ < std::size(kTakesNothing)) {
        return Row(kTakesNothing[row_].name, ReplyOf(kTakesNothing[row_]));
      }
      const bool no_host = row_ == std::size(kTakesNothing);
      const ErrorCode code = no_host ? ErrorCode::kNotFound : ErrorCode::kInvalidInput;
      return Row(no_host ? "no such host" : "not trusted", Error(code, "the set-up is wrong"));
    }
    case Weather::kFair:
    case Weather::kLosesAnswers: break;
  }
  if (!missing.contains(lane)) return std::nullopt;
  if (!lane.retention_policy.empty()) {
    return Row("500 retention policy not found",
               Http(500, R"({"error":"retention policy not found: rp"})"));
  }
  return Row("404 database not found",
             Http(404, fmt::format(R"({{"error":"database not found: \"{}\""}})", lane.database)));
}

Told BackendModel::Judge(Known& known, const std::vector<std::uint64_t>& numbers) {
  // 0: there is none.
  const auto first_of = [&](LineKind kind) -> std::uint64_t {
    const auto found = std::find_if(numbers.begin(), numbers.end(), [&](std::uint64_t number) {
      return known.lines[number - 1].kind == kind;
    });
    return found == numbers.end() ? 0 : *found;
  };
  if (const std::uint64_t poison = first_of(LineKind::kPoison)) {
    if (poison % 2 == 0) return Row("poisoned", Http(500, "panic: runtime error"));
    return Row("ended", Error(ErrorCode::kBrokenOff, "connection reset by peer"));
  }
  if (first_of(LineKind::kBad) != 0 && OneIn(2)) {
    const Answer& answer = kRefusesAll[random_() % std::size(kRefusesAll)];
    return Row(answer.name, ReplyOf(answer));
  }
  return Store(known, numbers);
}

Told BackendModel::Store(Known& known, const std::vector<std::uint64_t>& numbers) {
  std::vector<std::size_t> refused;  // Their places in the body, from 1.
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    Line& line = known.lines[numbers[i] - 1];
    if (line.kind == LineKind::kBad) {
      refused.push_back(i + 1);
      continue;
    }
    line.is_stored = true;
    if (line.kind == LineKind::kGood) known.points[numbers[i] % kPoints] = numbers[i];
  }
  if (!refused.empty()) {
    Told told = TakenBut(refused, numbers.size());
    const bool is_by_time =
        told.reply.ok() && told.reply.value().body.find("retention policy") != std::string::npos;
    if (is_by_time) Group(known, numbers, requests);
    return told;
  }
  if (OneIn(50)) return Row("200, empty", Http(200), true);
  if (OneIn(50)) {
    return Row("500 hinted handoff queue not empty", Http(500, "hinted handoff queue not empty"),
               true);
  }
  return Row("204", Status204(), true);
}

// Lines of one group stay in it: it is divided again.
void BackendModel::Group(Known& known, const std::vector<std::uint64_t>& numbers,
                         std::uint64_t id) {
  const std::uint64_t first = known.lines[numbers.front() - 1].group;
  const bool is_one = std::all_of(numbers.begin(), numbers.end(), [&](std::uint64_t number) {
    return known.lines[number - 1].group == first;
  });
  if (is_one && first != 0) return;
  for (const std::uint64_t number : numbers) known.lines[number - 1].group = id;
}

Told BackendModel::TakenBut(const std::vector<std::size_t>& refused, std::size_t lines) {
  const Answer& answer = kTakesOthers[random_() % std::size(kTakesOthers)];
  Reply reply = ReplyOf(answer);
  const bool names_them = &answer == &kTakesOthers[std::size(kTakesOthers) - 1];
  if (names_them) {
    std::string data;
    for (const std::size_t number : refused) {
      data += fmt::format(R"({}{{"line_number":{},"error_message":"no"}})", data.empty() ? "" : ",",
                          number);
    }
    reply.body = fmt::format(R"({{"error":"{}","data":[{}]}})", reply.body, data);
  } else if (!OneIn(4)) {
    reply.body += fmt::format(" dropped={}", refused.size());
  }
  return Row(answer.name, reply, names_them || refused.size() == lines);
}

void BackendModel::Answered(const SendBatch& batch, const Told& answer) {
  if (IsCanary(batch) || !answer.settles) return;
  Known& known = lanes_.at(LaneOf(batch.params()));
  for (const std::uint64_t number : NumbersIn(batch)) known.lines[number - 1].is_settled = true;
  known.PassOn();
}

void BackendModel::Redriven(std::string_view lines, const Lane& lane) {
  Known& known = lanes_.at(lane);
  for (LineWalk walk(lines); !walk.AtEnd();) {
    Line& line = known.lines[NumberOf(walk.Next()) - 1];
    line.is_given_up = false;
    if (OneIn(2)) line.kind = LineKind::kMended;
  }
}

void BackendModel::ForgetAll() {
  for (auto& [lane, known] : lanes_) {
    for (Line& line : known.lines) line.is_given_up = true;
    known.PassOn();
  }
}

void BackendModel::GiveUp(std::string_view lines, const Lane& lane, bool given_up) {
  Known& known = lanes_.at(lane);
  for (LineWalk walk(lines); !walk.AtEnd();) {
    const std::uint64_t number = NumberOf(walk.Next());
    known.lines[number - 1].is_given_up = given_up;
    if (!given_up) known.unsettled = std::min(known.unsettled, number);
  }
  known.PassOn();
}

void BackendModel::CheckEnd(const std::set<std::pair<Lane, std::uint64_t>>& dead) {
  for (const auto& [lane, known] : lanes_) {
    std::map<std::uint64_t, std::uint64_t> newest;
    for (std::uint64_t number = 1; number <= known.lines.size(); ++number) {
      const Line& line = known.lines[number - 1];
      if (line.is_given_up) continue;
      const bool is_dead = dead.contains({lane, number});
      const bool is_good = line.kind == LineKind::kGood || line.kind == LineKind::kMended;
      if (is_good && !line.is_stored) {
        Wrong(fmt::format("{}: line {} was lost", lane.database, number));
      }
      // A redriven line may have died twice, by a rewind.
      if (line.kind != LineKind::kMended && is_good == is_dead) {
        Wrong(fmt::format("{}: line {} is {} a dead letter", lane.database, number,
                          is_dead ? "good and" : "bad and not"));
      }
      if (line.kind == LineKind::kGood) newest[number % kPoints] = number;
    }
    for (const auto& [point, number] : newest) {
      const auto stored = known.points.find(point);
      if (stored == known.points.end() || stored->second < number) {
        Wrong(fmt::format("{}: line {} was overwritten by an older one", lane.database, number));
      }
    }
  }
}

}  // namespace relay::test
