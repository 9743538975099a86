// Base64 as in RFC 4648, for Basic credentials.
//
// THREADS. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relay {

std::string EncodeBase64(std::string_view bytes);

// Accepts text with or without padding. nullopt: empty, longer than 16 KiB or not base64.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace relay
