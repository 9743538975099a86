#include "relay/queries/passed_headers.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <span>

#include "wal/base/ascii.h"

namespace relay {
namespace {

// Content-Length and Transfer-Encoding are those of the new message.
constexpr std::array<std::string_view, 10> kOfConnection = {"connection",
                                                            "keep-alive",
                                                            "proxy-authenticate",
                                                            "proxy-authorization",
                                                            "proxy-connection",
                                                            "te",
                                                            "trailer",
                                                            "transfer-encoding",
                                                            "upgrade",
                                                            "content-length"};

bool Lists(std::span<const std::string_view> names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [name](std::string_view one) { return EqualIgnoringCase(one, name); });
}

// Returns the names that the values of Connection list.
std::vector<std::string_view> NamedByConnection(const HeaderViews& headers) {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : headers) {
    if (!EqualIgnoringCase(name, "connection")) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(','), rest.size());
      names.push_back(Trimmed(rest.substr(0, end)));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return names;
}

bool HasControls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f';
  });
}

std::string Passed(const HeaderViews& headers, std::span<const std::string_view> without) {
  const std::vector<std::string_view> named = NamedByConnection(headers);
  std::string lines;
  for (const auto& [name, value] : headers) {
    if (Lists(kOfConnection, name) || Lists(named, name) || Lists(without, name)) continue;
    if (name.empty() || HasControls(name) || HasControls(value)) continue;
    lines.append(name).append(": ").append(value).append("\r\n");
  }
  return lines;
}

}  // namespace

std::string HeadersForBackend(const HeaderViews& headers, bool authorization) {
  std::vector<std::string_view> without = {"host", "expect", "x-relay-position"};
  if (!authorization) without.emplace_back("authorization");
  return Passed(headers, without);
}

std::string HeadersForClient(const HeaderViews& headers) {
  constexpr std::array<std::string_view, 2> kWithout = {"date", "x-relay-backend"};
  return Passed(headers, kWithout);
}

}  // namespace relay
