#include "replay/delivery/read_budget.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "tests/support/worker_fixture.h"

namespace relay::test::replay_delivery_read_budget_test {
namespace {

TEST_CASE("read budget: those that have read something get the same part each") {
  const auto budget = std::make_shared<ReadBudget>(12_MiB);
  ReadBudget::Share a(budget);
  std::optional<ReadBudget::Share> b(std::in_place, budget);
  ReadBudget::Share c(budget);
  CHECK_EQ(a.Take(), 12_MiB);
  CHECK_EQ(a.Take(), 12_MiB);
  CHECK_EQ(b->Take(), 6_MiB);
  CHECK_EQ(c.Take(), 4_MiB);
  CHECK_EQ(a.Take(), 4_MiB);
  c.Leave();
  c.Leave();
  CHECK_EQ(a.Take(), 6_MiB);
  b.reset();
  CHECK_EQ(a.Take(), 12_MiB);
  budget->Set(6_MiB);
  CHECK_EQ(a.Take(), 6_MiB);
}

TEST_CASE("read budget: however many there are, each reads something") {
  const auto budget = std::make_shared<ReadBudget>(Bytes(1));
  ReadBudget::Share share(budget);
  CHECK_EQ(share.Take(), ReadBudget::kLeast);
}

TEST_CASE("read budget: a backend that is behind is read less of while others are behind too") {
  const auto largest_request = [](bool others_are_behind) {
    const auto budget = std::make_shared<ReadBudget>(ReadBudget::kLeast + ReadBudget::kLeast);
    ReadBudget::Share other(budget);
    if (others_are_behind) other.Take();
    WorkerFixture bench([](const WriteParams&, std::string_view) { return Status204(); });
    Worker::Options options = QuickOptions();
    options.read_budget = budget;
    bench.Restart(std::move(options));
    const std::string lines(1'000, 'x');
    for (int i = 0; i < 1'000; ++i) bench.Accept("m,t=" + lines + " v=1 1\n");
    bench.Drain();
    std::size_t largest = 0;
    for (const std::string& sent : bench.transport.sent) largest = std::max(largest, sent.size());
    CHECK_EQ(bench.Now().delivered, 1'000);
    return Bytes(largest);
  };
  CHECK_LE(largest_request(true), ReadBudget::kLeast);
  CHECK_GT(largest_request(false), ReadBudget::kLeast);
}

}  // namespace
}  // namespace relay::test::replay_delivery_read_budget_test
