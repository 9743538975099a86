#include "relay/http/admission.h"

#include <doctest/doctest.h>

#include <string>

namespace relay::test::relay_http_admission_test {
namespace {

using enum Admission::Verdict;

TEST_CASE("admission: clients are let in up to the limit of all and of their address") {
  Admission admission({.connections = 3, .connections_of_address = 2});
  CHECK_EQ(admission.Connect("a"), kAdmitted);
  CHECK_EQ(admission.Connect("a"), kAdmitted);
  CHECK_EQ(admission.Connect("a"), kTooManyOfAddress);
  CHECK_EQ(admission.Connect("b"), kAdmitted);
  CHECK_EQ(admission.Connect("b"), kTooMany);
  CHECK_EQ(admission.connections(), 3);
  admission.Disconnect("a");
  CHECK_EQ(admission.Connect("a"), kAdmitted);
}

TEST_CASE("admission: lower limits disconnect nobody") {
  Admission admission({.connections = 3});
  for (const std::string address : {"a", "b", "c"}) CHECK_EQ(admission.Connect(address), kAdmitted);
  admission.SetLimits({.connections = 1});
  CHECK_EQ(admission.connections(), 3);
  admission.Disconnect("a");
  CHECK_EQ(admission.Connect("d"), kTooMany);
  admission.Disconnect("b");
  admission.Disconnect("c");
  CHECK_EQ(admission.Connect("d"), kAdmitted);
}

TEST_CASE("admission: room is given to the byte; a body larger than all of it is let in alone") {
  Admission admission({.in_flight = 10_B});
  CHECK(admission.Reserve(9_B));
  CHECK_FALSE(admission.Reserve(2_B));
  CHECK(admission.Reserve(1_B));
  CHECK_FALSE(admission.Reserve(1_B));
  CHECK_FALSE(admission.Reserve(11_B));
  admission.Release(10_B);
  CHECK(admission.Reserve(11_B));
  CHECK_FALSE(admission.Reserve(1_B));
}

TEST_CASE("admission: one at a time may go beyond the limit") {
  Admission admission({.in_flight = 10_B});
  REQUIRE(admission.Reserve(10_B));
  CHECK(admission.TakePass());
  CHECK_FALSE(admission.TakePass());
  admission.ReserveBeyond(5_B);
  CHECK_EQ(admission.in_flight(), 15_B);
  admission.GivePass();
  CHECK(admission.TakePass());
}

}  // namespace
}  // namespace relay::test::relay_http_admission_test
