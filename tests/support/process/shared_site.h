// A site whose two relays share a log by way of three NATS servers, and clients that overwrite
// points in it: everything on loopback, everything real.
//
// ERRORS. An unexpected failure is a std::runtime_error.
//
// THREADS. One thread uses a site; its clients have threads of their own.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/process/influxd.h"
#include "tests/support/process/nats_servers.h"
#include "tests/support/process/ports.h"
#include "tests/support/process/process.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/temp_dir.h"

namespace relay::test {

// The patience with what an election or a takeover is part of.
inline constexpr milliseconds kSitePatience = 2 * kPatience;

// Two databases "d", three servers of NATS, two relays.
class SharedSite {
 public:
  SharedSite();

  RelayProcess::Settings SettingsOf(std::size_t relay) const;

  // Returns whether this relay delivers to the backend now.
  bool Delivers(std::size_t relay, const std::string& backend) const;

  // Returns the relay that delivers to the backend, after waiting for one.
  std::size_t OwnerOf(const std::string& backend) const;

  // Waits until this relay counts both as in sync.
  void WaitUntilInSync(std::size_t relay) const;

  // Waits until everything is delivered; returns what is wrong then: points that one database lacks
  // or that are not accounted for. Empty: both hold the same `points` points of measurement m.
  std::string Differences(std::size_t points) const;

  bool strict = false;  // Counts for SettingsOf.
  TempDir directory;
  TempDir of_a;
  TempDir of_b;
  TempDir of_nats;
  Influxd a{of_a.path()};
  Influxd b{of_b.path()};
  NatsServers nats{of_nats.path(), 3};
  std::vector<std::unique_ptr<RelayProcess>> relays;
};

// HAProxy as shipped, before the relays of the site.
struct SiteBalancer {
  explicit SiteBalancer(const SharedSite& site);

  TempDir directory;
  HostPort endpoint{.host = "127.0.0.1", .port = FreePort()};
  Process process;
};

// Clients that overwrite the same points again and again, and repeat what was not acknowledged.
class OverwritingClients {
 public:
  // Different points in all.
  static constexpr int kPoints = 200;

  explicit OverwritingClients(const HostPort& to);
  ~OverwritingClients() { Stop(); }

  // Ends them once what they have begun is acknowledged.
  void Stop();

  // Waits until some more writes of each client are acknowledged.
  void WaitForMore() const;
  int acknowledged() const;

 private:
  static constexpr int kClients = 4;

  void Write(int client);

  const HostPort to_;
  std::atomic<bool> ending_{false};
  std::array<std::atomic<int>, kClients> acknowledged_{};
  std::vector<std::thread> threads_;
};

}  // namespace relay::test
