#include "relay/ingest/users.h"

#include <doctest/doctest.h>

#include <cstdlib>

namespace relay::test::relay_ingest_users_test {
namespace {

std::shared_ptr<const Users> Everybody() {
  setenv("DOOR_TEST_PASSWORD", "se:cret", 1);
  setenv("DOOR_TEST_TOKEN", "t0ken", 1);
  return Users::Load({{.name = "ada",
                       .password = SecretSource::FromEnvironment("DOOR_TEST_PASSWORD"),
                       .databases = {"metrics"}},
                      {.name = "bob", .token = SecretSource::FromEnvironment("DOOR_TEST_TOKEN")}})
      .value();
}

// Returns the user with that header, or that query; "": nobody.
std::string Who(const std::string& authorization, const std::string& query = "") {
  const std::shared_ptr<const Users> users = Everybody();
  HttpRequest request;
  if (!authorization.empty()) request.headers.emplace_back("authorization", authorization);
  const Users::Verdict verdict = users->Identify(request, QueryParameters::Parse(query).value());
  return verdict.user == nullptr ? "" : verdict.user->name;
}

TEST_CASE("users: every form of credentials") {
  CHECK_EQ(Who("Basic YWRhOnNlOmNyZXQ="), "ada");
  CHECK_EQ(Who("basic YWRhOnNlOmNyZXQ"), "ada");
  CHECK_EQ(Who("Token ada:se:cret"), "ada");
  CHECK_EQ(Who("", "u=ada&p=se%3Acret"), "ada");
  CHECK_EQ(Who("Token t0ken"), "bob");
  CHECK_EQ(Who("BEARER t0ken"), "bob");
  CHECK_EQ(Who("Basic d2hvZXZlcjp0MGtlbg=="), "bob");  // whoever:t0ken
}

TEST_CASE("users: wrong, missing or malformed credentials are nobody's") {
  for (const char* header :
       {"Basic YWRhOndyb25n", "Basic !!!!", "Basic", "Basic ", "Basic YWRh", "Token ada:wrong",
        "Token ada", "Token", "Token :", "Token se:cret", "Bearer ada:se:cret", "Bearer t0ken2",
        "Bearer", "Digest YWRhOnNlOmNyZXQ=", "t0ken", "Token bob:t0ken", "Token ad:a:se:cret"}) {
    CAPTURE(header);
    CHECK_EQ(Who(header), "");
  }
  CHECK_EQ(Who("", "u=ada&p=wrong"), "");
  CHECK_EQ(Who("", "u=ada"), "");
  CHECK_EQ(Who("", ""), "");
  CHECK_EQ(Who("Token t0ken", "u=ada&p=wrong"), "");  // The parameters u and p win, as in InfluxDB.
  CHECK_EQ(Who("Basic " + std::string(100'000, 'A')), "");
}

TEST_CASE("users: missing credentials are told apart from wrong ones") {
  const std::shared_ptr<const Users> users = Everybody();
  CHECK_FALSE(users->Identify({}, {}).has_credentials);
  HttpRequest wrong;
  wrong.headers.emplace_back("Authorization", "Token wrong");
  CHECK(users->Identify(wrong, {}).has_credentials);
}

TEST_CASE("users: one may write to the databases that are named, or to all") {
  CHECK(Users::User{"ada", {"metrics"}}.MayWrite("metrics"));
  CHECK_FALSE(Users::User{"ada", {"metrics"}}.MayWrite("other"));
  CHECK(Users::User{"ada", {}}.MayWrite("other"));
}

TEST_CASE("users: a secret that cannot be read is an error that names the user") {
  const auto users = Users::Load({{.name = "eve", .token = SecretSource::FromFile("/no/such")}});
  REQUIRE(!users.ok());
  CHECK(users.error().message().starts_with("user eve: "));
}

}  // namespace
}  // namespace relay::test::relay_ingest_users_test
