// Counters of ingest. Callers use verbs; metrics.cc renders the text.
//
// THREADS. Any number at once.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "relay/base/database_flow.h"
#include "relay/base/http_limits.h"
#include "relay/base/listener_counters.h"
#include "relay/base/query_counters.h"
#include "wal/base/types.h"

namespace relay {

// Endpoints that are counted separately: a fixed set, so that no client can create metric labels.
enum class Endpoint : std::uint8_t {
  kWrite,
  kWriteV2,
  kWriteV3,
  kRemoteWrite,
  kQuery,
  kQueryV2,
  kQueryV3,
  kPing,
  kHealth,
  kReady,
  kOther
};

// Counts changes of state that the webhook told, or could not; and repeated attempts.
class WebhookCounters {
 public:
  void Sent() { ++sent_; }
  void Failed() { ++failed_; }
  void Retried() { ++retried_; }

  std::uint64_t sent() const { return sent_; }
  std::uint64_t failed() const { return failed_; }
  std::uint64_t retried() const { return retried_; }

 private:
  std::atomic<std::uint64_t> sent_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;
  std::atomic<std::uint64_t> retried_ = 0;
};

class Counters {
 public:
  static constexpr int kStatusMax = 600;
  static constexpr std::size_t kEndpoints = 11;

  void Answered(Endpoint endpoint, int status) {
    if (status >= 0 && status < kStatusMax) ++answered_[Index(endpoint)][AsIndex(status)];
  }
  void Accepted(PointCount points, Bytes bytes) {
    ++accepted_records_;
    accepted_points_ += points;
    accepted_bytes_ += bytes.count();
  }
  void RefusedLines(std::uint64_t lines) { refused_lines_ += lines; }
  void Reached(HttpLimit limit) { ++reached_.at(static_cast<std::size_t>(limit)); }
  void UntranslatedSamples(PointCount samples) { untranslated_samples_ += samples; }
  void Looped() { ++loops_; }
  void CodecMismatch() { ++codec_mismatches_; }
  DatabaseFlow& databases() { return databases_; }
  const DatabaseFlow& databases() const { return databases_; }
  QueryCounters& queries() { return queries_; }
  const QueryCounters& queries() const { return queries_; }
  WebhookCounters& webhook() { return webhook_; }
  const WebhookCounters& webhook() const { return webhook_; }
  void UnroutedPoints(PointCount points) { unrouted_points_ += points; }

  // Adds a listener's counters, which live as long as this. A listener that is closed and reopened
  // continues its counts.
  LineCounters& AddLineListener(std::string protocol, std::string address) {
    const std::lock_guard lock(line_listeners_mutex_);
    for (LineCounters& one : line_listeners_) {
      if (one.protocol() == protocol && one.address() == address) return one;
    }
    return line_listeners_.emplace_back(std::move(protocol), std::move(address));
  }
  std::vector<const LineCounters*> line_listeners() const {
    const std::lock_guard lock(line_listeners_mutex_);
    std::vector<const LineCounters*> all;
    for (const LineCounters& one : line_listeners_) all.push_back(&one);
    return all;
  }

  std::uint64_t answered(Endpoint endpoint, int status) const {
    return answered_[Index(endpoint)][AsIndex(status)];
  }
  std::uint64_t accepted_records() const { return accepted_records_; }
  std::uint64_t accepted_points() const { return accepted_points_; }
  std::uint64_t accepted_bytes() const { return accepted_bytes_; }
  std::uint64_t refused_lines() const { return refused_lines_; }
  std::uint64_t reached(HttpLimit limit) const {
    return reached_.at(static_cast<std::size_t>(limit));
  }
  std::uint64_t untranslated_samples() const { return untranslated_samples_; }
  std::uint64_t loops() const { return loops_; }
  std::uint64_t codec_mismatches() const { return codec_mismatches_; }
  std::uint64_t unrouted_points() const { return unrouted_points_; }

 private:
  static std::size_t Index(Endpoint endpoint) { return static_cast<std::size_t>(endpoint); }
  static std::size_t AsIndex(int status) { return static_cast<std::size_t>(status); }

  using Count = std::atomic<std::uint64_t>;
  std::array<std::array<Count, kStatusMax>, kEndpoints> answered_{};
  Count accepted_records_ = 0;
  Count accepted_points_ = 0;
  Count accepted_bytes_ = 0;
  Count refused_lines_ = 0;
  std::array<Count, kHttpLimitNames.size()> reached_{};
  Count loops_ = 0;
  Count codec_mismatches_ = 0;
  Count unrouted_points_ = 0;
  Count untranslated_samples_ = 0;
  DatabaseFlow databases_;
  QueryCounters queries_;
  WebhookCounters webhook_;
  mutable std::mutex line_listeners_mutex_;
  std::list<LineCounters> line_listeners_;
};

}  // namespace relay
