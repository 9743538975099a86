// The numbers of the format that encoder and decoder share. README.md has the format.
#pragma once

#include <cstdint>

namespace relay::columns {

constexpr std::uint64_t kVersion = 1;

// Flags.
constexpr std::uint64_t kCompressedTexts = 1;
constexpr std::uint64_t kNoLastNewline = 2;

// Kinds of columns.
constexpr std::uint64_t kConstant = 0;
constexpr std::uint64_t kWords = 1;
constexpr std::uint64_t kOneClass = 2;
constexpr std::uint64_t kClasses = 3;
constexpr std::uint64_t kNumbersInWords = 4;

}  // namespace relay::columns
