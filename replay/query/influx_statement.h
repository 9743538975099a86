// Runs a statement of InfluxQL with a short answer.
//
// ERRORS. As ReadInfluxAnswer and HttpQuery; kInvalidInput also: the server answers another status
// than 200; the message has its words.
//
// THREADS. Any number at once.
#pragma once

#include <string>
#include <vector>

#include "replay/transport/http_transport.h"
#include "wal/base/result.h"

namespace relay {

struct StatementRow {
  std::string series;
  std::vector<std::string> texts;  // Cells that are no text are empty.
};

Result<std::vector<StatementRow>> RunStatement(const HttpTransportOptions& options,
                                               const std::string& statement);

}  // namespace relay
