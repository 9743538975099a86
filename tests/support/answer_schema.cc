#include "tests/support/answer_schema.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "relay/admin/answers.h"
#include "relay/base/parse.h"

namespace relay::test {
namespace {

using Json = nlohmann::json;

bool IsOfType(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  return type == "number" && value.is_number();
}

std::string WrongMember(const std::string& name, const std::string& wrong) {
  return wrong.empty() ? "" : "." + name + wrong;
}

std::string WrongObject(const Json& value, const Json& schema, const Json& document) {
  for (const Json& name : schema.value("required", Json::array())) {
    if (!value.contains(name)) return fmt::format(": lacks {}", name.get<std::string>());
  }
  const Json properties = schema.value("properties", Json::object());
  const Json others = schema.value("additionalProperties", Json(true));
  for (const auto& [name, member] : value.items()) {
    if (!properties.contains(name) && others == Json(false)) {
      return fmt::format(": {} is not described", name);
    }
    const Json of_member = properties.contains(name) ? properties.at(name) : others;
    if (!of_member.is_object()) continue;
    const std::string wrong = WrongMember(name, WrongIn(member, of_member, document));
    if (!wrong.empty()) return wrong;
  }
  return "";
}

std::string WrongList(const Json& value, const Json& schema, const Json& document) {
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string wrong = WrongIn(value.at(i), schema.at("items"), document);
    if (!wrong.empty()) return fmt::format("[{}]{}", i, wrong);
  }
  return "";
}

}  // namespace

std::string WrongIn(const Json& value, const Json& schema, const Json& document) {
  if (schema.value("nullable", false) && value.is_null()) return "";
  if (schema.contains("$ref")) {
    const std::string name = schema.at("$ref").get<std::string>().substr(1);
    return WrongIn(value, document.at(Json::json_pointer(name)), document);
  }
  if (schema.contains("allOf")) return WrongIn(value, schema.at("allOf").at(0), document);
  const std::string type = schema.at("type");
  if (!IsOfType(value, type)) return fmt::format(": {} is not {}", value.dump(), type);
  if (schema.value("format", "") == "date-time" && !ParseRfc3339(value.get<std::string>())) {
    return fmt::format(": {} is not a time", value.dump());
  }
  if (schema.contains("maximum") && value > schema.at("maximum")) {
    return fmt::format(": {} is too large", value.dump());
  }
  if (type == "object") return WrongObject(value, schema, document);
  return type == "array" ? WrongList(value, schema, document) : "";
}

Json AnswerSchemas() {
  Json document;
  for (const AnswerObject& object : AnswerObjects()) {
    document["components"]["schemas"][std::string(object.name)] = SchemaOf(object);
  }
  return document;
}

std::string WrongInAnswer(const std::string& text, const std::string& object) {
  const Json value = Json::parse(text, nullptr, false);
  if (value.is_discarded()) return "not JSON: " + text;
  return WrongIn(value, Json(SchemaOfType(object)), AnswerSchemas());
}

}  // namespace relay::test
