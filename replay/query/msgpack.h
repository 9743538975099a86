// Reads MessagePack from bytes that come in parts, one element at a time.
//
// Memory is bounded by the largest element, a string; one above kStringMax is refused.
//
// ERRORS. Those of the bytes' source; kUnavailable: they end within an element; kInvalidInput: they
// are not MessagePack, or an element of it that no server sends here.
//
// THREADS. Each belongs to one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "replay/query/http_query.h"
#include "wal/base/result.h"
#include "wal/base/types.h"

namespace relay {

struct MsgpackElement {
  enum class Kind : std::uint8_t {
    kNil,
    kBoolean,
    kInteger,
    kUnsigned,  // Only where it does not fit into a signed one, or is encoded as such.
    kFloat,
    kString,
    kArray,  // `size` elements follow, ...
    kMap,    // ... or twice as many: keys and values.
  };

  Kind kind = Kind::kNil;
  std::uint64_t bits = 0;      // The boolean, the integer or the double.
  std::string_view text = {};  // Valid until the next element is read.
  std::uint32_t size = 0;
};

class MsgpackReader {
 public:
  static constexpr Bytes kStringMax = 64_MiB;

  // REQUIRES: it outlives the reader.
  explicit MsgpackReader(ByteSource& bytes) : bytes_(bytes) {}

  // Returns whether the bytes have ended, between elements.
  Result<bool> AtEnd();

  // Reads the next element; of an array or a map only its size.
  Result<MsgpackElement> Next();

  // Reads over the next element with all that is in it.
  Status Skip();

 private:
  // Sees to it that so many unread bytes are in the buffer.
  Status Need(std::size_t size);
  // REQUIRES: Need(size).
  std::uint64_t Take(std::size_t size);
  Result<MsgpackElement> String(std::size_t size_of_size);
  Result<MsgpackElement> StringOf(std::size_t size);
  Result<MsgpackElement> Number(std::uint8_t type);

  ByteSource& bytes_;
  std::string buffer_;
  std::size_t at_ = 0;
};

}  // namespace relay
