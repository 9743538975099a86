// Base64 as in RFC 4648, for Basic credentials.
//
// THREADS. Pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace relay {

std::string EncodeBase64(std::string_view bytes);

// Accepts text with or without padding. nullopt: empty, longer than `size_max` or not base64. The
// default is longer than any password or token.
std::optional<std::string> DecodeBase64(std::string_view text, std::size_t size_max = 16U << 10U);

}  // namespace relay
