#include "wal/record/hops.h"

#include <fmt/format.h>

#include <algorithm>

namespace relay {
namespace {

constexpr std::size_t kIdMax = 64;

std::string_view Trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

bool IsId(std::string_view text) {
  constexpr std::string_view kCharacters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !text.empty() && text.size() <= kIdMax &&
         text.find_first_not_of(kCharacters) == std::string_view::npos;
}

}  // namespace

Result<std::string> HopsOf(std::string_view header, std::string_view relay) {
  std::string hops;
  std::size_t count = 0;
  while (!header.empty()) {
    const std::size_t end = std::min(header.find(','), header.size());
    const std::string_view id = Trimmed(header.substr(0, end));
    header.remove_prefix(std::min(header.size(), end + 1));
    if (!IsId(id)) {
      return Error(ErrorCode::kInvalidInput,
                   fmt::format("{}: expected the ids of relays, separated by commas", kHopsHeader));
    }
    if (id == relay) {
      return Error(ErrorCode::kConflict,
                   fmt::format("loop: the write has passed this relay ({}) before; a backend of a "
                               "relay on its way leads back to it",
                               relay));
    }
    if (++count > kHopsMax) {
      return Error(ErrorCode::kConflict,
                   fmt::format("loop: the write has passed more than {} relays", kHopsMax));
    }
    hops += hops.empty() ? "" : ", ";
    hops += id;
  }
  return hops;
}

std::string WithHop(std::string_view hops, std::string_view relay) {
  return hops.empty() ? std::string(relay) : fmt::format("{}, {}", hops, relay);
}

}  // namespace relay
