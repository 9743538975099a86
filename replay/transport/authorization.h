// A backend's credentials as a header of HTTP.
//
// THREADS. Pure functions; any number at once.
#pragma once

#include <optional>
#include <string>

#include "wal/base/result.h"
#include "wal/base/secret.h"
#include "wal/record/record.h"

namespace relay {

struct Credentials {
  std::string username;  // Goes with `password`, as Basic.
  std::optional<SecretSource> password;
  std::optional<SecretSource> token;  // Instead of user name and password.
};

// Reads the secret and returns a header line; empty: there are no credentials. Errors as
// SecretSource::Read.
Result<std::string> AuthorizationLine(const Credentials& credentials, Api api);

}  // namespace relay
