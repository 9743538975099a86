// The tables of a closed log as an outage of hours leaves them.
#pragma once

#include <string>
#include <vector>

namespace relay::test {

// Moves all payloads of the log in `directory`, which nothing has open, to one
// level of the database, in files of its file size. Returns the files' paths,
// lowest payloads first.
std::vector<std::string> CompactToOneLevel(const std::string& directory);

}  // namespace relay::test
