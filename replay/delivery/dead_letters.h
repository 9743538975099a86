// Turns lines that a backend will never accept into dead letters, which go to the log with their
// record.
//
// THREADS. One at a time.
#pragma once

#include <memory>
#include <string>

#include "replay/batch/send_batch.h"
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

// Returns the part of an answer that is kept; the rest is cut off.
std::string MessageOf(const Reply& reply);

// Makes all lines of the batch dead letters.
void AddDeadLetters(const SendBatch& batch, const Refusal& refusal, Window& window);

// Makes the lines that the answer names dead letters; the backend has the rest of the batch.
// Returns its last line that was not refused, as a batch; nullptr: all were refused. REQUIRES:
// NamesRefused.
std::shared_ptr<const SendBatch> AddNamedDeadLetters(const SendBatch& batch, const Refusal& refusal,
                                                     Window& window);

// Returns whether the answer to a partial write names the refused lines.
bool NamesRefused(const SendBatch& batch, const Reply& reply);

}  // namespace relay
