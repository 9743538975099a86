// Runs every input that was ever worth keeping through its target.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "tests/fuzz/targets.h"
#include "tests/support/process/places.h"
#include "tests/support/process/process.h"

namespace relay::test::fuzz_corpus_test {
namespace {

TEST_CASE("fuzz: the inputs that are kept break nothing") {
  for (const fuzz::Target& target : fuzz::Targets()) {
    const std::filesystem::path corpus =
        std::filesystem::path(SourceRoot() + "/tests/fuzz/corpus") / target.name;
    int inputs = 0;
    for (const auto& file : std::filesystem::directory_iterator(corpus)) {
      CAPTURE(file.path().string());
      target.run(ReadFile(file.path()));
      ++inputs;
    }
    CHECK_GT(inputs, 0);
  }
}

}  // namespace
}  // namespace relay::test::fuzz_corpus_test
