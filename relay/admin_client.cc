#include "relay/admin_client.h"

#include <fmt/format.h>
#include <httplib.h>

namespace relay {

Result<std::string> GetFromAdmin(const ListenAddress& admin, const std::string& path) {
  constexpr std::chrono::seconds kTimeout{5};
  // What listens on every address is reached on the loopback one.
  ListenAddress reachable = admin;
  if (reachable.host == "0.0.0.0") reachable.host = "127.0.0.1";
  if (reachable.host == "::") reachable.host = "::1";
  httplib::Client client(fmt::format("http://{}", ToString(reachable)));
  client.set_connection_timeout(kTimeout);
  client.set_read_timeout(kTimeout);
  const httplib::Result answer = client.Get(path);
  if (!answer) {
    return Error(ErrorCode::kUnavailable,
                 fmt::format("no relay answers at {}", ToString(reachable)));
  }
  if (answer->status != 200) {
    return Error(ErrorCode::kIo, fmt::format("{}{} answered {}: {}", ToString(reachable), path,
                                             answer->status, answer->body));
  }
  return answer->body;
}

}  // namespace relay
