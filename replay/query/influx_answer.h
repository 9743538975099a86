// The answer of InfluxDB's /query in MessagePack, also in chunks, as rows.
//
// ERRORS. kNotFound: the server knows no such database. kInvalidInput: it refuses the statement;
// the message is the server's. kUnavailable: the answer ends before the server says that it is
// whole.
//
// THREADS. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "replay/compare/source.h"
#include "replay/query/http_query.h"

namespace relay {

// Receives the rows of an answer. Values that are absent are left out.
class RowSink {
 public:
  virtual ~RowSink() = default;

  // Begins a series, or continues one.
  virtual void Series(const std::string& name, const std::vector<Tag>& tags,
                      const std::vector<std::string>& columns) = 0;
  virtual void Row() = 0;
  virtual void Cell(std::size_t column, const Value& value) = 0;
};

Status ReadInfluxAnswer(ByteSource& bytes, RowSink& rows);

}  // namespace relay
