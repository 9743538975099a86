// Sends what an ImportReader reads, batch by batch, each until it is accepted.
//
// Invalid lines, and those the relay refuses, are reported with their numbers and
// left out. Points without a time get one here, once, so that a batch resent after
// a lost answer is the same.
//
// ERRORS. kUnavailable: nothing was accepted for `patience`, or it was stopped.
// kInvalidInput: the relay refuses the requests permanently. Others as the reader's.
// Everything before the tally's next_line is accepted in any case.
//
// THREADS. One.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "relay/transfer/import_reader.h"
#include "replay/transport/transport.h"
#include "wal/base/clock.h"

namespace relay {

struct ImportTally {
  PointCount points = 0;       // Accepted.
  std::uint64_t refused = 0;   // Lines that were left out.
  std::uint64_t doubtful = 0;  // Batches with lines that the relay refused.
  std::uint64_t statements = 0;
  std::uint64_t next_line = 1;  // The line to continue at.
};

class Importer {
 public:
  struct Options {
    std::chrono::milliseconds patience{60'000};
    std::uint64_t jitter_seed = 1;
    Bytes line_max = 1_MiB;
    std::function<bool()> stopped = [] { return false; };
    // Called with a line's number and the message about it.
    std::function<void(std::uint64_t line, const std::string& message)> report;
    std::function<void(const ImportTally&)> on_accepted = [](const ImportTally&) {};
  };

  Importer(Transport& transport, Clock& clock, Options options);

  // Imports to the end of the file.
  Status Run(ImportReader& reader);

  const ImportTally& tally() const { return tally_; }

 private:
  Status Take(ImportBatch batch);
  Status Send(const ImportBatch& batch, const std::string& lines);
  Status WaitBefore(std::uint32_t tries,
                    const std::optional<std::chrono::milliseconds>& retry_after);
  void ReportStatements(ImportReader& reader);

  Transport& transport_;
  Clock& clock_;
  const Options options_;
  ImportTally tally_;
};

}  // namespace relay
