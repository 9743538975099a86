#include "tests/faults/failing_allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace relay::test {
namespace {

std::atomic<std::uint64_t> asked = 0;
std::atomic<std::uint64_t> refused = 0;

}  // namespace

void FailAllocation(std::uint64_t nth) {
  refused = nth;
  asked = 0;
}

std::uint64_t AllocationsSoFar() {
  return asked;
}

}  // namespace relay::test

// The library's other forms, of arrays and without exceptions, call these two.
void* operator new(std::size_t size) {
  const std::uint64_t number = ++relay::test::asked;
  if (number == relay::test::refused) throw std::bad_alloc();
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}
