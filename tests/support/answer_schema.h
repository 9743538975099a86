// Compares JSON with a schema, as far as the schemas of OpenAPI 3.0 documents of this program go:
// references, types, null, lists, objects, formats of times, and the largest integer.
//
// THREADS. Pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace relay::test {

// Returns what is wrong with `value`, and where; empty: it is as the schema says. `document` holds
// the schemas that references name.
std::string WrongIn(const nlohmann::json& value, const nlohmann::json& schema,
                    const nlohmann::json& document);

// Returns a document with every object of the program's answers.
nlohmann::json AnswerSchemas();

// The same for text and an object of AnswerSchemas.
std::string WrongInAnswer(const std::string& text, const std::string& object);

}  // namespace relay::test
