#include "tests/support/process/places.h"

namespace relay::test {

const std::string& SourceRoot() {
  static const std::string root = RELAY_SOURCE_ROOT;
  return root;
}

const std::string& RelayBinary() {
  static const std::string binary = RELAY_BINARY;
  return binary;
}

const std::string& HangingDisk() {
  static const std::string library = RELAY_HANGING_DISK;
  return library;
}

const std::string& SteppingClock() {
  static const std::string library = RELAY_STEPPING_CLOCK;
  return library;
}

}  // namespace relay::test
