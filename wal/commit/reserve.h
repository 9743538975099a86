// A file that keeps a little of the disk for the log: when somebody else has filled the disk, it is
// deleted, so that the log opens, delivers what it holds and so makes room.
//
// INVARIANT. The file has its blocks, or does not exist. It is deleted only when the log could not
// be opened for writing, and made again once there is room.
//
// DURABILITY. None is needed: it has no content.
//
// THREADS. One at a time.
#pragma once

#include <string>

#include "wal/base/types.h"

namespace relay {

class DiskReserve {
 public:
  // `size` zero: nothing is kept.
  DiskReserve(const std::string& directory, Bytes size);

  // Makes the file if it does not exist and a good deal more than its size is free beyond
  // `min_free`. A failure is tried again at the next call.
  void Keep(Bytes min_free) const;

  // Deletes the file if less than its size is free. Returns whether that made room.
  bool ReleaseIfFull() const;

 private:
  const std::string path_;
  const Bytes size_;
};

}  // namespace relay
