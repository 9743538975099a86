// The front door's endpoints: POST /write and /ping, as InfluxDB 1.x has them.
//
// A write is answered 204 when, and only when, the log says that it is on
// stable storage. Of a body with bad lines the good ones are stored, and the
// answer is 400 `partial write`, as InfluxDB 1.x does it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "relay/counters.h"
#include "relay/current.h"
#include "relay/http.h"
#include "relay/router.h"
#include "replay/clock.h"
#include "wal/log.h"

namespace relay {

struct WriteHandlerOptions {
  std::string default_retention_policy;
  Bytes max_body = 25_MiB;  // Inflated.
  Codec codec = Codec::kZstd;
  std::shared_ptr<const Router> router;
};

// THREADS. Any number at once. Log, clock and counters outlive it.
class WriteHandler final : public HttpHandler {
 public:
  WriteHandler(WriteHandlerOptions options, Log& log, const Clock& clock, Counters& counters);

  void Handle(HttpRequest request, HttpReply reply) override;
  HttpResponse Refusal(int status, std::string_view message) override;
  void Reached(HttpLimit limit) override { counters_.Reached(limit); }

  // Requests that begin after this are handled so.
  void Reconfigure(WriteHandlerOptions options) { options_.Set(std::move(options)); }

 private:
  void Write(HttpRequest request, HttpReply reply);

  Current<WriteHandlerOptions> options_;
  Log& log_;
  const Clock& clock_;
  Counters& counters_;
};

// The headers every answer of a write listener has: clients read the version.
std::string InfluxHeaders();

}  // namespace relay
