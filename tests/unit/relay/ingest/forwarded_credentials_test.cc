#include "relay/ingest/forwarded_credentials.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

namespace relay::test::relay_ingest_forwarded_credentials_test {
namespace {

// Returns the credentials that a backend is sent; "none", or "refused".
std::string Passed(const std::string& authorization, const std::string& query = "") {
  HttpRequest request;
  if (!authorization.empty()) request.headers.emplace_back("authorization", authorization);
  const Result<ClientCredentials> passed =
      PassedCredentials(request, QueryParameters::Parse(query).value());
  if (!passed.ok()) return "refused";
  return passed.value().empty() ? "none" : passed.value().Reveal();
}

TEST_CASE("passed credentials: every form that a backend reads is passed on, written in one way") {
  CHECK_EQ(Passed(""), "none");
  CHECK_EQ(Passed("Basic YTpi"), "Basic YTpi");
  CHECK_EQ(Passed("token ada:secret"), "Token ada:secret");
  CHECK_EQ(Passed("BEARER  x.y-z_=="), "Bearer x.y-z_==");
  CHECK_EQ(Passed("", "u=a&p=b"), "Basic YTpi");
  CHECK_EQ(Passed("", "u=a%20b&p=%0a%ff"), "Basic YSBiOgr/");
}

TEST_CASE("passed credentials: u and p go before the header, as with InfluxDB, if both are there") {
  CHECK_EQ(Passed("Token t", "u=a&p=b"), "Basic YTpi");
  CHECK_EQ(Passed("Token t", "u=a"), "Token t");
  CHECK_EQ(Passed("", "u=a&p="), "none");
}

TEST_CASE("passed credentials: what is none of these forms gets neither into the log nor further") {
  for (const char* header : {"Digest x", "Basic", "Basic ", "Token a b", "Token a\tb", "Token \x7f",
                             "Bearer caf\xc3\xa9", "nonsense"}) {
    CAPTURE(header);
    CHECK_EQ(Passed(header), "refused");
  }
  CHECK_EQ(Passed("", "u=a:b&p=c"), "refused");
}

TEST_CASE("passed credentials: there is a limit to their size") {
  constexpr std::size_t kMax = 4096;
  CHECK_NE(Passed("Token " + std::string(kMax - 1, 'x')), "refused");
  CHECK_NE(Passed("Token " + std::string(kMax, 'x')), "refused");
  CHECK_EQ(Passed("Token " + std::string(kMax + 1, 'x')), "refused");
  CHECK_NE(Passed("", "u=a&p=" + std::string(kMax / 2 - 1, 'x')), "refused");
  CHECK_EQ(Passed("", "u=a&p=" + std::string(kMax / 2, 'x')), "refused");
}

template <typename T>
concept Printable = fmt::is_formattable<T>::value;
static_assert(!Printable<ClientCredentials>, "credentials must not be shown by accident");

}  // namespace
}  // namespace relay::test::relay_ingest_forwarded_credentials_test
