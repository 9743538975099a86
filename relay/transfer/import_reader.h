// Cuts a file of line protocol into batches that can be sent. The file may be
// plain lines or what `influx -import` takes:
//
//     # DDL                                 statements up to # DML: not sent,
//     CREATE DATABASE metrics               but told, a relay cannot run them
//     # DML
//     # CONTEXT-DATABASE: metrics
//     # CONTEXT-RETENTION-POLICY: week
//     cpu,host=a usage=1 1700000000000000000
//
// Lines have numbers, from 1, as an editor shows them. A quoted newline is part
// of its line; a quote that is never closed spoils the line it stands in, not
// the file.
//
// ERRORS. Those of the text; kInvalidInput: a line for which no database is
// known.
//
// THREADS. One.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/base/result.h"
#include "wal/record/record.h"

namespace relay {

struct ImportBatch {
  WriteParams params;
  // As in the file, from the first line on, comments made empty: what is the
  // n-th line here is line first_line + n - 1 of the file.
  std::string lines;
  std::uint64_t first_line = 0;
  std::uint64_t next_line = 0;  // The first one that is not in it.
};

struct ImportOptions {
  std::string database;          // Empty: as the file says. Given, it holds for all lines.
  std::string retention_policy;  // The same.
  Precision precision = Precision::kNanosecond;
  std::uint64_t first_line = 1;  // What is before it is left out: it was imported.
  std::size_t lines_max = 5000;
  std::size_t bytes_max = 1U << 20U;
};

class ImportReader {
 public:
  // Appends more of the text to its argument; nothing at the end.
  using Source = std::function<Status(std::string&)>;

  // A statement of the DDL part.
  struct Statement {
    std::uint64_t line = 0;
    std::string text;
  };

  ImportReader(Source source, ImportOptions options);

  // nullopt: the end of the file.
  Result<std::optional<ImportBatch>> Next();

  // Returns the statements found since the last call.
  std::vector<Statement> TakeStatements();

 private:
  struct Line {
    std::string_view text;  // In the buffer, with its newline where it has one.
    bool spoilt = false;    // Not a line as it stands: must not meet what follows.
    bool goes_on = false;   // Beyond all bounds, to a newline that is not in sight.
  };

  Status Fill();
  Line LineHere() const;
  Status Pass(const Line& line);
  Status PassRestOfLine();
  // Returns true if the line is no point and was handled.
  bool TakeSpecial(std::string_view line);
  void TakeComment(std::string_view comment);
  Status Begin(ImportBatch& batch) const;
  bool HasRoom(const ImportBatch& batch, const Line& line) const;
  bool IsFor(const WriteParams& params) const;
  Result<bool> Take(Line& line, ImportBatch& batch);

  const Source source_;
  const ImportOptions options_;
  std::string buffer_;
  std::size_t at_ = 0;  // In the buffer: the line in hand.
  bool ended_ = false;
  std::uint64_t line_ = 1;  // Its number.
  bool in_ddl_ = false;
  std::string database_;
  std::string retention_policy_;
  std::vector<Statement> statements_;
};

}  // namespace relay
