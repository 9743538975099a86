// Base64 as in RFC 4648, for Basic credentials.
#pragma once

#include <string>
#include <string_view>

namespace relay {

std::string Base64(std::string_view bytes);

}  // namespace relay
