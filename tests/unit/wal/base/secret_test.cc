#include "wal/base/secret.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <type_traits>

#include "tests/support/temp_dir.h"

namespace relay::test::wal_base_secret_test {
namespace {

// An environment variable that is set as long as the object exists.
class Variable {
 public:
  explicit Variable(const char* value) { REQUIRE_EQ(setenv(kName, value, 1), 0); }
  ~Variable() { unsetenv(kName); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

  static constexpr const char* kName = "RELAY_SECRET_TEST";
};

std::string Put(const TempDir& directory, const std::string& content) {
  std::string path = directory.File("password");
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!fmt::is_formattable<Secret>::value);
static_assert(!std::is_default_constructible_v<SecretSource>);

TEST_CASE("secret: a file gives its line without the newline at its end") {
  const TempDir directory;
  for (const char* content : {"hunter2", "hunter2\n", "hunter2\r\n", "hunter2\n\n\n",
                              "hunter2\r\n\r\n", "\xef\xbb\xbfhunter2\r\n"}) {
    CAPTURE(content);
    const auto secret = SecretSource::FromFile(Put(directory, content)).Read();
    REQUIRE(secret.ok());
    CHECK_EQ(secret.value().Reveal(), "hunter2");
  }
}

TEST_CASE("secret: a blank that is part of the password stays") {
  const TempDir directory;
  const auto secret = SecretSource::FromFile(Put(directory, " hunter2 \n")).Read();
  REQUIRE(secret.ok());
  CHECK_EQ(secret.value().Reveal(), " hunter2 ");
}

TEST_CASE("secret: a file of PowerShell's UTF-16 is refused, and says what to do") {
  const TempDir directory;
  const auto secret = SecretSource::FromFile(Put(directory, "\xff\xfeh")).Read();
  REQUIRE_FALSE(secret.ok());
  CHECK_NE(secret.error().message().find("is UTF-16: save it as UTF-8"), std::string::npos);
}

TEST_CASE("secret: a file of newlines or of a byte order mark alone is empty") {
  const TempDir directory;
  for (const char* content : {"", "\n\n", "\r\n", "\xef\xbb\xbf", "\xef\xbb\xbf\n"}) {
    const auto secret = SecretSource::FromFile(Put(directory, content)).Read();
    REQUIRE_FALSE(secret.ok());
    CHECK_NE(secret.error().message().find("is empty"), std::string::npos);
  }
}

TEST_CASE("secret: a rotated password is seen at the next read") {
  const TempDir directory;
  const SecretSource source = SecretSource::FromFile(Put(directory, "old\n"));
  REQUIRE_EQ(source.Read().value().Reveal(), "old");
  Put(directory, "new\n");
  CHECK_EQ(source.Read().value().Reveal(), "new");
}

TEST_CASE("secret: an environment variable gives its value") {
  const Variable variable("hunter2");
  const SecretSource source = SecretSource::FromEnvironment(Variable::kName);
  REQUIRE(source.Read().ok());
  CHECK_EQ(source.Read().value().Reveal(), "hunter2");
  CHECK_EQ(source.Describe(), "environment variable RELAY_SECRET_TEST");
}

TEST_CASE("secret: what cannot be read is named, with the reason") {
  const TempDir directory;
  const auto missing = SecretSource::FromFile(directory.File("absent")).Read();
  REQUIRE(!missing.ok());
  CHECK_EQ(missing.error().code(), ErrorCode::kNotFound);
  CHECK_EQ(missing.error().message(),
           "file " + directory.File("absent") + " cannot be read: No such file or directory");

  const auto folder = SecretSource::FromFile(directory.path()).Read();
  REQUIRE(!folder.ok());
  CHECK_EQ(folder.error().code(), ErrorCode::kNotFound);

  const auto unset = SecretSource::FromEnvironment("RELAY_SECRET_TEST_UNSET").Read();
  REQUIRE(!unset.ok());
  CHECK_EQ(unset.error().code(), ErrorCode::kNotFound);
  CHECK_EQ(unset.error().message(), "environment variable RELAY_SECRET_TEST_UNSET is not set");
}

TEST_CASE("secret: what cannot be a secret is refused and never shown") {
  const TempDir directory;
  struct Row {
    std::string content;
    std::string why;
  };
  for (const Row& row : {
           Row{"", "is empty"},
           Row{"\n", "is empty"},
           Row{"hunter2\nhunter3\n", "has more than one line"},
           Row{std::string("hunter2\0", 8), "has more than one line"},
           Row{std::string((16U << 10U) + 1, 'x'), "is longer than 16 KiB"},
       }) {
    const std::string path = Put(directory, row.content);
    const auto secret = SecretSource::FromFile(path).Read();
    REQUIRE(!secret.ok());
    CHECK_EQ(secret.error().code(), ErrorCode::kInvalidInput);
    CHECK_EQ(secret.error().message(), "file " + path + " " + row.why);
  }
}

TEST_CASE("secret: a variable that is set to nothing is refused") {
  const Variable variable("");
  const auto secret = SecretSource::FromEnvironment(Variable::kName).Read();
  REQUIRE(!secret.ok());
  CHECK_EQ(secret.error().code(), ErrorCode::kInvalidInput);
  CHECK_EQ(secret.error().message(), "environment variable RELAY_SECRET_TEST is empty");
}

TEST_CASE("secret: one that a configuration has itself is read, and never described") {
  const SecretSource source = SecretSource::FromText("swordfish");
  CHECK_EQ(source.Read().value().Reveal(), "swordfish");
  CHECK_EQ(source.Describe().find("swordfish"), std::string::npos);
  CHECK_EQ(source.file() + source.variable(), "");
  CHECK_FALSE(SecretSource::FromText("").Read().ok());
}

}  // namespace
}  // namespace relay::test::wal_base_secret_test
