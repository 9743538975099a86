#include "relay/base/event_log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "tests/support/process/process.h"
#include "tests/support/process/socket.h"
#include "tests/support/temp_dir.h"

namespace relay::test::relay_base_event_log_test {
namespace {

// Captures what is written to the error stream while it exists.
class ErrorStream {
 public:
  explicit ErrorStream(std::string path) : path_(std::move(path)), before_(dup(STDERR_FILENO)) {
    std::fflush(stderr);
    const Fd file(open(path_.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    REQUIRE_GE(dup2(file.get(), STDERR_FILENO), 0);
  }
  ErrorStream(const ErrorStream&) = delete;
  ErrorStream& operator=(const ErrorStream&) = delete;
  ~ErrorStream() { dup2(before_.get(), STDERR_FILENO); }

  std::string text() const { return ReadFile(path_); }

 private:
  std::string path_;
  Fd before_;
};

std::string Told(std::string_view value) {
  const TempDir directory;
  const ErrorStream errors(directory.File("errors"));
  LogEvent(Level::kWarning, "it happened", {{"why", value}});
  return errors.text();
}

TEST_CASE("journal: an event is one line, its values in quotes") {
  CHECK_EQ(Told("x"), "level=warning event=\"it happened\" why=\"x\"\n");
  CHECK_EQ(Told("a \"b\" \\ c"),
           "level=warning event=\"it happened\" why=\"a \\\"b\\\" \\\\ c\"\n");
}

// Clients' and backends' text gets there: it must not end a line, fake another
// one, or control a terminal.
TEST_CASE("journal: control characters are written as numbers") {
  CHECK_EQ(Told("a\nlevel=info\r\t\x1b[2J\x7f" + std::string(1, '\0')),
           "level=warning event=\"it happened\" "
           "why=\"a\\x0alevel=info\\x0d\\x09\\x1b[2J\\x7f\\x00\"\n");
}

TEST_CASE("journal: a value is cut at a kilobyte") {
  CHECK_EQ(Told(std::string(1024, 'x')).size(), Told("").size() + 1024);
  CHECK_EQ(Told(std::string(100'000, 'x')), Told(std::string(1024, 'x')));
}

}  // namespace
}  // namespace relay::test::relay_base_event_log_test
