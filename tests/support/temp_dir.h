// A directory that exists as long as the object does.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace relay::test {

// Created empty under $TMPDIR or /tmp, removed with everything in it at the end.
class TempDir {
 public:
  TempDir() : TempDir(std::filesystem::temp_directory_path()) {}
  explicit TempDir(const std::filesystem::path& parent) : path_(parent / "relay-test-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) {
      throw std::system_error(errno, std::generic_category(), "mkdtemp " + path_);
    }
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }

  // Returns the path of `name` in it; creates nothing.
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Returns a directory in memory if there is one: a sync costs nothing there. For
// tests that lose power, or a process, by other means than a disk's.
inline std::filesystem::path FastestDirectory() {
  const std::filesystem::path memory = "/dev/shm";
  std::error_code failed;
  const auto status = std::filesystem::status(memory, failed);
  return std::filesystem::is_directory(status) ? memory : std::filesystem::temp_directory_path();
}

}  // namespace relay::test
