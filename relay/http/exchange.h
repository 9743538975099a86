// One request of a connection as it arrives, apart from sockets and time: its head, its body, their
// limits, and the memory the body needs. It is told what has arrived and says what to do next.
//
// INVARIANT. However the bytes are cut into pieces, the steps lead to the same request or the same
// refusal.
//
// THREADS. One: its loop's.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "relay/http/body_memory.h"
#include "relay/http/request_body.h"
#include "relay/http/request_head.h"
#include "relay/http/server.h"

namespace relay::http_parts {

class Exchange {
 public:
  enum class Step : std::uint8_t {
    kReadHead,
    kWaitForRoom,   // Call TakeRoom until it is true, then Advance.
    kSendContinue,  // Send "100 Continue", then Advance.
    kReadBody,      // To Missing, or else behind what was left of the bytes before.
    kHandle,        // The request is complete.
    kRefuse,        // See refusal().
  };
  struct Progress {
    Step step = Step::kReadHead;
    std::size_t used = 0;  // The part of `arrived` that is not needed again.
  };

  // Limits and admission outlive it; limits that change count for the next request.
  Exchange(const HttpLimits& limits, Admission& admission)
      : limits_(limits), reservation_(admission) {}

  // Begins to wait for the next request.
  void Reset();

  Progress Advance(std::string_view arrived);

  // Reserves what the body needs next; returns false if there is not enough memory.
  bool TakeRoom() { return reservation_.Raise(wanted_, body_begun()); }
  bool body_begun() const { return stage_ == Stage::kBody; }
  bool ReleaseRoom() { return reservation_.Release(); }

  // Returns where to read to, without a copy; empty: to a buffer of the caller, of which `spare`
  // bytes are free, at most as much as ReadSize returns.
  std::span<char> Missing() { return body_begun() ? body_.Missing() : std::span<char>(); }
  std::size_t ReadSize(std::size_t spare) const;
  void Filled(std::size_t size) { body_.Filled(size); }

  const HttpRefusal& refusal() const { return refusal_; }
  // Returns what is known of the head, also after a refusal; empty before.
  const RequestHead& head() const { return head_; }
  std::string_view path() const;

  // Returns the request for the handler. `client` is valid as long as the views are: during Handle.
  HttpRequest MakeRequest(std::string_view client);

 private:
  enum class Stage : std::uint8_t { kHead, kRoom, kBody };

  Progress AdvanceHead(std::string_view arrived);
  Progress AdvanceBody(std::string_view arrived);
  bool RefuseHead();
  Step BeginBody();
  Progress Refuse(HttpRefusal refusal);

  const HttpLimits& limits_;
  HeadEnd end_;
  std::string text_;  // The head; `head_` points into it.
  RequestHead head_;
  RequestBody body_;
  BodyReservation reservation_;
  Bytes wanted_{0};
  HttpRefusal refusal_;
  std::size_t line_ends_ = 0;  // CR and LF in front of the head.
  Stage stage_ = Stage::kHead;
};

}  // namespace relay::http_parts
