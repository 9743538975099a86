#include "relay/http/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace relay::http_parts {
namespace {

constexpr std::size_t kBodyReadSize = 64U << 10U;
// Idle connections are many, and each waits for a head.
constexpr std::size_t kHeadReadSize = 512;
constexpr std::size_t kFirstRoom = 8U << 10U;
// Old clients send a line end behind a body; net/http of Go skips as many.
constexpr std::size_t kLineEndsMax = 4;
constexpr std::string_view kHeadTooLarge = "the request's head is too large";

HttpRefusal BodyRefusal(BodyState state) {
  switch (state) {
    case BodyState::kTooLarge:
      return {.status = 413, .message = "Request Entity Too Large", .limit = HttpLimit::kBody};
    case BodyState::kLineTooLong:
      return {.status = 431, .message = std::string(kHeadTooLarge), .limit = HttpLimit::kHead};
    default: return {.status = 400, .message = "malformed HTTP request: bad chunk"};
  }
}

}  // namespace

void Exchange::Reset() {
  end_.Reset();
  head_ = {};
  line_ends_ = 0;
  stage_ = Stage::kHead;
}

Exchange::Progress Exchange::Advance(std::string_view arrived) {
  if (stage_ == Stage::kHead) {
    const Progress head = AdvanceHead(arrived);
    if (head.step != Step::kReadBody) return head;
    const Progress body = Advance(arrived.substr(head.used));
    return {body.step, head.used + body.used};
  }
  if (stage_ == Stage::kRoom) {
    const Step begun = BeginBody();
    if (begun != Step::kReadBody) return {begun, 0};
  }
  return AdvanceBody(arrived);
}

// Returns kReadBody if there is nothing to wait for before the body.
Exchange::Progress Exchange::AdvanceHead(std::string_view arrived) {
  std::size_t used = 0;
  while (used < arrived.size() && line_ends_ < kLineEndsMax &&
         (arrived[used] == '\r' || arrived[used] == '\n')) {
    ++used;
    ++line_ends_;
  }
  const std::string_view bytes = arrived.substr(used);
  const std::size_t size = end_.Find(bytes);
  if (size > limits_.head_bytes || (size == 0 && bytes.size() >= limits_.head_bytes)) {
    text_.assign(bytes.substr(0, limits_.head_bytes));
    RefuseBeginning(text_, head_);  // Reads its path, if it has one.
    return Refuse({431, std::string(kHeadTooLarge), HttpLimit::kHead});
  }
  if (size == 0) {
    RequestHead ignored;
    if (auto refusal = RefuseBeginning(bytes, ignored)) return Refuse(*std::move(refusal));
    return {Step::kReadHead, used};
  }
  text_.assign(bytes.substr(0, size));
  if (auto refusal = ParseHead(text_, head_)) return Refuse(*std::move(refusal));
  if (RefuseHead()) return {Step::kRefuse, 0};
  stage_ = Stage::kRoom;
  const std::size_t length = head_.content_length.value_or(0);
  wanted_ = Bytes(head_.chunked ? kFirstRoom : std::min(length, kBodyReadSize));
  // Requests without a body, such as /ping, never wait for memory.
  return {wanted_.count() == 0 ? Step::kReadBody : Step::kWaitForRoom, used + size};
}

// Refuses a well-formed head that breaks a rule or limit; returns true if it did.
bool Exchange::RefuseHead() {
  if (head_.target.size() > limits_.target_bytes) {
    Refuse({414, fmt::format("the request's target is longer than {} bytes", limits_.target_bytes),
            HttpLimit::kTarget});
  } else if (head_.headers.size() > limits_.headers) {
    Refuse({431, fmt::format("the request has more than {} headers", limits_.headers),
            HttpLimit::kHeaders});
  } else if (head_.method == "POST" && !head_.content_length && !head_.chunked &&
             !limits_.needs_no_body(head_.target)) {
    Refuse({411, "a POST requires a Content-Length or chunked encoding", {}});
  } else if (head_.content_length.value_or(0) > limits_.body.count()) {
    Refuse(BodyRefusal(BodyState::kTooLarge));
  } else {
    return false;
  }
  return true;
}

Exchange::Step Exchange::BeginBody() {
  stage_ = Stage::kBody;
  const std::size_t length = head_.content_length.value_or(0);
  head_.chunked ? body_.BeginChunked(limits_.body) : body_.Begin(length);
  const bool has_body = head_.chunked || length > 0;
  return has_body && head_.expects_continue ? Step::kSendContinue : Step::kReadBody;
}

Exchange::Progress Exchange::AdvanceBody(std::string_view arrived) {
  const std::size_t used = body_.Take(arrived, reservation_.held());
  const BodyState state = body_.state();
  if (state == BodyState::kComplete) return {Step::kHandle, used};
  if (state != BodyState::kReading) return Refuse(BodyRefusal(state));
  wanted_ = body_.RoomToGoOn(reservation_.held());
  return {wanted_ > reservation_.held() ? Step::kWaitForRoom : Step::kReadBody, used};
}

std::size_t Exchange::ReadSize(std::size_t spare) const {
  if (!body_begun()) return std::clamp(spare, kHeadReadSize, kBodyReadSize);
  return std::clamp(body_.RoomLeft(reservation_.held()), kHeadReadSize, kBodyReadSize);
}

std::string_view Exchange::path() const {
  const std::string_view target = head_.LocalTarget();
  return target.substr(0, target.find('?'));
}

HttpRequest Exchange::MakeRequest(std::string_view client) {
  const std::string_view target = head_.LocalTarget();
  const std::size_t mark = target.find('?');
  HttpRequest request;
  request.method = head_.method;
  request.path = target.substr(0, mark);
  if (mark != std::string_view::npos) request.query = target.substr(mark + 1);
  request.headers = std::move(head_.headers);
  request.body = body_.Finish();
  request.client = client;
  return request;
}

Exchange::Progress Exchange::Refuse(HttpRefusal refusal) {
  refusal_ = std::move(refusal);
  return {Step::kRefuse, 0};
}

}  // namespace relay::http_parts
