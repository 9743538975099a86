#include "replay/compare/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace relay {
namespace {

std::set<FieldType> TypesOf(const std::vector<FieldInfo>& fields, const std::string& name) {
  std::set<FieldType> types;
  for (const FieldInfo& field : fields) {
    if (field.name == name) types.insert(field.type);
  }
  return types;
}

std::set<std::string> NamesOf(const Measurement& measurement) {
  std::set<std::string> names;
  for (const auto* fields : {&measurement.fields_a, &measurement.fields_b}) {
    for (const FieldInfo& field : *fields) names.insert(field.name);
  }
  return names;
}

}  // namespace

bool HasMixedField(const std::vector<FieldInfo>& fields) {
  std::set<std::string> seen;
  return std::any_of(fields.begin(), fields.end(),
                     [&seen](const FieldInfo& field) { return !seen.insert(field.name).second; });
}

void SetRules(const Pair& pair, Measurement& measurement, std::vector<std::string>& notes) {
  const Source& a = pair.Of(Side::kA);
  const Source& b = pair.Of(Side::kB);
  const bool numbers_only = !a.traits().has_measurements || !b.traits().has_measurements;
  measurement.rules.tick = std::max(a.traits().tick, b.traits().tick);
  for (const std::string& name : NamesOf(measurement)) {
    const std::set<FieldType> types_a = TypesOf(measurement.fields_a, name);
    const std::set<FieldType> types_b = TypesOf(measurement.fields_b, name);
    Form& form = measurement.rules.forms[name];
    if (numbers_only) {
      const bool strings = types_a == std::set{FieldType::kString};
      form = strings ? Form::kIgnored : Form::kRounded;
      continue;
    }
    const bool one_each = types_a.size() == 1 && types_b.size() == 1;
    if (!one_each || types_a == types_b) continue;
    form = Form::kNumber;
    notes.push_back(fmt::format("{}: field {} is {} on {} and {} on {}; its numbers are compared",
                                ToString(measurement.place), name, ToString(*types_a.begin()),
                                a.name(), ToString(*types_b.begin()), b.name()));
  }
}

}  // namespace relay
