// Keys and values of the log's families. The layout, with a worked example, is
// on the format page: wal/FORMAT.md. Every value begins with a version byte and
// carries a checksum that also covers its key, so that a value found under
// another key is damage too.
//
// ERRORS. Decoding fails with kCorruption only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "wal/log.h"
#include "wal/result.h"
#include "wal/types.h"

namespace relay {

// A backend in keys: given to its name when the name is first seen, never to
// another one.
class BackendNumber {
 public:
  constexpr explicit BackendNumber(std::uint32_t value) : value_(value) {}
  constexpr std::uint32_t value() const { return value_; }
  friend constexpr auto operator<=>(BackendNumber, BackendNumber) = default;

 private:
  std::uint32_t value_;
};

// What the `state` family keeps of one backend.
struct RunState {
  Position trimmed;
  Position cursor;
  PointCount delivered = 0;
  PointCount dead = 0;
  PointCount dropped = 0;
  std::uint64_t last_dead_number = 0;

  friend bool operator==(const RunState&, const RunState&) = default;
};

std::string PayloadKey(PayloadId id);
Result<PayloadId> DecodePayloadKey(std::string_view key);

// The keys of a backend's entries, in their order; the same for dead letters.
std::string EntryKey(BackendNumber backend, Sequence sequence);
std::string DeadKey(BackendNumber backend, std::uint64_t number);

struct NumberedKey {
  BackendNumber backend{0};
  std::uint64_t number = 0;
};
Result<NumberedKey> DecodeNumberedKey(std::string_view key);

// The sequence is in the key.
std::string EncodeEntry(std::string_view key, const Entry& entry);
Result<Entry> DecodeEntry(std::string_view key, std::string_view value);

std::string EncodeDead(std::string_view key, const DeadLetter& letter);
Result<DeadLetter> DecodeDead(std::string_view key, std::string_view value);

// Keys of the `state` family.
inline constexpr std::string_view kFormatKey = "format";
inline constexpr std::string_view kLastBackendKey = "last-backend";
inline constexpr std::string_view kLastPayloadKey = "last-payload";
inline constexpr std::string_view kBackendPrefix = "backend/";
std::string BackendKey(const BackendId& name);
std::string RunKey(BackendNumber backend);

// The version of the whole: which families there are and what they mean.
inline constexpr std::uint32_t kFormatVersion = 1;

std::string EncodeNumber(std::string_view key, std::uint64_t number);
Result<std::uint64_t> DecodeNumber(std::string_view key, std::string_view value);

std::string EncodeRunState(std::string_view key, const RunState& state);
Result<RunState> DecodeRunState(std::string_view key, std::string_view value);

}  // namespace relay
