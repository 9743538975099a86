// The fuzz targets: parts of the relay that read untrusted input. Each target
// takes any bytes and ends the process if a property of the part is broken.
//
// `tests/run fuzz [SECONDS]` mutates inputs with libFuzzer under ASan; the inputs
// in tests/fuzz/corpus/TARGET are run by every unit test run.
#pragma once

#include <string_view>
#include <vector>

namespace relay::fuzz {

struct Target {
  std::string_view name;
  void (*run)(std::string_view input);
};

// Lines of a body: stored lines, read again, are stored unchanged, point for point.
void FuzzLines(std::string_view input);

// The query of a URL, and the credentials of a client.
void FuzzParameters(std::string_view input);

// Samples of Prometheus: each is a line, and is sent with the same bytes again.
void FuzzSamples(std::string_view input);

// The statements of /query: a name that was read is read again from quotes.
void FuzzStatements(std::string_view input);

// The bytes of a connection, through the server, the front door and the log.
void FuzzExchange(std::string_view input);

// Packets and pieces of streams without answers: each good line is stored once.
void FuzzFraming(std::string_view input);

// A body, written as columns and read again.
void FuzzColumns(std::string_view input);

// A frame of columns that nobody need have written.
void FuzzFrames(std::string_view input);

inline const std::vector<Target>& Targets() {
  static const std::vector<Target> targets = {
      {"lines", FuzzLines},           {"parameters", FuzzParameters}, {"samples", FuzzSamples},
      {"statements", FuzzStatements}, {"exchange", FuzzExchange},     {"framing", FuzzFraming},
      {"columns", FuzzColumns},       {"frames", FuzzFrames}};
  return targets;
}

}  // namespace relay::fuzz
