#include "replay/marks/mark_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "wal/base/ascii.h"
#include "wal/base/crc32c.h"

namespace relay {
namespace {

constexpr std::string_view kTitle = "influxdb-relay watermarks 1";
constexpr std::array kDivergences = {Divergence::kPutBack, Divergence::kEmptied, Divergence::kGone,
                                     Divergence::kSwapped};

// An empty name is a dash; a dash, like everything else but letters and digits, is encoded.
std::string Word(std::string_view text) {
  std::string word;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    word += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return word.empty() ? "-" : word;
}

Error Damaged() {
  return {ErrorCode::kCorruption, "the file of watermarks is damaged, or of a newer version"};
}

Result<std::string> TextOf(std::string_view word) {
  std::string text;
  if (word == "-") return text;
  while (!word.empty()) {
    if (word.front() != '%') {
      text += word.front();
      word.remove_prefix(1);
      continue;
    }
    const std::optional<char> byte = HexByte(word.substr(1, 2));
    if (!byte || word.size() < 3) return Damaged();
    text += *byte;
    word.remove_prefix(3);
  }
  return text;
}

template <typename T>
Result<T> NumberOf(std::string_view word) {
  T number{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size()) return Damaged();
  return number;
}

std::vector<std::string_view> WordsOf(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

}  // namespace

void MarkBook::Delivered(const Lane& lane, Sequence last) {
  auto found = lanes_.find(lane);
  if (found == lanes_.end()) {
    has_too_many_ = lanes_.size() >= kLanesMax;
    if (has_too_many_) return;
    found = lanes_.try_emplace(lane).first;
  }
  found->second.delivered = std::max(found->second.delivered, last);
}

// A statement may have deleted marks, and data, on purpose.
void MarkBook::Changed(const std::string& database) {
  std::erase_if(lanes_, [&](const auto& one) { return one.first.database == database; });
}

void MarkBook::Rewound(const Marks& marks) {
  for (auto& [lane, state] : lanes_) {
    state.rewound_to = std::min(state.rewound_to.value_or(marks.cursor), marks.cursor);
    if (!state.diverged) continue;
    const bool is_all_kept = marks.cursor == marks.trimmed;
    if (marks.cursor > state.diverged->from && !is_all_kept) continue;
    state.marks.ForgetAfter(std::min(state.diverged->from, marks.cursor));
    state.diverged.reset();
  }
}

void MarkBook::BeginLease(std::uint64_t lease) {
  if (std::exchange(lease_, lease) == lease) return;
  for (auto& [lane, state] : lanes_) state = {};
}

bool MarkBook::Acknowledge() {
  bool any = false;
  for (auto& [lane, state] : lanes_) {
    if (!state.diverged) continue;
    any = true;
    state.marks.Clear();
    state.diverged.reset();
  }
  return any;
}

MarkBook::Outcome MarkBook::Note(const Lane& lane, const MarksRead& read, WallTime now,
                                 const Marks& marks) {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end()) return Outcome::kIntact;  // A statement came in between.
  LaneState& state = found->second;
  const MarksVerdict verdict = state.marks.Judge(read, now);
  if (verdict.kind != MarksVerdict::Kind::kDiverged) return NoteThere(state, verdict);
  return NoteLost(state, verdict, {now, verdict.divergence, verdict.from, read.other}, marks);
}

void MarkBook::NoteIntact(const Lane& lane) {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end()) return;
  found->second.missed = false;
  found->second.rewound_to.reset();
}

MarkBook::Outcome MarkBook::NoteThere(LaneState& state, const MarksVerdict& verdict) {
  const bool is_known = verdict.kind == MarksVerdict::Kind::kIntact;
  state.missed = false;
  if (is_known) state.rewound_to.reset();
  if (!state.diverged) {
    if (!is_known) state.marks.Clear();
    return Outcome::kIntact;
  }
  if (!is_known) return Outcome::kDiverged;
  state.diverged->from = verdict.from;
  // Delivered to whatever answered meanwhile: that is missing here.
  if (state.delivered > verdict.from) return Outcome::kDiverged;
  state.diverged.reset();
  return Outcome::kMended;
}

