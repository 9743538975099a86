#include "replay/transport/redirect.h"

#include <doctest/doctest.h>

namespace relay::test::replay_transport_redirect_test {
namespace {

const Peer kPlain{.host = "influx.example.org", .port = 8086};
const Peer kSecure{.host = "influx.example.org", .port = 8086, .tls = TlsOptions{}};

std::optional<Destination> To(const Peer& from, int status, const std::string& location) {
  Reply reply{.http_status = status};
  reply.location = location;
  return SameHostDestination(from, reply);
}

TEST_CASE("redirect: 307 and 308 on the same host keep the request") {
  struct Row {
    const Peer& from;
    const char* location;
    Destination to;
  };
  for (const Row& row : {
           Row{kPlain, "/influx/write?db=d", {false, 8086, "/influx/write?db=d"}},
           Row{kSecure, "/write", {true, 8086, "/write"}},
           Row{kPlain, "http://influx.example.org:8086/w?db=d", {false, 8086, "/w?db=d"}},
           Row{kPlain, "HTTP://Influx.Example.Org:8086/w#top", {false, 8086, "/w"}},
           Row{kPlain, "https://influx.example.org/write", {true, 443, "/write"}},
           Row{kPlain, "https://influx.example.org:8443/write", {true, 8443, "/write"}},
       }) {
    CAPTURE(row.location);
    CHECK(To(row.from, 307, row.location) == row.to);
    CHECK(To(row.from, 308, row.location) == row.to);
  }
  const Peer v6{.host = "::1", .port = 8086};
  CHECK(To(v6, 308, "http://[::1]:8086/w") == Destination{false, 8086, "/w"});
}

TEST_CASE("redirect: another host, port or method, or a way back from https, is not followed") {
  for (const char* location :
       {"http://other.example.org:8086/write", "http://influx.example.org:8087/write",
        "http://influx.example.org.evil.org:8086/write", "//other.example.org/write",
        "http://user@influx.example.org:8086/write", "ftp://influx.example.org:8086/write",
        "http://influx.example.org:8086", "http://influx.example.org:8086 /write",
        "http://influx.example.org:80x86/write", "http://[::1/write", "/write\r\nX: y", "write",
        ""}) {
    CAPTURE(location);
    CHECK_FALSE(To(kPlain, 308, location));
  }
  CHECK_FALSE(To(kSecure, 308, "http://influx.example.org:8086/write"));
  for (const int status : {200, 300, 301, 302, 303, 304, 400}) {
    CAPTURE(status);
    CHECK_FALSE(To(kPlain, status, "/influx/write"));
  }
}

}  // namespace
}  // namespace relay::test::replay_transport_redirect_test
