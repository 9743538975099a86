// Decides which backends each point of a write goes to.
//
// A listener writes to some of the backends. Each accepts the points that its `only`
// selects, or all without one, except those that its `except` selects. A point goes
// to every backend that accepts it. A point without one is unrouted: it is counted
// or refused, never silently lost.
//
// THREADS. A router never changes; any number of threads at once.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/model/config.h"
#include "config/schema/name_pattern.h"
#include "wal/base/types.h"
#include "wal/record/record.h"

namespace relay {

using BackendSet = std::shared_ptr<const std::vector<BackendId>>;

// Points of one write that go to the same backends, in the write's order.
struct RoutedPart {
  BackendSet backends;  // Not empty.
  std::string lines;
  PointCount points = 0;
};

struct RoutedLines {
  // Each backend is in at most one part for a point. If some lines are opaque, a line that is not
  // can be in two parts: for backends with api: prometheus, and for the others.
  std::vector<RoutedPart> parts;
  PointCount unrouted = 0;
  // Describes the first unrouted point to a client: `no backend accepts measurement "m" of database
  // "d"`. Empty: none.
  std::string why;
  PointCount untranslated = 0;  // Opaque lines that only backends without remote write accept.
  Totals size;                  // The routed points, each counted once.
};

// A selection with its patterns read.
struct CompiledSelection {
  explicit CompiledSelection(const Selection& selection);

  std::vector<NamePattern> databases;
  std::vector<NamePattern> retention_policies;
  std::vector<NamePattern> measurements;
  std::map<std::string, std::vector<NamePattern>> tags;  // By tag: one of the values is enough.

  bool judges_lines() const { return !measurements.empty() || !tags.empty(); }
  bool empty() const { return databases.empty() && retention_policies.empty() && !judges_lines(); }
};

class Router {
 public:
  // Routes for a listener that writes to `backends`; empty: to all of the
  // configuration. REQUIRES: each is configured.
  Router(const Config& config, const std::vector<BackendId>& backends);

  // Returns how points that no backend accepts are handled.
  Unrouted unrouted() const { return unrouted_; }

  // Returns the backends that accept anything of a database: those its statements go to. May be
  // empty.
  BackendSet TakersOf(const std::string& database) const;

  // Returns the backends that accept everything of a database. May be empty.
  BackendSet TakersOfAll(const std::string& named) const;

  // Returns those of them that do not create a missing database at its first write.
  std::vector<BackendId> NotCreating(const std::string& database) const;

  // Returns whether some backend has buckets, and is sent their names as clients wrote them.
  bool SendsBuckets() const { return sends_buckets_; }

  // Returns whether a line is for backends with api: prometheus alone.
  using IsOpaque = bool (*)(std::string_view line);

  // `is_opaque`: for lines some of which may be; nullptr: none is.
  // REQUIRES: `lines` are `points` points as a Record holds them.
  RoutedLines Route(const WriteParams& params, std::string lines, PointCount points,
                    IsOpaque is_opaque = nullptr) const;

 private:
  struct Rule {
    BackendId backend;
    CompiledSelection only;
    CompiledSelection except;
    bool takes_opaque = false;
    bool creates = false;  // Its create_databases.
    bool has_buckets = false;
  };
  class ByLine;

  static bool Takes(const Rule& rule, const std::string& named);
  // Returns the name that a rule is about, of the one that a client wrote to.
  static std::string NameFor(const Rule& rule, const std::string& named);

  std::vector<Rule> rules_;
  BackendSet all_;
  bool sends_buckets_ = false;
  bool filters_ = false;  // Some rule has an `only` or an `except`.
  Unrouted unrouted_;
};

}  // namespace relay
