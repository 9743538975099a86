#include "relay/transfer/import_reader.h"

#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <vector>

#include "relay/lineprotocol/scanner.h"
#include "relay/transfer/input_file.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::relay_transfer_import_reader_test {
namespace {

// A text that comes `step` bytes at a time.
ImportReader::Source From(std::string text, std::size_t step = 7) {
  return [text = std::move(text), step](std::string& more) mutable {
    more += text.substr(0, step);
    text.erase(0, step);
    return Ok();
  };
}

std::vector<ImportBatch> ReadAll(ImportReader& reader) {
  std::vector<ImportBatch> batches;
  while (true) {
    Result<std::optional<ImportBatch>> next = reader.Next();
    REQUIRE(next.ok());
    if (!next.value()) return batches;
    batches.push_back(std::move(*next.value()));
  }
}

std::vector<ImportBatch> ReadAll(const std::string& text, const ImportOptions& options) {
  ImportReader reader(From(text), options);
  return ReadAll(reader);
}

TEST_CASE("import: a file as influx exports it goes where its contexts say") {
  ImportReader reader(From("# DDL\n"
                           "CREATE DATABASE one\n"
                           "CREATE RETENTION POLICY \"week\" ON one DURATION 7d REPLICATION 1\n"
                           "# DML\n"
                           "# CONTEXT-DATABASE: one\n"
                           "m v=1 1\n"
                           "# CONTEXT-RETENTION-POLICY:week\r\n"
                           "m v=2 2\n"
                           "m v=3 3\n"
                           "# CONTEXT-DATABASE:two\n"
                           "m v=4 4\n"),
                      {});
  const std::vector<ImportBatch> batches = ReadAll(reader);
  REQUIRE_EQ(batches.size(), 3);
  CHECK_EQ(batches[0].params.database, "one");
  CHECK_EQ(batches[0].params.retention_policy, "");
  CHECK_EQ(batches[0].first_line, 6);
  CHECK_EQ(batches[1].params.retention_policy, "week");
  CHECK_EQ(batches[1].lines, "m v=2 2\nm v=3 3\n\n");
  CHECK_EQ(batches[1].first_line, 8);
  CHECK_EQ(batches[2].params.database, "two");
  CHECK_EQ(batches[2].next_line, 12);
  const std::vector<ImportReader::Statement> statements = reader.TakeStatements();
  REQUIRE_EQ(statements.size(), 2);
  CHECK_EQ(statements[0].line, 2);
  CHECK_EQ(statements[0].text, "CREATE DATABASE one");
}

TEST_CASE("import: the operator's target overrides the file's") {
  const std::vector<ImportBatch> batches =
      ReadAll("# CONTEXT-DATABASE: one\nm v=1 1\n# CONTEXT-RETENTION-POLICY: week\nm v=2 2\n",
              {.database = "mine", .retention_policy = "year"});
  REQUIRE_EQ(batches.size(), 1);
  CHECK_EQ(batches[0].params.database, "mine");
  CHECK_EQ(batches[0].params.retention_policy, "year");
}

TEST_CASE("import: a line for which no database is known is reported with its number") {
  ImportReader reader(From("\n# a comment\nm v=1 1\n"), {});
  const Result<std::optional<ImportBatch>> next = reader.Next();
  REQUIRE_FALSE(next.ok());
  CHECK_EQ(next.error().code(), ErrorCode::kInvalidInput);
  CHECK(next.error().message().starts_with("line 3: "));
}

TEST_CASE("import: batches are cut by lines and by bytes, and nothing is lost between them") {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "m v=" + std::to_string(i) + " 1\n";
  for (const ImportOptions& options :
       {ImportOptions{.database = "d", .lines_max = 7},
        ImportOptions{.database = "d", .bytes_max = 50}, ImportOptions{.database = "d"}}) {
    std::string read;
    std::uint64_t next_line = 1;
    for (const ImportBatch& batch : ReadAll(text, options)) {
      CHECK_EQ(batch.first_line, next_line);
      CHECK_LE(batch.lines.size(), options.bytes_max);
      CHECK_LE(batch.next_line - batch.first_line, options.lines_max);
      next_line = batch.next_line;
      read += batch.lines;
    }
    CHECK_EQ(next_line, 101);
    CHECK_EQ(read, text);
  }
}

TEST_CASE("import: it goes on at a line, and the contexts before it still hold") {
  const std::string text = "# CONTEXT-DATABASE: one\nm v=1 1\nm v=2 2\nm v=3 3\n";
  const std::vector<ImportBatch> batches = ReadAll(text, {.first_line = 3});
  REQUIRE_EQ(batches.size(), 1);
  CHECK_EQ(batches[0].lines, "m v=2 2\nm v=3 3\n");
  CHECK_EQ(batches[0].first_line, 3);
  CHECK_EQ(batches[0].params.database, "one");
  CHECK(ReadAll(text, {.first_line = 5}).empty());
}

TEST_CASE("import: comments and blank lines keep the numbers right") {
  const std::vector<ImportBatch> batches =
      ReadAll("m v=1 1\n\n# it's a=\"quote\n   \nbad\nm v=2 2", {.database = "d"});
  REQUIRE_EQ(batches.size(), 1);
  const ScannedLines scanned = ScanLines(batches[0].lines, Precision::kNanosecond, {});
  CHECK_EQ(scanned.points, 2);
  REQUIRE_EQ(scanned.errors.size(), 1);
  CHECK_EQ(batches[0].first_line + scanned.errors[0].number - 1, 5);
  CHECK_EQ(batches[0].next_line, 6);
}

TEST_CASE("import: a quoted newline is part of its line, an open quote spoils only its own") {
  const std::string text =
      "m s=\"a\nb\" 1\n"
      "m s=\"never closed 2\n"
      "m v=3 3\n"
      "m v=4 4\n";
  std::string good;
  std::vector<std::uint64_t> bad;
  for (ImportBatch& batch : ReadAll(text, {.database = "d"})) {
    ScannedLines scanned = ScanLines(std::move(batch.lines), Precision::kNanosecond, {});
    good += scanned.lines;
    for (const LineError& error : scanned.errors)
      bad.push_back(batch.first_line + error.number - 1);
  }
  CHECK_EQ(good, "m s=\"a\nb\" 1\nm v=3 3\nm v=4 4\n");
  CHECK_EQ(bad, std::vector<std::uint64_t>{3});
}

TEST_CASE("import: a line beyond all bounds is one bad line, in little memory") {
  const std::string text = "m v=1 1\nm v=" + std::string(1'000'000, '1') + " 2\nm v=3 3\n";
  std::string good;
  std::vector<std::uint64_t> bad;
  for (ImportBatch& batch : ReadAll(text, {.database = "d", .line_max = 64_KiB})) {
    CHECK_LT(batch.lines.size(), 100'000);
    ScannedLines scanned = ScanLines(std::move(batch.lines), Precision::kNanosecond, {}, 64_KiB);
    good += scanned.lines;
    for (const LineError& error : scanned.errors)
      bad.push_back(batch.first_line + error.number - 1);
  }
  CHECK_EQ(good, "m v=1 1\nm v=3 3\n");
  CHECK_EQ(bad, std::vector<std::uint64_t>{2});
}

TEST_CASE("import: a line as long as the limit is read whole, however it comes") {
  const std::string begin = "m s=\"";
  const std::string end = "\" 2\n";
  const std::size_t filling = 1'048'576 - begin.size() - end.size();
  const std::string longest = begin + std::string(filling, 'x') + end;
  const std::string text = "m v=1 1\n" + longest + "m v=3 3\n" + longest;
  for (const std::size_t step : {1'000U, 65'536U, 10'000'000U}) {
    CAPTURE(step);
    ImportReader reader(From(text, step), {.database = "d"});
    std::string whole;
    for (const ImportBatch& batch : ReadAll(reader)) whole += batch.lines;
    CHECK(whole == text);
  }
}

// ---- Files

std::string ReadWhole(const std::string& path) {
  Result<std::unique_ptr<TextFile>> file = TextFile::Open(path);
  REQUIRE(file.ok());
  std::string text;
  for (std::size_t before = 1; before != text.size();) {
    before = text.size();
    REQUIRE(file.value()->Read(text, 1000).ok());
  }
  CHECK_EQ(file.value()->PartRead(), doctest::Approx(1.0));
  return text;
}

TEST_CASE("import: a file is read whole, plain or gzip, of one or several members") {
  const TempDir directory;
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "m v=" + std::to_string(i) + " 1\n";
  WriteFile(directory.File("plain"), text);
  CHECK_EQ(ReadWhole(directory.File("plain")), text);
  REQUIRE_EQ(Run({"sh", "-c",
                  "cd " + directory.path() + " && gzip -k plain && cat plain.gz plain.gz > twice"})
                 .exit_code,
             0);
  CHECK_EQ(ReadWhole(directory.File("plain.gz")), text);
  CHECK_EQ(ReadWhole(directory.File("twice")), text + text);
}

TEST_CASE("import: gzip that is cut short or damaged is reported, not taken for the end") {
  const TempDir directory;
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += std::to_string(i * 7919) + "\n";
  WriteFile(directory.File("a"), text);
  REQUIRE_EQ(Run({"gzip", directory.File("a")}).exit_code, 0);
  const std::string whole = ReadFile(directory.File("a.gz"));
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(~flipped[whole.size() / 2]);
  for (const std::string& content : {whole.substr(0, whole.size() / 2), flipped}) {
    WriteFile(directory.File("b.gz"), content);
    Result<std::unique_ptr<TextFile>> file = TextFile::Open(directory.File("b.gz"));
    REQUIRE(file.ok());
    std::string read;
    Status status = Ok();
    for (std::size_t before = 1; status.ok() && before != read.size();) {
      before = read.size();
      status = file.value()->Read(read, 10'000);
    }
    REQUIRE_FALSE(status.ok());
    CHECK_EQ(status.error().code(), ErrorCode::kCorruption);
    CHECK_NE(status.error().message().find("b.gz"), std::string::npos);
  }
}

TEST_CASE("import: a missing file or a directory is reported by its name") {
  const TempDir directory;
  CHECK_EQ(TextFile::Open(directory.File("none")).error().code(), ErrorCode::kNotFound);
  CHECK_EQ(TextFile::Open(directory.path()).error().code(), ErrorCode::kIo);
}

}  // namespace
}  // namespace relay::test::relay_transfer_import_reader_test
