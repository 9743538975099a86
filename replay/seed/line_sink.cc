#include "replay/seed/line_sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "replay/compare/collector.h"

namespace relay {
namespace {

void AppendEscaped(std::string& out, std::string_view text, std::string_view escaped) {
  for (const char c : text) {
    if (escaped.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
}

void AppendValue(std::string& out, const Value& value) {
  const auto back = std::back_inserter(out);
  switch (value.type) {
    case FieldType::kFloat: {
      double number = 0;
      std::memcpy(&number, &value.bits, sizeof(number));
      fmt::format_to(back, "{}", number);
      return;
    }
    case FieldType::kInteger:
      fmt::format_to(back, "{}i", static_cast<std::int64_t>(value.bits));
      return;
    case FieldType::kUnsigned: fmt::format_to(back, "{}u", value.bits); return;
    case FieldType::kBoolean: out += value.bits != 0 ? "true" : "false"; return;
    case FieldType::kString:
      out += '"';
      AppendEscaped(out, value.text, "\"\\");
      out += '"';
      return;
  }
}

}  // namespace

LineSink::LineSink(std::string measurement, std::function<void(LinesPart)> take, Choice choice)
    : measurement_(std::move(measurement)), take_(std::move(take)), choice_(std::move(choice)) {}

void LineSink::Series(const std::vector<Tag>& tags, const std::vector<std::string>& fields) {
  EndLine();
  key_.clear();
  AppendEscaped(key_, measurement_, ", ");
  std::vector<Tag> sorted = tags;
  std::sort(sorted.begin(), sorted.end());
  for (const auto& [name, value] : sorted) {
    if (value.empty()) continue;
    key_ += ',';
    AppendEscaped(key_, name, ",= ");
    key_ += '=';
    AppendEscaped(key_, value, ",= ");
  }
  if (choice_) tags_ = TagsText(tags);
  fields_ = fields;
  escaped_fields_.assign(fields.size(), "");
  for (std::size_t i = 0; i < fields.size(); ++i) {
    AppendEscaped(escaped_fields_[i], fields[i], ",= ");
  }
}

void LineSink::Point(std::int64_t time) {
  EndLine();
  time_ = time;
}

void LineSink::Take(std::size_t field, const Value& value) {
  if (choice_ && !choice_(tags_, time_, fields_.at(field))) return;
  if (values_ == 0) {
    part_.lines += key_;
    part_.lines += ' ';
  } else {
    part_.lines += ',';
  }
  ++values_;
  part_.lines += escaped_fields_.at(field);
  part_.lines += '=';
  AppendValue(part_.lines, value);
}

void LineSink::EndLine() {
  if (values_ == 0) return;
  fmt::format_to(std::back_inserter(part_.lines), " {}\n", time_);
  ++part_.points;
  part_.values += std::exchange(values_, 0);
  if (part_.lines.size() < kPartBytes && part_.points < kPartPoints) return;
  take_(std::exchange(part_, {}));
}

void LineSink::End() {
  EndLine();
  if (part_.points > 0) take_(std::exchange(part_, {}));
}

}  // namespace relay
