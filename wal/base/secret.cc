#include "wal/base/secret.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string_view>
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

// Removes what editors and shells put around a secret: newlines behind it, a byte order mark before
// it. Blanks may be part of it.
void DropSurroundings(std::string& text) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
}

bool IsUtf16(std::string_view text) {
  return text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff");
}

Result<Secret> Checked(std::string text) {
  const auto invalid = [](const char* why) { return Error(ErrorCode::kInvalidInput, why); };
  if (IsUtf16(text)) return invalid("is UTF-16: save it as UTF-8");
  DropSurroundings(text);
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
