// Bodies with mistakes: some that clients make, and some that none does.
//
// THREADS. Pure functions of the generator.
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <string_view>

#include "tests/support/line_bodies.h"

namespace relay::test {

// Changes a body in up to eleven places.
inline void Mutate(std::string& body, std::mt19937_64& random) {
  constexpr std::string_view kBytes = ",= \"\\\n\r.-0123456789iuetTfF#\t";
  const auto below = [&](std::size_t most) { return most == 0 ? 0 : random() % most; };
  for (std::size_t changes = below(12); changes > 0 && !body.empty(); --changes) {
    const std::size_t at = below(body.size());
    switch (below(7)) {
      case 0: body[at] = kBytes[below(kBytes.size())]; break;
      case 1: body.insert(at, 1, kBytes[below(kBytes.size())]); break;
      case 2: body.erase(at, 1 + below(3)); break;
      case 3: body[at] = static_cast<char>(random()); break;
      case 4: body.insert(at, body.substr(below(body.size()), below(80))); break;
      case 5: body.insert(at, std::string(below(40), kBytes[below(kBytes.size())])); break;
      default: body.insert(at, std::to_string(random()).substr(0, below(21))); break;
    }
  }
}

// Returns lines of one kind or two, changed.
inline std::string MutatedBody(std::mt19937_64& random) {
  const auto kind = [&]() -> const BodyKind& { return BodyKinds()[random() % BodyKinds().size()]; };
  std::string body = kind().make(random() % 5'000, 1 + random() % 24);
  if (random() % 3 == 0) body += kind().make(random() % 50, 5);
  if (random() % 4 != 0) Mutate(body, random);
  return body;
}

}  // namespace relay::test
