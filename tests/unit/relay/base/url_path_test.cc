#include "relay/base/url_path.h"

#include <doctest/doctest.h>

namespace relay::test::relay_base_url_path_test {
namespace {

TEST_CASE("url path: slashes at the end, and doubled ones, do not count") {
  CHECK_EQ(RoutePath("/write", ""), "/write");
  CHECK_EQ(RoutePath("/write/", ""), "/write");
  CHECK_EQ(RoutePath("//api//v2/write//", ""), "/api/v2/write");
  CHECK_EQ(RoutePath("/", ""), "/");
  CHECK_EQ(RoutePath("//", ""), "/");
  CHECK_EQ(RoutePath("", ""), "");
}

TEST_CASE("url path: a prefix is removed from whole segments only, and may be missing") {
  CHECK_EQ(RoutePath("/relay/write", "/relay"), "/write");
  CHECK_EQ(RoutePath("/relay//write/", "/relay"), "/write");
  CHECK_EQ(RoutePath("/relay/", "/relay"), "/");
  CHECK_EQ(RoutePath("/relay", "/relay"), "/");
  CHECK_EQ(RoutePath("/relaywrite", "/relay"), "/relaywrite");
  CHECK_EQ(RoutePath("/write", "/relay"), "/write");
  CHECK_EQ(RoutePath("/a/b/ping", "/a/b"), "/ping");
  CHECK_EQ(RoutePath("/a/ping", "/a/b"), "/a/ping");
}

}  // namespace
}  // namespace relay::test::relay_base_url_path_test
