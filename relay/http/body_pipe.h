// The body of an answer that is sent while it is made: a bounded queue from the thread that makes
// it to the client's connection.
//
// INVARIANT. The client gets the parts in their order, and the end of the answer only after End:
// one that broke off ends with its connection, so that it cannot be taken for a whole one. No more
// than kRoom is held, and one part.
//
// THREADS. One makes the body (Put, End, Break); the connection's takes it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "wal/base/types.h"

namespace relay {

class BodyPipe {
 public:
  static constexpr Bytes kRoom = 256_KiB;

  // ---- For the maker

  // Waits until there is room. Returns false if nobody reads any more: the client is gone.
  bool Put(std::string_view part);

  // Ends the body: it is whole.
  void End() { Finish(State::kWhole); }

  // Ends it although something is missing; also if nothing else is called.
  void Break() { Finish(State::kBroken); }

  // ---- For the connection

  enum class State : std::uint8_t { kOpen, kWhole, kBroken };

  struct Taken {
    std::string bytes;           // Empty: nothing is there.
    State state = State::kOpen;  // Follows the bytes: more, or this end.
  };
  Taken Take();

  // Sets what is called once something came after Take found nothing; on the maker's thread.
  void OnMore(std::function<void()> more);

  // The client is gone: the maker need not go on.
  void Close();

 private:
  void Finish(State state);
  std::function<void()> WakeUp();

  std::mutex mutex_;
  std::condition_variable taken_;
  std::string bytes_;
  std::function<void()> more_;
  State state_ = State::kOpen;
  bool is_awaited_ = false;  // Take found nothing.
  bool is_closed_ = false;
};

}  // namespace relay
