// Random lines, to a real influxd and through the relay's scanner: the relay
// takes what influxd takes and refuses what it refuses, and what it stores of a
// line is the same points.
//
//   lines_soak [LINES]     (360000)
//
// Left out are intended differences (relay/ingest/HTTP.md): carriage returns, NUL bytes,
// names that are not UTF-8, unsigned values, quotes with a blank behind two backslashes, a
// backslash at the end.
// The seed is printed and taken from RELAY_SEED. Exits with 1 if they differ otherwise, and shows
// the lines.
#define DOCTEST_CONFIG_DISABLE  // A program of its own: nothing of doctest is linked.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "relay/lineprotocol/scanner.h"
#include "tests/support/fakes/line_maker.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/socket.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace relay::test {
namespace {

constexpr std::uint64_t kRound = 500;  // Lines whose points are compared together.
constexpr WallTime kNow{std::chrono::nanoseconds(1'700'000'000'123'456'789)};

bool MeanToDiffer(std::string_view line) {
  if (line.ends_with('\\')) return true;
  if (line.find("\\\\ ") != line.npos && line.find('"') != line.npos) return true;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\r' || line[i] == '\0') return true;
    if (line[i] == '\xff' || line[i] == '\xed') return true;
    const bool after_digit = i > 0 && std::isdigit(static_cast<unsigned char>(line[i - 1])) != 0;
    if (line[i] == 'u' && after_digit) return true;
  }
  return false;
}

// Writes one body after the other on one connection.
class Client {
 public:
  explicit Client(const HostPort& server) : connection_(server) {}

  // Returns the answer, with its head.
  std::string Write(std::string_view database, std::string_view body) {
    connection_.Send(
        fmt::format("POST /write?db={} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{}",
                    database, body.size(), body));
    std::string answer = connection_.ReadUntil("\r\n\r\n").bytes;
    constexpr std::string_view kLength = "Content-Length: ";
    const std::size_t at = answer.find(kLength);
    if (at == std::string::npos) return answer;
    const std::size_t whole =
        answer.find("\r\n\r\n") + 4 + std::stoul(answer.substr(at + kLength.size()));
    while (answer.size() < whole) {
      const Received more = connection_.ReadSome();
      if (more.bytes.empty()) break;
      answer += more.bytes;
    }
    return answer;
  }

 private:
  RawConnection connection_;
};

// influxd cannot store some names at the first attempt, and says 500: the relay
// would retry.
std::string WriteAsRelay(Client& client, const std::string& database, const std::string& lines) {
  const std::string answer = client.Write(database, lines);
  return answer.starts_with("HTTP/1.1 5") ? client.Write(database, lines) : answer;
}

struct Tally {
  std::uint64_t lines = 0;
  std::uint64_t left_out = 0;
  std::uint64_t taken = 0;
  std::uint64_t differences = 0;
};

void Differ(Tally& tally, std::string_view how, std::string_view line, std::string_view answer) {
  constexpr std::uint64_t kShown = 20;
  if (++tally.differences > kShown) return;
  std::string shown;
  for (const char c : line) {
    const bool plain = c >= ' ' && c <= '~';
    shown += plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  fmt::print("{}: [{}]\n  {}\n", how, shown, answer);
}

// Compares the line as sent, in database "sent", with what the relay stores of it, in "stored".
void Compare(Client& client, const std::string& line, Tally& tally) {
  ScannedLines scanned = ScanLines(line, Precision::kNanosecond, kNow);
  // A time of its own would differ there.
  const bool timed =
      scanned.lines.find(std::to_string(kNow.time_since_epoch().count())) == std::string::npos;
  const std::string database = timed ? "sent" : "untimed";
  const std::string answer = WriteAsRelay(client, database, line);
  const bool refused = answer.find("unable to parse") != std::string::npos;
  // If a line is two, influxd may say that it cannot store the one, rather than
  // that it cannot read the other.
  const bool untold = answer.find("conflict") != std::string::npos;
  if (refused != (scanned.refused > 0) && !untold) {
    Differ(tally, refused ? "influxd alone refuses" : "the relay alone refuses", line,
           refused ? answer.substr(answer.find("\r\n\r\n") + 4) : scanned.errors.front().why);
  }
  if (scanned.points == 0) return;
  ++tally.taken;
  if (!timed) return;
  const std::string again = WriteAsRelay(client, "stored", scanned.lines);
  const bool alike = again.substr(0, 12) == answer.substr(0, 12) || scanned.refused > 0;
  if (!alike) Differ(tally, "stored otherwise", line, again);
}

bool Soak(std::uint64_t lines) {
  const TempDir directory;
  Influxd server(directory.path(), "", {"INFLUXDB_DATA_MAX_SERIES_PER_DATABASE=0"});
  Client client(server.endpoint());
  LineMaker maker(PrintedSeed());
  const std::vector<std::string> databases = {"sent", "stored", "untimed"};
  Tally tally;
  while (tally.lines < lines) {
    for (const std::string& database : databases) server.CreateDatabase(database);
    for (std::uint64_t i = 0; i < kRound && tally.lines < lines; ++i) {
      const std::string line = maker.Line();
      ++tally.lines;
      if (MeanToDiffer(line)) {
        ++tally.left_out;
      } else {
        Compare(client, line, tally);
      }
    }
    const std::string all = "SELECT * FROM /.*/ GROUP BY *";
    if (server.Query("sent", all) != server.Query("stored", all)) {
      Differ(tally, "the points differ", fmt::format("up to line {}", tally.lines), "");
    }
    for (const std::string& database : databases) server.Query("", "DROP DATABASE " + database);
  }
  fmt::print("{} lines: {} taken, {} refused, {} left out; {} differences\n", tally.lines,
             tally.taken, tally.lines - tally.taken - tally.left_out, tally.left_out,
             tally.differences);
  return tally.differences == 0;
}

}  // namespace
}  // namespace relay::test

int main(int argc, char** argv) {
  const std::uint64_t lines = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 360'000;
  return relay::test::Soak(lines) ? 0 : 1;
}
