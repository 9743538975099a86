#include "tests/support/process/nats_servers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "tests/support/eventually.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/ports.h"

namespace relay::test {

NatsServers::NatsServers(std::string directory, std::size_t count, std::string extra)
    : extra_(std::move(extra)), servers_(count) {
  for (std::size_t i = 0; i < count; ++i) {
    servers_[i] = {.port = FreePort(),
                   .cluster_port = FreePort(),
                   .monitor_port = FreePort(),
                   .directory = fmt::format("{}/nats-{}", directory, i),
                   .process = nullptr};
    std::filesystem::create_directory(servers_[i].directory);
  }
  for (std::size_t i = 0; i < count; ++i) Start(i);
  WaitUntilReady();
}

std::string NatsServers::ConfigOf(std::size_t server) const {
  const Server& one = servers_.at(server);
  std::string config = fmt::format(
      "server_name: n{}\nlisten: 127.0.0.1:{}\nhttp: 127.0.0.1:{}\n"
      "jetstream {{ store_dir: \"{}\", max_file_store: 10GB, max_memory_store: 64MB }}\n{}\n",
      server, one.port, one.monitor_port, one.directory, extra_);
  if (servers_.size() == 1) return config;
  config += fmt::format("cluster {{ name: test, listen: 127.0.0.1:{}, routes: [", one.cluster_port);
  std::vector<std::string> routes;
  for (const Server& other : servers_) {
    routes.push_back(fmt::format("nats-route://127.0.0.1:{}", other.cluster_port));
  }
  return config + fmt::format("{}] }}\n", fmt::join(routes, ", "));
}

void NatsServers::Start(std::size_t server) {
  Server& one = servers_.at(server);
  const std::string file = one.directory + "/nats.conf";
  WriteFile(file, ConfigOf(server));
  one.process = std::make_unique<Process>(
      Program{.argv = {"nats-server", "-c", file}, .output_path = one.directory + "/nats.log"});
}

void NatsServers::WaitUntilReady() const {
  const auto is_ready = [](const Server& server) {
    const HttpAnswer answer = Get({.host = "127.0.0.1", .port = server.monitor_port}, "/healthz");
    return answer.status == 200;
  };
  if (Eventually(kPatience,
                 [&] { return std::all_of(servers_.begin(), servers_.end(), is_ready); })) {
    return;
  }
  std::string output;
  for (const Server& server : servers_) output += server.process->Output();
  throw std::runtime_error("nats-server does not become ready: " + output);
}

std::size_t NatsServers::LeaderOf(const std::string& stream) const {
  const auto leads = [this, &stream](std::size_t server) {
    const HttpAnswer answer = Get(Monitor(server), "/jsz?streams=1");
    const auto json = nlohmann::json::parse(answer.body, nullptr, false);
    if (!json.is_object() || !json.contains("account_details")) return false;
    for (const auto& one : json["account_details"].at(0).value("stream_detail", nlohmann::json())) {
      if (one.value("name", "") != stream || !one.contains("cluster")) continue;
      return one["cluster"].value("leader", "") == fmt::format("n{}", server);
    }
    return false;
  };
  std::size_t leader = servers_.size();
  const bool found = Eventually(kPatience, [&] {
    for (std::size_t i = 0; i < servers_.size() && leader == servers_.size(); ++i) {
      if (leads(i)) leader = i;
    }
    return leader < servers_.size();
  });
  if (!found) throw std::runtime_error("no server of NATS leads the stream " + stream);
  return leader;
}

std::vector<std::string> NatsServers::Urls() const {
  std::vector<std::string> urls;
  for (const Server& server : servers_)
    urls.push_back(fmt::format("nats://127.0.0.1:{}", server.port));
  return urls;
}

HostPort NatsServers::Monitor(std::size_t server) const {
  return {.host = "127.0.0.1", .port = servers_.at(server).monitor_port};
}

void NatsServers::DeleteData() const {
  for (const Server& server : servers_)
    std::filesystem::remove_all(server.directory + "/jetstream");
}

void NatsServers::Kill(std::size_t server, int signal) {
  servers_.at(server).process->Kill(signal);
  servers_.at(server).process->WaitFor(kPatience);
}

}  // namespace relay::test
