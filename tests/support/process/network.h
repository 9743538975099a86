// A network of its own for a test, whose hosts can be cut off from one another: a network namespace
// for each host, all on one bridge.
//
// ERRORS. An unexpected failure is a std::runtime_error with the command's words.
//
// THREADS. One thread makes, cuts and destroys it. A thread that enters a host stays there.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace relay::test {

class Network {
 public:
  // Returns why networks cannot be made here; empty: they can.
  static std::string WhyNot();

  explicit Network(std::size_t hosts);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  std::string AddressOf(std::size_t host) const;

  // Returns the command with which a program runs on a host.
  std::vector<std::string> On(std::size_t host, std::vector<std::string> argv) const;

  // Makes the calling thread one of the host's.
  void Enter(std::size_t host) const;

  // Loses what one host sends to the other, both ways, until Mend.
  void Cut(std::size_t host, std::size_t other) const;
  void Mend(std::size_t host, std::size_t other) const;

 private:
  std::string NameOf(std::size_t host) const;
  void Route(const std::string& verb, std::size_t host, std::size_t other) const;

  const std::size_t hosts_;
  const std::string prefix_;
};

}  // namespace relay::test
