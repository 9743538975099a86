// Checks all that must hold of a log on disk (FORMAT.md, "What holds"): every
// checksum, the numbering, the running totals, the references from entries to
// payloads, what is held, dead letters, gaps, the marks, the conservation of
// points, and, by the high-water file, that no end is missing. Nothing is
// changed; the log may be in use, a copy, or damaged.
//
// What is damaged is found by name: its family, its key, what was expected
// there. Reading goes on behind it. Memory is that of one record and a few
// figures for each backend, however large the log and however many findings.
//
// ERRORS. Only what keeps it from looking: kNotFound: there is no log;
// kInvalidInput: it was written by a newer version. Damage is no error.
//
// THREADS. One.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "wal/base/result.h"
#include "wal/log.h"

namespace relay {

struct LogFinding {
  std::string family;  // "payloads", "entries", ..., or "database", "identity", "high-water".
  std::string key;     // "payload 7", "backend a, sequence 12".
  std::string expected;
  std::string found;
};

// What was looked at.
struct VerifySummary {
  struct Backend {
    std::string name;
    Marks marks = {};
    bool marks_known = false;                      // Its run could be read.
    std::optional<std::int64_t> unaccounted = {};  // None where damage keeps it from being known.
  };

  std::uint64_t format = 0;
  std::vector<Backend> backends;
  std::uint64_t entries = 0;
  std::uint64_t payloads = 0;
  Bytes payload_bytes{0};
  std::uint64_t unused_payloads = 0;  // That no run needs; not looked into.
  std::uint64_t held = 0;
  std::uint64_t dead_letters = 0;
  std::uint64_t gaps = 0;
  std::uint64_t findings = 0;
  std::map<std::string, std::uint64_t> findings_by_family;

  bool sound() const { return findings == 0; }
};

struct VerifyObserver {
  std::function<void(const LogFinding&)> on_finding = [](const LogFinding&) {};
  // Now and then; `part` goes from 0 to 1.
  std::function<void(double part, const VerifySummary& so_far)> on_progress =
      [](double, const VerifySummary&) {};
};

// `directory` is the relay's `log.path`.
Result<VerifySummary> VerifyLog(const std::string& directory, const VerifyObserver& observer);

}  // namespace relay
