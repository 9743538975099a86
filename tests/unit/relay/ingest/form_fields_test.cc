#include "relay/ingest/form_fields.h"

#include <doctest/doctest.h>

#include <array>
#include <initializer_list>
#include <random>
#include <string>
#include <utility>

#include "tests/support/seed.h"

namespace relay::test::relay_ingest_form_fields_test {
namespace {

constexpr std::string_view kUrlencoded = "application/x-www-form-urlencoded";
constexpr std::string_view kMultipart = "multipart/form-data; boundary=XY";

struct Form {
  std::string_view method = "POST";
  std::string_view type = kMultipart;
  std::string_view url;
  std::string body;
};

Result<QueryParameters> Read(const Form& form) {
  HttpRequest request;
  request.method = form.method;
  if (!form.type.empty()) request.headers.emplace_back("content-type", form.type);
  request.body = form.body;
  return WithForm(QueryParameters::Parse(form.url).value(), request);
}

std::string Field(const Form& form, std::string_view name = "q") {
  return Read(form).value().Get(name);
}

std::string Multipart(std::string_view headers, std::string_view content) {
  return "--XY\r\n" + std::string(headers) + "\r\n\r\n" + std::string(content) + "\r\n--XY--\r\n";
}

constexpr std::string_view kQ = "Content-Disposition: form-data; name=\"q\"";

TEST_CASE("form fields: those of a urlencoded form count before those of the URL") {
  CHECK_EQ(Field({.type = kUrlencoded, .url = "q=a", .body = "q=b"}), "b");
  CHECK_EQ(Field({.type = kUrlencoded, .url = "q=a", .body = "q="}), "");
  CHECK_EQ(Field({.type = kUrlencoded, .url = "q=a", .body = "db=d"}), "a");
  CHECK_EQ(Field({.type = kUrlencoded, .url = "q=a", .body = "db=d"}, "db"), "d");
  CHECK_EQ(Field({.type = "Application/X-WWW-Form-Urlencoded ;charset=utf-8", .body = "q=b+c"}),
           "b c");
  CHECK(!Read({.type = kUrlencoded, .body = "q=%4"}).ok());
}

TEST_CASE("form fields: a body of another type, or of a GET, is no urlencoded form") {
  CHECK_EQ(Field({.type = "", .body = "q=b"}), "");
  CHECK_EQ(Field({.type = "text/plain", .body = "q=b"}), "");
  CHECK_EQ(Field({.type = "application/x-www-form-urlencoded2", .body = "q=b"}), "");
  CHECK_EQ(Field({.method = "GET", .type = kUrlencoded, .url = "q=a", .body = "q=b"}), "a");
}

TEST_CASE("form fields: those of the URL count before those of a multipart form") {
  CHECK_EQ(Field({.body = Multipart(kQ, "b")}), "b");
  CHECK_EQ(Field({.method = "GET", .body = Multipart(kQ, "b")}), "b");
  CHECK_EQ(Field({.url = "q=a", .body = Multipart(kQ, "b")}), "a");
}

TEST_CASE("form fields: a statement may be a file, unless a field has one") {
  const std::string file = std::string(kQ) + "; filename=\"a;b\\\"c\"\r\nContent-Type: text/plain";
  CHECK_EQ(Field({.body = Multipart(file, "b")}), "b");
  CHECK_EQ(Field({.url = "q=a", .body = Multipart(file, "b")}), "a");
  CHECK_EQ(Field({.url = "q=+", .body = Multipart(file, "b")}), "b");
  const std::string other = "Content-Disposition: form-data; name=\"db\"; filename=\"x\"";
  CHECK_EQ(Field({.body = Multipart(other, "b")}, "db"), "");
}

TEST_CASE("form fields: the parts of a multipart form end where they should") {
  const std::string q = std::string(kQ) + "\r\n\r\n";
  for (const auto& [body, expected] : std::initializer_list<std::pair<std::string, std::string>>{
           {"--XY\r\n" + q + "b\r\n--XY--", "b"},
           {"--XY \t\r\n" + q + "b\r\n--XY--", "b"},
           {"before\r\n--XY\r\n" + q + "b\r\n--XY--\r\nbehind", "b"},
           {"--XYZ\r\n--XY\r\n" + q + "b\r\n--XY--", "b"},
           {"--XY\r\n" + q + "b\r\n--XYZ\r\n--XY--", "b\r\n--XYZ"},
           {"--XY\r\n" + q + "b\n--XY--\r\n--XY--", "b\n--XY--"},
           {"--XY\r\n" + q + "\r\n--XY--", ""},
           {"--XY\r\n" + q + "--XY\r\n" + q + "c\r\n--XY--", ""},
           {"--XY\r\n" + q + "b\r\n--XY\r\n" + q + "c\r\n--XY--", "b"},
           {"--XY\nContent-Disposition: form-data; name=q\n\nb\n--XY--\n", "b"},
           {"--XY\r\n" + q + "b", ""},
           {"--XY\r\n" + q + "b\r\n--XY\r\n" + q + "c", ""},
           {"--XY--\r\n" + q + "b\r\n--XY--", ""},
           {"", ""},
           {"--XY", ""}}) {
    CAPTURE(body);
    CHECK_EQ(Field({.body = body}), expected);
  }
}

TEST_CASE("form fields: quoted-printable is decoded") {
  const std::string headers = std::string(kQ) + "\r\ncontent-transfer-encoding: Quoted-Printable";
  CHECK_EQ(Field({.body = Multipart(headers, "a=20b=\r\nc=\nd=3De=zz=4")}), "a bcd=e=zz=4");
}

TEST_CASE("form fields: a multipart form needs its boundary and the names of its fields") {
  CHECK_EQ(Field({.type = "multipart/form-data", .body = Multipart(kQ, "b")}), "");
  CHECK_EQ(Field({.type = "multipart/mixed; boundary=XY", .body = Multipart(kQ, "b")}), "");
  CHECK_EQ(Field({.body = Multipart("Content-Disposition: form-data", "b")}, ""), "");
  CHECK_EQ(Field({.body = Multipart("Content-Disposition: attachment; name=q", "b")}), "");
  CHECK_EQ(Field({.type = "Multipart/Form-Data; charset=x; BOUNDARY = \"XY\"",
                  .body = Multipart("CONTENT-DISPOSITION:Form-Data;NAME=q", "b")}),
           "b");
}

TEST_CASE("form fields: the parameters of a header are read, whatever it holds") {
  const HeaderParameters read = ParseHeaderParameters("A/B; c=d;; E=\"f;\\\"g\\h\" x; i; j = k ");
  CHECK_EQ(read.type, "a/b");
  CHECK_EQ(read.values.size(), 3);
  CHECK_EQ(read.values.at("c"), "d");
  CHECK_EQ(read.values.at("e"), "f;\"g\\h");
  CHECK_EQ(read.values.at("j"), "k");
  for (const char* odd : {"", ";", "a;b", "a;b=", "a;b=\"", "a;b=\"\\", "a;=", "a;b=\"c\"\""}) {
    ParseHeaderParameters(odd);
  }
}

TEST_CASE("form fields: whatever bytes come, they are read within bounds") {
  std::mt19937_64 random(PrintedSeed());
  constexpr std::array<std::string_view, 15> kPieces = {"--XY",
                                                        "--",
                                                        "\r\n",
                                                        "\n",
                                                        "\r",
                                                        "q",
                                                        ":",
                                                        ";",
                                                        "=",
                                                        "\"",
                                                        " ",
                                                        "Content-Disposition: form-data; name=q",
                                                        "\r\n--XY--\r\n",
                                                        "\r\n--XY\r\n",
                                                        "filename="};
  for (int round = 0; round < 20'000; ++round) {
    std::string body;
    for (std::size_t pieces = random() % 12; pieces > 0; --pieces) {
      body += kPieces.at(random() % kPieces.size());
    }
    CAPTURE(body);
    const std::string q = Field({.body = body});
    CHECK_LE(q.size(), body.size());
    ParseHeaderParameters(body);
  }
}

}  // namespace
}  // namespace relay::test::relay_ingest_form_fields_test
