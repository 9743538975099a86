// Passwords and tokens. A Secret cannot be printed, formatted or compared by accident. A
// SecretSource names where one comes from and can be read again, so that a rotated password needs
// no restart.
//
// THREADS. Both are values; Read may run on several threads at once.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "wal/base/result.h"

namespace relay {

class Secret {
 public:
  explicit Secret(std::string value) : value_(std::move(value)) {}

  // Use it for sending only; never in a message or a display.
  const std::string& Reveal() const { return value_; }

 private:
  std::string value_;
};

class SecretSource {
 public:
  static SecretSource FromFile(std::string path);
  static SecretSource FromEnvironment(std::string variable);
  // Holds the secret itself, for a foreign configuration that spells it out.
  static SecretSource FromText(std::string secret);

  // Reads the current secret, without what editors put around it. kNotFound: the file cannot be
  // read or the variable is not set; kInvalidInput: it is empty, has more than one line or is too
  // long to be a secret. The message names the file or variable, never its content.
  Result<Secret> Read() const;

  // "file /etc/…", "environment variable NAME" or "the secret in the configuration".
  std::string Describe() const;

  // The path of the file; empty: the secret is not in a file.
  std::string file() const { return kind_ == Kind::kFile ? name_ : ""; }
  std::string variable() const { return kind_ == Kind::kEnvironment ? name_ : ""; }

  // Equal: the same file, variable or text. The secret read from it may still have changed.
  friend bool operator==(const SecretSource&, const SecretSource&) = default;

 private:
  enum class Kind { kFile, kEnvironment, kText };
  Result<std::string> Text() const;
  SecretSource(Kind kind, std::string name) : kind_(kind), name_(std::move(name)) {}

  Kind kind_;
  std::string name_;  // For kText: the secret itself.
};

}  // namespace relay
