#include "tests/support/backend_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "replay/line_walk.h"

namespace relay::test {
namespace {

// Lines whose numbers agree modulo this overwrite each other.
constexpr std::uint64_t kPoints = 5;

constexpr std::uint64_t kSmall = 3;

std::string Text(LineKind kind, std::uint64_t number) {
  constexpr std::string_view kNames[] = {"good", "bad", "poison"};
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

std::vector<std::uint64_t> BackendModel::NumbersIn(const Piece& piece) {
  std::string joined;
  std::vector<std::uint64_t> numbers;
  for (LineWalk walk(LinesOf(piece, joined)); !walk.AtEnd();) {
    numbers.push_back(NumberOf(walk.Next()));
  }
  return numbers;
}

void BackendModel::CheckOrder(const Lane& lane, const std::vector<std::uint64_t>& numbers) {
  Known& known = lanes_.at(lane);
  known.PassOn();
  if (numbers.front() > known.unsettled) {
    Wrong(fmt::format("{}: line {} is sent before line {} is settled", lane.database,
                      numbers.front(), known.unsettled));
  }
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    bool follows = numbers[i] > numbers[i - 1];
    for (std::uint64_t between = numbers[i - 1] + 1; between < numbers[i]; ++between) {
      follows = follows && known.lines[between - 1].passes();
    }
    if (!follows) {
      Wrong(fmt::format("{}: line {} is sent behind line {}", lane.database, numbers[i],
                        numbers[i - 1]));
    }
  }
}

Result<Reply> BackendModel::Arrive(const Piece& piece, Arrival arrival) {
  const Lane lane = LaneOf(piece.params());
  const std::vector<std::uint64_t> numbers = NumbersIn(piece);
  ++requests;
  if (!arrival.is_alone) Wrong(fmt::format("{}: two requests at the same time", lane.database));
  if (!IsCanary(piece) && !arrival.is_overtaken) CheckOrder(lane, numbers);
  switch (weather) {
    case Weather::kDown: return NoAnswer();
    case Weather::kOverloaded:
      if (OneIn(2)) return Http(503, "request throttled", OneIn(3) ? "1" : "");
      break;
    case Weather::kCredentials: return Http(401, "authorization failed");
    case Weather::kNotInflux: return Http(200, "<html>log in</html>");
    case Weather::kFailing: return Http(500, "An internal error has occurred");
    case Weather::kSmall:
      if (numbers.size() > kSmall) return Http(413, "Request Entity Too Large");
      break;
    case Weather::kFair:
    case Weather::kLosesAnswers: break;
  }
  if (missing.contains(lane)) {
    return lane.retention_policy.empty()
               ? Http(404,
                      fmt::format(R"({{"error":"database not found: \"{}\""}})", lane.database))
               : Http(500, R"({"error":"retention policy not found: rp"})");
  }
  const Result<Reply> answer = Judge(lanes_.at(lane), piece, numbers);
  if (weather == Weather::kLosesAnswers && OneIn(3)) return NoAnswer();
  return answer;
}

Result<Reply> BackendModel::Judge(Known& known, const Piece& /*piece*/,
                                  const std::vector<std::uint64_t>& numbers) {
  const auto has = [&](LineKind kind) {
    return std::any_of(numbers.begin(), numbers.end(),
                       [&](std::uint64_t number) { return known.lines[number - 1].kind == kind; });
  };
  if (has(LineKind::kPoison)) return Http(500, "panic: runtime error");
  if (has(LineKind::kBad) && OneIn(2)) return Http(400, "unable to parse 'bad v=1 1'");
  return Store(known, numbers);
}

Result<Reply> BackendModel::Store(Known& known, const std::vector<std::uint64_t>& numbers) {
  std::uint64_t dropped = 0;
  for (const std::uint64_t number : numbers) {
    Line& line = known.lines[number - 1];
    if (line.kind == LineKind::kBad) {
      ++dropped;
      continue;
    }
    line.is_stored = true;
    known.points[number % kPoints] = number;
  }
  if (dropped == 0) return OneIn(50) ? Http(200) : Status204();
  return Http(400, fmt::format("partial write: field type conflict dropped={}", dropped));
}

void BackendModel::Answered(const Piece& piece, const Result<Reply>& answer) {
  if (IsCanary(piece)) return;
  if (!answer.ok() || answer.value().http_status / 100 != 2 || !answer.value().body.empty()) return;
  Known& known = lanes_.at(LaneOf(piece.params()));
  for (const std::uint64_t number : NumbersIn(piece)) known.lines[number - 1].is_settled = true;
  known.PassOn();
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
      const bool is_good = line.kind == LineKind::kGood;
      if (is_good && !line.is_stored) {
        Wrong(fmt::format("{}: line {} was lost", lane.database, number));
      }
      if (is_good == is_dead) {
        Wrong(fmt::format("{}: line {} is {} a dead letter", lane.database, number,
                          is_dead ? "good and" : "bad and not"));
      }
      if (is_good) newest[number % kPoints] = number;
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
