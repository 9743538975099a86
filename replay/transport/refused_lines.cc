#include "replay/transport/refused_lines.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace relay {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::string_view WithoutBlanks(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kBlank), text.size()));
}

// Returns the text behind `"name":`. Within a JSON string the quotes would be escaped, so no
// client's line can look like a name.
std::optional<std::string_view> Behind(std::string_view json, std::string_view quoted_name) {
  const std::size_t at = json.find(quoted_name);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = WithoutBlanks(json.substr(at + quoted_name.size()));
  if (!rest.starts_with(':')) return std::nullopt;
  return WithoutBlanks(rest.substr(1));
}

// Returns the flat object at the front, with its braces; nullopt: it does not end.
std::optional<std::string_view> ObjectAt(std::string_view json) {
  bool quoted = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (quoted && json[i] == '\\') {
      ++i;
    } else if (json[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && json[i] == '}') {
      return json.substr(0, i + 1);
    }
  }
  return std::nullopt;
}

PointCount NumberOf(std::string_view object) {
  const std::optional<std::string_view> text = Behind(object, "\"line_number\"");
  PointCount number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

}  // namespace

std::vector<RefusedLine> RefusedLinesIn(std::string_view body, PointCount lines_sent) {
  const std::optional<std::string_view> data = Behind(body, "\"data\"");
  if (!data || !data->starts_with('[')) return {};
  std::vector<RefusedLine> lines;
  std::string_view left = WithoutBlanks(data->substr(1));
  while (left.starts_with('{')) {
    const std::optional<std::string_view> object = ObjectAt(left);
    const PointCount number = object ? NumberOf(*object) : 0;
    if (number == 0 || number > lines_sent) return {};
    lines.push_back({number, std::string(*object)});
    left = WithoutBlanks(left.substr(object->size()));
    if (left.starts_with(',')) left = WithoutBlanks(left.substr(1));
  }
  if (!left.starts_with(']')) return {};
  const auto by_number = [](const RefusedLine& a, const RefusedLine& b) {
    return a.number < b.number;
  };
  const auto same = [](const RefusedLine& a, const RefusedLine& b) { return a.number == b.number; };
  std::stable_sort(lines.begin(), lines.end(), by_number);
  lines.erase(std::unique(lines.begin(), lines.end(), same), lines.end());
  return lines;
}

}  // namespace relay
