// Sends what an ImportReader reads, batch by batch, each until it is accepted.
//
// Lines that are no points are told with their numbers and left out; so are
// those that the other side refuses. What has no time gets one here, once, so
// that a batch whose answer was lost is the same when it is sent again.
//
// ERRORS. kUnavailable: nothing was accepted for `patience`, or it was told to
// stop. kInvalidInput: the other side will not take what is sent there, be it
// ever so often. The rest as the reader's. Everything before the tally's
// next_line is accepted in any case.
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
  std::uint64_t doubtful = 0;  // Batches of which the other side refused something.
  std::uint64_t statements = 0;
  std::uint64_t next_line = 1;  // Where to go on.
};

class Importer {
 public:
  struct Options {
    std::chrono::milliseconds patience{60'000};
    std::uint64_t jitter_seed = 1;
    std::function<bool()> stopped = [] { return false; };
    // Called with the number of a line, and what is to be told of it.
    std::function<void(std::uint64_t line, const std::string& what)> tell;
    std::function<void(const ImportTally&)> on_accepted = [](const ImportTally&) {};
  };

  Importer(Transport& transport, Clock& clock, Options options);

  // To the end of the file.
  Status Run(ImportReader& reader);

  const ImportTally& tally() const { return tally_; }

 private:
  Status Take(ImportBatch batch);
  Status Send(const ImportBatch& batch, const std::string& lines);
  Status WaitBefore(std::uint32_t tries, const std::optional<std::chrono::milliseconds>& asked);
  void TellStatements(ImportReader& reader);

  Transport& transport_;
  Clock& clock_;
  const Options options_;
  ImportTally tally_;
};

}  // namespace relay
