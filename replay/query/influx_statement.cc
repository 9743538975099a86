#include "replay/query/influx_statement.h"

#include <fmt/format.h>

#include <utility>

#include "replay/query/http_query.h"
#include "replay/query/influx_answer.h"
#include "replay/transport/target.h"

namespace relay {
namespace {

class StatementRows final : public RowSink {
 public:
  void Series(const std::string& name, const std::vector<Tag>& /*tags*/,
              const std::vector<std::string>& columns) override {
    name_ = name;
    columns_ = columns.size();
  }
  void Row() override { rows_.push_back({name_, std::vector<std::string>(columns_)}); }
  void Cell(std::size_t column, const Value& value) override {
    rows_.back().texts.at(column) = value.text;
  }

  std::vector<StatementRow> Take() { return std::move(rows_); }

 private:
  std::string name_;
  std::size_t columns_ = 0;
  std::vector<StatementRow> rows_;
};

}  // namespace

Result<std::vector<StatementRow>> RunStatement(const HttpTransportOptions& options,
                                               const std::string& statement) {
  constexpr int kOk = 200;
  constexpr std::size_t kTextMax = 200;
  HttpQuery query(options);
  RETURN_IF_ERROR(query.Ask({.path = "/query",
                             .form = "q=" + PercentEncoded(statement),
                             .accept = "application/x-msgpack"}));
  const Reply head = query.head();
  if (head.http_status != kOk || !head.content_type.starts_with("application/x-msgpack")) {
    ASSIGN_OR_RETURN(const std::string text, query.Rest(kTextMax));
    return Error(ErrorCode::kInvalidInput, fmt::format("answered {}: {}", head.http_status, text));
  }
  StatementRows rows;
  RETURN_IF_ERROR(ReadInfluxAnswer(query, rows));
  return rows.Take();
}

}  // namespace relay
