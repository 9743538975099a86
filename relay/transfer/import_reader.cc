#include "relay/transfer/import_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "wal/record/lines.h"

namespace relay {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view Trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Returns the text after `name` in a comment; nullopt: it begins otherwise.
std::optional<std::string> Behind(std::string_view name, std::string_view comment) {
  if (!comment.starts_with(name)) return std::nullopt;
  return std::string(Trimmed(comment.substr(name.size())));
}

std::uint64_t NewlinesIn(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

ImportReader::ImportReader(Source source, ImportOptions options)
    : source_(std::move(source)),
      options_(std::move(options)),
      database_(options_.database),
      retention_policy_(options_.retention_policy) {}

std::vector<ImportReader::Statement> ImportReader::TakeStatements() {
  return std::exchange(statements_, {});
}

// Fills the buffer until it holds a whole line of any allowed length.
Status ImportReader::Fill() {
  while (!ended_ && buffer_.size() - at_ <= LineMax()) {
    // Moves no byte more often than it reads one.
    if (at_ > buffer_.size() / 2) buffer_.erase(0, std::exchange(at_, 0));
    const std::size_t before = buffer_.size();
    RETURN_IF_ERROR(source_(buffer_));
    ended_ = buffer_.size() == before;
  }
  return Ok();
}

ImportReader::Line ImportReader::LineHere() const {
  const std::string_view rest = std::string_view(buffer_).substr(at_, LineMax() + 1);
  const std::size_t newline = rest.find('\n');
  const std::string_view first = rest.substr(0, newline == rest.npos ? newline : newline + 1);
  const bool too_long = first.size() > LineMax();
  // Statements and comments have no quoting.
  if (in_ddl_ || Trimmed(first).starts_with('#')) return {.text = first, .goes_on = too_long};
  const LineExtent extent = MeasureLine(rest);
  if (extent.size < rest.size()) return {.text = rest.substr(0, extent.size + 1)};
  return {.text = first, .spoilt = extent.open || too_long, .goes_on = too_long};
}

Status ImportReader::Pass(const Line& line) {
  line_ += NewlinesIn(line.text);
  at_ += line.text.size();
  return line.goes_on ? PassRestOfLine() : Ok();
}

Status ImportReader::PassRestOfLine() {
  std::size_t newline = buffer_.find('\n', at_);
  while (newline == std::string::npos) {
    at_ = buffer_.size();
    RETURN_IF_ERROR(Fill());
    if (at_ == buffer_.size()) return Ok();
    newline = buffer_.find('\n', at_);
  }
  at_ = newline + 1;
  ++line_;
  return Ok();
}

bool ImportReader::TakeSpecial(std::string_view line) {
  const std::string_view text = Trimmed(line);
  if (text.empty()) return true;
  if (text.front() == '#') {
    TakeComment(text);
    return true;
  }
  if (in_ddl_) statements_.push_back({line_, std::string(text)});
  return in_ddl_ || line_ < options_.first_line;
}

void ImportReader::TakeComment(std::string_view comment) {
  if (comment.starts_with("# DDL")) in_ddl_ = true;
  if (comment.starts_with("# DML")) in_ddl_ = false;
  if (auto name = Behind("# CONTEXT-DATABASE:", comment); name && options_.database.empty()) {
    database_ = std::move(*name);
  }
  if (auto name = Behind("# CONTEXT-RETENTION-POLICY:", comment);
      name && options_.retention_policy.empty()) {
    retention_policy_ = std::move(*name);
  }
}

Status ImportReader::Begin(ImportBatch& batch) const {
  if (database_.empty()) {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("line {}: no database; pass --database, or put "
                             "# CONTEXT-DATABASE: NAME into the file",
                             line_));
  }
  batch.params.database = database_;
  batch.params.retention_policy = retention_policy_;
  batch.params.precision = options_.precision;
  batch.first_line = line_;
  return Ok();
}

bool ImportReader::Fits(const ImportBatch& batch, const Line& line) const {
  return !line.spoilt && batch.lines.size() + line.text.size() <= options_.bytes_max &&
         line_ - batch.first_line < options_.lines_max;
}

bool ImportReader::IsFor(const WriteParams& params) const {
  return params.database == database_ && params.retention_policy == retention_policy_;
}

// Adds the line to the batch, or consumes it here. Returns false if it belongs to another batch.
Result<bool> ImportReader::Take(Line& line, ImportBatch& batch) {
  const bool begins = batch.lines.empty();
  if (TakeSpecial(line.text)) {
    if (!begins) batch.lines.append(NewlinesIn(line.text), '\n');
    line.spoilt = false;
    return true;
  }
  if (begins) {
    RETURN_IF_ERROR(Begin(batch));
  } else if (!IsFor(batch.params)) {
    return false;
  }
  batch.lines += line.text;
  return true;
}

Result<std::optional<ImportBatch>> ImportReader::Next() {
  ImportBatch batch;
  Line line;
  do {
    RETURN_IF_ERROR(Fill());
    if (at_ == buffer_.size()) break;
    line = LineHere();
    if (!batch.lines.empty() && !Fits(batch, line)) break;
    ASSIGN_OR_RETURN(const bool taken, Take(line, batch));
    if (!taken) break;
    RETURN_IF_ERROR(Pass(line));
  } while (!line.spoilt);
  if (batch.lines.empty()) return std::optional<ImportBatch>();
  batch.next_line = line_;
  return std::optional(std::move(batch));
}

}  // namespace relay
