#include <nlohmann/json.hpp>

#include "relay/admin/answers.h"
#include "relay/admin/api.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

Json SchemaOf(const RouteParameter& parameter) {
  if (parameter.type == "integers") {
    return {{"type", "array"}, {"items", {{"type", "integer"}, {"minimum", 1}}}};
  }
  return {{"type", parameter.type == "position" ? "string" : parameter.type}};
}

Json ParameterIn(std::string_view place, const RouteParameter& parameter) {
  return {{"name", parameter.name},
          {"in", place},
          {"required", parameter.required || place == "path"},
          {"description", DescriptionOf(parameter)},
          {"schema", SchemaOf(parameter)}};
}

Json BodyOf(const AdminRoute& route) {
  Json schema = {{"type", "object"}, {"properties", Json::object()}};
  for (const RouteParameter& parameter : route.parameters) {
    Json property = SchemaOf(parameter);
    property["description"] = DescriptionOf(parameter);
    schema["properties"][std::string(parameter.name)] = std::move(property);
    if (parameter.required) schema["required"].push_back(parameter.name);
  }
  return {{"required", true}, {"content", {{"application/json", {{"schema", schema}}}}}};
}

std::string_view MeaningOf(int status) {
  switch (status) {
    case 307: return "Another relay of the shared log makes this change: Location says where.";
    case 400: return "Invalid request; the error says what.";
    case 401: return "A token is required.";
    case 403: return "Not allowed with this token or over this port.";
    case 404: return "Not found.";
    case 409: return "Changed meanwhile: read the current state and retry.";
    case 415: return "Changes require Content-Type: application/json.";
    case 421: return "Another relay of the shared log makes this change; its URL is not known.";
    case 500: return "The disk failed; the error says how.";
    case 503: return "Temporarily unavailable; the error says why.";
    default: return "";
  }
}

std::string_view TypeOf(const AdminRoute& route) {
  if (route.path == "/metrics") return "text/plain";
  return route.path.ends_with("/content") ? "application/octet-stream" : "application/json";
}

Json AnswerSchema(const AdminRoute& route) {
  if (!route.object.empty()) return SchemaOfType(route.object);
  if (TypeOf(route) == "application/json") return {{"type", "object"}};
  Json schema = {{"type", "string"}};
  if (route.path != "/metrics") schema["format"] = "binary";
  return schema;
}

Json AnswersOf(const AdminRoute& route) {
  const bool is_probe = route.object == "Readiness";
  Json answers;
  answers["200"] = {{"description", route.description},
                    {"content", {{TypeOf(route), {{"schema", AnswerSchema(route)}}}}}};
  std::vector<int> refusals = route.refusals;
  if (route.role != Role::kProbe) refusals.insert(refusals.end(), {401, 403});
  if (route.role == Role::kOperate) refusals.push_back(415);
  for (const int status : refusals) {
    const Json schema = SchemaOfType(status == 503 && is_probe ? route.object : "Error");
    answers[std::to_string(status)] = {{"description", MeaningOf(status)},
                                       {"content", {{"application/json", {{"schema", schema}}}}}};
  }
  return answers;
}

Json OperationOf(const AdminRoute& route) {
  Json operation;
  operation["summary"] = route.description;
  operation["parameters"] = Json::array();
  if (route.path.find("{backend}") != std::string_view::npos) {
    operation["parameters"].push_back(
        ParameterIn("path", {"backend", "string", "The backend's name."}));
  }
  if (route.path.find("{id}") != std::string_view::npos) {
    operation["parameters"].push_back(ParameterIn("path", {"id", "integer", "The number."}));
  }
  if (route.path.find("{name}") != std::string_view::npos) {
    operation["parameters"].push_back(ParameterIn("path", {"name", "string", "The name."}));
  }
  if (route.method == "POST") {
    operation["requestBody"] = BodyOf(route);
  } else {
    for (const RouteParameter& parameter : route.parameters) {
      operation["parameters"].push_back(ParameterIn("query", parameter));
    }
  }
  operation["responses"] = AnswersOf(route);
  operation["security"] =
      route.role == Role::kProbe ? Json::array() : Json::array({{{"token", Json::array()}}});
  return operation;
}

}  // namespace

std::string OpenApiDocument() {
  Json document;
  document["openapi"] = "3.0.3";
  document["info"] = {{"title", "InfluxDB Relay: admin API"},
                      {"version", RELAY_VERSION},
                      {"description", AnswerConvention()}};
  document["components"]["securitySchemes"]["token"] = {
      {"type", "http"},
      {"scheme", "bearer"},
      {"description", "Required if admin.token_file or admin.read_token_file is set."}};
  for (const AnswerObject& object : AnswerObjects()) {
    if (object.is_of_commands) continue;
    document["components"]["schemas"][std::string(object.name)] = SchemaOf(object);
  }
  for (const AdminRoute& route : AdminRoutes()) {
    const std::string method = route.method == "POST" ? "post" : "get";
    document["paths"][std::string(route.path)][method] = OperationOf(route);
  }
  return document.dump();
}

}  // namespace relay
