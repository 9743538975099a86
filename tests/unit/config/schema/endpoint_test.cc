#include "config/schema/endpoint.h"

#include <doctest/doctest.h>

#include <string>

namespace relay::test::config_schema_endpoint_test {
namespace {

TEST_CASE("address: an IPv4 or IPv6 address with a port") {
  struct Row {
    const char* text;
    const char* host;
    int port;
    const char* shown;
  };
  for (const Row& row : {
           Row{"0.0.0.0:9096", "0.0.0.0", 9096, "0.0.0.0:9096"},
           Row{"127.0.0.1:0", "127.0.0.1", 0, "127.0.0.1:0"},
           Row{"[::1]:65535", "::1", 65535, "[::1]:65535"},
           Row{"[0:0:0::1]:9096", "::1", 9096, "[::1]:9096"},
           Row{"[FE80::A]:9096", "fe80::a", 9096, "[fe80::a]:9096"},
           Row{":9096", "", 9096, ":9096"},
       }) {
    CAPTURE(row.text);
    const auto address = ParseListenAddress(row.text);
    REQUIRE(address.ok());
    CHECK_EQ(address.value().host, row.host);
    CHECK_EQ(address.value().port, row.port);
    CHECK_EQ(ToString(address.value()), row.shown);
  }
}

TEST_CASE("address: anything else is refused") {
  for (const char* text :
       {"", ":", "9096", "0.0.0.0", "0.0.0.0:", "0.0.0.0:65536", "0.0.0.0:-1", "0.0.0.0:+1",
        "0.0.0.0:9096 ", "256.0.0.1:9096", "1.2.3:9096", "::1:9096", "[::1]", "[::1]9096", "[::1:9",
        "[127.0.0.1]:9096", "[fe80::1%eth0]:9096", "[]:9096", "http://0.0.0.0:9096"}) {
    CAPTURE(text);
    const auto address = ParseListenAddress(text);
    REQUIRE(!address.ok());
    CHECK_EQ(address.error().code(), ErrorCode::kInvalidInput);
    CHECK_EQ(address.error().message(), "expected " + std::string(kAddressExpected));
  }
}

TEST_CASE("address: a host name is refused as one") {
  for (const char* text : {"localhost:9096", "relay.example.org:9096"}) {
    CAPTURE(text);
    const auto address = ParseListenAddress(text);
    REQUIRE(!address.ok());
    CHECK_EQ(address.error().message(),
             "expected an address, not a host name, as in 127.0.0.1:9096 or [::1]:9096");
  }
}

TEST_CASE("address: two overlap if a connection could mean either") {
  struct Row {
    const char* a;
    const char* b;
    bool overlap;
  };
  for (const Row& row : {
           Row{"127.0.0.1:80", "127.0.0.1:80", true}, Row{"0.0.0.0:80", "127.0.0.1:80", true},
           Row{"[::1]:80", "[::]:80", true}, Row{"127.0.0.1:80", "127.0.0.1:81", false},
           Row{"127.0.0.1:80", "127.0.0.2:80", false}, Row{"0.0.0.0:80", "[::]:80", false},
           Row{":80", "127.0.0.1:80", true}, Row{":80", "[::1]:80", true}, Row{":80", ":80", true},
           Row{":80", ":81", false},
           Row{"127.0.0.1:0", "127.0.0.1:0", false},  // Each gets a free port of its own.
       }) {
    CAPTURE(row.a);
    CAPTURE(row.b);
    const ListenAddress a = ParseListenAddress(row.a).value();
    const ListenAddress b = ParseListenAddress(row.b).value();
    CHECK_EQ(Overlap(a, b), row.overlap);
    CHECK_EQ(Overlap(b, a), row.overlap);
  }
}

TEST_CASE("url: scheme, host, port and path") {
  struct Row {
    const char* text;
    const char* shown;
  };
  for (const Row& row : {
           Row{"http://influx-a", "http://influx-a:8086"},
           Row{"http://10.0.0.1:8087", "http://10.0.0.1:8087"},
           Row{"https://influx.example.org", "https://influx.example.org:8086"},
           Row{"http://[0::1]:8086", "http://[::1]:8086"},
           Row{"http://[::1]", "http://[::1]:8086"},
           Row{"http://h/", "http://h:8086"},
           Row{"http://h:443/influx/a//", "http://h:443/influx/a"},
           Row{"http://h/~a%20b", "http://h:8086/~a%20b"},
           Row{"http://1.org", "http://1.org:8086"},
           Row{"udp://h:8089", "udp://h:8089"},
           Row{"udp://[::1]:8089/", "udp://[::1]:8089"},
       }) {
    CAPTURE(row.text);
    const auto url = ParseBackendUrl(row.text);
    REQUIRE(url.ok());
    CHECK_EQ(ToString(url.value()), row.shown);
  }
  const BackendUrl url = ParseBackendUrl("https://[::1]:1/x/").value();
  CHECK(url.tls);
  CHECK_EQ(url.host, "::1");
  CHECK_EQ(url.port, 1);
  CHECK_EQ(url.path_prefix, "/x");
}

TEST_CASE("url: anything else is refused") {
  const std::string url = "expected " + std::string(kUrlExpected);
  const std::string port = "expected a port from 1 to 65535 after the host";
  struct Row {
    const char* text;
    std::string message;
  };
  for (const Row& row : {
           Row{"", url},
           Row{"influx-a:8086", url},
           Row{"ftp://h", url},
           Row{"HTTP://h", url},
           Row{"http:/h", url},
           Row{"http://", url},
           Row{"http:///x", url},
           Row{"http://10.0.0.256", url},
           Row{"http://10.0.1", url},
           Row{"http://a..b", url},
           Row{"http://-a", url},
           Row{"http://a b", url},
           Row{"http://h/a b", url},
           Row{"http://h/\"", url},
           Row{"http://[::1", url},
           Row{"http://[::g]", url},
           Row{"http://h:", port},
           Row{"http://h:0", port},
           Row{"http://h:65536", port},
           Row{"http://h:80x", port},
           Row{"http://::1", url},
           Row{"udp://h", port},
           Row{"udp://h:8089/write", "expected the URL without /write: the relay appends it"},
           Row{"udp://h:8089/x", "expected no path in a udp:// URL"},
           Row{"http://h/write", "expected the URL without /write: the relay appends it"},
           Row{"http://h/influx/write/", "expected the URL without /write: the relay appends it"},
           Row{"http://h#x", "expected no fragment (#) in the URL"},
       }) {
    CAPTURE(row.text);
    const auto parsed = ParseBackendUrl(row.text);
    REQUIRE(!parsed.ok());
    CHECK_EQ(parsed.error().code(), ErrorCode::kInvalidInput);
    CHECK_EQ(parsed.error().message(), row.message);
  }
}

TEST_CASE("url: credentials in it are refused, wherever they stand, and never repeated") {
  for (const char* text :
       {"http://u:hunter2@h", "http://u@h:8086", "http://u:hun/ter2@h", "http://u:hun?ter2@h",
        "http://u:hun#ter2@h", "https://u:hunter2@", "u:hunter2@h"}) {
    CAPTURE(text);
    const auto url = ParseBackendUrl(text);
    REQUIRE(!url.ok());
    CHECK_EQ(url.error().message(),
             "expected no user in the URL: use username and password, or token");
  }
  for (const char* text : {"http://h?u=relay&p=hunter2", "http://h/x?db=metrics", "http://h?"}) {
    CAPTURE(text);
    const auto url = ParseBackendUrl(text);
    REQUIRE(!url.ok());
    CHECK_EQ(url.error().message(),
             "expected no query in the URL: use username and password, or token, for "
             "credentials; a write brings its own parameters");
  }
}

}  // namespace
}  // namespace relay::test::config_schema_endpoint_test
