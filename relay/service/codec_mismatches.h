// Notes writes that `log.codec: lp` did not read back as they were: a mistake of the program, which
// a person needs the lines to find. They are counted, reported, and the first of them kept in
// log.path/codec-mismatch until somebody deletes them.
//
// INVARIANT. That directory never has more than kFilesMax files, none larger than kFileMax.
//
// THREADS. Any number at once. Clock and counters outlive it.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "relay/base/counters.h"
#include "relay/base/report_limiter.h"
#include "wal/base/clock.h"
#include "wal/base/types.h"
#include "wal/record/record.h"

namespace relay {

class CodecMismatches {
 public:
  static constexpr std::size_t kFilesMax = 8;
  static constexpr Bytes kFileMax = 1_MiB;

  CodecMismatches(const std::string& log_path, const Clock& clock, Counters& counters)
      : directory_(log_path + "/codec-mismatch"), clock_(clock), counters_(counters) {}

  void Note(const Record& record);

 private:
  std::string Keep(std::string_view lines) const;

  const std::string directory_;
  const Clock& clock_;
  Counters& counters_;
  std::mutex mutex_;
  ReportLimiter reports_{std::chrono::minutes(1)};
};

}  // namespace relay
