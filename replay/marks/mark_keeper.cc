#include "replay/marks/mark_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "replay/transport/verdict.h"
#include "wal/base/files.h"

namespace relay {
namespace {

constexpr Clock::Duration kPoliciesKnown{60'000};
constexpr Clock::Duration kEachLane{20};
constexpr std::string_view kSequenceField = "sequence";

std::string_view TagOf(const std::vector<Tag>& tags, std::string_view name) {
  for (const auto& [tag, value] : tags) {
    if (tag == name) return value;
  }
  return "";
}

// Receives the marks in one policy.
class MarkSink final : public ValueSink {
 public:
  struct Owner {
    std::string_view log;
    std::string_view backend;
    std::string_view policy;
  };

  MarkSink(Owner owner, const LaneMarks& wanted, MarksRead& read)
      : owner_(owner), wanted_(wanted), read_(read) {}

  void Series(const std::vector<Tag>& tags, const std::vector<std::string>& fields) override {
    const std::string_view log = TagOf(tags, "log");
    const std::string_view backend = TagOf(tags, "backend");
    is_own_ = log == owner_.log && backend == owner_.backend;
    is_lane_ = TagOf(tags, "policy") == owner_.policy;
    other_ = log == owner_.log ? fmt::format("the backend {}", backend)
                               : fmt::format("the backend {} of the log {}", backend, log);
    const auto field = std::find(fields.begin(), fields.end(), kSequenceField);
    field_ = static_cast<std::size_t>(field - fields.begin());
  }

  void Point(std::int64_t time) override { time_ = time; }

  void Take(std::size_t field, const Value& value) override {
    if (field != field_ || value.type != FieldType::kInteger) return;
    const Watermark mark{time_, Sequence(value.bits)};
    if (is_own_ && is_lane_) {
      read_.has_own = true;
      if (wanted_.Has(mark)) read_.own.insert(mark);
    } else if (!is_own_ && (read_.other.empty() || time_ < read_.other_since)) {
      read_.other = other_;
      read_.other_since = time_;
    }
  }

 private:
  const Owner owner_;
  const LaneMarks& wanted_;
  MarksRead& read_;
  bool is_own_ = false;
  bool is_lane_ = false;
  std::string other_;
  std::size_t field_ = 0;
  std::int64_t time_ = 0;
};

// Returns for how long the lane's marks stay. A lane without a policy is written to what is the
// default at that moment, which may change: the shortest counts.
std::chrono::nanoseconds KeepsOf(const std::vector<PolicyInfo>& policies,
                                 const std::string& policy) {
  std::chrono::nanoseconds keeps{0};
  for (const PolicyInfo& one : policies) {
    const bool counts = policy.empty() || one.name == policy;
    if (!counts || one.duration.count() == 0) continue;
    keeps = keeps.count() == 0 ? one.duration : std::min(keeps, one.duration);
  }
  return keeps;
}

// Returns the policies that may have the lane's marks.
std::vector<std::string> PlacesOf(const std::vector<PolicyInfo>& policies,
                                  const std::string& policy, bool is_thorough) {
  std::vector<std::string> names;
  for (const PolicyInfo& one : policies) {
    const bool by_default = policy.empty() && (is_thorough || one.is_default);
    if (by_default || one.name == policy) names.push_back(one.name);
  }
  return names;
}

std::string TagValue(std::string_view text) {
  std::string value;
  for (const char c : text) {
    if (c == ',' || c == '=' || c == ' ' || c == '\\') value += '\\';
    value += c;
  }
  return value;
}

}  // namespace

MarkKeeper::MarkKeeper(Options options, const Parts& parts)
    : options_(std::move(options)), parts_(parts) {
  Load();
  Show(std::nullopt);
}

void MarkKeeper::Delivered(const Lane& lane, Sequence last) {
  // A name with a line end cannot be written as a tag.
  if (lane.retention_policy.find('\n') != std::string::npos) return;
  const std::lock_guard lock(mutex_);
  book_.Delivered(lane, last);
}

void MarkKeeper::Changed(const std::string& database) {
  const std::lock_guard lock(mutex_);
  book_.Changed(database);
}

void MarkKeeper::Rewound(const Marks& marks) {
  const std::lock_guard lock(mutex_);
  book_.Rewound(marks);
}

Status MarkKeeper::Acknowledge() {
  const std::lock_guard lock(mutex_);
  if (!book_.Acknowledge()) {
    return Error(ErrorCode::kConflict, options_.backend.text() + " is not diverged");
  }
  return Ok();
}

void MarkKeeper::Cancel() {
  parts_.source.Cancel();
  parts_.transport.Cancel();
}

MarkStatus MarkKeeper::Snapshot() const {
  const std::lock_guard lock(mutex_);
  MarkStatus status = status_;
  status.diverged = book_.Worst();  // A rewind ends it at once.
  return status;
}

Clock::Duration MarkKeeper::Turn() {
  const Result<std::uint64_t> lease = parts_.log.LeaseOf(options_.backend);
  if (!lease.ok()) {
    Show(Trouble{.why = lease.error().message()});
    return kTurn;
  }
  {
    const std::lock_guard lock(mutex_);
    book_.BeginLease(lease.value());
  }
  is_unsure_ = false;
  mark_failure_.clear();
  const std::optional<Trouble> trouble = CheckAll();
  RewindIfAsked();
  Save();
  Show(trouble);
  if (trouble && trouble->is_refused) return kNotWatched;
  if (is_unsure_) return kSecondLook;
  return std::max(kTurn, kEachLane * static_cast<Clock::Duration::rep>(Snapshot().lanes));
}

std::optional<MarkKeeper::Trouble> MarkKeeper::CheckAll() {
  std::vector<Lane> lanes;
  {
    const std::lock_guard lock(mutex_);
    lanes = book_.Lanes();
  }
  for (const Lane& lane : lanes) {
    MarksRead read;
    const Result<MarkBook::Outcome> checked = Check(lane, read);
    if (!checked.ok()) {
      return Trouble{.is_refused = checked.error().code() == ErrorCode::kInvalidInput,
                     .why = checked.error().message()};
    }
    is_unsure_ = is_unsure_ || checked.value() == MarkBook::Outcome::kUnsure;
    const Status written = WriteDue(lane, read);
    if (!written.ok()) mark_failure_ = "a mark was not accepted: " + written.error().message();
  }
  return std::nullopt;
}

// Looks for the newest marks first, and for all of them if one is missing.
Result<MarkBook::Outcome> MarkKeeper::Check(const Lane& lane, MarksRead& read) {
  Place place;
  place.ours = lane;
  const WriteParams named = NamesOn(
      options_.target, {.database = lane.database, .retention_policy = lane.retention_policy});
  place.theirs = LaneOf(named);
  bool is_diverged = false;
  {
    const std::lock_guard lock(mutex_);
    place.marks = book_.MarksOf(lane);
    is_diverged = book_.DivergenceOf(lane).has_value();
  }
  const LaneMarks& marks = place.marks;
  if (!marks.empty() && !is_diverged) {
    ASSIGN_OR_RETURN(read, Read(place, marks.CheckedSince(), false));
    if (marks.HasNewest(read, parts_.clock.WallNow()) && read.own.contains(marks.newest())) {
      const std::lock_guard lock(mutex_);
      book_.NoteIntact(lane);
      return MarkBook::Outcome::kIntact;
    }
  }
  // Another backend's newest mark may be older than these.
  constexpr std::int64_t kEarlier = std::chrono::nanoseconds(std::chrono::hours(24)).count();
  ASSIGN_OR_RETURN(read, Read(place, marks.empty() ? 0 : marks.oldest().time - kEarlier, true));
  const Marks of_log = parts_.log.MarksOf(options_.backend);
  const std::lock_guard lock(mutex_);
  if (marks.empty() && !read.has_place) {
    book_.Forget(lane);
    return MarkBook::Outcome::kIntact;
  }
  return book_.Note(lane, read, parts_.clock.WallNow(), of_log);
}

Result<MarksRead> MarkKeeper::Read(const Place& place, std::int64_t since, bool is_thorough) {
  MarksRead read;
  const Result<std::vector<PolicyInfo>> policies = PoliciesOf(place.theirs.database, is_thorough);
  const bool has_database = policies.ok() || policies.error().code() != ErrorCode::kNotFound;
  if (has_database && !policies.ok()) return Error(policies.error());
  std::vector<std::string> names;
  if (has_database) {
    read.keeps = KeepsOf(policies.value(), place.theirs.retention_policy);
    names = PlacesOf(policies.value(), place.theirs.retention_policy, is_thorough);
  }
  read.has_place = !names.empty();
  if (place.marks.empty()) return read;
  for (const std::string& name : names) {
    const Status scanned = Scan(place, name, since, read);
    if (!scanned.ok() && scanned.error().code() == ErrorCode::kNotFound) {
      read.has_place = false;
      return read;
    }
    RETURN_IF_ERROR(scanned);
  }
  return read;
}

Result<std::vector<PolicyInfo>> MarkKeeper::PoliciesOf(const std::string& database, bool is_fresh) {
  const Clock::TimePoint now = parts_.clock.Now();
  const auto known = policies_.find(database);
  if (!is_fresh && known != policies_.end() && now < known->second.until) {
    return known->second.policies;
  }
  policies_.erase(database);
  ASSIGN_OR_RETURN(std::vector<PolicyInfo> policies, parts_.source.Policies(database));
  if (policies.empty()) return Error(ErrorCode::kNotFound, "it has no such database");
  policies_[database] = {now + kPoliciesKnown, policies};
  return policies;
}

Status MarkKeeper::Scan(const Place& place, const std::string& policy, std::int64_t since,
                        MarksRead& read) {
  MarkSink sink({options_.log, options_.backend.text(), place.ours.retention_policy}, place.marks,
                read);
  const MeasurementRef where{place.theirs.database, policy, std::string(kMarkMeasurement)};
  return parts_.source.Scan(where, {{std::string(kSequenceField), FieldType::kInteger}},
                            {.from = since}, sink);
}

Status MarkKeeper::WriteDue(const Lane& lane, const MarksRead& read) {
  if (parts_.log.PausedOf(options_.backend)) return Ok();
  const std::optional<Sequence> through = DeliveredThrough(lane);
  std::optional<Watermark> mark;
  {
    const std::lock_guard lock(mutex_);
    mark = book_.NextMark(lane, read, parts_.clock.WallNow(), through);
  }
  if (!mark) return Ok();
  mark->time = last_time_ = std::max(mark->time, last_time_ + 1);
  const WriteParams params{.database = lane.database, .retention_policy = lane.retention_policy};
  const std::string line = LineOf(lane, *mark);
  const Result<Reply> answer = parts_.transport.Send({params, line});
  const Verdict verdict = Judge(answer, parts_.clock.WallNow());
  if (!answer.ok()) return Error(answer.error());
  if (verdict.action != Action::kDelivered) {
    return Error(ErrorCode::kInvalidInput, std::string(verdict.text->reason));
  }
  const Sequence trimmed = parts_.log.MarksOf(options_.backend).trimmed;
  const std::lock_guard lock(mutex_);
  book_.Acknowledged(lane, *mark, trimmed);
  return Ok();
}

// The cursor is read first: what is put on hold afterwards is behind it.
std::optional<Sequence> MarkKeeper::DeliveredThrough(const Lane& lane) const {
  const Sequence cursor = parts_.log.MarksOf(options_.backend).cursor;
  const Result<std::vector<HeldLane>> held = parts_.log.HeldLanes(options_.backend);
  if (!held.ok()) return std::nullopt;
  const bool is_held =
      std::any_of(held.value().begin(), held.value().end(), [&](const HeldLane& one) {
        return one.records > 0 && (one.lane == lane || one.lane == OverflowLane());
      });
  return is_held ? std::nullopt : std::optional(cursor);
}

std::string MarkKeeper::LineOf(const Lane& lane, Watermark mark) const {
  const std::string policy =
      lane.retention_policy.empty() ? "" : ",policy=" + TagValue(lane.retention_policy);
  return fmt::format("{},backend={},log={}{} {}={}i {}\n", kMarkMeasurement,
                     options_.backend.text(), TagValue(options_.log), policy, kSequenceField,
                     mark.sequence.value(), mark.time);
}

// A server that was swapped, or lacks the database, would only take the records of another.
void MarkKeeper::RewindIfAsked() {
  if (!options_.rewinds) return;
  std::optional<std::pair<Lane, LaneDivergence>> worst;
  {
    const std::lock_guard lock(mutex_);
    worst = book_.Worst();
  }
  if (!worst) return;
  const LaneDivergence& diverged = worst->second;
  const Marks marks = parts_.log.MarksOf(options_.backend);
  const bool is_mendable =
      diverged.divergence == Divergence::kPutBack || diverged.divergence == Divergence::kEmptied;
  if (!is_mendable || diverged.from < marks.trimmed || marks.cursor <= diverged.from) return;
  const Status rewound = options_.rewind(diverged.from);
  if (!rewound.ok()) mark_failure_ = "the rewind failed: " + rewound.error().message();
}

void MarkKeeper::Load() {
  const Result<std::string> text = ReadWhole(options_.file);
  if (!text.ok()) {
    if (text.error().code() != ErrorCode::kNotFound) mark_failure_ = text.error().message();
    return;
  }
  const Marks marks = parts_.log.MarksOf(options_.backend);
  Result<MarkBook> book = MarkBook::Decode(text.value(), options_.log, marks.cursor);
  if (!book.ok()) {
    mark_failure_ = book.error().message();
    return;
  }
  // A backend that was forgotten and added again has another queue.
  const std::optional<Watermark> newest = book.value().Newest();
  const bool is_of_queue = !newest || newest->sequence <= marks.head;
  if (is_of_queue) book_ = std::move(book).value();
}

void MarkKeeper::Save() {
  std::string text;
  {
    const std::lock_guard lock(mutex_);
    text = book_.Encode(options_.log);
  }
  if (text == saved_) return;
  const Status replaced = ReplaceWhole(options_.file, text);
  if (replaced.ok()) {
    saved_ = std::move(text);
  } else {
    mark_failure_ = replaced.error().message();
  }
}

void MarkKeeper::Show(const std::optional<Trouble>& trouble) {
  MarkStatus changed;
  {
    const std::lock_guard lock(mutex_);
    MarkStatus now;
    now.is_watched = !trouble || !trouble->is_refused;
    now.why = trouble ? trouble->why : mark_failure_;
    if (book_.has_too_many() && now.why.empty()) {
      now.why = fmt::format("only {} databases are watched", MarkBook::kLanesMax);
    }
    now.lanes = book_.Lanes().size();
    now.newest = book_.Newest();
    now.read_at = trouble ? status_.read_at : std::optional(parts_.clock.WallNow());
    now.diverged = book_.Worst();
    const bool is_same = now.diverged == status_.diverged && now.is_watched == status_.is_watched;
    status_ = std::move(now);
    if (is_same) return;
    changed = status_;
  }
  options_.on_change(changed);
}

}  // namespace relay
