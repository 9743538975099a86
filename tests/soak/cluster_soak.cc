// A shared log under one fault after the other: each relay and each server of NATS is killed,
// frozen, stopped or emptied in a random order while clients overwrite points through HAProxy, and
// in the end both databases hold the same points.
//
//   cluster_soak [SECONDS]     (3600)
//
// The seed is printed and taken from RELAY_SEED. Exits with 1 if the databases differ, a client got
// no answer for long, or nobody took over in time.
#define DOCTEST_CONFIG_DISABLE  // A program of its own: nothing of doctest is linked.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/support/process/shared_site.h"
#include "tests/support/seed.h"

namespace relay::test {
namespace {

using Seconds = std::chrono::duration<double>;

class Soak {
 public:
  explicit Soak(std::uint64_t seed) : random_(seed) {
    faults_ = {{"kill -9 of the owner", [this] { KillOwner(); }},
               {"SIGSTOP of the owner", [this] { FreezeOwner(); }},
               {"SIGTERM of the owner", [this] { StopOwner(); }},
               {"the owner's disk gone", [this] { LoseDisk(); }},
               {"kill -9 of NATS' leader", [this] { KillLeader(); }},
               {"kill -9 of leader and owner", [this] { KillBoth(); }},
               {"kill -9 of all NATS servers", [this] { KillAllServers(); }}};
  }

  void Run(Seconds length) {
    site_.WaitUntilInSync(0);
    clients_.WaitForMore();
    const auto end = std::chrono::steady_clock::now() + length;
    while (std::chrono::steady_clock::now() < end) {
      const auto& [name, play] = faults_[random_() % faults_.size()];
      now_ = name;
      play();
      ++counts_[name];
      clients_.WaitForMore();
    }
    now_ = "the end";
    clients_.Stop();
  }

  // Prints the end of what each relay has said.
  void PrintJournals() const {
    constexpr std::size_t kShown = 2'000;
    for (const auto& relay : site_.relays) {
      const std::string journal = relay->process().Output();
      fmt::print("...{}\n\n", journal.substr(journal.size() - std::min(journal.size(), kShown)));
    }
  }

  std::string Differences() { return site_.Differences(OverwritingClients::kPoints); }
  const std::string& now() const { return now_; }

  void Print() const {
    for (const auto& [name, count] : counts_) fmt::print("{:4}  {}\n", count, name);
    for (const auto& [name, times] : takeovers_) {
      std::vector<double> sorted = times;
      std::sort(sorted.begin(), sorted.end());
      fmt::print("taken over after {}: median {:.2f} s, worst {:.2f} s\n", name,
                 sorted[sorted.size() / 2], sorted.back());
    }
    fmt::print("{} writes acknowledged\n", clients_.acknowledged());
  }

 private:
  std::size_t Owner() { return site_.OwnerOf("influx-a"); }

  void WaitForTakeover(std::size_t former) {
    const auto begun = std::chrono::steady_clock::now();
    if (!Eventually(kSitePatience, [&] { return site_.Delivers(1 - former, "influx-a"); })) {
      throw std::runtime_error("nobody took over");
    }
    takeovers_[now_].push_back(Seconds(std::chrono::steady_clock::now() - begun).count());
  }

  void KillOwner() {
    const std::size_t owner = Owner();
    site_.relays[owner]->Kill();
    WaitForTakeover(owner);
    Restart(owner);
  }
  void FreezeOwner() {
    const std::size_t owner = Owner();
    site_.relays[owner]->process().Freeze();
    WaitForTakeover(owner);
    site_.relays[owner]->process().Thaw();
    site_.WaitUntilInSync(owner);
  }
  void StopOwner() {
    const std::size_t owner = Owner();
    site_.relays[owner]->Stop();
    WaitForTakeover(owner);
    Restart(owner);
  }
  void LoseDisk() {
    const std::size_t owner = Owner();
    site_.relays[owner]->Kill();
    std::filesystem::remove_all(site_.relays[owner]->log_path());
    WaitForTakeover(owner);
    Restart(owner);
  }
  void KillLeader() {
    const std::size_t leader = site_.nats.LeaderOf("RELAY_main");
    site_.nats.Kill(leader);
    clients_.WaitForMore();
    RestartServer(leader);
  }
  void KillBoth() {
    const std::size_t owner = Owner();
    const std::size_t leader = site_.nats.LeaderOf("RELAY_main");
    site_.nats.Kill(leader);
    site_.relays[owner]->Kill();
    WaitForTakeover(owner);
    RestartServer(leader);
    Restart(owner);
  }
  void KillAllServers() {
    for (std::size_t i = 0; i < site_.nats.size(); ++i) site_.nats.Kill(i);
    for (std::size_t i = 0; i < site_.nats.size(); ++i) site_.nats.Start(i);
    site_.nats.WaitUntilReady();
  }

  void Restart(std::size_t relay) {
    site_.relays[relay]->Start();
    site_.WaitUntilInSync(relay);
  }
  void RestartServer(std::size_t server) {
    site_.nats.Start(server);
    site_.nats.WaitUntilReady();
  }

  std::mt19937_64 random_;
  std::vector<std::pair<std::string, std::function<void()>>> faults_;
  std::map<std::string, int> counts_;
  std::map<std::string, std::vector<double>> takeovers_;
  std::string now_ = "the start";
  SharedSite site_;
  SiteBalancer balancer_{site_};
  OverwritingClients clients_{balancer_.endpoint};
};

// Returns whether both databases hold the same in the end.
bool RunFor(Seconds length) {
  Soak soak(PrintedSeed());
  try {
    soak.Run(length);
    const std::string wrong = soak.Differences();
    soak.Print();
    fmt::print("{}\n", wrong.empty() ? "both databases hold the same points" : wrong);
    return wrong.empty();
  } catch (const std::exception& failed) {
    constexpr std::size_t kShown = 200;
    soak.Print();
    soak.PrintJournals();
    fmt::print("FAILED at {}: {}\n", soak.now(), std::string(failed.what()).substr(0, kShown));
    return false;
  }
}

}  // namespace
}  // namespace relay::test

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : 3'600;
  return relay::test::RunFor(relay::test::Seconds(seconds)) ? 0 : 1;
}
