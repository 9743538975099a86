#include "wal/base/precision.h"

#include <array>
#include <initializer_list>

#include "wal/base/invariant.h"

namespace relay {
namespace {

using enum PrecisionDialect;

using DialectSet = unsigned;

constexpr DialectSet SetOf(std::initializer_list<PrecisionDialect> dialects) {
  DialectSet set = 0;
  for (const PrecisionDialect dialect : dialects) set |= 1U << static_cast<unsigned>(dialect);
  return set;
}

constexpr bool Has(DialectSet set, PrecisionDialect dialect) {
  return (set & SetOf({dialect})) != 0;
}

struct Row {
  std::string_view word;
  Precision precision;
  DialectSet written;
  DialectSet taken;  // Accepted besides the written ones.
};

constexpr DialectSet kAll = SetOf({kSettings, kCommands, kV1, kV2, kV3});

constexpr std::array kRows = {
    Row{"n", Precision::kNanosecond, SetOf({kCommands, kV1}), SetOf({kV3})},
    Row{"ns", Precision::kNanosecond, SetOf({kSettings, kV2}), kAll},
    Row{"nanosecond", Precision::kNanosecond, SetOf({kV3}), {}},
    Row{"", Precision::kNanosecond, {}, SetOf({kV1, kV2})},
    Row{"u", Precision::kMicrosecond, SetOf({kCommands, kV1}), SetOf({kV3})},
    Row{"us", Precision::kMicrosecond, SetOf({kSettings, kV2}), SetOf({kCommands, kV1, kV3})},
    Row{"\xc2\xb5", Precision::kMicrosecond, {}, SetOf({kV1})},  // The micro sign,
    Row{"\xce\xbc", Precision::kMicrosecond, {}, SetOf({kV1})},  // and the letter mu.
    Row{"microsecond", Precision::kMicrosecond, SetOf({kV3}), {}},
    Row{"ms", Precision::kMillisecond, SetOf({kSettings, kCommands, kV1, kV2}), kAll},
    Row{"millisecond", Precision::kMillisecond, SetOf({kV3}), {}},
    Row{"s", Precision::kSecond, SetOf({kSettings, kCommands, kV1, kV2}), kAll},
    Row{"second", Precision::kSecond, SetOf({kV3}), {}},
    Row{"m", Precision::kMinute, SetOf({kSettings, kCommands, kV1}), {}},
    Row{"h", Precision::kHour, SetOf({kSettings, kCommands, kV1}), {}},
};

}  // namespace

std::optional<Precision> PrecisionNamed(std::string_view word, PrecisionDialect dialect) {
  for (const Row& row : kRows) {
    if (row.word == word && Has(row.written | row.taken, dialect)) return row.precision;
  }
  return std::nullopt;
}

std::vector<std::pair<std::string_view, Precision>> PrecisionWords(PrecisionDialect dialect) {
  std::vector<std::pair<std::string_view, Precision>> words;
  for (const Row& row : kRows) {
    if (Has(row.written, dialect)) words.emplace_back(row.word, row.precision);
  }
  return words;
}

std::string ListPrecisions(PrecisionDialect dialect) {
  const auto words = PrecisionWords(dialect);
  std::string list;
  for (const auto& [word, precision] : words) {
    if (!list.empty()) list += word == words.back().first ? " or " : ", ";
    list += word;
  }
  return list;
}

std::string_view WordFor(Precision precision, PrecisionDialect dialect) {
  for (const Row& row : kRows) {
    if (row.precision == precision && Has(row.written, dialect)) return row.word;
  }
  INVARIANT(false);
}

std::string_view ToString(Precision precision) {
  return WordFor(precision, kV1);
}

}  // namespace relay
