// Runs a program, without a shell, and waits for it.
//
// It gets no input, and a process group of its own: what it has started is killed with it.
//
// THREADS. Any number at once; the calling thread waits.
//
// ERRORS. kIo: it cannot be started, it failed, or it took too long; the message has its exit code
// and the last words that it wrote. kUnavailable: `stop` ended it.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include "wal/base/clock.h"
#include "wal/base/result.h"

namespace relay {

Status RunCommand(const std::vector<std::string>& words, std::chrono::milliseconds timeout,
                  const Clock& clock, const std::stop_token& stop);

// Splits a command line at blanks. No quotes, no escapes.
std::vector<std::string> WordsOf(const std::string& command);

}  // namespace relay
