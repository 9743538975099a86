#include "wal/columns/columns.h"

#include "wal/columns/decoder.h"
#include "wal/columns/encoder.h"

namespace relay {
namespace {

// A thread keeps so much memory for its next body.
constexpr std::size_t kMemoryKept = std::size_t{16} << 20U;

// Releases the memory of an encoder or decoder that has had a large body.
template <typename T>
void Shrink(T& worker) {
  if (worker.MemoryUsed() > kMemoryKept) worker = T();
}

}  // namespace

bool AppendColumns(std::string_view body, std::string& out) {
  thread_local columns::Encoder encoder;
  const bool appended = encoder.Append(body, out);
  Shrink(encoder);
  return appended;
}

Result<std::string> DecodeColumns(std::string_view frame, Bytes size_limit) {
  thread_local columns::Decoder decoder;
  Result<std::string> body = decoder.Decode(frame, size_limit);
  Shrink(decoder);
  return body;
}

}  // namespace relay
