#include "relay/http/body_memory.h"

#include <doctest/doctest.h>

#include <string>

namespace relay::test::relay_http_body_memory_test {
namespace {

using namespace http_parts;

TEST_CASE("body memory: one body that is partly read may exceed the limit, others wait") {
  Admission admission({.in_flight = 10_B});
  BodyReservation first(admission);
  BodyReservation second(admission);
  CHECK(first.Raise(6_B, false));
  CHECK(second.Raise(4_B, false));
  CHECK(!first.Raise(7_B, false));
  CHECK(first.Raise(7_B, true));
  CHECK(first.Raise(9_B, true));
  CHECK(!second.Raise(5_B, true));
  CHECK_EQ(admission.in_flight(), 13_B);
  CHECK(first.Release());
  CHECK(!first.Release());
  CHECK(second.Raise(5_B, true));
  CHECK_EQ(second.held(), 5_B);
  CHECK(second.Release());
  CHECK_EQ(admission.in_flight(), 0_B);
}

TEST_CASE("body memory: a reservation ends with its body") {
  Admission admission({.in_flight = 10_B});
  {
    BodyReservation gone(admission);
    CHECK(gone.Raise(10_B, false));
  }
  CHECK_EQ(admission.in_flight(), 0_B);
}

TEST_CASE("body queue: first come, first served, bodies that are partly read before them") {
  BodyQueue queue;
  std::string order;
  int room = 0;
  const auto waiting = [&](char name) {
    return [&order, &room, name] {
      if (room == 0) return false;
      --room;
      order += name;
      return true;
    };
  };
  queue.Add(waiting('a'), false);
  queue.Add(waiting('b'), false);
  queue.Add(waiting('c'), true);
  queue.Admit();
  CHECK_EQ(order, "");
  room = 2;
  queue.Admit();
  CHECK_EQ(order, "ca");
  CHECK(!queue.empty());
  room = 2;
  queue.Admit();
  CHECK_EQ(order, "cab");
  CHECK(queue.empty());
}

TEST_CASE("body queue: one that has to wait again at once keeps its place") {
  BodyQueue queue;
  int turns = 0;
  queue.Add(
      [&] {
        if (++turns == 1) queue.Add([&] { return ++turns > 10; }, true);
        return true;
      },
      false);
  queue.Admit();
  CHECK_EQ(turns, 2);
  CHECK(!queue.empty());
}

}  // namespace
}  // namespace relay::test::relay_http_body_memory_test
