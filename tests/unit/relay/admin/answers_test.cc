#include "relay/admin/answers.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <set>
#include <sstream>
#include <string>

#include "relay/admin/api.h"
#include "tests/support/answer_schema.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"

namespace relay::test::relay_admin_answers_test {
namespace {

using Json = nlohmann::json;

// Returns the name of an object in a type: "Gap" of "[Gap]?".
std::string NameIn(std::string_view type) {
  std::string name;
  for (const char c : type) {
    if (std::string_view("[]{}?").find(c) == std::string_view::npos) name += c;
  }
  return name;
}

std::set<std::string> FieldsOf(const AnswerObject& object) {
  std::set<std::string> lines;
  for (const AnswerField& field : object.fields) {
    lines.insert(fmt::format("{}.{} {}", object.name, field.name, field.type));
  }
  return lines;
}

TEST_CASE("answers: every documented field is still there, of the same type") {
  std::set<std::string> declared;
  for (const AnswerObject& object : AnswerObjects()) declared.merge(FieldsOf(object));
  std::set<std::string> documented;
  std::istringstream lines(
      ReadFile(SourceRoot() + "/tests/unit/relay/admin/documented_fields.txt"));
  for (std::string line; std::getline(lines, line);) documented.insert(line);
  for (const std::string& line : documented) {
    INFO(line, ": clients may read it: keep it, and add the new one beside it");
    CHECK(declared.contains(line));
  }
  for (const std::string& line : declared) {
    INFO("add to documented_fields.txt: ", line);
    CHECK(documented.contains(line));
  }
}

TEST_CASE("answers: each field has a name, a type that is declared, and a description") {
  std::set<std::string> known = {"string", "time", "integer", "number", "boolean", "old"};
  for (const AnswerObject& object : AnswerObjects()) {
    CAPTURE(object.name);
    CHECK(known.insert(std::string(object.name)).second);
  }
  for (const AnswerObject& object : AnswerObjects()) {
    std::set<std::string_view> names;
    for (const AnswerField& field : object.fields) {
      CAPTURE(field.name);
      CHECK(names.insert(field.name).second);
      CHECK(known.contains(NameIn(field.type)));
      CHECK_FALSE(field.description.empty());
      // Nanoseconds since 1970 are beyond what JavaScript has exactly.
      CHECK((!field.name.ends_with("_ns") || field.type.starts_with("old")));
    }
  }
}

TEST_CASE("answers: each route names the object that it answers with") {
  for (const AdminRoute& route : AdminRoutes()) {
    CAPTURE(route.path);
    const bool is_other = route.path == "/metrics" || route.path == "/api/v1/openapi.json" ||
                          route.path.ends_with("/content");
    CHECK_EQ(route.object.empty(), is_other);
  }
}

TEST_CASE("answers: what differs from a schema is found") {
  const Json document = Json::parse(OpenApiDocument());
  const Json gap = Json(SchemaOfType("Gap"));
  Json value = {{"number", 1},
                {"when", "2026-11-23T20:15:00Z"},
                {"reason", "skipped"},
                {"first", 1},
                {"last", 2},
                {"from", "2026-11-23T20:15:00Z"},
                {"to", "2026-11-23T20:15:00.5Z"},
                {"points", 3},
                {"bytes", 4},
                {"databases", {"metrics"}},
                {"by", ""},
                {"note", ""}};
  CHECK_EQ(WrongIn(value, gap, document), "");
  const auto wrong_with = [&](const char* name, const Json& other) {
    Json changed = value;
    changed[name] = other;
    return WrongIn(changed, gap, document);
  };
  CHECK_EQ(wrong_with("when", "yesterday"), ".when: \"yesterday\" is not a time");
  CHECK_EQ(wrong_with("points", "3"), ".points: \"3\" is not integer");
  CHECK_EQ(wrong_with("points", nullptr), ".points: null is not integer");
  CHECK_EQ(wrong_with("points", std::uint64_t{1} << 53U), ".points: 9007199254740992 is too large");
  CHECK_EQ(wrong_with("databases", {1}), ".databases[0]: 1 is not string");
  CHECK_EQ(wrong_with("more", 1), ": more is not described");
  value.erase("note");
  CHECK_EQ(WrongIn(value, gap, document), ": lacks note");
}

}  // namespace
}  // namespace relay::test::relay_admin_answers_test
