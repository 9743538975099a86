#include "relay/cli/confirm.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "relay/cli/commands.h"

namespace relay {

int AskConsent(const std::string& command, const std::string& description, bool yes) {
  if (yes) return kDone;
  if (isatty(STDIN_FILENO) == 0) {
    fmt::print(stderr, "{}: this would {}. Pass --yes to confirm.\n", command, description);
    return kWrongUsage;
  }
  fmt::print(stderr, "This will {}.\nContinue? [y/N] ", description);
  std::string line;
  std::getline(std::cin, line);
  if (line == "y" || line == "Y" || line == "yes") return kDone;
  fmt::print(stderr, "nothing was changed\n");
  return kFailed;
}

std::string LoginName() {
  const char* name = getlogin();
  if (name != nullptr) return name;
  const passwd* user = getpwuid(getuid());
  return user != nullptr ? user->pw_name : fmt::format("uid {}", getuid());
}

}  // namespace relay