MarkBook::Outcome MarkBook::NoteLost(LaneState& state, const MarksVerdict& verdict,
                                     LaneDivergence found, const Marks& marks) {
  const bool was_diverged = state.diverged.has_value();
  // An operator was faster than the check, or everything that is missing is owed anyway.
  const bool is_owed = marks.cursor <= verdict.from ||
                       (state.rewound_to &&
                        (*state.rewound_to <= verdict.from || *state.rewound_to <= marks.trimmed));
  if (is_owed) {
    state.marks.ForgetAfter(verdict.from);
    state.diverged.reset();
    state.rewound_to.reset();
    state.missed = false;
    return was_diverged ? Outcome::kMended : Outcome::kIntact;
  }
  if (!was_diverged && !std::exchange(state.missed, true)) return Outcome::kUnsure;
  state.missed = false;
  if (was_diverged) found.since = state.diverged->since;
  state.diverged = std::move(found);
  return Outcome::kDiverged;
}

std::optional<Watermark> MarkBook::NextMark(const Lane& lane, const MarksRead& read, WallTime now,
                                            std::optional<Sequence> cursor) const {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end() || !read.has_place) return std::nullopt;
  const LaneState& state = found->second;
  if (state.diverged || state.missed) return std::nullopt;
  const std::int64_t time = now.time_since_epoch().count();
  if (state.marks.empty()) {
    if (!cursor) return std::nullopt;
    return Watermark{time, *cursor};
  }
  const Watermark& newest = state.marks.newest();
  const std::int64_t next_time = std::max(time, newest.time + 1);
  // While records come once more, older marks say more.
  const Sequence to = std::max(cursor.value_or(newest.sequence), newest.sequence);
  if (to > newest.sequence && state.delivered > newest.sequence) return Watermark{next_time, to};
  // Written again before the policy deletes it.
  const bool is_old = read.keeps.count() > 0 && time - newest.time > read.keeps.count() / 2;
  if (is_old) return Watermark{next_time, to};
  return std::nullopt;
}

void MarkBook::Acknowledged(const Lane& lane, Watermark mark, Sequence trimmed) {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end() || found->second.diverged) return;
  LaneMarks& marks = found->second.marks;
  const bool is_later = marks.empty() || (marks.newest().time < mark.time &&
                                          marks.newest().sequence <= mark.sequence);
  if (is_later) marks.Remember(mark, trimmed);
}

std::vector<Lane> MarkBook::Lanes() const {
  std::vector<Lane> lanes;
  lanes.reserve(lanes_.size());
  for (const auto& [lane, state] : lanes_) lanes.push_back(lane);
  return lanes;
}

const LaneMarks& MarkBook::MarksOf(const Lane& lane) const {
  static const LaneMarks none;
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? none : found->second.marks;
}

std::optional<LaneDivergence> MarkBook::DivergenceOf(const Lane& lane) const {
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? std::nullopt : found->second.diverged;
}

std::optional<std::pair<Lane, LaneDivergence>> MarkBook::Worst() const {
  std::optional<std::pair<Lane, LaneDivergence>> worst;
  WallTime since = WallTime::max();
  for (const auto& [lane, state] : lanes_) {
    if (!state.diverged) continue;
    since = std::min(since, state.diverged->since);
    if (!worst || state.diverged->from < worst->second.from) worst = {lane, *state.diverged};
  }
  if (worst) worst->second.since = since;
  return worst;
}

std::optional<Watermark> MarkBook::Newest() const {
  std::optional<Watermark> newest;
  for (const auto& [lane, state] : lanes_) {
    if (!state.marks.empty()) newest = std::max(newest.value_or(Watermark()), state.marks.newest());
  }
  return newest;
}

// ----------------------------------------------------------------------- file

