#include "tests/support/process/network.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "tests/support/process/process.h"
#include "tests/support/process/socket.h"

namespace relay::test {
namespace {

void Must(const std::vector<std::string>& argv) {
  const RunResult result = Run(argv);
  if (result.exit_code == 0) return;
  throw std::runtime_error(fmt::format("{}: {}", fmt::join(argv, " "), result.output));
}

}  // namespace

std::string Network::WhyNot() {
  const std::string name = fmt::format("rt{}-try", getpid());
  const RunResult made = Run({"ip", "netns", "add", name});
  if (made.exit_code != 0) return made.output;
  const RunResult bridged = Run({"ip", "-n", name, "link", "add", "bridge", "type", "bridge"});
  Run({"ip", "netns", "del", name});
  return bridged.exit_code == 0 ? "" : bridged.output;
}

Network::Network(std::size_t hosts) : hosts_(hosts), prefix_(fmt::format("rt{}-", getpid())) {
  const std::string hub = prefix_ + "hub";
  Must({"ip", "netns", "add", hub});
  Must({"ip", "-n", hub, "link", "add", "bridge", "type", "bridge"});
  Must({"ip", "-n", hub, "link", "set", "bridge", "up"});
  for (std::size_t i = 0; i < hosts; ++i) {
    const std::string name = NameOf(i);
    const std::string port = fmt::format("port{}", i);
    Must({"ip", "netns", "add", name});
    Must({"ip", "-n", hub, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns",
          name});
    Must({"ip", "-n", hub, "link", "set", port, "master", "bridge", "up"});
    Must({"ip", "-n", name, "addr", "add", AddressOf(i) + "/24", "dev", "eth0"});
    Must({"ip", "-n", name, "link", "set", "eth0", "up"});
    Must({"ip", "-n", name, "link", "set", "lo", "up"});
  }
}

Network::~Network() {
  for (std::size_t i = 0; i < hosts_; ++i) Run({"ip", "netns", "del", NameOf(i)});
  Run({"ip", "netns", "del", prefix_ + "hub"});
}

std::string Network::NameOf(std::size_t host) const {
  return fmt::format("{}{}", prefix_, host);
}

std::string Network::AddressOf(std::size_t host) const {
  return fmt::format("10.77.0.{}", host + 1);
}

std::vector<std::string> Network::On(std::size_t host, std::vector<std::string> argv) const {
  std::vector<std::string> command = {"nsenter", "--net=/run/netns/" + NameOf(host), "--"};
  command.insert(command.end(), argv.begin(), argv.end());
  return command;
}

void Network::Enter(std::size_t host) const {
  const Fd file(open(("/run/netns/" + NameOf(host)).c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 || setns(file.get(), CLONE_NEWNET) != 0) {
    throw std::system_error(errno, std::generic_category(), "entering " + NameOf(host));
  }
}

void Network::Cut(std::size_t host, std::size_t other) const {
  Route("add", host, other);
  Route("add", other, host);
}

void Network::Mend(std::size_t host, std::size_t other) const {
  Route("del", host, other);
  Route("del", other, host);
}

void Network::Route(const std::string& verb, std::size_t host, std::size_t other) const {
  Must({"ip", "-n", NameOf(host), "route", verb, "blackhole", AddressOf(other) + "/32"});
}

}  // namespace relay::test
