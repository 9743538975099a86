// Formats of setting values. A format parses a value, formats it, and describes the values it
// accepts, so that a setting is read, documented and refused in the same terms.
//
// THREADS. Formats are values without state.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/schema/endpoint.h"
#include "wal/base/result.h"
#include "wal/base/secret.h"
#include "wal/base/types.h"

namespace relay {

template <typename T>
struct ValueFormat {
  // "a size from 1KiB to 1GiB: a whole number with B, KiB, MiB or GiB".
  std::string expects;
  // kInvalidInput: "expected ..."; repeats nothing that could be a secret.
  std::function<Result<T>(std::string_view)> parse;
  // Formats a value so that `parse` reads it back. A secret is shown as its source, or as nothing
  // if this format cannot express the source.
  std::function<std::string(const T&)> show;
};

// The range includes both bounds.
ValueFormat<Bytes> SizeBetween(Bytes low, Bytes high);
// The limit of a line. A dead letter of one line must fit into a command that redrives it.
inline ValueFormat<Bytes> LineSize() {
  return SizeBetween(1_KiB, 64_MiB);
}
ValueFormat<std::chrono::milliseconds> TimeBetween(std::chrono::milliseconds low,
                                                   std::chrono::milliseconds high);
// Accepts days too, and "none", which is 0.
ValueFormat<std::chrono::milliseconds> AgeOrNone(std::chrono::milliseconds low);
ValueFormat<PointCount> CountBetween(PointCount low, PointCount high);

// Accepts what `form` does; a setting without a default of its own is shown as nothing.
template <typename T>
ValueFormat<std::optional<T>> OrNone(ValueFormat<T> form) {
  const auto parse = [form](std::string_view text) -> Result<std::optional<T>> {
    Result<T> value = form.parse(text);
    if (!value.ok()) return std::move(value).error();
    return std::optional<T>(std::move(value).value());
  };
  const auto show = [form](const std::optional<T>& shown) {
    return shown ? form.show(*shown) : std::string();
  };
  return {form.expects, parse, show};
}

// Accepts literal text: a ${VARIABLE} in it is refused, not expanded.
ValueFormat<std::string> AnyText();
ValueFormat<std::string> SomeText(const std::string& expects);

// Accepts a duration of InfluxQL: "30d", "720h0m0s", or "INF".
ValueFormat<std::string> PolicyDuration();

// Accepts "/relay" or "/a/b", with or without a slash at the end, which is not kept.
ValueFormat<std::string> UrlPathPrefix();

ValueFormat<BackendId> BackendName();
ValueFormat<ListenAddress> AddressAndPort();
ValueFormat<BackendUrl> TargetUrl();

// Accepts "${NAME}"; a literal secret is refused. `what`: "password" or "token"; a setting of that
// name followed by _file must exist.
ValueFormat<std::optional<SecretSource>> SecretInEnvironment(const std::string& what);
ValueFormat<std::optional<SecretSource>> SecretInFile();

// Accepts one of a few names. REQUIRES: `names` has every value of T that is shown.
template <typename T>
ValueFormat<T> OneOf(std::vector<std::pair<std::string_view, T>> names) {
  std::string expects;
  for (const auto& [word, value] : names) {
    if (!expects.empty()) expects += word == names.back().first ? " or " : ", ";
    expects += word;
  }
  const auto parse = [names, expects](std::string_view text) -> Result<T> {
    for (const auto& [word, value] : names) {
      if (word == text) return value;
    }
    return Error(ErrorCode::kInvalidInput, "expected " + expects);
  };
  const auto show = [names](const T& shown) {
    const auto at = std::find_if(names.begin(), names.end(),
                                 [&](const auto& entry) { return entry.second == shown; });
    INVARIANT(at != names.end());
    return std::string(at->first);
  };
  return {expects, parse, show};
}

}  // namespace relay