std::string MarkBook::Encode(const std::string& log) const {
  std::string text = fmt::format("{}\nlog {} {}\n", kTitle, Word(log), lease_);
  for (const auto& [lane, state] : lanes_) {
    text += fmt::format("lane {} {}\n", Word(lane.database), Word(lane.retention_policy));
    for (const Watermark& mark : state.marks.all()) {
      text += fmt::format("mark {} {}\n", mark.time, mark.sequence.value());
    }
    if (!state.diverged) continue;
    const LaneDivergence& diverged = *state.diverged;
    text += fmt::format("diverged {} {} {} {}\n", diverged.since.time_since_epoch().count(),
                        diverged.from.value(), Word(ToString(diverged.divergence)),
                        Word(diverged.other));
  }
  return text + fmt::format("end {:08x}\n", Crc32c(text));
}

class MarkBook::Reader {
 public:
  explicit Reader(Sequence cursor) : cursor_(cursor) {}

  Status Line(const std::vector<std::string_view>& words) {
    if (words.empty()) return Damaged();
    if (words[0] == "lane" && words.size() == 3) return TakeLane(words[1], words[2]);
    if (words[0] == "mark" && words.size() == 3) return TakeMark(words[1], words[2]);
    if (words[0] == "diverged" && words.size() == 5) return TakeDivergence(words);
    return Damaged();
  }

  MarkBook book;

 private:
  Status TakeLane(std::string_view database, std::string_view policy) {
    Lane lane;
    ASSIGN_OR_RETURN(lane.database, TextOf(database));
    ASSIGN_OR_RETURN(lane.retention_policy, TextOf(policy));
    state_ = &book.lanes_[lane];
    state_->delivered = cursor_;
    return Ok();
  }

  Status TakeMark(std::string_view time, std::string_view sequence) {
    Watermark mark;
    ASSIGN_OR_RETURN(mark.time, NumberOf<std::int64_t>(time));
    ASSIGN_OR_RETURN(const auto number, NumberOf<std::uint64_t>(sequence));
    mark.sequence = Sequence(number);
    if (state_ == nullptr) return Damaged();
    LaneMarks& marks = state_->marks;
    const bool ascends = marks.empty() || (marks.newest().time < mark.time &&
                                           marks.newest().sequence <= mark.sequence);
    if (!ascends) return Damaged();
    marks.Remember(mark, Sequence::BeforeFirst());
    return Ok();
  }

  Status TakeDivergence(const std::vector<std::string_view>& words) {
    ASSIGN_OR_RETURN(const auto since, NumberOf<std::int64_t>(words[1]));
    ASSIGN_OR_RETURN(const auto from, NumberOf<std::uint64_t>(words[2]));
    ASSIGN_OR_RETURN(const std::string word, TextOf(words[3]));
    ASSIGN_OR_RETURN(std::string other, TextOf(words[4]));
    const auto* const found =
        std::find_if(kDivergences.begin(), kDivergences.end(),
                     [&word](Divergence one) { return ToString(one) == word; });
    if (found == kDivergences.end() || state_ == nullptr) return Damaged();
    state_->diverged = LaneDivergence{WallTime(std::chrono::nanoseconds(since)), *found,
                                      Sequence(from), std::move(other)};
    return Ok();
  }

  const Sequence cursor_;
  LaneState* state_ = nullptr;
};

Result<MarkBook> MarkBook::Decode(std::string_view text, const std::string& log, Sequence cursor) {
  const std::size_t end = text.rfind("end ");
  if (end == std::string_view::npos) return Damaged();
  if (text.substr(end) != fmt::format("end {:08x}\n", Crc32c(text.substr(0, end)))) {
    return Damaged();
  }
  text = text.substr(0, end);
  Reader reader(cursor);
  for (std::size_t line = 0; !text.empty(); ++line) {
    const std::size_t size = std::min(text.find('\n'), text.size());
    const std::string_view content = text.substr(0, size);
    text.remove_prefix(std::min(size + 1, text.size()));
    if (line == 0) {
      if (content != kTitle) return Damaged();
      continue;
    }
    const std::vector<std::string_view> words = WordsOf(content);
    if (line > 1) {
      RETURN_IF_ERROR(reader.Line(words));
      continue;
    }
    if (words.size() != 3 || words[0] != "log") return Damaged();
    if (words[1] != Word(log)) return MarkBook();
    ASSIGN_OR_RETURN(reader.book.lease_, NumberOf<std::uint64_t>(words[2]));
  }
  return std::move(reader.book);
}

}  // namespace relay
