// Who may do what on the admin port.
//
// What changes something asks for the operators' token where one is configured;
// without one it is taken only by a port that only this machine can reach. What
// reads asks for either token, where one is configured and the port can be
// reached from elsewhere. Probes (health, readiness) are open to all.
//
// A page of another site must not be able to act through an operator's browser:
// a change must say that it sends JSON, which such a page cannot without being
// asked first, and must not name another origin; and where no token protects
// the port, the name it was reached under must be an address or localhost, so
// that no foreign name can be made to lead here.
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
  std::string words;
};

class Access {
 public:
  explicit Access(const AdminConfig& admin);

  // Why the request is refused; nothing if it is not. Tokens are read when they
  // are needed, so that a rotated one needs no restart.
  std::optional<Refusal> Check(const HttpRequest& request, Role role) const;

  // For the audit trail: which token, and from where.
  std::string WhoIs(const HttpRequest& request) const;

 private:
  std::optional<Refusal> CheckToken(const HttpRequest& request, Role role) const;
  bool has_token() const { return operate_.has_value() || read_.has_value(); }

  const bool loopback_;
  const std::optional<SecretSource> operate_;
  const std::optional<SecretSource> read_;
};

// Whether the two are equal, in a time that says nothing of where they differ.
bool SameSecret(std::string_view a, std::string_view b);

// Whether `host`, as in a Host header, is a literal address or localhost.
bool IsAddressOrLocalhost(std::string_view host);

// 127.0.0.0/8 and ::1.
bool IsLoopback(std::string_view host);

}  // namespace relay
