#include "tests/support/process/browser.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <stdexcept>

#include "tests/support/eventually.h"
#include "tests/support/process/http_client.h"
#include "tests/support/process/ports.h"

namespace relay::test {
namespace {

using Json = nlohmann::json;

Program Chromium(const std::string& directory, std::uint16_t port) {
  // No sandbox: tests may run as root. /dev/shm may be too small in containers.
  return {.argv = {"chromium", "--headless=new", "--no-sandbox", "--disable-gpu",
                   "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
                   "--disable-component-update", "--hide-scrollbars",
                   "--user-data-dir=" + directory + "/profile",
                   fmt::format("--remote-debugging-port={}", port), "about:blank"},
          .output_path = directory + "/chromium.log"};
}

Program Driver(const std::string& directory, std::uint16_t port) {
  return {.argv = {"chromedriver", fmt::format("--port={}", port)},
          .output_path = directory + "/chromedriver.log"};
}

// Decodes base64 text.
std::string FromBase64(const std::string& text) {
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    const std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) continue;
    bits = bits << 6U | static_cast<unsigned>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> static_cast<unsigned>(count) & 0xFFU);
  }
  return bytes;
}

HostPort At(std::uint16_t port) {
  return {.host = "127.0.0.1", .port = port};
}

}  // namespace

Browser::Browser(const std::string& directory)
    : debug_port_(FreePort()),
      driver_port_(FreePort()),
      chromium_(Chromium(directory, debug_port_)),
      driver_(Driver(directory, driver_port_)) {
  const bool up = Eventually(kPatience, [&] {
    return Get(At(debug_port_), "/json/version").status == 200 &&
           Get(At(driver_port_), "/status").status == 200;
  });
  if (!up) throw std::runtime_error("no browser: " + chromium_.Output() + driver_.Output());
  const Json options = {{"debuggerAddress", fmt::format("127.0.0.1:{}", debug_port_)}};
  const Json body = {
      {"capabilities",
       {{"alwaysMatch",
         {{"goog:chromeOptions", options}, {"goog:loggingPrefs", {{"browser", "ALL"}}}}}}}};
  session_ = Json::parse(Ask("", body.dump())).at("sessionId").get<std::string>();
}

std::string Browser::Ask(const std::string& command, const std::string& body) const {
  const std::string path = session_.empty() ? "/session" : "/session/" + session_ + command;
  const HttpAnswer answer =
      Post(At(driver_port_), path, body, {.headers = {{"Content-Type", "application/json"}}});
  if (answer.status != 200) {
    throw std::runtime_error(fmt::format("browser: {}: {}", path, answer.body));
  }
  return Json::parse(answer.body).at("value").dump();
}

void Browser::Devtools(const std::string& method, const std::string& parameters) const {
  Ask("/goog/cdp/execute", Json{{"cmd", method}, {"params", Json::parse(parameters)}}.dump());
}

void Browser::Open(const std::string& url, const Screen& screen) {
  const Json metrics = {{"width", screen.width},
                        {"height", screen.height},
                        {"deviceScaleFactor", screen.phone ? 2 : 1},
                        {"mobile", screen.phone}};
  Devtools("Emulation.setDeviceMetricsOverride", metrics.dump());
  const Json scheme = {{"name", "prefers-color-scheme"}, {"value", screen.dark ? "dark" : "light"}};
  Devtools("Emulation.setEmulatedMedia", Json{{"features", Json::array({scheme})}}.dump());
  Ask("/url", Json{{"url", url}}.dump());
}

std::string Browser::Evaluate(const std::string& expression) const {
  const Json body = {{"script", "return " + expression}, {"args", Json::array()}};
  return Ask("/execute/sync", body.dump());
}

std::string Browser::Complaints() const {
  std::string lines;
  for (const Json& entry : Json::parse(Ask("/se/log", R"({"type":"browser"})"))) {
    if (entry.at("level") == "SEVERE") lines += entry.at("message").get<std::string>() + "\n";
  }
  return lines;
}

void Browser::Screenshot(const std::string& path) const {
  const HttpAnswer answer = Get(At(driver_port_), "/session/" + session_ + "/screenshot");
  WriteFile(path, FromBase64(Json::parse(answer.body).at("value").get<std::string>()));
}

}  // namespace relay::test
