// What a client showed of itself, where a listener is set up to pass it on to
// the backends: the value of an Authorization header. It is stored with the
// lines that it came with and sent with them, and nothing else: like a Secret
// it cannot be printed or formatted by accident.
//
// THREADS. A value.
#pragma once

#include <compare>
#include <string>
#include <utility>

namespace relay {

class ClientCredentials {
 public:
  ClientCredentials() = default;  // None.
  explicit ClientCredentials(std::string authorization)
      : authorization_(std::move(authorization)) {}

  bool empty() const { return authorization_.empty(); }

  // For the one place that sends it and the one that stores it; never for a
  // message or a display.
  const std::string& Reveal() const { return authorization_; }

  // Whether two came from the same client, for which alone they are compared.
  friend auto operator<=>(const ClientCredentials&, const ClientCredentials&) = default;

 private:
  std::string authorization_;
};

}  // namespace relay
