// A disk that takes writes but never returns from a sync, like a network volume
// that is unreachable: what clients, monitoring and systemd are told.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>

#include <string>

#include "tests/support/fakes/fake_backend.h"
#include "tests/support/fakes/notify_socket.h"
#include "tests/support/process/places.h"
#include "tests/support/process/relay_process.h"
#include "tests/support/process/socket.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_delivery_hanging_disk_test {
namespace {

// See hanging_disk.cc.
class Disk {
 public:
  explicit Disk(const std::string& path) : file_(open(path.c_str(), O_RDWR | O_CREAT, 0600)) {
    REQUIRE_GE(file_.get(), 0);
  }
  void Hang() { REQUIRE_EQ(flock(file_.get(), LOCK_EX), 0); }
  void GoOn() { REQUIRE_EQ(flock(file_.get(), LOCK_UN), 0); }

 private:
  Fd file_;
};

TEST_CASE("hanging disk: clients go elsewhere, what is stored is delivered, nothing is lost") {
  const TempDir directory;
  FakeBackend backend([](const FakeRequest&) { return FakeAnswer{.status = 503}; });
  NotifySocket notify(directory.File("notify"));
  Disk disk(directory.File("disk"));
  RelayProcess relay(
      directory.path(),
      {.backends = {{"a", backend.Url()}},
       .environment = {"LD_PRELOAD=" + HangingDisk(), "RELAY_DISK=" + directory.File("disk"),
                       "NOTIFY_SOCKET=" + directory.File("notify")}});
  const auto says = [&relay](const std::string& what) {
    return Eventually(kPatience, [&] { return relay.Output().find(what) != std::string::npos; });
  };
  REQUIRE_EQ(relay.Write("d", "m v=1 1\n").status, 204);

  disk.Hang();
  RawConnection waits(relay.endpoint());
  REQUIRE(waits.Send("POST /write?db=d HTTP/1.1\r\nHost: r\r\nContent-Length: 8\r\n\r\nm v=2 2\n"));
  REQUIRE(Eventually(kPatience, [&] { return Get(relay.admin(), "/readyz").status == 503; }));
  CHECK_NE(Get(relay.admin(), "/readyz").body.find("the disk hangs"), std::string::npos);
  CHECK_EQ(relay.Write("d", "m v=3 3\n").status, 503);
  CHECK(says("the disk hangs"));
  // A restart would not mend the disk.
  notify.Forget();
  CHECK(notify.Hears("WATCHDOG=1"));
  CHECK(notify.Hears("WATCHDOG=1"));
  CHECK_EQ(waits.ReadSome(milliseconds(0)).bytes, "");
  backend.Follow({});
  CHECK(Eventually(kPatience, [&] { return backend.Bodies().ends_with("m v=1 1\n"); }));

  disk.GoOn();
  CHECK_EQ(waits.ReadSome().bytes.substr(0, 12), "HTTP/1.1 204");
  CHECK(Eventually(kPatience, [&] { return Get(relay.admin(), "/readyz").status == 200; }));
  CHECK_EQ(relay.Write("d", "m v=3 3\n").status, 204);
  CHECK(relay.WaitDrained());
  CHECK(backend.Bodies().ends_with("m v=2 2\nm v=3 3\n"));
  CHECK(says("log recovered"));
}

}  // namespace
}  // namespace relay::test::integration_delivery_hanging_disk_test
