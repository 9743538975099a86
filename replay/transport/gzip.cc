#include "replay/transport/gzip.h"

#include <libdeflate.h>

#include "wal/base/invariant.h"

namespace relay {
namespace {

// On metrics with all their digits, level 1 leaves 28 % at 315 MB/s, level 6 leaves 23 % at 136
// MB/s.
constexpr int kLevel = 1;

}  // namespace

struct GzipCompressor::State {
  libdeflate_compressor* compressor = libdeflate_alloc_compressor(kLevel);
  std::string compressed;
};

GzipCompressor::GzipCompressor() : state_(std::make_unique<State>()) {
  INVARIANT(state_->compressor != nullptr);
}

GzipCompressor::~GzipCompressor() {
  libdeflate_free_compressor(state_->compressor);
}

std::string_view GzipCompressor::Compress(std::string_view plain) {
  std::string& out = state_->compressed;
  const std::size_t bound = libdeflate_gzip_compress_bound(state_->compressor, plain.size());
  if (out.size() < bound) out.resize(bound);
  const std::size_t size = libdeflate_gzip_compress(state_->compressor, plain.data(), plain.size(),
                                                    out.data(), out.size());
  INVARIANT(size != 0);
  return std::string_view(out).substr(0, size);
}

}  // namespace relay
