// The queries of one listener: which of its backends may get them, and under which conditions.
//
// CREDENTIALS. A listener with users has checked them: backends get the relay's own. Otherwise the
// client's go through unchanged, and the backend checks them; a client without any gets none.
//
// THREADS. Any number at once.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/model/config.h"
#include "relay/http/server.h"
#include "relay/queries/query_proxy.h"
#include "relay/routing/router.h"

namespace relay {

// A query that only reads, as it came.
struct QueryCall {
  const HttpRequest& request;
  Api api = Api::kV1;
  std::string_view path;                 // The API's own, such as "/query".
  std::set<std::string> databases = {};  // See QueryTerms.
  bool reads_points = true;
  bool has_user = false;  // The relay has checked its credentials.
  std::function<HttpResponse(int status, std::string_view why)> refusal;
};

class ListenerQueries {
 public:
  // REQUIRES: the proxy outlives it; the router is that of the same listener.
  ListenerQueries(const Config& config, const HttpListenerConfig& listener,
                  std::shared_ptr<const Router> router, QueryProxy& proxy);

  // Answers the query from a backend, or refuses it.
  void Ask(const QueryCall& call, const HttpReply& reply) const;

 private:
  std::string WhyUnfit(const BackendConfig& backend, const QueryCall& call) const;
  std::string WhyNotWhole(const BackendConfig& backend, const std::string& database) const;

  std::vector<BackendConfig> backends_;  // In the preferred order.
  const HttpListenerConfig listener_;
  const std::shared_ptr<const Router> router_;
  QueryProxy& proxy_;
};

}  // namespace relay
