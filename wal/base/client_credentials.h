// Credentials of a client, for listeners that pass them on to the backends: the value of an
// Authorization header. It is stored with the lines it came with and sent only with those. Like a
// Secret it cannot be printed or formatted by accident.
//
// THREADS. A value.
#pragma once

#include <compare>
#include <string>
#include <utility>

namespace relay {

class ClientCredentials {
 public:
  ClientCredentials() = default;  // No credentials.
  explicit ClientCredentials(std::string authorization)
      : authorization_(std::move(authorization)) {}

  bool empty() const { return authorization_.empty(); }

  // Use it for sending and storing only; never in a message or a display.
  const std::string& Reveal() const { return authorization_; }

  // Compares only to tell whether two writes came from the same client.
  friend auto operator<=>(const ClientCredentials&, const ClientCredentials&) = default;

 private:
  std::string authorization_;
};

}  // namespace relay
