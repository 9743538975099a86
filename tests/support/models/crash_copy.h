// A directory as a crash leaves it: a copy of one that a program has open.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>

namespace relay::test {

// Every file with its size.
inline std::map<std::string, std::uintmax_t> SizesIn(const std::string& directory) {
  namespace fs = std::filesystem;
  std::map<std::string, std::uintmax_t> sizes;
  std::error_code gone;
  for (fs::recursive_directory_iterator at(directory, gone);
       !gone && at != fs::recursive_directory_iterator(); at.increment(gone)) {
    std::error_code vanished;
    if (at->is_regular_file(vanished)) sizes[at->path().string()] = at->file_size(vanished);
  }
  return sizes;
}

// Copies repeatedly until nothing changed meanwhile: files of one moment.
inline void CopyAsCrashed(const std::string& from, const std::string& to) {
  namespace fs = std::filesystem;
  while (true) {
    fs::remove_all(to);
    const auto before = SizesIn(from);
    std::error_code failed;
    fs::copy(from, to, fs::copy_options::recursive, failed);
    if (!failed && SizesIn(from) == before) return;
  }
}

}  // namespace relay::test
