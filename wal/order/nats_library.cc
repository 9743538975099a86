#include "wal/order/nats_library.h"

#if __has_include(<nats/nats.h>)

#include <dlfcn.h>
#include <fmt/format.h>

#include <string>

namespace relay {

// NOLINTBEGIN(bugprone-macro-parentheses): names and declarations have none.
Result<const NatsLibrary*> LoadNats() {
  static const Result<const NatsLibrary*> loaded = []() -> Result<const NatsLibrary*> {
    const std::string file =
        fmt::format("libnats.so.{}.{}", NATS_VERSION_MAJOR, NATS_VERSION_MINOR);
    void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      return Error(ErrorCode::kInvalidInput,
                   fmt::format("NATS' library is missing ({}): install the package libnats{}.{}",
                               file, NATS_VERSION_MAJOR, NATS_VERSION_MINOR));
    }
    static NatsLibrary library;
#define RELAY_NATS_FIND(name)                                                        \
  library.name = reinterpret_cast<decltype(&::name)>(dlsym(handle, #name));          \
  if (library.name == nullptr) {                                                     \
    return Error(ErrorCode::kInvalidInput, fmt::format("{} lacks {}", file, #name)); \
  }
    RELAY_NATS_FUNCTIONS(RELAY_NATS_FIND)
#undef RELAY_NATS_FIND
    return &library;
  }();
  return loaded;
}
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace relay

#endif
