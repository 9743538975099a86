#include "relay/http/query_parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "wal/base/ascii.h"

namespace relay {
namespace {

// Decodes the two characters behind a percent sign.
Result<char> DecodeEscape(std::string_view digits) {
  if (const std::optional<char> byte = HexByte(digits)) return *byte;
  return Error(ErrorCode::kInvalidInput, fmt::format("invalid URL escape \"%{}\"", digits));
}

Result<std::string> Decode(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    ASSIGN_OR_RETURN(char byte, DecodeEscape(text.substr(i + 1, 2)));
    plain += byte;
    i += 2;
  }
  return plain;
}

}  // namespace

Result<QueryParameters> QueryParameters::Parse(std::string_view query) {
  QueryParameters parameters;
  constexpr std::size_t kMost = 1'000;
  for (std::size_t count = 1; !query.empty(); ++count) {
    if (count > kMost) {
      return Error(ErrorCode::kInvalidInput, fmt::format("expected at most {} parameters", kMost));
    }
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    ASSIGN_OR_RETURN(std::string name, Decode(pair.substr(0, equals)));
    Result<std::string> value = Decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!value.ok()) return std::move(value).error();
    parameters.values_.emplace(std::move(name), std::move(value).value());
  }
  return parameters;
}

const std::string& QueryParameters::Get(std::string_view name) const {
  static const std::string none;
  const auto found = values_.find(name);
  return found == values_.end() ? none : found->second;
}

}  // namespace relay
