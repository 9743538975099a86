// JSON as text on one line. Names and lines of clients are bytes: what is not
// UTF-8 in them becomes U+FFFD, so that the text is always valid.
//
// THREADS. Pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace relay {

std::string DumpJson(const nlohmann::ordered_json& json);

}  // namespace relay
