#include "replay/query/influx_answer.h"

#include <string_view>

#include "replay/query/msgpack.h"

namespace relay {
namespace {

using Kind = MsgpackElement::Kind;

Error Unexpected() {
  return {ErrorCode::kInvalidInput, "its answer has another form than InfluxDB's"};
}

Error Refused(std::string_view message) {
  const bool missing = message.find("database not found") != std::string_view::npos;
  return {missing ? ErrorCode::kNotFound : ErrorCode::kInvalidInput, std::string(message)};
}

// Maps {"results": [{"statement_id": 0, "series": [...], "partial": true}]}, one for each chunk.
class InfluxAnswer {
 public:
  InfluxAnswer(ByteSource& bytes, RowSink& rows) : reader_(bytes), rows_(rows) {}

  Status Read() {
    bool any = false;
    while (true) {
      ASSIGN_OR_RETURN(const bool ended, reader_.AtEnd());
      if (ended) break;
      any = true;
      RETURN_IF_ERROR(Map([this](std::string_view key) { return TopLevel(key); }));
    }
    if (any && !more_follows_) return Ok();
    return Error(ErrorCode::kUnavailable, "its answer ended before it was whole");
  }

 private:
  // Calls `take` for each key; it reads the value.
  template <typename Take>
  Status Map(Take take) {
    ASSIGN_OR_RETURN(const MsgpackElement map, reader_.Next());
    if (map.kind != Kind::kMap) return Unexpected();
    for (std::uint32_t i = 0; i < map.size; ++i) {
      ASSIGN_OR_RETURN(const std::string key, Text());
      RETURN_IF_ERROR(take(std::string_view(key)));
    }
    return Ok();
  }

  template <typename Take>
  Status Array(Take take) {
    ASSIGN_OR_RETURN(const MsgpackElement array, reader_.Next());
    if (array.kind == Kind::kNil) return Ok();
    if (array.kind != Kind::kArray) return Unexpected();
    for (std::uint32_t i = 0; i < array.size; ++i) {
      RETURN_IF_ERROR(take());
    }
    return Ok();
  }

  Result<std::string> Text() {
    ASSIGN_OR_RETURN(const MsgpackElement element, reader_.Next());
    if (element.kind != Kind::kString) return Unexpected();
    return std::string(element.text);
  }

  Result<bool> Flag() {
    ASSIGN_OR_RETURN(const MsgpackElement element, reader_.Next());
    return element.kind == Kind::kBoolean && element.bits == 1;
  }

  Status TopLevel(std::string_view key) {
    if (key == "results") return Array([this] { return OneResult(); });
    if (key != "error") return reader_.Skip();
    ASSIGN_OR_RETURN(const std::string message, Text());
    return Refused(message);
  }

  Status OneResult() {
    more_follows_ = false;
    return Map([this](std::string_view key) -> Status {
      if (key == "series") return Array([this] { return OneSeries(); });
      if (key == "partial") {
        ASSIGN_OR_RETURN(more_follows_, Flag());
        return Ok();
      }
      if (key != "error") return reader_.Skip();
      ASSIGN_OR_RETURN(const std::string message, Text());
      return Refused(message);
    });
  }

  // The name, the tags and the columns come before the values.
  Status OneSeries() {
    name_.clear();
    tags_.clear();
    columns_.clear();
    return Map([this](std::string_view key) -> Status {
      if (key == "name") {
        ASSIGN_OR_RETURN(name_, Text());
        return Ok();
      }
      if (key == "tags") return Map([this](std::string_view tag) { return OneTag(tag); });
      if (key == "columns") return Array([this] { return OneColumn(); });
      if (key != "values") return reader_.Skip();
      rows_.Series(name_, tags_, columns_);
      return Array([this] { return OneRow(); });
    });
  }

  Status OneTag(std::string_view tag) {
    ASSIGN_OR_RETURN(std::string value, Text());
    tags_.emplace_back(tag, std::move(value));
    return Ok();
  }

  Status OneColumn() {
    ASSIGN_OR_RETURN(std::string column, Text());
    columns_.push_back(std::move(column));
    return Ok();
  }

  Status OneRow() {
    ASSIGN_OR_RETURN(const MsgpackElement row, reader_.Next());
    if (row.kind != Kind::kArray || row.size != columns_.size()) return Unexpected();
    rows_.Row();
    for (std::uint32_t column = 0; column < row.size; ++column) {
      ASSIGN_OR_RETURN(const MsgpackElement cell, reader_.Next());
      if (cell.kind == Kind::kNil) continue;
      Value value{.bits = cell.bits, .text = cell.text};
      switch (cell.kind) {
        case Kind::kBoolean: value.type = FieldType::kBoolean; break;
        case Kind::kInteger: value.type = FieldType::kInteger; break;
        case Kind::kUnsigned: value.type = FieldType::kUnsigned; break;
        case Kind::kFloat: value.type = FieldType::kFloat; break;
        case Kind::kString: value.type = FieldType::kString; break;
        default: return Unexpected();
      }
      rows_.Cell(column, value);
    }
    return Ok();
  }

  MsgpackReader reader_;
  RowSink& rows_;
  bool more_follows_ = false;
  std::string name_;
  std::vector<Tag> tags_;
  std::vector<std::string> columns_;
};

}  // namespace

Status ReadInfluxAnswer(ByteSource& bytes, RowSink& rows) {
  return InfluxAnswer(bytes, rows).Read();
}

}  // namespace relay
