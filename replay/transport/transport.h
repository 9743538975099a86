// A backend's write endpoint, as a worker uses it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/record/record.h"

namespace relay {

// Lines in consecutive pieces, each of whole lines: those of one record or more go to the socket
// from where they are. Views.
class LinesInPieces {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): a text is lines in one piece.
  LinesInPieces(std::string_view text) : one_(text) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  LinesInPieces(const std::string& text) : one_(text) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  LinesInPieces(const char* text) : one_(text) {}
  explicit LinesInPieces(std::span<const std::string_view> pieces) : many_(pieces) {}

  // Valid as long as this.
  std::span<const std::string_view> pieces() const {
    return many_.empty() ? std::span(&one_, 1) : many_;
  }
  std::size_t size() const;
  // Returns the lines as one text; `joined` receives those of several pieces, and must outlive it.
  std::string_view Text(std::string& joined) const;

 private:
  std::string_view one_;
  std::span<const std::string_view> many_;
};

// The content of one request: lines that share their parameters, including the client's
// credentials. Views into what the worker holds; valid during Send.
struct WriteRequest {
  const WriteParams& params;
  LinesInPieces lines;
  // See remote_write.h; true also where it is not known.
  bool may_have_opaque_samples = true;
};

// A backend's answer to one write. Any HTTP status counts as an answer; only the fields that a
// verdict depends on are kept.
struct Reply {
  int http_status = 0;
  std::string content_type;
  std::string retry_after;   // Seconds or an HTTP date, as sent.
  std::string location;      // The target of a redirect, as sent; cut at 1,024 bytes.
  std::string body;          // Cut at the transport's limit.
  std::string date = {};     // By the backend's clock, as sent.
  std::string version = {};  // The version that it says it is.
  Api api = Api::kV1;        // The API of the request.
};

// THREADS. Send and CreateDatabase by one thread at a time; Cancel from any.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  // Sends one request and waits for the answer, no longer in all than the transport's timeout.
  // kUnavailable: no answer came; the backend may or may not have applied the lines. kBrokenOff: so
  // too, and it was the backend, or what stands before it, that ended the connection.
  virtual Result<Reply> Send(const WriteRequest& request) = 0;

  // Asks the backend to create what `params` name: the database or bucket and, if one is named, the
  // retention policy. The reply says whether it did; one that exists already counts as created
  // (2xx). kUnavailable, kBrokenOff: no answer came. kInvalidInput: this kind of backend cannot be
  // asked.
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
