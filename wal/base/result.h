#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "wal/base/invariant.h"

namespace relay {

// Says why an operation failed. The code is chosen by what the CALLER can do about it, never by
// which library failed.
enum class ErrorCode : std::uint8_t {
  kInvalidInput,  // The request or the file is wrong; a retry cannot help.
  kNotFound,      // The named thing does not exist.
  kFull,          // A configured limit is reached; retry after space is freed.
  kUnavailable,   // A peer did not answer; retry later.
  kBrokenOff,     // A peer ended the exchange without an answer; the request may be the cause.
  kConflict,      // The thing has changed meanwhile; read it again.
  kElsewhere,     // Another relay does this now; the message names it.
  kCorruption,    // Stored bytes fail their checksum; needs an operator.
  kIo,            // The disk failed the operation; needs an operator.
};

std::string_view ToString(ErrorCode code);

// A failed operation: a code for the program, a message for the operator.
class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // Returns this error with "context: " put before the message.
  Error Within(std::string_view context) && {
    message_.insert(0, std::string(context) + ": ");
    return std::move(*this);
  }

 private:
  ErrorCode code_;
  std::string message_;
};

// Either a T or an Error. Reading the one that is not there ends the process.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  bool ok() const { return state_.index() == 0; }

  T& value() & {
    INVARIANT(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    INVARIANT(ok());
    return std::get<0>(state_);
  }
  // Returns by value, so that a loop over the value of a temporary Result does not dangle.
  T value() && {
    INVARIANT(ok());
    return std::get<0>(std::move(state_));
  }
  const Error& error() const& {
    INVARIANT(!ok());
    return std::get<1>(state_);
  }
  Error&& error() && {
    INVARIANT(!ok());
    return std::get<1>(std::move(state_));
  }

 private:
  std::variant<T, Error> state_;
};

// Success, or an Error. There is no third, "unknown" state.
using Status = Result<std::monostate>;

inline Status Ok() {
  return std::monostate{};
}

}  // namespace relay

// Returns the error, if there is one, from the calling function, whose result is a Status or any
// Result. RETURN_IF_ERROR(Write(row));
#define RETURN_IF_ERROR(expression)                           \
  if (auto relay_status_ = (expression); !relay_status_.ok()) \
  return std::move(relay_status_).error()

// Returns the error too; without one it declares the value. Use `auto` if its type contains a
// comma. ASSIGN_OR_RETURN(const Entry first, ReadEntry(sequence));
#define ASSIGN_OR_RETURN(declaration, ...) \
  RELAY_ASSIGN_OR_RETURN(RELAY_JOIN(relay_result_, __LINE__), declaration, (__VA_ARGS__))
// NOLINTBEGIN(bugprone-macro-parentheses): names and declarations have none.
#define RELAY_ASSIGN_OR_RETURN(result, declaration, expression) \
  auto result = expression;                                     \
  if (!result.ok()) return std::move(result).error();           \
  declaration = std::move(result).value()
// NOLINTEND(bugprone-macro-parentheses)
#define RELAY_JOIN(a, b) RELAY_JOIN_NOW(a, b)
#define RELAY_JOIN_NOW(a, b) a##b
