// The JSON that the admin port answers and that commands print with --json: each object is declared
// once, with its fields. The OpenAPI document and a chapter of the reference page are made from the
// declarations; a test compares them with every answer of a running relay.
//
// CONVENTION. A time is an RFC 3339 string in UTC. An integer is below 2^53, so that every reader
// of JSON has it exactly. A length of time is a number of the unit that the field's name ends
// with. Every field is always there: null if the value is not known or there is none, "" if there
// is nothing to say. An error is {"error": "…"}.
//
// THREADS. Pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace relay {

struct AnswerField {
  std::string_view name;
  // string, time, integer, number, boolean, or the name of another object; [T]: a list; {T}: an
  // object with one T for each name; T?: or null. old: a number beyond the convention, or a field
  // that has another name now.
  std::string_view type;
  std::string_view description;
};

struct AnswerObject {
  std::string_view name;
  std::string_view description;
  std::vector<AnswerField> fields;
  bool is_of_commands = false;  // No answer of the admin port has it.
};

const std::vector<AnswerObject>& AnswerObjects();

// The convention, as a paragraph of Markdown.
std::string_view AnswerConvention();

// Returns the JSON schema of a type, in the form of OpenAPI 3.0, with references to
// #/components/schemas.
nlohmann::ordered_json SchemaOfType(std::string_view type);

// Returns the JSON schema of an object: all fields are required, and there are no others.
nlohmann::ordered_json SchemaOf(const AnswerObject& object);

}  // namespace relay
