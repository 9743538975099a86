#include "relay/queries/passed_headers.h"

#include <doctest/doctest.h>

namespace relay::test::relay_queries_passed_headers_test {
namespace {

TEST_CASE("passed headers: those of the connection stay, the others go through as they are") {
  const HeaderViews headers = {{"Host", "relay"},
                               {"accept", "application/csv"},
                               {"Connection", "keep-alive, X-Mine"},
                               {"x-mine", "1"},
                               {"Keep-Alive", "timeout=5"},
                               {"TE", "trailers"},
                               {"Content-Length", "3"},
                               {"Transfer-Encoding", "chunked"},
                               {"Upgrade", "h2c"},
                               {"Expect", "100-continue"},
                               {"X-Relay-Position", "5"},
                               {"Authorization", "Basic eDp5"},
                               {"Accept-Encoding", "gzip"}};
  CHECK_EQ(HeadersForBackend(headers, true),
           "accept: application/csv\r\nAuthorization: Basic eDp5\r\nAccept-Encoding: gzip\r\n");
  CHECK_EQ(HeadersForBackend(headers, false),
           "accept: application/csv\r\nAccept-Encoding: gzip\r\n");
}

TEST_CASE("passed headers: an answer keeps its own, but for what this server makes itself") {
  CHECK_EQ(HeadersForClient({{"Content-Type", "application/json"},
                             {"Content-Encoding", "gzip"},
                             {"Date", "now"},
                             {"Content-Length", "5"},
                             {"X-Relay-Backend", "forged"},
                             {"X-Influxdb-Version", "1.6.7"}}),
           "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
           "X-Influxdb-Version: 1.6.7\r\n");
}

TEST_CASE("passed headers: a value with control characters is left out") {
  CHECK_EQ(HeadersForClient({{"A", "x\ry: z"}, {"B", "1\t2"}}), "B: 1\t2\r\n");
}

}  // namespace
}  // namespace relay::test::relay_queries_passed_headers_test
