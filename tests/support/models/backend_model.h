// A simulated backend, and the oracle of what it was sent.
//
// Each lane's lines are numbered 1, 2, 3, ... as they are accepted. A line
// contains its number, and overwrites the point of every line with the same number
// modulo a few: the points stored in the end show whether the order was kept,
// whatever was repeated. Every request is checked when it arrives: it carries the
// lane's lines without a hole, and none before the ones in front of it are settled
// (taken, and the answer came; refused for good; given up by an operator). Lines of
// a request of which some were too old may be sent by time; those of one point stay
// in order. A
// canary, which settles nothing, may carry any line, and lines that were not taken
// the first time may be redriven at any time.
//
// It answers with every row of the verdict's table and counts them.
//
// THREADS. One at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "replay/batch/send_batch.h"
#include "replay/transport/transport.h"
#include "tests/support/fakes/scripted_transport.h"

namespace relay::test {

// The kinds of line: the backend stores it, refuses it, or fails because of it;
// or it refused it once and stores it now that it is redriven.
enum class LineKind : std::uint8_t { kGood, kBad, kPoison, kMended };

// The backend's behaviour for a while.
enum class Weather : std::uint8_t {
  kFair,
  kDown,          // No connection.
  kOverloaded,    // 503 now and then.
  kCredentials,   // 401.
  kNotInflux,     // A web page.
  kFailing,       // 500, blaming nobody.
  kLosesAnswers,  // Takes what is sent; now and then the answer is lost.
  kSmall,         // 413 beyond a few lines.
  kSlow,          // Answers too late beyond some lines.
  kOneRow,        // Always the same row of the table, one that takes nothing.
};
inline constexpr std::uint64_t kWeathers = 10;

// The answer to a request.
struct Told {
  Result<Reply> reply;
  bool settles = false;  // The answer says that the lines are taken, or which are not.
  bool is_late = false;  // It took a long time.
};

class BackendModel {
 public:
  explicit BackendModel(std::mt19937_64& random) : random_(random) {}

  // Returns the next lines of a lane, as they are accepted.
  std::string NextLines(const Lane& lane, std::uint64_t count);

  // The circumstances of a request that arrives.
  struct Arrival {
    bool is_alone;      // Alone in its lane.
    bool is_overtaken;  // Its expected order has changed meanwhile.
  };
  Told Arrive(const SendBatch& batch, Arrival arrival);

  // Handles the arrival of the answer: a success settles its lines.
  void Answered(const SendBatch& batch, const Told& answer);

  // Accepts a dead letter's lines once more; some are taken this time.
  void Redriven(std::string_view lines, const Lane& lane);

  // Gives up everything that was ever accepted.
  void ForgetAll();

  void ChangeWeather();

  // Marks lines that an operator gave up, or asked for again.
  void GiveUp(std::string_view lines, const Lane& lane, bool given_up);

  // The first error found; empty: none.
  const std::string& wrong() const { return wrong_; }
  void Wrong(std::string what);

  // Checks at the end, when nothing is owed any more, that every line is where it belongs.
  void CheckEnd(const std::set<std::pair<Lane, std::uint64_t>>& dead);

  static std::uint64_t NumberOf(std::string_view line);

  Weather weather = Weather::kFair;
  std::set<Lane> missing;
  std::uint64_t requests = 0;
  std::map<std::string, std::uint64_t> rows;  // Counts the answers of each row of the table.

  // The number of rows to be met.
  static std::size_t RowsOfTable();

 private:
  struct Line {
    LineKind kind = LineKind::kGood;
    bool is_settled = false;
    bool is_given_up = false;
    bool is_stored = false;
    std::uint64_t group = 0;  // Lines of one refused request, of which the answer told some.
    bool passes() const { return is_settled || is_given_up || kind != LineKind::kGood; }
  };
  struct Known {
    std::vector<Line> lines;                        // Begins with number 1.
    std::uint64_t unsettled = 1;                    // The first that does not pass.
    std::map<std::uint64_t, std::uint64_t> points;  // The last number, by the point it overwrites.

    void PassOn() {
      while (unsettled <= lines.size() && lines[unsettled - 1].passes()) ++unsettled;
    }
  };

  static bool IsCanary(const SendBatch& batch) {
    return batch.parts.front().sequence == Sequence::BeforeFirst();
  }
  static std::vector<std::uint64_t> NumbersIn(const SendBatch& batch);
  void CheckOrder(const Lane& lane, const std::vector<std::uint64_t>& numbers);
  std::optional<Told> OfTheWeather(const Lane& lane, std::size_t lines);
  Told Judge(Known& known, const std::vector<std::uint64_t>& numbers);
  Told Store(Known& known, const std::vector<std::uint64_t>& numbers);
  static void Group(Known& known, const std::vector<std::uint64_t>& numbers, std::uint64_t id);
  Told TakenBut(const std::vector<std::size_t>& refused, std::size_t lines);
  Told Row(const std::string& name, Result<Reply> reply, bool settles = false);
  bool OneIn(std::uint64_t n) { return random_() % n == 0; }

  std::mt19937_64& random_;
  std::map<Lane, Known> lanes_;
  std::size_t row_ = 0;  // The row that kOneRow answers.
  std::string wrong_;
};

}  // namespace relay::test
