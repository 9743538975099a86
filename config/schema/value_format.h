// Formats of setting values. A format parses a value, formats it, and describes in words the values
// it takes, so that a setting is read, documented and refused in the same terms.
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
  std::string takes;
  // kInvalidInput: "expected ..."; repeats nothing that could be a secret.
  std::function<Result<T>(std::string_view)> parse;
  // Formats a value so that `parse` reads it back. A secret is shown as its source, or as nothing
  // if this format cannot express the source.
  std::function<std::string(const T&)> show;
};

// The range includes both bounds.
ValueFormat<Bytes> SizeBetween(Bytes low, Bytes high);
ValueFormat<std::chrono::milliseconds> TimeBetween(std::chrono::milliseconds low,
                                                   std::chrono::milliseconds high);
ValueFormat<PointCount> CountBetween(PointCount low, PointCount high);

// Takes text literally: a ${VARIABLE} in it is refused, not expanded.
ValueFormat<std::string> AnyText();
ValueFormat<std::string> SomeText(const std::string& takes);

ValueFormat<BackendId> BackendName();
ValueFormat<ListenAddress> AddressAndPort();
ValueFormat<BackendUrl> TargetUrl();

// Takes "${NAME}"; a literal secret is refused. `what`: "password" or "token"; a setting of that
// name followed by _file must exist.
ValueFormat<std::optional<SecretSource>> SecretInEnvironment(const std::string& what);
ValueFormat<std::optional<SecretSource>> SecretInFile();

// Takes one of a few words. REQUIRES: `words` has every value of T that is shown.
template <typename T>
ValueFormat<T> OneOf(std::vector<std::pair<std::string_view, T>> words) {
  std::string takes;
  for (const auto& [word, value] : words) {
    if (!takes.empty()) takes += word == words.back().first ? " or " : ", ";
    takes += word;
  }
  const auto parse = [words, takes](std::string_view text) -> Result<T> {
    for (const auto& [word, value] : words) {
      if (word == text) return value;
    }
    return Error(ErrorCode::kInvalidInput, "expected " + takes);
  };
  const auto show = [words](const T& shown) {
    const auto at = std::find_if(words.begin(), words.end(),
                                 [&](const auto& entry) { return entry.second == shown; });
    INVARIANT(at != words.end());
    return std::string(at->first);
  };
  return {takes, parse, show};
}

}  // namespace relay
