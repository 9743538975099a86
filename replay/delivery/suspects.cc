#include "replay/delivery/suspects.h"

#include <functional>
#include <string>
#include <utility>

#include "wal/base/invariant.h"
#include "wal/base/mix.h"
#include "wal/record/lines.h"

namespace relay {
namespace {

std::uint64_t HashOf(std::uint64_t params, std::string_view line) {
  return Mix(params ^ std::hash<std::string_view>()(line));
}

std::uint64_t HashOf(const WriteParams& params) {
  const std::hash<std::string> hash;
  return Mix(Mix(Mix(hash(params.database)) ^ hash(params.retention_policy)) ^
             static_cast<std::uint64_t>(params.precision));
}

// Calls `visit` with the hash of each line until it returns true; returns whether it did.
template <typename Visit>
bool AnyLine(const SendBatch& batch, const Visit& visit) {
  const std::uint64_t params = HashOf(batch.params());
  for (const SendBatch::Part& part : batch.parts) {
    for (LineWalk walk(part.lines()); !walk.AtEnd();) {
      if (visit(HashOf(params, walk.Next()))) return true;
    }
  }
  return false;
}

}  // namespace

bool SuspectLines::Search(const Searcher& by, const SendBatch& batch, Clock::TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (FindSearch(batch, by.backend, now)) return false;
  Running& search = searches_[by];
  AnyLine(batch, [&search](std::uint64_t line) {
    search.lines.insert(line);
    return false;
  });
  search.until = now + kSearchFor;
  is_empty_ = false;
  return true;
}

void SuspectLines::EndSearch(const Searcher& by) {
  const std::lock_guard lock(mutex_);
  searches_.erase(by);
  is_empty_ = searches_.empty() && found_.empty();
}

std::optional<BackendId> SuspectLines::SearchedBy(const SendBatch& batch, const BackendId& asking,
                                                  Clock::TimePoint now) const {
  const std::lock_guard lock(mutex_);
  return FindSearch(batch, asking, now);
}

// REQUIRES: the mutex is held.
std::optional<BackendId> SuspectLines::FindSearch(const SendBatch& batch, const BackendId& asking,
                                                  Clock::TimePoint now) const {
  for (const auto& [by, search] : searches_) {
    if (by.backend == asking || search.until <= now) continue;
    const auto is_searched = [&lines = search.lines](std::uint64_t line) {
      return lines.contains(line);
    };
    if (AnyLine(batch, is_searched)) return by.backend;
  }
  return std::nullopt;
}

void SuspectLines::Found(const BackendId& ended, const SendBatch& line) {
  INVARIANT(line.points == 1);
  const std::uint64_t hash = HashOf(HashOf(line.params()), line.parts.front().lines());
  const std::lock_guard lock(mutex_);
  if (!found_.emplace(hash, ended).second) return;
  is_empty_ = false;
  found_in_order_.push_back(hash);
  if (found_in_order_.size() <= kFoundMax) return;
  found_.erase(found_in_order_.front());
  found_in_order_.pop_front();
}

std::optional<BackendId> SuspectLines::EndedBy(const SendBatch& batch) const {
  const std::lock_guard lock(mutex_);
  std::optional<BackendId> ended;
  AnyLine(batch, [this, &ended](std::uint64_t line) {
    const auto found = found_.find(line);
    if (found != found_.end()) ended = found->second;
    return ended.has_value();
  });
  return ended;
}

bool SuspectLines::HasEnded(const BackendId& backend, const WriteParams& params,
                            std::string_view line) const {
  const std::uint64_t hash = HashOf(HashOf(params), line);
  const std::lock_guard lock(mutex_);
  const auto found = found_.find(hash);
  return found != found_.end() && found->second == backend;
}

}  // namespace relay
