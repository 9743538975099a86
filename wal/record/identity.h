// The file `identity` in log.path marks the directory as a log, whatever has happened to its
// database, and names its format. It is read before the database is opened, so that a log in an
// unknown format is refused untouched.
//
// DURABILITY. Written to a second file, synced, then renamed over the first.
//
// ERRORS. A damaged file is no error but kDamaged: the database stores its format too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wal/base/result.h"

namespace relay {

struct Identity {
  std::uint32_t format = 0;
  std::string id;           // A UUID. A copied directory keeps it; a checkpoint gets its own.
  std::string created;      // RFC 3339, UTC.
  std::string origin = {};  // For a checkpoint: the id of the log it was made of; empty: none.
  // For a checkpoint that a relay was started on, RFC 3339, UTC; empty: not yet.
  std::string newest_write = {};  // When the newest record that it held was accepted.
  std::string first_start = {};
  std::string acknowledged = {};  // When an operator took note of that start.

  friend bool operator==(const Identity&, const Identity&) = default;
};

enum class IdentityState : std::uint8_t { kNone, kKnown, kDamaged };

struct FoundIdentity {
  IdentityState state = IdentityState::kNone;
  Identity identity;  // Empty fields: unknown.
};

// Encodes the file's lines: the format line keeps its place in every version.
std::string EncodeIdentity(const Identity& identity);

// kInvalidInput: the log's format is newer than `format_max`, or this is a checkpoint that was
// never finished.
Result<FoundIdentity> DecodeIdentity(std::string_view text, std::uint32_t format_max);

// Reads and decodes the file in `log_path`; changes nothing. kIo: it exists but cannot be read.
Result<FoundIdentity> ReadIdentity(const std::string& log_path, std::uint32_t format_max);

// Writes a placeholder for the identity until a checkpoint is complete: a log with it cannot be
// opened.
Status WriteUnfinished(const std::string& log_path);

// Returns whether the file's text is that placeholder.
bool IsUnfinished(std::string_view text);

// Creates or replaces the file. An identity without an id gets a new one, created at the file
// system's current time.
Status WriteIdentity(const std::string& log_path, Identity identity);

}  // namespace relay
