#include "relay/ingest/users.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>

#include "replay/transport/base64.h"
#include "wal/base/ascii.h"
#include "wal/base/secret.h"

namespace relay {
namespace {

// Removes "Bearer " from the front, ignoring case.
bool TakeScheme(std::string_view& text, std::string_view scheme) {
  const bool same = text.size() > scheme.size() && text[scheme.size()] == ' ' &&
                    EqualIgnoringCase(scheme, text.substr(0, scheme.size()));
  if (!same) return false;
  text.remove_prefix(scheme.size());
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return true;
}

Result<std::string> ReadSecret(const SecretSource& source, const std::string& name) {
  Result<Secret> secret = source.Read();
  if (!secret.ok()) return std::move(secret).error().Within(fmt::format("user {}", name));
  return secret.value().Reveal();
}

}  // namespace

bool Users::User::MayWrite(std::string_view database) const {
  return databases.empty() ||
         std::find(databases.begin(), databases.end(), database) != databases.end();
}

Result<std::shared_ptr<const Users>> Users::Load(const std::vector<UserConfig>& configs) {
  auto users = std::make_shared<Users>();
  for (const UserConfig& config : configs) {
    Entry entry{.user = {config.name, config.databases}};
    if (config.password) {
      const Result<std::string> password = ReadSecret(*config.password, config.name);
      if (!password.ok()) return password.error();
      entry.password = DigestOfPassword(config.name, password.value());
    }
    if (config.token) {
      const Result<std::string> token = ReadSecret(*config.token, config.name);
      if (!token.ok()) return token.error();
      entry.token = DigestOfToken(token.value());
    }
    users->users_.push_back(std::move(entry));
  }
  return std::shared_ptr<const Users>(std::move(users));
}

Users::Verdict Users::Identify(const HttpRequest& request,
                               const QueryParameters& parameters) const {
  const std::string_view authorization = request.Header("Authorization");
  if (parameters.Has("u") || parameters.Has("p")) {
    return {ByPassword(parameters.Get("u"), parameters.Get("p")), true};
  }
  if (authorization.empty()) return {nullptr, false};
  return {ByHeader(authorization), true};
}

const Users::User* Users::ByHeader(std::string_view authorization) const {
  if (TakeScheme(authorization, "basic")) return ByBasic(authorization);
  if (TakeScheme(authorization, "bearer")) return ByToken(authorization);
  if (!TakeScheme(authorization, "token")) return nullptr;
  const std::size_t colon = authorization.find(':');
  const User* user = ByToken(authorization);
  if (user != nullptr || colon == std::string_view::npos) return user;
  return ByPassword(authorization.substr(0, colon), authorization.substr(colon + 1));
}

const Users::User* Users::ByBasic(std::string_view encoded) const {
  const std::optional<std::string> plain = DecodeBase64(encoded);
  const std::size_t colon = plain ? plain->find(':') : std::string::npos;
  if (colon == std::string::npos) return nullptr;
  const std::string_view name = std::string_view(*plain).substr(0, colon);
  const std::string_view password = std::string_view(*plain).substr(colon + 1);
  const User* by_password = ByPassword(name, password);
  const User* by_token = ByToken(password);
  return by_password != nullptr ? by_password : by_token;
}

const Users::User* Users::ByPassword(std::string_view name, std::string_view password) const {
  const Digest digest = DigestOfPassword(name, password);
  const User* found = nullptr;
  for (const Entry& entry : users_) {
    if (entry.password && CRYPTO_memcmp(digest.data(), entry.password->data(), 32) == 0) {
      found = &entry.user;
    }
  }
  return found;
}

const Users::User* Users::ByToken(std::string_view token) const {
  const Digest digest = DigestOfToken(token);
  const User* found = nullptr;
  for (const Entry& entry : users_) {
    if (entry.token && CRYPTO_memcmp(digest.data(), entry.token->data(), 32) == 0) {
      found = &entry.user;
    }
  }
  return found;
}

Users::Digest Users::DigestOfPassword(std::string_view name, std::string_view password) {
  // The length separates the name from the password unambiguously.
  return DigestOfToken(fmt::format("{}:{}:{}", name.size(), name, password));
}

Users::Digest Users::DigestOfToken(std::string_view token) {
  Digest digest{};
  const int made =
      EVP_Digest(token.data(), token.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  INVARIANT(made == 1);
  return digest;
}

}  // namespace relay
