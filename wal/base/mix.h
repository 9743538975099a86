// A mixer of bits, for hashes that do not have to resist anybody who looks for collisions.
//
// THREADS. A pure function.
#pragma once

#include <cstdint>

namespace relay {

// Returns a bijection of the number in which each bit depends on all of its bits (splitmix64).
constexpr std::uint64_t Mix(std::uint64_t number) {
  number = (number ^ (number >> 30U)) * 0xbf58476d1ce4e5b9U;
  number = (number ^ (number >> 27U)) * 0x94d049bb133111ebU;
  return number ^ (number >> 31U);
}

}  // namespace relay
