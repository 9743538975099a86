// How the commands pass on the checkpoint that a person means.
//
// THREADS. A pure function, but for the working directory.
#pragma once

#include <filesystem>
#include <string>

namespace relay {

// A name as it is; a path as the relay, which runs elsewhere, sees it.
inline std::string CheckpointNamed(const std::string& directory) {
  if (directory.find('/') == std::string::npos) return directory;
  return std::filesystem::absolute(directory).lexically_normal().string();
}

}  // namespace relay
