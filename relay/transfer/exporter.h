// Turns records back into line protocol: for `import` and `influx -import`, or the
// lines alone. Times are in nanoseconds.
//
// Data that cannot be exported is reported, counted and left out: damaged records, and times
// outside the range of nanoseconds.
//
// ERRORS. Those of the output; kInvalidInput: lines alone of more than one
// database or retention policy, which could not be told apart.
//
// THREADS. One.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "wal/base/result.h"
#include "wal/log.h"

namespace relay {

enum class ExportFormat : std::uint8_t {
  kInflux,  // With # CONTEXT-DATABASE and # CONTEXT-RETENTION-POLICY.
  kLines,
};

// Empty: any.
struct ExportFilter {
  std::string database;
  std::optional<std::string> retention_policy;  // "": the database's default.
  std::string measurement;
};

struct ExportTally {
  std::uint64_t records = 0;  // At least one line of each was exported.
  std::uint64_t lines = 0;
  std::uint64_t damaged = 0;      // Records.
  std::uint64_t unreachable = 0;  // Lines with times beyond nanoseconds.
};

class Exporter {
 public:
  using Output = std::function<Status(std::string_view)>;
  using Report = std::function<void(const std::string&)>;

  Exporter(ExportFormat format, ExportFilter filter, Output output, Report report);

  // Takes records in the order in which they appear in the text.
  Status Take(const StoredRecord& stored);
  Status Take(const StoredDeadLetter& stored);

  // Counts a record that cannot be read.
  void CountDamaged(Sequence sequence, const std::string& reason);

  const ExportTally& tally() const { return tally_; }

 private:
  Status TakeLines(const WriteParams& params, std::string_view lines, const std::string& source);
  Status EnterLane(const WriteParams& params);
  std::string Wanted(std::string_view lines) const;
  std::string ToNanoseconds(const WriteParams& params, std::string_view lines,
                            const std::string& source);

  const ExportFormat format_;
  const ExportFilter filter_;
  const Output output_;
  const Report report_;
  std::optional<Lane> lane_;  // The lane of the text so far.
  ExportTally tally_;
};

}  // namespace relay
