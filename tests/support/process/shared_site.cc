#include "tests/support/process/shared_site.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <stdexcept>

#include "tests/support/process/http_client.h"
#include "tests/support/process/places.h"
#include "tests/support/process/relay_status.h"

namespace relay::test {
namespace {

using Json = nlohmann::json;

std::string Text(const HostPort& endpoint) {
  return fmt::format("{}:{}", endpoint.host, endpoint.port);
}

void Expect(bool held, const std::string& what) {
  if (!held) throw std::runtime_error("in time it did not happen that " + what);
}

}  // namespace

SharedSite::SharedSite() {
  a.CreateDatabase("d");
  b.CreateDatabase("d");
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string own = directory.File(fmt::format("relay-{}", i));
    std::filesystem::create_directory(own);
    relays.push_back(std::make_unique<RelayProcess>(own, SettingsOf(i)));
  }
}

RelayProcess::Settings SharedSite::SettingsOf(std::size_t relay) const {
  RelayProcess::Settings settings{.backends = {{"influx-a", a.Url()}, {"influx-b", b.Url()}}};
  settings.log = {"min_free: 0B",
                  "engine: jetstream",
                  "jetstream:",
                  fmt::format("  servers: [{}]", fmt::join(nats.Urls(), ", ")),
                  fmt::format("  relay: relay-{}", relay),
                  "  max_bytes: 256MiB"};
  if (strict) settings.log.push_back("  copies_strict: true");
  return settings;
}

bool SharedSite::Delivers(std::size_t relay, const std::string& backend) const {
  constexpr milliseconds kShort{2'000};
  const std::string status =
      Get(relays[relay]->admin(), "/api/v1/status", {.timeout = kShort}).body;
  const Json json = Json::parse(status, nullptr, false);
  if (!json.is_object()) return false;
  for (const Json& one : json.at("backends")) {
    if (one.at("name") != backend) continue;
    return one.value("delivered_by", "") == fmt::format("relay-{}", relay) &&
           one.at("state") != "standby";
  }
  return false;
}

std::size_t SharedSite::OwnerOf(const std::string& backend) const {
  std::size_t owner = relays.size();
  Expect(Eventually(kSitePatience,
                    [&] {
                      for (std::size_t i = 0; i < relays.size(); ++i) {
                        if (Delivers(i, backend)) owner = i;
                      }
                      return owner < relays.size();
                    }),
         "a relay delivers to " + backend);
  return owner;
}

void SharedSite::WaitUntilInSync(std::size_t relay) const {
  Expect(Eventually(kSitePatience,
                    [&] {
                      const Json json = Json::parse(relays[relay]->Status(), nullptr, false);
                      return json.is_object() && json.at("shared_log").at("copies") == 2;
                    }),
         fmt::format("relay-{} counts two relays in sync", relay));
}

std::string SharedSite::Differences(std::size_t points) const {
  std::string wrong;
  for (const auto& relay : relays) {
    if (!relay->WaitDrained(kSitePatience)) return "a relay still owes points";
  }
  const std::vector<StoredPoint> in_a = a.ReadPoints("d", "m");
  if (in_a.size() != points) wrong += fmt::format("{} points in influx-a; ", in_a.size());
  if (in_a != b.ReadPoints("d", "m")) wrong += "the databases differ; ";
  for (const auto& relay : relays) {
    for (const std::string backend : {"influx-a", "influx-b"}) {
      const auto figures = StatusOf(*relay, backend).figures;
      if (figures.unaccounted() == 0 && figures.dead == 0 && figures.dropped == 0) continue;
      wrong += fmt::format("{}: {} points unaccounted for, {} dead, {} dropped; ", backend,
                           figures.unaccounted(), figures.dead, figures.dropped);
    }
  }
  return wrong;
}

SiteBalancer::SiteBalancer(const SharedSite& site)
    : process({.argv = {"haproxy", "-db", "-f", SourceRoot() + "/deploy/haproxy/haproxy.cfg"},
               .environment = {"LISTEN=" + Text(endpoint),
                               fmt::format("STATISTICS=127.0.0.1:{}", FreePort()),
                               "CONTROL=" + directory.File("socket"),
                               "RELAY_1=" + Text(site.relays[0]->endpoint()),
                               "RELAY_1_ADMIN=" + Text(site.relays[0]->admin()),
                               "RELAY_2=" + Text(site.relays[1]->endpoint()),
                               "RELAY_2_ADMIN=" + Text(site.relays[1]->admin()),
                               "INFLUX_A=" + Text(site.a.endpoint()),
                               "INFLUX_B=" + Text(site.b.endpoint()), "LOOK_EVERY=100ms"},
               .output_path = directory.File("haproxy.log")}) {}

OverwritingClients::OverwritingClients(const HostPort& to) : to_(to) {
  for (int i = 0; i < kClients; ++i) threads_.emplace_back([this, i] { Write(i); });
}

void OverwritingClients::Stop() {
  ending_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void OverwritingClients::WaitForMore() const {
  for (const auto& client : acknowledged_) {
    const int before = client;
    Expect(Eventually(kSitePatience, [&] { return client >= before + 5; }),
           "clients get acknowledgements");
  }
}

int OverwritingClients::acknowledged() const {
  int sum = 0;
  for (const auto& one : acknowledged_) sum += one;
  return sum;
}

void OverwritingClients::Write(int client) {
  for (int n = 1; !ending_; ++n) {
    const std::string line =
        fmt::format("m,writer={} v={}i {}", client, n, 1 + n % (kPoints / kClients));
    while (Post(to_, "/write?db=d", line, {.timeout = milliseconds{15'000}}).status != 204) {
      std::this_thread::yield();
    }
    ++acknowledged_[static_cast<std::size_t>(client)];
  }
}

}  // namespace relay::test
