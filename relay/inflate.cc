#include "relay/inflate.h"

#include <fmt/format.h>
#include <libdeflate.h>

#include <algorithm>
#include <memory>

namespace relay {
namespace {

struct Free {
  void operator()(libdeflate_decompressor* decompressor) const {
    libdeflate_free_decompressor(decompressor);
  }
};

// Line protocol seldom shrinks to less; a wrong guess costs a second try.
constexpr std::size_t kUsualRatio = 8;

Error NotGzip() {
  return {ErrorCode::kInvalidInput, "the body is not valid gzip"};
}

Error TooLarge(Bytes limit) {
  return {ErrorCode::kFull,
          fmt::format("the inflated body is larger than {} bytes", limit.count())};
}

// Appends one member to `out` and takes it off `body`.
Status InflateMember(std::string_view& body, std::string& out, Bytes limit) {
  thread_local const std::unique_ptr<libdeflate_decompressor, Free> decompressor(
      libdeflate_alloc_decompressor());
  const std::size_t before = out.size();
  const std::size_t room_max = limit.count() - before;
  std::size_t room = std::min(room_max, std::max<std::size_t>(body.size() * kUsualRatio, 4096));
  while (true) {
    out.resize(before + room);
    std::size_t used = 0;
    std::size_t made = 0;
    const libdeflate_result result = libdeflate_gzip_decompress_ex(
        decompressor.get(), body.data(), body.size(), out.data() + before, room, &used, &made);
    if (result == LIBDEFLATE_SUCCESS) {
      out.resize(before + made);
      body.remove_prefix(used);
      return Ok();
    }
    if (result != LIBDEFLATE_INSUFFICIENT_SPACE) return NotGzip();
    if (room == room_max) return TooLarge(limit);
    room = std::min(room_max, room * 4);
  }
}

}  // namespace

Result<std::string> InflateGzip(std::string_view body, Bytes limit) {
  if (body.empty()) return NotGzip();
  std::string out;
  while (!body.empty()) {
    if (Status member = InflateMember(body, out, limit); !member.ok()) {
      return std::move(member).error();
    }
  }
  return out;
}

}  // namespace relay
