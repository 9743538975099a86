#include "relay/write_params.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace relay {
namespace {

// The byte that two hexadecimal digits name. REQUIRES: at most two characters.
Result<char> DecodeEscape(std::string_view digits) {
  unsigned char byte = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
  if (digits.size() == 2 && parsed.ptr == digits.data() + 2) return static_cast<char>(byte);
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
    Result<char> byte = DecodeEscape(text.substr(i + 1, 2));
    if (!byte.ok()) return std::move(byte).error();
    plain += byte.value();
    i += 2;
  }
  return plain;
}

// Would end up in a log, a URL or a terminal somewhere.
bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

// Longer than anybody's; what each record holds stays bounded.
constexpr std::size_t kNameMax = 512;

Result<Precision> ParsePrecision(std::string_view text) {
  struct Name {
    std::string_view text;
    Precision precision;
  };
  constexpr std::array<Name, 8> kNames = {{{"", Precision::kNanosecond},
                                           {"n", Precision::kNanosecond},
                                           {"ns", Precision::kNanosecond},
                                           {"u", Precision::kMicrosecond},
                                           {"ms", Precision::kMillisecond},
                                           {"s", Precision::kSecond},
                                           {"m", Precision::kMinute},
                                           {"h", Precision::kHour}}};
  for (const Name& name : kNames) {
    if (text == name.text) return name.precision;
  }
  return Error(ErrorCode::kInvalidInput,
               fmt::format("invalid precision \"{}\" (use n, u, ms, s, m or h)", text));
}

Status CheckConsistency(std::string_view text) {
  constexpr std::array<std::string_view, 5> kLevels = {"", "any", "one", "quorum", "all"};
  if (std::find(kLevels.begin(), kLevels.end(), text) != kLevels.end()) return Ok();
  return Error(ErrorCode::kInvalidInput, "invalid consistency level");
}

}  // namespace

Result<std::map<std::string, std::string>> ParseQuery(std::string_view query) {
  std::map<std::string, std::string> parameters;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    Result<std::string> name = Decode(pair.substr(0, equals));
    if (!name.ok()) return std::move(name).error();
    Result<std::string> value = Decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!value.ok()) return std::move(value).error();
    parameters.emplace(std::move(name).value(), std::move(value).value());
  }
  return parameters;
}

Result<WriteParams> ParseWriteParams(std::string_view query,
                                     const std::string& default_retention_policy) {
  Result<std::map<std::string, std::string>> parsed = ParseQuery(query);
  if (!parsed.ok()) return std::move(parsed).error();
  std::map<std::string, std::string>& parameters = parsed.value();

  WriteParams params;
  params.database = parameters["db"];
  params.retention_policy = parameters["rp"];
  if (params.database.empty()) return Error(ErrorCode::kInvalidInput, "database is required");
  if (params.retention_policy.empty()) params.retention_policy = default_retention_policy;
  if (params.database.size() > kNameMax || params.retention_policy.size() > kNameMax) {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("db or rp is longer than {} bytes", kNameMax));
  }
  if (HasControlCharacter(params.database) || HasControlCharacter(params.retention_policy)) {
    return Error(ErrorCode::kInvalidInput, "a control character in db or rp");
  }
  Result<Precision> precision = ParsePrecision(parameters["precision"]);
  if (!precision.ok()) return std::move(precision).error();
  params.precision = precision.value();
  if (Status level = CheckConsistency(parameters["consistency"]); !level.ok()) {
    return std::move(level).error();
  }
  return params;
}

}  // namespace relay
