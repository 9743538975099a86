#include "relay/ingest/forwarded_credentials.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "replay/transport/base64.h"
#include "wal/base/ascii.h"

namespace relay {
namespace {

// The canonical spelling, independent of the client's case.
constexpr std::array<std::string_view, 3> kSchemes = {"Basic", "Token", "Bearer"};

// Longer than any JWT in use; stored once per record.
constexpr std::size_t kCredentialsMax = 4U << 10U;

bool IsOneWord(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

Error NotPassed() {
  return {ErrorCode::kInvalidInput, "unable to parse authentication credentials"};
}

Result<ClientCredentials> OfHeader(std::string_view authorization) {
  const std::size_t space = std::min(authorization.find(' '), authorization.size());
  std::string_view value = authorization.substr(space);
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  const auto* const scheme =
      std::find_if(kSchemes.begin(), kSchemes.end(), [&](std::string_view name) {
        return EqualIgnoringCase(name, authorization.substr(0, space));
      });
  if (scheme == kSchemes.end() || !IsOneWord(value) || value.size() > kCredentialsMax)
    return NotPassed();
  return ClientCredentials(std::string(*scheme).append(" ").append(value));
}

}  // namespace

Result<ClientCredentials> PassedCredentials(const HttpRequest& request,
                                            const QueryParameters& parameters) {
  const std::string& user = parameters.Get("u");
  const std::string& password = parameters.Get("p");
  if (!user.empty() && !password.empty()) {
    // Basic cannot encode a name with a colon.
    if (user.find(':') != std::string::npos ||
        user.size() + password.size() > kCredentialsMax / 2) {
      return NotPassed();
    }
    return ClientCredentials("Basic " + EncodeBase64(user + ':' + password));
  }
  const std::string_view authorization = request.Header("Authorization");
  if (authorization.empty()) return ClientCredentials();
  return OfHeader(authorization);
}

}  // namespace relay
