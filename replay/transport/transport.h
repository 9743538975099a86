// A backend's write endpoint, as a worker uses it.
#pragma once

#include <string>
#include <string_view>

#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/record/record.h"

namespace relay {

// The content of one request: lines that share their parameters, including the client's
// credentials. Views into what the worker holds; valid during Send.
struct WriteRequest {
  const WriteParams& params;
  std::string_view lines;
};

// A backend's answer to one write. Any HTTP status counts as an answer; only the fields that a
// verdict depends on are kept.
struct Reply {
  int http_status = 0;
  std::string content_type;
  std::string retry_after;  // Seconds or an HTTP date, as sent.
  std::string location;     // The target of a redirect, as sent; cut at 1,024 bytes.
  std::string body;         // Cut at the transport's limit.
  Api api = Api::kV1;       // The API of the request.
};

// THREADS. Send and CreateDatabase by one thread at a time; Cancel from any.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  // Sends one request and waits for the answer, no longer in all than the transport's timeout.
  // kUnavailable: no answer came; the backend may or may not have applied the lines.
  virtual Result<Reply> Send(const WriteRequest& request) = 0;

  // Asks the backend to create what `params` name: the database or bucket and, if one is named, the
  // retention policy. The reply says whether it did; one that exists already counts as created
  // (2xx). kUnavailable: no answer came. kInvalidInput: this kind of backend cannot be asked.
  virtual Result<Reply> CreateDatabase(const WriteParams& params) {
    return Error(ErrorCode::kInvalidInput,
                 "cannot create \"" + params.database + "\" on this kind of backend");
  }

  // Returns whether records go with their client's own credentials, if they have some.
  virtual bool passes_credentials() const { return false; }

  // Ends the request under way, and every later one at once.
  virtual void Cancel() = 0;
};

}  // namespace relay
