#include "tests/support/process/load_clients.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <stop_token>
#include <system_error>
#include <utility>

#include "tests/support/process/http_client.h"

namespace relay::test {
// The fate of one point.
struct PointFate {
  std::int64_t acknowledged = 0;          // The last acknowledged value; 0: none.
  std::vector<std::int64_t> uncertain{};  // Sent after it, not acknowledged.
  bool overwritten = false;

  bool MayBe(std::int64_t value) const {
    return value == acknowledged ||
           std::find(uncertain.begin(), uncertain.end(), value) != uncertain.end();
  }
};

namespace {

constexpr std::int64_t kFirstTime = 1'700'000'000'000'000'000;
constexpr std::int64_t kTimeStep = 1'000'000;
// One request in so many overwrites a point.
constexpr unsigned kOverwriteEvery = 3;
// The pause before a relay that is down is tried again.
constexpr milliseconds kReconnectPause{5};

struct Value {
  std::int64_t time_ns = 0;
  std::int64_t value = 0;
};

std::string TagsOf(std::size_t writer) {
  return fmt::format("writer={}", writer);
}

std::string FieldsOf(std::int64_t value) {
  return fmt::format("v={}", value);
}

// The first few, and their number.
class Examples {
 public:
  void Add(std::string example) {
    if (++count_ <= 3) text_ += " [" + std::move(example) + "]";
  }
  std::string Text(std::string_view kind) const {
    return count_ == 0 ? "" : fmt::format("{} {}:{}\n", count_, kind, text_);
  }

 private:
  std::size_t count_ = 0;
  std::string text_;
};

std::string Shown(const StoredPoint& point) {
  return fmt::format("{} {} {}", point.tags, point.fields, point.time_ns);
}

// Compares stored points with their fates.
class Comparison {
 public:
  explicit Comparison(const std::vector<StoredPoint>& stored) {
    for (const StoredPoint& point : stored) left_[{point.tags, point.time_ns}] = point.fields;
  }

  void Take(const std::string& tags, std::int64_t time, const PointFate& fate) {
    const auto found = left_.extract({tags, time});
    const StoredPoint expected{time, tags, FieldsOf(fate.acknowledged)};
    if (found.empty()) {
      if (fate.acknowledged != 0) missing_.Add(Shown(expected));
    } else if (!fate.MayBe(std::stoll(found.mapped().substr(2)))) {
      wrong_.Add(Shown(expected) + " is " + found.mapped());
    }
  }

  std::string Text() && {
    Examples unknown;
    for (const auto& [key, fields] : left_) unknown.Add(Shown({key.second, key.first, fields}));
    return missing_.Text("missing") + wrong_.Text("wrong") + unknown.Text("never sent");
  }

 private:
  std::map<std::pair<std::string, std::int64_t>, std::string>
      left_;  // Fields, keyed by tags and time.
  Examples missing_;
  Examples wrong_;
};

}  // namespace

class Writers::Writer {
 public:
  Writer(const Options& options, std::size_t number)
      : options_(options),
        number_(number),
        random_(static_cast<std::minstd_rand::result_type>(options.seed + number + 1)) {}

  void Run(const std::stop_token& stop, Writers& all) {
    const auto stopped = [&stop] { return stop.stop_requested(); };
    while (!stopped()) {
      if (!Connect()) {
        Eventually(kReconnectPause, stopped);
        continue;
      }
      ++(WriteOnce() ? all.acknowledged_ : all.unanswered_);
      if (options_.pause > milliseconds{0}) Eventually(options_.pause, stopped);
    }
  }

  const std::map<std::int64_t, PointFate>& fates() const { return fates_; }

 private:
  bool Connect() {
    if (connection_) return true;
    try {
      connection_.emplace(options_.relay);
    } catch (const std::system_error&) {
      return false;  // The relay is down.
    }
    return true;
  }

  std::vector<Value> NextValues() {
    ++value_;
    std::vector<Value> values;
    if (!fates_.empty() && random_() % kOverwriteEvery == 0) {
      values.push_back(
          {kFirstTime + static_cast<std::int64_t>(random_() % points_) * kTimeStep, value_});
    }
    for (int i = 0; i < options_.lines; ++i) {
      values.push_back({kFirstTime + static_cast<std::int64_t>(points_++) * kTimeStep, value_});
    }
    return values;
  }

  std::string RequestFor(const std::vector<Value>& values) const {
    std::string lines;
    for (const Value& value : values) {
      lines +=
          fmt::format("load,{} {}i {}\n", TagsOf(number_), FieldsOf(value.value), value.time_ns);
    }
    return fmt::format("POST /write?db={} HTTP/1.1\r\nHost: relay\r\nContent-Length: {}\r\n\r\n{}",
                       PercentEncode(options_.database), lines.size(), lines);
  }

  bool WriteOnce() {
    const std::vector<Value> values = NextValues();
    for (const Value& value : values) {
      PointFate& fate = fates_[value.time_ns];
      fate.overwritten |= fate.acknowledged != 0;
      fate.uncertain.push_back(value.value);
    }
    if (!Send(RequestFor(values))) {
      connection_.reset();
      return false;
    }
    for (const Value& value : values) {
      fates_[value.time_ns] = {.acknowledged = value.value,
                               .overwritten = fates_[value.time_ns].overwritten};
    }
    return true;
  }

  bool Send(const std::string& request) {
    if (!connection_->Send(request)) return false;
    const Received answer = connection_->ReadUntil("\r\n\r\n");
    return answer.bytes.starts_with("HTTP/1.1 204 ") && answer.bytes.ends_with("\r\n\r\n");
  }

  const Options options_;
  const std::size_t number_;
  std::minstd_rand random_;
  std::optional<RawConnection> connection_;
  std::uint64_t points_ = 0;
  std::int64_t value_ = 0;                   // The same for all points of a request.
  std::map<std::int64_t, PointFate> fates_;  // Keyed by time.
};

Writers::Writers(const Options& options) {
  for (int i = 0; i < options.writers; ++i) {
    writers_.push_back(std::make_unique<Writer>(options, writers_.size()));
  }
  for (const auto& writer : writers_) {
    threads_.emplace_back(
        [this, &writer = *writer](const std::stop_token& stop) { writer.Run(stop, *this); });
  }
}

Writers::~Writers() = default;

void Writers::Stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

bool Writers::WaitForMore(std::uint64_t requests, milliseconds within) const {
  const std::uint64_t goal = acknowledged_ + requests;
  return Eventually(within, [this, goal] { return acknowledged_ >= goal; });
}

std::size_t Writers::PointCount() const {
  std::size_t count = 0;
  for (const auto& writer : writers_) {
    for (const auto& [time, fate] : writer->fates()) count += fate.acknowledged != 0 ? 1 : 0;
  }
  return count;
}

std::size_t Writers::OverwrittenCount() const {
  std::size_t count = 0;
  for (const auto& writer : writers_) {
    for (const auto& [time, fate] : writer->fates()) count += fate.overwritten ? 1 : 0;
  }
  return count;
}

std::string Writers::Differences(const std::vector<StoredPoint>& stored) const {
  Comparison comparison(stored);
  for (std::size_t i = 0; i < writers_.size(); ++i) {
    for (const auto& [time, fate] : writers_[i]->fates()) comparison.Take(TagsOf(i), time, fate);
  }
  return std::move(comparison).Text();
}

}  // namespace relay::test
