#include "wal/log/record_ages.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "wal/base/crc32c.h"
#include "wal/base/files.h"

namespace relay {
namespace {

using std::chrono::nanoseconds;

constexpr std::string_view kFirstLine = "influxdb-relay ages 1\n";
constexpr std::string_view kChecksum = "checksum ";
constexpr std::string_view kRecords = "records";
constexpr std::string_view kLetters = "letters";

// Takes a number and the blank or line end behind it.
template <typename Number>
std::optional<Number> TakeNumber(std::string_view& text, int base = 10) {
  Number number = 0;
  const char* const end = text.data() + text.size();
  const auto [at, failed] = std::from_chars(text.data(), end, number, base);
  if (failed != std::errc()) return std::nullopt;
  const auto taken = static_cast<std::size_t>(at - text.data());
  text.remove_prefix(std::min(text.size(), taken + 1));
  return number;
}

bool TakeWord(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word) || text.size() <= word.size()) return false;
  text.remove_prefix(word.size() + 1);
  return true;
}

// The newest stamp, or the wall clock if that is earlier.
WallTime ReferenceOf(const Queues& queues, WallTime now) {
  WallTime newest;
  for (const auto& [backend, queue] : queues) newest = std::max(newest, queue.last_accepted);
  return std::min(newest, now);
}

}  // namespace

void RecordAges::Look(const Queues& queues, const Moment& now) {
  std::optional<Ages> begun;
  if (!saved_at_) begun = Begin(queues, now);
  std::unique_lock lock(mutex_);
  if (begun) ages_ = *std::move(begun);
  Ages looked;
  for (const auto& [backend, queue] : queues) {
    OfQueue& of = looked[queue.number.value()];
    const auto known = ages_.find(queue.number.value());
    if (known != ages_.end()) of = std::move(known->second);
    Add(of.records, queue.head.sequence.value(), now.steady);
    Add(of.letters, queue.state.last_dead, now.steady);
  }
  ages_ = std::move(looked);
  lock.unlock();
  if (!saved_at_ || now.steady - *saved_at_ >= kSaveInterval) Save(now.steady);
}

// Reads the file; queues that it does not name are as old as their stamps say.
RecordAges::Ages RecordAges::Begin(const Queues& queues, const Moment& now) const {
  Ages ages;
  if (const Result<std::string> text = ReadWhole(path_); text.ok()) {
    ages = Decode(text.value(), now.steady).value_or(Ages());
  }
  // The log may be an older copy than the file.
  const auto cut = [](Numbers& numbers, std::uint64_t last) {
    std::erase_if(numbers.marks, [last](const Mark& mark) { return mark.through > last; });
    numbers.stamps.through = std::min(numbers.stamps.through, last);
  };
  const WallTime reference = ReferenceOf(queues, now.wall);
  for (const auto& [backend, queue] : queues) {
    const std::uint64_t head = queue.head.sequence.value();
    const OfQueue by_stamps{.records = {.stamps = {head, reference, now.steady}},
                            .letters = {.stamps = {queue.state.last_dead, reference, now.steady}}};
    OfQueue& of = ages.try_emplace(queue.number.value(), by_stamps).first->second;
    cut(of.records, head);
    cut(of.letters, queue.state.last_dead);
  }
  return ages;
}

void RecordAges::Add(Numbers& numbers, std::uint64_t given, Clock::TimePoint now) {
  const std::uint64_t known = numbers.marks.empty() ? 0 : numbers.marks.back().through;
  if (given <= known) return;
  numbers.marks.push_back({now, given});
  if (numbers.marks.size() >= numbers.thin_at) Thin(numbers, now);
}

// Keeps marks that are apart by no more than a 64th of their age: what lies between counts as
// younger than it is.
void RecordAges::Thin(Numbers& numbers, Clock::TimePoint now) {
  constexpr int kShare = 64;
  std::vector<Mark>& marks = numbers.marks;
  std::vector<Mark> kept{marks.back()};
  for (std::size_t i = marks.size() - 1; i-- > 1;) {
    const Clock::TimePoint newer = kept.back().at;
    if (newer - marks[i - 1].at > (now - newer) / kShare) kept.push_back(marks[i]);
  }
  kept.push_back(marks.front());
  std::reverse(kept.begin(), kept.end());
  marks = std::move(kept);
  numbers.thin_at = std::max(kThinLeast, 2 * marks.size());
}

