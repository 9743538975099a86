// Questions to a backend over HTTP/1.1, with answers of any length that are read in parts.
//
// The connection is reused. The backend's time limits hold for connecting and sending; an answer
// may take as long as it likes if bytes keep coming.
//
// ERRORS. kUnavailable: no answer, none in time, or it broke off. Otherwise as Connection. Messages
// do not name the backend.
//
// THREADS. One uses it; Cancel from any.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "replay/net/connection.h"
#include "replay/net/deadline.h"
#include "replay/transport/http_transport.h"
#include "replay/transport/response_parser.h"

namespace relay {

// Where the parts of an answer come from.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // Appends at least a byte. Returns false at the end, if it is the proper one.
  virtual Result<bool> More(std::string& into) = 0;
};

struct Question {
  std::string path;         // With its query, below the backend's path prefix.
  std::string form = {};    // Sent by POST as application/x-www-form-urlencoded; empty: GET.
  std::string accept = {};  // The value of Accept.
};

class HttpQuery final : public ByteSource {
 public:
  // Long, since the server may search for a while before it answers.
  static constexpr std::chrono::minutes kSilenceMax{5};

  // `silence_max`: the longest time without a byte of an answer.
  explicit HttpQuery(HttpTransportOptions options,
                     std::chrono::milliseconds silence_max = kSilenceMax)
      : options_(std::move(options)), silence_max_(silence_max) {}
  // With descriptors that are there already.
  HttpQuery(HttpTransportOptions options, Deadline deadline)
      : options_(std::move(options)), silence_max_(kSilenceMax), deadline_(std::move(deadline)) {}

  // Asks and returns when status and headers of the answer are there. An answer to an earlier
  // question is dropped.
  Status Ask(const Question& question);

  // The same with a request as it goes over the wire; its answer may have no body only by its
  // status. It may be sent twice, if the server closed an idle connection.
  Status AskAs(std::string_view request);

  // The status and headers. REQUIRES: Ask succeeded.
  const Reply& head() const { return reader_->reply(); }
  const AnswerHeaders& headers() const { return reader_->headers(); }

  // Returns whether More has returned the whole answer.
  bool whole() const { return reader_->whole() && part_.empty(); }

  // Returns whether the connection is open and can carry another question.
  bool reusable() const { return connection_ && reader_ && reader_->reusable() && part_.empty(); }

  // Returns the next part of the answer.
  Result<bool> More(std::string& into) override;

  // Returns the answer, cut at this size.
  Result<std::string> Rest(std::size_t size_max);

  // Applies to later waits.
  void SetSilenceMax(std::chrono::milliseconds silence_max) { silence_max_ = silence_max; }

  void Cancel() { deadline_.Cancel(); }

 private:
  Status Exchange(std::string_view text);
  Status Send(std::string_view bytes);
  Status ReadSome();
  Result<std::string> TextOf(const Question& question);

  const HttpTransportOptions options_;
  std::chrono::milliseconds silence_max_;
  Deadline deadline_;
  std::unique_ptr<Connection> connection_;
  std::optional<AnswerReader> reader_;
  std::string part_;  // Bytes of the body, read and not yet passed on.
};

}  // namespace relay
