// A backend as a simulation sees it, and the oracle of what it was sent.
//
// Each lane's lines are numbered 1, 2, 3, ... as they are accepted; a line says
// its number, and overwrites the point of every line whose number is the same
// modulo a few. So what is stored in the end tells whether the order was kept,
// whatever was repeated. Every request is checked when it arrives: it carries
// the lane's lines without a hole, and none before the ones in front of it are
// settled (taken, and the answer came; refused for good; given up by an operator).
// A canary, which settles nothing, may carry any line, and lines that were not
// taken the first time may be redriven at any time.
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

#include "replay/delivery/send_batch.h"
#include "replay/transport/transport.h"
#include "tests/support/fakes/scripted_transport.h"

namespace relay::test {

// What a line is: the backend stores it, refuses it, or fails because of it; or
// it refused it once and stores it now that it is redriven.
enum class LineKind : std::uint8_t { kGood, kBad, kPoison, kMended };

// How the backend behaves for a while.
enum class Weather : std::uint8_t {
  kFair,
  kDown,          // No connection.
  kOverloaded,    // 503 now and then.
  kCredentials,   // 401.
  kNotInflux,     // A web page.
  kFailing,       // 500, blaming nobody.
  kLosesAnswers,  // Takes what is sent; the answer does not come now and then.
  kSmall,         // 413 beyond a few lines.
  kSlow,          // What is beyond some lines is not answered in time.
  kOneRow,        // Whatever takes nothing: a row of the table, the same for all of the while.
};
inline constexpr std::uint64_t kWeathers = 10;

// What a request is answered.
struct Told {
  Result<Reply> reply;
  bool settles = false;  // It says that the lines are taken, or which are not.
  bool is_late = false;  // It took a long time.
};

class BackendModel {
 public:
  explicit BackendModel(std::mt19937_64& random) : random_(random) {}

  // The next lines of a lane, as they are accepted.
  std::string NextLines(const Lane& lane, std::uint64_t count);

  // A request arrives; what is answered.
  struct Arrival {
    bool is_alone;      // In its lane.
    bool is_overtaken;  // What its order was to be has changed meanwhile.
  };
  Told Arrive(const SendBatch& batch, Arrival arrival);

  // The answer has come: what a success means is settled.
  void Answered(const SendBatch& batch, const Told& answer);

  // A dead letter's lines are accepted once more; some are taken this time.
  void Redriven(std::string_view lines, const Lane& lane);

  // Everything that was ever accepted is given up.
  void ForgetAll();

  void ChangeWeather();

  // Lines that an operator gave up, or asked for again.
  void GiveUp(std::string_view lines, const Lane& lane, bool given_up);

  // What was found to be wrong first; empty: nothing.
  const std::string& wrong() const { return wrong_; }
  void Wrong(std::string what);

  // At the end, when nothing is owed any more: every line is where it belongs.
  void CheckEnd(const std::set<std::pair<Lane, std::uint64_t>>& dead);

  static std::uint64_t NumberOf(std::string_view line);

  Weather weather = Weather::kFair;
  std::set<Lane> missing;
  std::uint64_t requests = 0;
  std::map<std::string, std::uint64_t> rows;  // Of the table, how often each was answered.

  // As many as there are to be met.
  static std::size_t RowsOfTable();

 private:
  struct Line {
    LineKind kind = LineKind::kGood;
    bool is_settled = false;
    bool is_given_up = false;
    bool is_stored = false;
    bool passes() const { return is_settled || is_given_up || kind != LineKind::kGood; }
  };
  struct Known {
    std::vector<Line> lines;                        // Number 1 first.
    std::uint64_t unsettled = 1;                    // The first that does not pass.
    std::map<std::uint64_t, std::uint64_t> points;  // By what it overwrites: the last number.

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
  Told TakenBut(const std::vector<std::size_t>& refused, std::size_t lines);
  Told Row(const std::string& name, Result<Reply> reply, bool settles = false);
  bool OneIn(std::uint64_t n) { return random_() % n == 0; }

  std::mt19937_64& random_;
  std::map<Lane, Known> lanes_;
  std::size_t row_ = 0;  // Of kOneRow.
  std::string wrong_;
};

}  // namespace relay::test
