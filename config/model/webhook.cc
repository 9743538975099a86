#include "config/model/webhook.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/schema/endpoint.h"

namespace relay {
namespace {

// A space or a line break would end the request's first line.
bool IsPath(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

Result<WebhookUrl> ParseWebhookUrl(std::string_view text) {
  constexpr std::uint16_t kHttp = 80;
  constexpr std::uint16_t kHttps = 443;
  WebhookUrl url;
  url.tls = text.starts_with("https://");
  if (!url.tls && !text.starts_with("http://"))
    return Error(ErrorCode::kInvalidInput, fmt::format("expected {}", kWebhookUrlExpected));
  const std::size_t begin = text.find("//") + 2;
  const std::size_t end = std::min(text.find_first_of("/?", begin), text.size());
  const std::string_view authority = text.substr(begin, end - begin);
  ASSIGN_OR_RETURN(const BackendUrl server, ParseBackendUrl(text.substr(0, end)));
  const std::size_t colon = authority.rfind(':');
  const bool has_port = colon != std::string_view::npos && authority.back() != ']';
  url.host = server.host;
  url.port = has_port ? server.port : url.tls ? kHttps : kHttp;
  url.path = text.substr(end);
  if (!IsPath(url.path))
    return Error(ErrorCode::kInvalidInput, fmt::format("expected {}", kWebhookUrlExpected));
  if (!url.path.starts_with('/')) url.path.insert(0, "/");
  return url;
}

Result<WebhookUrl> WebhookConfig::ReadUrl() const {
  if (url) return *url;
  if (!url_file) return Error(ErrorCode::kNotFound, "no URL is configured");
  ASSIGN_OR_RETURN(const Secret text, url_file->Read());
  Result<WebhookUrl> parsed = ParseWebhookUrl(text.Reveal());
  if (parsed.ok()) return parsed;
  return std::move(parsed).error().Within(url_file->Describe());
}

}  // namespace relay
