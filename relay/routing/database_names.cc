#include "relay/routing/database_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <tuple>
#include <utility>

#include "relay/base/append_line.h"
#include "relay/base/event_log.h"
#include "wal/base/ascii.h"
#include "wal/base/crc32c.h"
#include "wal/base/files.h"
#include "wal/base/mix.h"

namespace relay {
namespace {

constexpr std::size_t kCrcSize = 8;

std::uint32_t HourOf(WallTime time) {
  const auto hours = std::chrono::duration_cast<std::chrono::hours>(time.time_since_epoch());
  return static_cast<std::uint32_t>(std::max<std::int64_t>(hours.count(), 0));
}

std::string NameInFile(std::string_view name) {
  constexpr char kDelete = 0x7f;
  std::string text;
  for (const char c : name) {
    const bool is_plain = static_cast<unsigned char>(c) > ' ' && c != '%' && c != kDelete;
    text += is_plain ? std::string(1, c) : fmt::format("%{:02x}", static_cast<unsigned char>(c));
  }
  return text;
}

// nullopt: not an escaped name.
std::optional<std::string> NameFromFile(std::string_view text) {
  constexpr std::size_t kEscape = 3;
  std::string name;
  while (!text.empty()) {
    if (text.front() != '%') {
      name += text.front();
      text.remove_prefix(1);
      continue;
    }
    if (text.size() < kEscape) return std::nullopt;
    const std::optional<char> byte = HexByte(text.substr(1, 2));
    if (!byte) return std::nullopt;
    name += *byte;
    text.remove_prefix(kEscape);
  }
  return name;
}

// Takes a number and the blank behind it from the front of a text; nullopt: there is none.
std::optional<std::uint32_t> TakeNumber(std::string_view& text) {
  std::uint32_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end == text.data() + text.size() || *end != ' ') return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return number;
}

std::string CrcOf(std::string_view text) {
  return fmt::format("{:08x}", Crc32c(text));
}

}  // namespace

struct DatabaseNames::Batch {
  std::vector<std::string> names;  // Those that changed.
  std::string text;
  std::size_t lines = 0;
  bool is_whole = false;
  Done done;
};

DatabaseNames::DatabaseNames(std::string path, const Clock& clock)
    : path_(std::move(path)), clock_(clock), hour_(HourOf(clock.WallNow())) {
  if (!path_.empty()) Load();
}

void DatabaseNames::Load() {
  const Result<std::string> text = ReadWhole(path_);
  if (!text.ok()) {
    if (text.error().code() == ErrorCode::kNotFound) return;
    return LogEvent(Level::kWarning, "the names of databases that clients used are not known",
                    {{"reason", text.error().message()}});
  }
  std::size_t damaged = 0;
  std::string_view rest = text.value();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (!TakeLine(rest.substr(0, end))) ++damaged;
    ++lines_;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  is_whole_due_ = damaged > 0;
  if (names_.size() > kCountMax + kSlack) Cut();
}

// Returns false if the line is damaged.
bool DatabaseNames::TakeLine(std::string_view line) {
  if (line.size() <= kCrcSize || line[kCrcSize] != ' ') return false;
  std::string_view rest = line.substr(kCrcSize + 1);
  if (CrcOf(rest) != line.substr(0, kCrcSize)) return false;
  const std::optional<std::uint32_t> first = TakeNumber(rest);
  const std::optional<std::uint32_t> last = first ? TakeNumber(rest) : std::nullopt;
  std::optional<std::string> name = last ? NameFromFile(rest) : std::nullopt;
  if (!name) return false;
  names_[*std::move(name)] = {*first, *last, true};
  return true;
}

std::string DatabaseNames::LineOf(const std::string& name, const Use& use) {
  const std::string text = fmt::format("{} {} {}", use.first, use.last, NameInFile(name));
  return CrcOf(text) + " " + text + "\n";
}

std::size_t DatabaseNames::SlotOf(std::string_view name) {
  return std::hash<std::string_view>()(name) % kSlots;
}

// The mark is another one in each hour. Who finds two names with one hash keeps one of them, their
// own, from being noted.
std::uint64_t DatabaseNames::MarkOf(std::string_view name) const {
  return Mix(std::hash<std::string_view>()(name) + Mix(hour_.load(std::memory_order_relaxed) + 1));
}

bool DatabaseNames::IsNoted(std::string_view name) const {
  return noted_[SlotOf(name)].load(std::memory_order_relaxed) == MarkOf(name);
}

void DatabaseNames::MarkNoted(std::string_view name) {
  noted_[SlotOf(name)].store(MarkOf(name), std::memory_order_relaxed);
}

