#include "relay/base/host_name.h"

#include <unistd.h>

#include <array>

namespace relay {

std::string HostName() {
  constexpr std::size_t kNameMax = 256;
  std::array<char, kNameMax> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "";
  return name.data();
}

}  // namespace relay
