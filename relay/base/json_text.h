// Writes JSON as one line of text. Names and lines of clients are bytes: anything that
// is not UTF-8 becomes U+FFFD, so that the text is always valid.
//
// THREADS. Pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace relay {

std::string DumpJson(const nlohmann::ordered_json& json);

}  // namespace relay
