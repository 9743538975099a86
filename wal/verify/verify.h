// Checks every invariant of a log on disk (FORMAT.md, "Invariants"): every checksum, the numbering,
// the running totals, the references from entries to payloads, held records, dead letters, gaps,
// the marks, the conservation of points and, by the high-water file, that no newest records are
// missing. Changes nothing; the log may be in use, a copy, or damaged.
//
// Damage is reported by name: its family, its key and what was expected there. Reading continues
// behind it. Memory use is that of one record and a few numbers per backend, however large the log
// and however many findings.
//
// ERRORS. Only what prevents the check: kNotFound: there is no log; kInvalidInput: a newer version
// wrote it. Damage is no error.
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

// The results of a check.
struct VerifySummary {
  struct Backend {
    std::string name;
    Marks marks = {};
    bool marks_known = false;                      // Its queue state could be read.
    std::optional<std::int64_t> unaccounted = {};  // nullopt: unknown because of damage.
  };

  std::uint64_t format = 0;
  std::vector<Backend> backends;
  std::uint64_t entries = 0;
  std::uint64_t payloads = 0;
  Bytes payload_bytes{0};
  std::uint64_t unused_payloads = 0;  // No queue refers to them; their content is not checked.
  std::uint64_t held = 0;
  std::uint64_t dead_letters = 0;
  std::uint64_t gaps = 0;
  std::uint64_t findings = 0;
  std::map<std::string, std::uint64_t> findings_by_family;

  bool sound() const { return findings == 0; }
};

struct VerifyObserver {
  std::function<void(const LogFinding&)> on_finding = [](const LogFinding&) {};
  // Called from time to time; `part` rises from 0 to 1.
  std::function<void(double part, const VerifySummary& so_far)> on_progress =
      [](double, const VerifySummary&) {};
};

// Checks the log in `directory`, the relay's `log.path`.
Result<VerifySummary> VerifyLog(const std::string& directory, const VerifyObserver& observer);

}  // namespace relay
