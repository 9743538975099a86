// Users who may write, with a password, tokens or both, and the databases each may write to.
//
// Clients authenticate as with any InfluxDB: Basic, `Token NAME:PASSWORD`, `Token T`,
// `Bearer T`, the parameters u and p, or Basic with a token as the password.
//
// Secrets are kept as digests. A client's secret is compared with all of them, in
// constant time.
//
// THREADS. Immutable: any number at once.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/model/config.h"
#include "relay/http/query_parameters.h"
#include "relay/http/server.h"
#include "wal/base/result.h"

namespace relay {

class Users {
 public:
  struct User {
    std::string name;
    std::vector<std::string> databases;  // Empty: all.

    bool MayWrite(std::string_view database) const;
  };

  // Reads the secrets. Errors as SecretSource::Read.
  static Result<std::shared_ptr<const Users>> Load(const std::vector<UserConfig>& configs);

  // Returns false if there are no users: everybody may write everywhere.
  bool Any() const { return !users_.empty(); }

  // The user of a request, nullptr: none; and whether the request has credentials.
  struct Verdict {
    const User* user = nullptr;
    bool has_credentials = false;
  };
  Verdict Identify(const HttpRequest& request, const QueryParameters& parameters) const;

 private:
  using Digest = std::array<unsigned char, 32>;
  struct Entry {
    User user;
    std::optional<Digest> password;  // Digest of name and password.
    std::optional<Digest> token;
  };

  static Digest DigestOfPassword(std::string_view name, std::string_view password);
  static Digest DigestOfToken(std::string_view token);
  const User* ByPassword(std::string_view name, std::string_view password) const;
  const User* ByToken(std::string_view token) const;
  const User* ByBasic(std::string_view encoded) const;
  const User* ByHeader(std::string_view authorization) const;

  std::vector<Entry> users_;
};

}  // namespace relay
