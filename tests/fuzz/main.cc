// libFuzzer's entry point. RELAY_FUZZ_TARGET names the target.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/fuzz/targets.h"

namespace {

const relay::fuzz::Target* Find(std::string_view name) {
  for (const relay::fuzz::Target& target : relay::fuzz::Targets()) {
    if (target.name == name) return &target;
  }
  return nullptr;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const char* const name = std::getenv("RELAY_FUZZ_TARGET");
  static const relay::fuzz::Target* const target = Find(name == nullptr ? "" : name);
  if (target == nullptr) {
    std::fputs("RELAY_FUZZ_TARGET names no target\n", stderr);
    std::exit(2);
  }
  target->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
