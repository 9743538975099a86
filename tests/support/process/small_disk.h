// A file system of a few MiB in memory, for servers that are to run out of room.
//
// THREADS. One at a time.
#pragma once

#include <cstddef>
#include <string>

namespace relay::test {

class SmallDisk {
 public:
  // Mounts it on `directory`, which must exist.
  SmallDisk(std::string directory, std::size_t mebibytes);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  // False where the test may not mount, as without root's rights; it is to be skipped then.
  bool is_mounted() const { return is_mounted_; }

  // Leaves that much free. REQUIRES: more is free.
  void FillBut(std::size_t bytes) const;
  void MakeRoom() const;

 private:
  std::string directory_;
  bool is_mounted_ = false;
};

}  // namespace relay::test
