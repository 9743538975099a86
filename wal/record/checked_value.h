// The form of all stored values but payloads: a version byte, a checksum that covers the key too,
// the content. A value found under another key counts as damaged.
//
// THREADS. Pure functions.
//
// ERRORS. kCorruption only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wal/base/big_endian.h"
#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

inline constexpr std::uint8_t kRowVersion = 1;
inline constexpr std::size_t kCheckedValueHead = 1 + sizeof(std::uint32_t);

// Begins a value; its content is appended, then SealChecked completes it.
std::string BeginChecked(std::uint8_t version = kRowVersion);
std::string SealChecked(std::string_view key, std::string value);

// Returns the version byte; 0, which no value has: the value is empty.
std::uint8_t VersionOf(std::string_view value);

// Checks a value's version and checksum and returns a reader of its content.
Result<BigEndianReader> OpenChecked(std::string_view key, std::string_view value,
                                    std::uint8_t known_version = kRowVersion);

// Returns the error of a value that cannot be read.
Error DamagedValue(std::string_view key, std::string_view reason);

// Times are stored as nanoseconds since 1970.
std::uint64_t ToStored(WallTime time);
WallTime TakeTime(BigEndianReader& reader);

}  // namespace relay
