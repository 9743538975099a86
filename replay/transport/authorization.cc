#include "replay/transport/authorization.h"

#include <fmt/format.h>

#include "replay/transport/base64.h"
#include "wal/base/invariant.h"

namespace relay {

Result<std::string> AuthorizationLine(const Credentials& credentials, Api api) {
  if (credentials.username.empty() && !credentials.token) return std::string();
  const std::optional<SecretSource>& source =
      credentials.token ? credentials.token : credentials.password;
  INVARIANT(source.has_value());
  ASSIGN_OR_RETURN(const Secret secret, source->Read());
  const std::string& text = secret.Reveal();
  if (!credentials.token) {
    return fmt::format("Authorization: Basic {}\r\n",
                       EncodeBase64(credentials.username + ':' + text));
  }
  const bool bearer = api == Api::kV3 || api == Api::kPrometheus;
  return fmt::format("Authorization: {} {}\r\n", bearer ? "Bearer" : "Token", text);
}

}  // namespace relay
