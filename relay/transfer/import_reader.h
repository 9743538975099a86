// Cuts a file of line protocol into batches to send. The file holds plain lines
// or the format of `influx -import`:
//
//     # DDL                                 statements up to # DML: reported, not
//     CREATE DATABASE metrics               sent, a relay cannot run them
//     # DML
//     # CONTEXT-DATABASE: metrics
//     # CONTEXT-RETENTION-POLICY: week
//     cpu,host=a usage=1 1700000000000000000
//
// Lines are numbered from 1, as in an editor. A quoted newline is part of its
// line; an unclosed quote spoils only its own line.
//
// ERRORS. Those of the source; kInvalidInput: a line without a database.
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
  // The file's lines from the first one on, comments made empty: the n-th line
  // here is line first_line + n - 1 of the file.
  std::string lines;
  std::uint64_t first_line = 0;
  std::uint64_t next_line = 0;  // The line after the batch.
};

struct ImportOptions {
  std::string database;          // Empty: as in the file; otherwise for all lines.
  std::string retention_policy;  // The same.
  Precision precision = Precision::kNanosecond;
  std::uint64_t first_line = 1;  // Earlier ones are left out, as imported already.
  std::size_t lines_max = 5000;
  std::size_t bytes_max = 1U << 20U;  // The limit of a batch of several lines.
  Bytes line_max = 1_MiB;
};

class ImportReader {
 public:
  // Appends more text to its argument; none at the end.
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
    std::string_view text;  // In the buffer, with its newline if it has one.
    bool spoilt = false;    // Not a complete line: must not be joined with the next.
    bool goes_on = false;   // Longer than the limit; its newline is not in the buffer.
  };

  std::size_t LineMax() const { return options_.line_max.count(); }
  Status Fill();
  Line LineHere() const;
  Status Pass(const Line& line);
  Status PassRestOfLine();
  // Returns true if the line is no point and was handled.
  bool TakeSpecial(std::string_view line);
  void TakeComment(std::string_view comment);
  Status Begin(ImportBatch& batch) const;
  bool Fits(const ImportBatch& batch, const Line& line) const;
  bool IsFor(const WriteParams& params) const;
  Result<bool> Take(Line& line, ImportBatch& batch);

  const Source source_;
  const ImportOptions options_;
  std::string buffer_;
  std::size_t at_ = 0;  // The current line's position in the buffer.
  bool ended_ = false;
  std::uint64_t line_ = 1;  // Its number.
  bool in_ddl_ = false;
  std::string database_;
  std::string retention_policy_;
  std::vector<Statement> statements_;
};

}  // namespace relay
