// Access control of the admin port.
//
// A change requires the operators' token if one is configured; otherwise only a
// port on loopback accepts changes. Reading requires either token, if one is
// configured and the port is not on loopback. Probes (health, readiness) are open
// to all.
//
// A page of another site must not act through an operator's browser: a change must
// have the content type JSON, which such a page cannot send without a preflight
// request, and must not name another origin. Without a token, the Host header must
// be an address or localhost, against DNS rebinding.
//
// THREADS. Any number at once.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/model/config.h"
#include "relay/http/server.h"

namespace relay {

enum class Role : std::uint8_t { kProbe, kRead, kOperate };

struct Refusal {
  int status = 403;
  std::string message;
};

class Access {
 public:
  explicit Access(const AdminConfig& admin);

  // Returns why the request is refused; nullopt: allowed. Tokens are read on use, so
  // that a rotated one needs no restart.
  std::optional<Refusal> Check(const HttpRequest& request, Role role) const;

  // Describes the client for the audit trail: its token and address.
  std::string WhoIs(const HttpRequest& request) const;

 private:
  std::optional<Refusal> CheckToken(const HttpRequest& request, Role role) const;
  bool has_token() const { return operate_.has_value() || read_.has_value(); }

  const bool loopback_;
  const std::optional<SecretSource> operate_;
  const std::optional<SecretSource> read_;
};

// Returns whether the two are equal; the time does not depend on where they differ.
bool SameSecret(std::string_view a, std::string_view b);

// Returns whether `host`, as in a Host header, is a literal address or localhost.
bool IsAddressOrLocalhost(std::string_view host);

// Returns true for 127.0.0.0/8 and ::1.
bool IsLoopback(std::string_view host);

}  // namespace relay
