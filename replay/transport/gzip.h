// Compresses a request body as one gzip member.
//
// THREADS. Each compressor belongs to one.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace relay {

class GzipCompressor {
 public:
  GzipCompressor();
  ~GzipCompressor();
  GzipCompressor(const GzipCompressor&) = delete;
  GzipCompressor& operator=(const GzipCompressor&) = delete;

  // Valid until the next call.
  std::string_view Compress(std::string_view plain);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace relay
