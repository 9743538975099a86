#include "relay/admin/dashboard.h"

#include <algorithm>
#include <string>

namespace relay {
namespace {

constexpr std::string_view kContentPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

std::string_view TypeOf(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  return "text/plain; charset=utf-8";
}

}  // namespace

const DashboardFile* FindDashboardFile(std::string_view path) {
  constexpr std::string_view kFolder = "/dashboard/";
  if (path == "/") path = "/dashboard/index.html";
  if (!path.starts_with(kFolder)) return nullptr;
  const std::string_view name = path.substr(kFolder.size());
  const std::vector<DashboardFile>& files = DashboardFiles();
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const DashboardFile& file) { return file.name == name; });
  return found == files.end() ? nullptr : &*found;
}

HttpResponse DashboardAnswer(const DashboardFile& file) {
  return {.status = 200,
          .content_type = std::string(TypeOf(file.name)),
          .body = std::string(file.content),
          .headers = {{"Content-Security-Policy", std::string(kContentPolicy)},
                      {"Referrer-Policy", "no-referrer"},
                      {"X-Frame-Options", "DENY"}}};
}

}  // namespace relay