bool DatabaseNames::Note(const std::string& name) {
  if (name.empty() || name.size() > kNameMax) return true;
  const std::lock_guard lock(mutex_);
  const std::uint32_t now = HourOf(clock_.WallNow());
  hour_.store(now, std::memory_order_relaxed);
  const auto [found, is_new] = names_.try_emplace(name, Use{now, now, path_.empty()});
  Use& use = found->second;
  const bool is_saved = use.is_saved;
  const bool must_write = !path_.empty() && (is_new || use.last < now);
  use.last = std::max(use.last, now);
  if (is_saved) MarkNoted(name);
  if (must_write) changed_.push_back(name);
  if (must_write) wake_.Raise();
  if (names_.size() > kCountMax + kSlack) Cut();
  return is_saved;
}

void DatabaseNames::Remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (names_.erase(name) == 0) return;
  noted_[SlotOf(name)].store(0, std::memory_order_relaxed);
  is_whole_due_ = true;
  wake_.Raise();
}

void DatabaseNames::WhenSaved(std::function<void()> done) {
  bool runs = false;
  {
    const std::lock_guard lock(mutex_);
    const bool is_due = !changed_.empty() || is_saving_ || (is_whole_due_ && !failed_);
    if (is_due && !path_.empty()) {
      waiting_.push_back(std::exchange(done, nullptr));
      runs = runs_;
    }
  }
  if (done) return done();
  if (runs) return wake_.Raise();
  Save();
}

std::set<std::string> DatabaseNames::All() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> names;
  for (const auto& [name, use] : names_) names.insert(name);
  return names;
}

// REQUIRES: there are more than kCountMax names.
void DatabaseNames::Cut() {
  const auto worth = [](const auto* entry) {
    const Use& use = entry->second;
    return std::tuple(use.last > use.first, use.last);
  };
  std::vector<decltype(names_)::const_pointer> all;
  all.reserve(names_.size());
  for (const auto& entry : names_) all.push_back(&entry);
  const auto cut = all.begin() + kCountMax;
  std::nth_element(all.begin(), cut, all.end(),
                   [&](const auto* a, const auto* b) { return worth(a) > worth(b); });
  std::vector<std::string> gone;
  for (auto entry = cut; entry != all.end(); ++entry) gone.push_back((*entry)->first);
  for (const std::string& name : gone) names_.erase(name);
  for (auto& slot : noted_) slot.store(0, std::memory_order_relaxed);
  is_whole_due_ = true;
}

void DatabaseNames::Save() {
  Batch batch;
  {
    const std::lock_guard saving(save_mutex_);
    batch = TakeBatch();
    Settle(batch, Write(batch));
  }
  for (const auto& done : batch.done) done();
}

DatabaseNames::Batch DatabaseNames::TakeBatch() {
  const std::lock_guard lock(mutex_);
  Batch batch;
  batch.names = std::exchange(changed_, {});
  batch.done = std::exchange(waiting_, {});
  batch.is_whole = is_whole_due_ || lines_ + batch.names.size() > 2 * kCountMax;
  is_saving_ = true;
  is_whole_due_ = false;
  if (batch.is_whole) {
    for (const auto& [name, use] : names_) batch.text += LineOf(name, use);
    batch.lines = names_.size();
    return batch;
  }
  for (const std::string& name : batch.names) {
    const auto found = names_.find(name);
    if (found == names_.end()) continue;
    batch.text += LineOf(name, found->second);
    ++batch.lines;
  }
  return batch;
}

Status DatabaseNames::Write(const Batch& batch) const {
  if (path_.empty()) return Ok();
  if (batch.is_whole) return ReplaceWhole(path_, batch.text);
  return batch.text.empty() ? Ok() : AppendLine(path_, batch.text);
}

// Names that could not be written count as saved: nobody waits for them a second time.
void DatabaseNames::Settle(const Batch& batch, const Status& written) {
  const std::lock_guard lock(mutex_);
  is_saving_ = false;
  lines_ = batch.is_whole ? batch.lines : lines_ + batch.lines;
  for (const std::string& name : batch.names) {
    const auto found = names_.find(name);
    if (found == names_.end()) continue;
    found->second.is_saved = true;
    MarkNoted(name);
  }
  const bool was_failed = std::exchange(failed_, !written.ok());
  if (written.ok()) return;
  is_whole_due_ = true;
  if (was_failed) return;
  LogEvent(Level::kError, "cannot save the names of databases that clients used",
           {{"reason", written.error().message()}});
}

void DatabaseNames::Start(Clock& clock) {
  {
    const std::lock_guard lock(mutex_);
    runs_ = true;
  }
  thread_ = std::jthread([this, &clock](const std::stop_token& stop) {
    constexpr std::chrono::seconds kTurn{1};
    while (!stop.stop_requested()) {
      hour_.store(HourOf(clock_.WallNow()), std::memory_order_relaxed);
      Save();
      clock.WaitFor(wake_, kTurn, stop);
    }
  });
}

// Answers all that wait, also those that come while the thread ends.
void DatabaseNames::Stop() {
  {
    const std::lock_guard lock(mutex_);
    runs_ = false;
  }
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  Save();
}

}  // namespace relay
