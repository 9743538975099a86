// Handles requests of the admin port: status and health for people, dashboards and
// load balancers, changes by operators, and the dashboard itself.
#pragma once

#include <string>

#include "relay/admin/access.h"
#include "relay/admin/api.h"
#include "relay/http/server.h"

namespace relay {

// THREADS. Any number at once. What it refers to outlives it.
class AdminHandler final : public HttpHandler {
 public:
  AdminHandler(const AdminConfig& config, AdminParts parts);

  void Handle(HttpRequest request, HttpReply reply) override;
  HttpResponse Refusal(int status, std::string_view message) override;

 private:
  HttpResponse Answer(HttpRequest& request) const;
  HttpResponse AnswerPath(const std::string& path, HttpRequest& request) const;

  const std::string path_prefix_;
  const Access access_;
  const AdminApi api_;
};

}  // namespace relay
