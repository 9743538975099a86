// Turns lines that a backend will never take into dead letters, which go to the
// log with the record they are from.
//
// THREADS. One at a time.
#pragma once

#include <memory>
#include <string>

#include "replay/delivery/send_batch.h"
#include "replay/delivery/window.h"
#include "replay/transport/transport.h"
#include "replay/transport/verdict.h"
#include "wal/base/types.h"

namespace relay {

// The answer that refused the lines.
struct Refusal {
  const Verdict& verdict;
  const Reply& reply;
  WallTime when;
};

// Returns what is kept of an answer; the rest is cut off.
std::string WordsOf(const Reply& reply);

// All lines of the batch become dead letters.
void AddDeadLetters(const SendBatch& batch, const Refusal& refusal, Window& window);

// The backend has the batch but for the lines that its answer names: those become
// dead letters. Returns the last line that it took, as a batch, if all behind it
// were refused; nullptr: it refused all.
// REQUIRES: NamesRefused.
std::shared_ptr<const SendBatch> AddNamedDeadLetters(const SendBatch& batch, const Refusal& refusal,
                                                     Window& window);

// Says whether the answer to a partial write names the lines that were refused.
bool NamesRefused(const SendBatch& batch, const Reply& reply);

}  // namespace relay
