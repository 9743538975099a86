// The admin port: status, metrics and health, for people, dashboards and load
// balancers. It only reads.
#pragma once

#include <functional>

#include "relay/counters.h"
#include "relay/http.h"
#include "relay/status.h"

namespace relay {

// THREADS. Any number at once. What it refers to outlives it.
class AdminHandler final : public HttpHandler {
 public:
  // `status` reads everything at one moment; from any thread.
  AdminHandler(std::function<RelayStatus()> status, const Counters& counters);

  void Handle(HttpRequest request, HttpReply reply) override;
  HttpResponse Refusal(int status, std::string_view message) override;

 private:
  HttpResponse Answer(std::string_view path) const;
  HttpResponse Ready() const;

  const std::function<RelayStatus()> status_;
  const Counters& counters_;
};

}  // namespace relay
