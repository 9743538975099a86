// The Debian package as built; tests/package tests it on a system.
#include <doctest/doctest.h>

#include <filesystem>
#include <sstream>
#include <string>

#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_shipped_package_test {
namespace {

constexpr milliseconds kPacking{120'000};

// Packed once, from the build's output.
struct Package {
  Package() {
    const std::string build = std::filesystem::path(RelayBinary()).parent_path();
    const RunResult packed =
        Run({"cpack", "--config", build + "/CPackConfig.cmake", "-B", directory.path()}, kPacking);
    INFO(packed.output);
    REQUIRE_EQ(packed.exit_code, 0);
    for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
      if (entry.path().extension() == ".deb") file = entry.path();
    }
    REQUIRE_NE(file, "");
    contents = Run({"dpkg-deb", "--contents", file}).output;
  }

  std::string Field(const std::string& name) const {
    return Run({"dpkg-deb", "--field", file, name}).output;
  }

  // Returns "-rwxr-xr-x root/root" of a file in it; "" if it is not there.
  std::string ModeOf(const std::string& path) const {
    std::istringstream lines(contents);
    for (std::string line; std::getline(lines, line);) {
      if (line.ends_with(" ." + path)) return line.substr(0, line.find(' ', 11));
    }
    return "";
  }

  TempDir directory;
  std::string file;
  std::string contents;
};

const Package& Packed() {
  static const Package package;
  return package;
}

TEST_CASE("package: everything is in its place, with the modes it needs") {
  struct Row {
    const char* path;
    const char* mode;
  };
  for (const Row& row : {
           Row{"/usr/bin/influxdb-relay", "-rwxr-xr-x root/root"},
           Row{"/etc/influxdb-relay/relay.yaml", "-rw-r----- root/root"},
           Row{"/usr/lib/systemd/system/influxdb-relay.service", "-rw-r--r-- root/root"},
           Row{"/usr/lib/systemd/system/influxdb-relay.socket", "-rw-r--r-- root/root"},
           Row{"/usr/lib/sysusers.d/influxdb-relay.conf", "-rw-r--r-- root/root"},
           Row{"/usr/share/man/man1/influxdb-relay.1", "-rw-r--r-- root/root"},
           Row{"/usr/share/man/man5/influxdb-relay.yaml.5", "-rw-r--r-- root/root"},
           Row{"/usr/share/bash-completion/completions/influxdb-relay", "-rw-r--r-- root/root"},
           Row{"/usr/share/zsh/vendor-completions/_influxdb-relay", "-rw-r--r-- root/root"},
           Row{"/usr/share/doc/influxdb-relay/copyright", "-rw-r--r-- root/root"},
           Row{"/usr/share/doc/influxdb-relay/REFERENCE.md", "-rw-r--r-- root/root"},
           Row{"/usr/share/doc/influxdb-relay/examples/example.yaml", "-rw-r--r-- root/root"},
       }) {
    CAPTURE(row.path);
    CHECK_EQ(Packed().ModeOf(row.path), row.mode);
  }
}

TEST_CASE("package: its description, and its dependencies") {
  CHECK_EQ(Packed().Field("Package"), "influxdb-relay\n");
  CHECK_EQ(Packed().Field("Section"), "net\n");
  CHECK_NE(Packed().Field("Installed-Size"), "");
  const std::string needs = Packed().Field("Depends");
  for (const std::string library : {"libc6", "librocksdb", "libyaml-cpp", "libssl", "adduser"}) {
    CAPTURE(library);
    CHECK_NE(needs.find(library), std::string::npos);
  }
}

// NATS' library is loaded, not linked.
TEST_CASE("package: it recommends the library that a shared log asks for") {
  CHECK_EQ(Packed().Field("Depends").find("libnats"), std::string::npos);
  const TempDir directory;
  // A file of this name that is no library hides the one of the system.
  WriteFile(directory.File("libnats.so.3.4"), "");
  WriteFile(directory.File("relay.yaml"),
            "log: {engine: jetstream, jetstream: {servers: ['nats://nats-1:4222']}}\n"
            "backends: [{name: influx, url: 'http://influx'}]\n");
  const std::string config = directory.File("relay.yaml");
  CHECK_EQ(Run({RelayBinary(), "check-config", config}).exit_code, 0);
  const RunResult refused =
      Run({"env", "LD_LIBRARY_PATH=" + directory.path(), RelayBinary(), "check-config", config});
  CHECK_EQ(refused.exit_code, 2);
  CHECK_EQ(refused.output,
           config +
               ":1:15: log.engine: jetstream: NATS' library is missing (libnats.so.3.4): install "
               "the package " +
               Packed().Field("Recommends") + config + ": 1 mistake\n");
}

TEST_CASE("package: the configuration is the administrator's, and the scripts can be run") {
  const TempDir control;
  REQUIRE_EQ(Run({"dpkg-deb", "--control", Packed().file, control.path()}).exit_code, 0);
  CHECK_EQ(ReadFile(control.File("conffiles")), "/etc/influxdb-relay/relay.yaml\n");
  for (const char* script : {"postinst", "prerm", "postrm"}) {
    CAPTURE(script);
    CHECK_EQ(Run({"sh", "-n", control.File(script)}).exit_code, 0);
    CHECK_EQ(Run({"test", "-x", control.File(script)}).exit_code, 0);
  }
}

TEST_CASE("package: the program in it is the one that was tested, without its symbols") {
  const TempDir root;
  REQUIRE_EQ(Run({"dpkg-deb", "--extract", Packed().file, root.path()}, kPacking).exit_code, 0);
  const std::string program = root.File("usr/bin/influxdb-relay");
  CHECK_EQ(Run({program, "--version"}).output, Run({RelayBinary(), "--version"}).output);
  CHECK_LT(std::filesystem::file_size(program), std::filesystem::file_size(RelayBinary()));
  CHECK_EQ(ReadFile(root.File("usr/share/doc/influxdb-relay/REFERENCE.md")),
           ReadFile(SourceRoot() + "/deploy/REFERENCE.md"));
}

}  // namespace
}  // namespace relay::test::integration_shipped_package_test
