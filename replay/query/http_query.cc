#include "replay/query/http_query.h"

#include <fmt/format.h>
#include <poll.h>

#include <array>
#include <utility>

#include "replay/transport/authorization.h"

namespace relay {
Result<std::string> HttpQuery::TextOf(const Question& question) {
  ASSIGN_OR_RETURN(const std::string authorization,
                   AuthorizationLine(options_.credentials, options_.target.api));
  const std::string head = fmt::format(
      "{} {}{} HTTP/1.1\r\nHost: {}\r\nUser-Agent: influxdb-relay\r\nAccept: {}\r\n{}",
      question.form.empty() ? "GET" : "POST", options_.target.path_prefix, question.path,
      HostPort(options_.peer), question.accept.empty() ? "*/*" : question.accept, authorization);
  if (question.form.empty()) return head + "\r\n";
  return fmt::format(
      "{}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{}", head,
      question.form.size(), question.form);
}

Status HttpQuery::Ask(const Question& question) {
  ASSIGN_OR_RETURN(const std::string text, TextOf(question));
  return AskAs(text);
}

Status HttpQuery::AskAs(std::string_view text) {
  const bool reused = connection_ && reader_ && reader_->reusable() && connection_->Quiet();
  if (!reused) connection_.reset();
  Status asked = Exchange(text);
  // The server may close an idle connection at any moment.
  if (asked.ok() || !reused || reader_->begun() || deadline_.cancelled()) return asked;
  connection_.reset();
  return Exchange(text);
}

Status HttpQuery::Exchange(std::string_view text) {
  if (deadline_.cancelled()) return WaitEnded(Deadline::Wake::kCancelled);
  reader_.emplace(AnswerReader::Body::kStreamed);
  deadline_.Arm(options_.timeout);
  if (!connection_) {
    ASSIGN_OR_RETURN(connection_, Connection::Open(options_.peer, deadline_));
  }
  part_.clear();
  RETURN_IF_ERROR(Send(text));
  deadline_.Arm(silence_max_);
  while (!reader_->has_head()) {
    RETURN_IF_ERROR(ReadSome());
  }
  return Ok();
}

Status HttpQuery::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    ASSIGN_OR_RETURN(const Progress written, connection_->TryWrite(bytes));
    if (written.kind == Progress::Kind::kMoved) {
      bytes.remove_prefix(written.bytes);
      continue;
    }
    const short events = written.kind == Progress::Kind::kWantsRead ? POLLIN : POLLOUT;
    const Deadline::Wake wake = deadline_.Wait(connection_->fd(), events);
    if (wake != Deadline::Wake::kReady) return WaitEnded(wake);
  }
  return Ok();
}

// Reads once, after a wait if no bytes are there.
Status HttpQuery::ReadSome() {
  std::array<char, 65536> buffer;  // NOLINT: it is filled below.
  while (true) {
    if (deadline_.cancelled()) return WaitEnded(Deadline::Wake::kCancelled);
    ASSIGN_OR_RETURN(const Progress got, connection_->TryRead(buffer.data(), buffer.size()));
    if (got.kind == Progress::Kind::kEnd) return reader_->TakeEnd();
    if (got.kind == Progress::Kind::kMoved) {
      RETURN_IF_ERROR(reader_->Take(std::string_view(buffer.data(), got.bytes)));
      part_ += reader_->TakeBodyPart();
      return Ok();
    }
    deadline_.Arm(silence_max_);
    const short events = got.kind == Progress::Kind::kWantsWrite ? POLLOUT : POLLIN;
    const Deadline::Wake wake = deadline_.Wait(connection_->fd(), events);
    if (wake != Deadline::Wake::kReady) return WaitEnded(wake);
  }
}

Result<bool> HttpQuery::More(std::string& into) {
  while (part_.empty() && !reader_->whole()) {
    RETURN_IF_ERROR(ReadSome());
  }
  if (part_.empty()) return false;
  into += part_;
  part_.clear();
  return true;
}

Result<std::string> HttpQuery::Rest(std::size_t size_max) {
  std::string rest;
  bool more = true;
  while (more && rest.size() < size_max) {
    ASSIGN_OR_RETURN(more, More(rest));
  }
  if (rest.size() > size_max) rest.resize(size_max);
  return rest;
}

}  // namespace relay
