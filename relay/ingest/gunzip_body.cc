#include "relay/ingest/gunzip_body.h"

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

// Line protocol seldom compresses better; a wrong guess costs a second try.
constexpr std::size_t kUsualRatio = 8;

// A gzip bomb has a higher ratio; line protocol comes nowhere near it.
constexpr std::size_t kRatioMax = 100;
constexpr std::size_t kAnyRatioUpTo = 1U << 20U;

Error NotGzip() {
  return {ErrorCode::kInvalidInput, "the body is not valid gzip"};
}

Error TooLarge(Bytes limit) {
  return {ErrorCode::kFull,
          fmt::format("the inflated body is larger than {} bytes", limit.count())};
}

// The data decompressed so far. `out` may be larger: it is allocated once, not once per member.
struct Inflated {
  std::string out;
  std::size_t size = 0;
};

// Inflates one member and removes it from `body`.
Status InflateMember(std::string_view& body, Inflated& inflated, Bytes limit) {
  thread_local const std::unique_ptr<libdeflate_decompressor, Free> decompressor(
      libdeflate_alloc_decompressor());
  const std::size_t guess = std::max<std::size_t>(body.size() * kUsualRatio, 4096);
  while (true) {
    std::size_t used = 0;
    std::size_t made = 0;
    const libdeflate_result result = libdeflate_gzip_decompress_ex(
        decompressor.get(), body.data(), body.size(), inflated.out.data() + inflated.size,
        inflated.out.size() - inflated.size, &used, &made);
    if (result == LIBDEFLATE_SUCCESS) {
      inflated.size += made;
      body.remove_prefix(used);
      return Ok();
    }
    if (result != LIBDEFLATE_INSUFFICIENT_SPACE) return NotGzip();
    if (inflated.out.size() == limit.count()) return TooLarge(limit);
    inflated.out.resize(std::min(limit.count(), std::max(guess, inflated.out.size() * 4)));
  }
}

}  // namespace

Result<std::string> InflateGzip(std::string_view body, Bytes limit) {
  if (body.empty()) return NotGzip();
  const Bytes believable(kAnyRatioUpTo + body.size() * kRatioMax);
  const Bytes bound = std::min(limit, believable);
  Inflated inflated;
  while (!body.empty()) {
    RETURN_IF_ERROR(InflateMember(body, inflated, bound));
  }
  inflated.out.resize(inflated.size);
  inflated.out.shrink_to_fit();
  return std::move(inflated.out);
}

}  // namespace relay
