// The file `identity` in log.path says that a log lives here, whatever has
// become of its database, and in which format: it is read before the database
// is opened, so that a log this program does not know is refused untouched.
//
// DURABILITY. Written to a second file, synced, then renamed over the first.
//
// ERRORS. Damage to the file is no error but kDamaged: the database knows its
// format too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wal/base/result.h"

namespace relay {

struct Identity {
  std::uint32_t format = 0;
  std::string id;           // A UUID: copies of a log have the same one, a checkpoint its own.
  std::string created;      // RFC 3339, UTC.
  std::string origin = {};  // The id of the log of which this was a checkpoint.

  friend bool operator==(const Identity&, const Identity&) = default;
};

enum class IdentityState : std::uint8_t { kNone, kKnown, kDamaged };

struct FoundIdentity {
  IdentityState state = IdentityState::kNone;
  Identity identity;  // Where it is known.
};

// The lines of the file: the format stays in its place in every version.
std::string EncodeIdentity(const Identity& identity);

// kInvalidInput: the log has a newer format than `format_max`, which it names;
// or it is a checkpoint that was never finished.
Result<FoundIdentity> DecodeIdentity(std::string_view text, std::uint32_t format_max);

// The same of the file in `log_path`; changes nothing there. kIo: it is there
// and cannot be read.
Result<FoundIdentity> ReadIdentity(const std::string& log_path, std::uint32_t format_max);

// What stands in the place of an identity until a checkpoint is whole: nobody
// opens it.
Status WriteUnfinished(const std::string& log_path);

// Makes or replaces the file. An identity without an id gets one, and the
// file system's time as that of its creation.
Status WriteIdentity(const std::string& log_path, Identity identity);

}  // namespace relay