AgeLimit RecordAges::OlderThan(const Numbers& numbers, nanoseconds age, Clock::TimePoint now) {
  AgeLimit limit;
  const auto young =
      std::partition_point(numbers.marks.begin(), numbers.marks.end(),
                           [age, now](const Mark& mark) { return now - mark.at > age; });
  if (young != numbers.marks.begin()) limit.seen = std::prev(young)->through;
  limit.stamped = numbers.stamps.through;
  limit.before = numbers.stamps.reference + (now - numbers.stamps.at) - age;
  return limit;
}

AgeLimit RecordAges::RecordsOlderThan(BackendNumber queue, nanoseconds age,
                                      Clock::TimePoint now) const {
  const std::lock_guard lock(mutex_);
  const auto found = ages_.find(queue.value());
  return found == ages_.end() ? AgeLimit() : OlderThan(found->second.records, age, now);
}

AgeLimit RecordAges::LettersOlderThan(BackendNumber queue, nanoseconds age,
                                      Clock::TimePoint now) const {
  const std::lock_guard lock(mutex_);
  const auto found = ages_.find(queue.value());
  return found == ages_.end() ? AgeLimit() : OlderThan(found->second.letters, age, now);
}

// ---------------------------------------------------------------- the file

void RecordAges::Save(Clock::TimePoint now) {
  saved_at_ = now;
  const Status written = ReplaceWhole(path_, Encode(now));
  if (!written.ok()) return;  // The next call tries again.
}

// A line is: the queue's number, what is numbered, its stamps (through, their time, the age of that
// time), then each mark as a number and its age. Times are nanoseconds.
void RecordAges::Put(std::string& text, const Numbers& numbers, Clock::TimePoint now) {
  const Stamps& stamps = numbers.stamps;
  fmt::format_to(std::back_inserter(text), " {} {} {}", stamps.through,
                 stamps.reference.time_since_epoch().count(), (now - stamps.at).count());
  for (const Mark& mark : numbers.marks) {
    fmt::format_to(std::back_inserter(text), " {} {}", mark.through, (now - mark.at).count());
  }
  text += '\n';
}

std::string RecordAges::Encode(Clock::TimePoint now) const {
  std::string text(kFirstLine);
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [queue, of] : ages_) {
      fmt::format_to(std::back_inserter(text), "{} {}", queue, kRecords);
      Put(text, of.records, now);
      fmt::format_to(std::back_inserter(text), "{} {}", queue, kLetters);
      Put(text, of.letters, now);
    }
  }
  const std::uint32_t crc = Crc32c(text);
  fmt::format_to(std::back_inserter(text), "{}{:08x}\n", kChecksum, crc);
  return text;
}

bool RecordAges::TakeNumbers(std::string_view line, Numbers& numbers, Clock::TimePoint now) {
  const auto through = TakeNumber<std::uint64_t>(line);
  const auto reference = TakeNumber<std::int64_t>(line);
  const auto since = TakeNumber<std::int64_t>(line);
  if (!through || !reference || !since) return false;
  numbers.stamps = {*through, WallTime(nanoseconds(*reference)), now - nanoseconds(*since)};
  while (!line.empty()) {
    const auto number = TakeNumber<std::uint64_t>(line);
    const auto age = TakeNumber<std::int64_t>(line);
    if (!number || !age) return false;
    numbers.marks.push_back({now - nanoseconds(*age), *number});
  }
  return true;
}

// nullopt: it is damaged, or of another version.
std::optional<RecordAges::Ages> RecordAges::Decode(std::string_view text, Clock::TimePoint now) {
  const std::size_t end = text.rfind(kChecksum);
  if (!text.starts_with(kFirstLine) || end == std::string_view::npos) return std::nullopt;
  std::string_view sum = text.substr(end + kChecksum.size());
  if (TakeNumber<std::uint32_t>(sum, 16) != Crc32c(text.substr(0, end))) return std::nullopt;
  Ages ages;
  std::string_view left = text.substr(kFirstLine.size(), end - kFirstLine.size());
  while (!left.empty()) {
    std::string_view line = left.substr(0, left.find('\n'));
    left.remove_prefix(std::min(left.size(), line.size() + 1));
    const auto queue = TakeNumber<std::uint32_t>(line);
    if (!queue) return std::nullopt;
    OfQueue& of = ages[*queue];
    const bool is_of_records = TakeWord(line, kRecords);
    if (!is_of_records && !TakeWord(line, kLetters)) return std::nullopt;
    if (!TakeNumbers(line, is_of_records ? of.records : of.letters, now)) return std::nullopt;
  }
  return ages;
}

}  // namespace relay
