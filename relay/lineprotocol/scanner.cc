#include "relay/lineprotocol/scanner.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "relay/lineprotocol/fast_path.h"
#include "relay/lineprotocol/grammar.h"
#include "wal/record/lines.h"

namespace relay {
namespace {

constexpr std::size_t kShownBytesMax = 256;

// Edits a text from front to back; copies nothing if there is no edit.
class Rewrite {
 public:
  explicit Rewrite(std::string text) : text_(std::move(text)) {}

  const std::string& text() const { return text_; }

  // REQUIRES: from <= to; places in order.
  void Replace(std::size_t from, std::size_t to, std::string_view by) {
    if (done_ == 0) result_.reserve(text_.size() + text_.size() / 8 + by.size());
    result_.append(text_, done_, from - done_).append(by);
    done_ = to;
  }

  std::string Finish() && {
    if (done_ == 0) return std::move(text_);
    return std::move(result_.append(text_, done_));
  }

 private:
  std::string text_;
  std::string result_;
  std::size_t done_ = 0;
};

// Returns at most `size_max` bytes of `text` without splitting a UTF-8 sequence.
std::string_view Cut(std::string_view text, std::size_t size_max) {
  if (text.size() <= size_max) return text;
  constexpr std::size_t kContinuationsMax = 3;
  std::size_t end = size_max;
  while (end + kContinuationsMax > size_max &&
         (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
    --end;
  }
  return text.substr(0, end);
}

// Returns the timestamp to append to a point without one.
std::string StampOf(WallTime now, Precision precision) {
  return " " + std::to_string(now.time_since_epoch() / UnitOf(precision)) + "\n";
}

// Adds the last line's newline if it is missing.
std::string WithLastNewline(std::string body) {
  if (!body.ends_with('\n')) body.push_back('\n');
  return body;
}

// A line as the client sent it, without the newline and the carriage return
// that end it.
struct GivenLine {
  std::string_view text;
  std::size_t start = 0;  // The first byte that is not blank.
  std::size_t next = 0;   // The next line's start in the body.
  bool open = false;      // It would continue into a following line.

  bool IsPoint() const { return start < text.size() && text[start] != '#'; }
  std::string_view point() const { return text.substr(start); }
};

// Returns whether the line would end elsewhere without its leading blanks: quotes count
// from the first blank on, so a leading blank makes those of the name count.
bool EndsElsewhereAlone(const GivenLine& line) {
  if (line.start == 0) return false;
  const LineExtent alone = MeasureLine(line.point());
  return alone.size != line.point().size() || alone.open;
}

LineVerdict Judge(const GivenLine& line, Precision precision) {
  if (line.text.find('\0') != std::string_view::npos) return {.reason = "NUL byte"};
  LineVerdict verdict = JudgeLine(line.point(), precision);
  if (!verdict.reason.empty()) return verdict;
  if (line.open || EndsElsewhereAlone(line))
    verdict.reason = "line ends within quotes or an escape";
  return verdict;
}

class Scanner {
 public:
  Scanner(std::string body, Precision precision, WallTime now, Bytes line_max)
      : precision_(precision),
        now_(now),
        line_max_(line_max.count()),
        given_size_(body.size()),
        rewrite_(WithLastNewline(std::move(body))) {}

  ScannedLines Scan() &&;

 private:
  void TakeFast(FastLines::Line line);
  void TakeGiven(const GivenLine& line);
  void TakePoint(const GivenLine& line, const LineVerdict& verdict);
  void Refuse(const GivenLine& line, std::string_view reason);

  const std::string& body() const { return rewrite_.text(); }
  GivenLine LineHere() const;
  const std::string& Stamp();

  Precision precision_;
  WallTime now_;
  std::size_t line_max_;
  std::size_t given_size_;  // The size of the body as received.
  Rewrite rewrite_;
  std::string stamp_;
  std::size_t at_ = 0;          // The current line's start.
  std::uint64_t newlines_ = 0;  // Newlines before it.
  ScannedLines result_;
};

ScannedLines Scanner::Scan() && {
  FastLines fast(body(), precision_);
  while (at_ < body().size()) {
    const FastLines::Line line = fast.Next(at_);
    if (line.kind == FastLines::Kind::kUnsure || line.end - at_ > line_max_) {
      TakeGiven(LineHere());
    } else {
      TakeFast(line);
    }
  }
  result_.lines = std::move(rewrite_).Finish();
  return std::move(result_);
}

void Scanner::TakeFast(FastLines::Line line) {
  const std::size_t next = line.end + 1;
  if (line.kind == FastLines::Kind::kUntimed) rewrite_.Replace(line.end, next, Stamp());
  ++result_.points;
  ++newlines_;
  at_ = next;
}

GivenLine Scanner::LineHere() const {
  const std::string_view rest = std::string_view(body()).substr(at_, given_size_ - at_);
  const LineExtent extent = MeasureLine(rest);
  GivenLine line;
  line.text = rest.substr(0, extent.size);
  line.next = std::min(at_ + extent.size + 1, body().size());
  line.open = extent.open;
  if (line.text.ends_with('\n')) {  // Quoted or escaped, at the end of the body.
    line.text.remove_suffix(1);
    line.open = true;
  } else if (line.text.ends_with('\r') && !extent.open && !extent.ends_escaped) {
    line.text.remove_suffix(1);
  }
  line.start = SkipBlanks(line.text, 0);
  return line;
}

void Scanner::TakeGiven(const GivenLine& line) {
  if (line.IsPoint() && line.text.size() > line_max_) {
    ++result_.too_long;
    Refuse(line, "line is longer than " + std::to_string(line_max_) + " bytes");
  } else if (line.IsPoint()) {
    TakePoint(line, Judge(line, precision_));
  } else {
    rewrite_.Replace(at_, line.next, "");
  }
  const std::string_view taken = std::string_view(body()).substr(at_, line.next - at_);
  newlines_ += static_cast<std::uint64_t>(std::count(taken.begin(), taken.end(), '\n'));
  at_ = line.next;
}

void Scanner::TakePoint(const GivenLine& line, const LineVerdict& verdict) {
  if (!verdict.reason.empty()) return Refuse(line, verdict.reason);
  ++result_.points;
  // `influx` sends a leading blank. InfluxDB skips it; VictoriaMetrics makes it part of
  // the name.
  if (line.start > 0) rewrite_.Replace(at_, at_ + line.start, "");
  const std::size_t end = at_ + line.text.size();
  if (!verdict.timed) {
    rewrite_.Replace(at_ + line.start + verdict.fields_end, line.next, Stamp());
  } else if (end + 1 != line.next) {
    rewrite_.Replace(end, line.next, "\n");
  }
}

void Scanner::Refuse(const GivenLine& line, std::string_view reason) {
  if (result_.errors.size() < kErrorsKept) {
    result_.errors.push_back(
        {newlines_ + 1, std::string(Cut(line.point(), kShownBytesMax)), std::string(reason)});
  }
  ++result_.refused;
  rewrite_.Replace(at_, line.next, "");
}

const std::string& Scanner::Stamp() {
  if (stamp_.empty()) stamp_ = StampOf(now_, precision_);
  return stamp_;
}

// Returns the factor by which InfluxDB 3 multiplies a time without a given unit.
std::int64_t GuessedUnit(std::int64_t time) {
  constexpr std::int64_t kBillion = 1'000'000'000;
  const std::int64_t size = std::abs(time / kBillion);
  if (size < 5) return kBillion;
  if (size < 5'000) return 1'000'000;
  if (size < 5'000'000) return 1'000;
  return 1;
}

}  // namespace

std::string WithGuessedTimes(std::string lines) {
  Rewrite rewrite(std::move(lines));
  const std::string_view text = rewrite.text();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = at + MeasureLine(text.substr(at)).size;
    const std::string_view line = text.substr(at, end - at);
    const std::optional<std::int64_t> time = TimestampOf(line);
    const std::int64_t unit = time ? GuessedUnit(*time) : 1;
    if (unit != 1) {
      const std::string_view digits = TimeTextOf(line);
      const auto begin = static_cast<std::size_t>(digits.data() - text.data());
      rewrite.Replace(begin, begin + digits.size(), std::to_string(*time * unit));
    }
    at = end + 1;
  }
  return std::move(rewrite).Finish();
}

ScannedLines ScanLines(std::string body, Precision precision, WallTime now, Bytes line_max) {
  if (body.empty()) return {};
  return Scanner(std::move(body), precision, now, line_max).Scan();
}

}  // namespace relay
