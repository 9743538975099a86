#include "wal/base/secret.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>

namespace relay {
namespace {

// Exceeds any password or token: a larger file is the wrong file.
constexpr std::size_t kSecretSizeMax = 16U << 10U;

// Reads at most one byte more than a secret may have: enough to know that it is too long.
Result<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string content(kSecretSizeMax + 1, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (!file.is_open() || file.bad() || (file.fail() && !file.eof())) {
    return Error(ErrorCode::kNotFound, "cannot be read: " + std::generic_category().message(errno));
  }
  content.resize(static_cast<std::size_t>(file.gcount()));
  return content;
}

Result<std::string> ReadEnvironment(const std::string& variable) {
  const char* value = std::getenv(variable.c_str());
  if (value == nullptr) return Error(ErrorCode::kNotFound, "is not set");
  return std::string(value);
}

// Editors and `echo` end a file with a newline that is not part of the secret.
void DropFinalNewline(std::string& text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
}

Result<Secret> Checked(std::string text) {
  const auto invalid = [](const char* why) { return Error(ErrorCode::kInvalidInput, why); };
  DropFinalNewline(text);
  if (text.empty()) return invalid("is empty");
  if (text.size() > kSecretSizeMax) return invalid("is longer than 16 KiB");
  constexpr std::array<char, 3> kForbidden = {'\n', '\r', '\0'};
  if (text.find_first_of(kForbidden.data(), 0, kForbidden.size()) != std::string::npos) {
    return invalid("has more than one line");
  }
  return Secret(std::move(text));
}

}  // namespace

SecretSource SecretSource::FromFile(std::string path) {
  return {Kind::kFile, std::move(path)};
}

SecretSource SecretSource::FromEnvironment(std::string variable) {
  return {Kind::kEnvironment, std::move(variable)};
}

SecretSource SecretSource::FromText(std::string secret) {
  return {Kind::kText, std::move(secret)};
}

Result<std::string> SecretSource::Text() const {
  switch (kind_) {
    case Kind::kFile: return ReadFile(name_);
    case Kind::kEnvironment: return ReadEnvironment(name_);
    case Kind::kText: break;
  }
  return name_;
}

Result<Secret> SecretSource::Read() const {
  const auto named = [this](const Error& error) {
    return Error(error.code(), Describe() + " " + error.message());
  };
  Result<std::string> text = Text();
  if (!text.ok()) return named(text.error());
  Result<Secret> secret = Checked(std::move(text).value());
  if (!secret.ok()) return named(secret.error());
  return secret;
}

std::string SecretSource::Describe() const {
  if (kind_ == Kind::kText) return "the secret in the configuration";
  return (kind_ == Kind::kFile ? "file " : "environment variable ") + name_;
}

}  // namespace relay
