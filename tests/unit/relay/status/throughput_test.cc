#include "relay/status/throughput.h"

#include <doctest/doctest.h>

namespace relay::test::relay_status_throughput_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Clock::TimePoint At(milliseconds since_start) {
  return Clock::TimePoint(since_start);
}

// Figures with that many points accepted and delivered, one a record, of ten bytes each.
QueueStats FiguresAt(PointCount accepted, PointCount delivered) {
  QueueStats figures;
  figures.marks.cursor = Sequence(delivered);
  figures.marks.head = Sequence(accepted);
  figures.accepted = {accepted, Bytes(accepted * 10), Bytes(accepted * 5)};
  figures.delivered = delivered;
  figures.owed = {accepted - delivered, Bytes((accepted - delivered) * 10),
                  Bytes((accepted - delivered) * 5)};
  return figures;
}

TEST_CASE("flow: points in and out are divided by the time between two readings") {
  FlowMeter meter;
  meter.Note(At(seconds(0)), {{"a", FiguresAt(100, 100)}});
  meter.Note(At(seconds(10)), {{"a", FiguresAt(300, 150)}});
  const Flow flow = meter.Flows().at("a");
  CHECK_EQ(flow.points_in, doctest::Approx(20));
  CHECK_EQ(flow.bytes_in, doctest::Approx(200));
  CHECK_EQ(flow.points_out, doctest::Approx(5));
  // 20 payloads of 5 bytes, and an entry of 100 for each.
  CHECK_EQ(flow.stored_in, doctest::Approx(2'100));
  CHECK_EQ(flow.owed_growth, doctest::Approx(15 * 105));
}

TEST_CASE("flow: there is none before two seconds have passed") {
  FlowMeter meter;
  CHECK(meter.Flows().empty());
  meter.Note(At(seconds(0)), {{"a", FiguresAt(0, 0)}});
  meter.Note(At(milliseconds(1'999)), {{"a", FiguresAt(10, 0)}});
  CHECK(meter.Flows().empty());
  meter.Note(At(seconds(2)), {{"a", FiguresAt(10, 0)}});
  CHECK_EQ(meter.Flows().at("a").points_in, doctest::Approx(5));
}

TEST_CASE("flow: for the disk, readings older than a minute no longer count") {
  FlowMeter meter;
  meter.Note(At(seconds(0)), {{"a", FiguresAt(0, 0)}});
  meter.Note(At(seconds(10)), {{"a", FiguresAt(6'000, 0)}});
  meter.Note(At(seconds(60)), {{"a", FiguresAt(6'000, 0)}});
  CHECK_EQ(meter.Flows().at("a").stored_in, doctest::Approx(100 * 105));
  meter.Note(At(milliseconds(60'001)), {{"a", FiguresAt(6'000, 0)}});
  CHECK_EQ(meter.Flows().at("a").stored_in, doctest::Approx(0));
}

TEST_CASE("flow: three seconds after the last point the rate is zero, and the last is kept") {
  FlowMeter meter;
  PointCount delivered = 0;
  for (int second = 0; second <= 30; ++second, delivered += 4'118) {
    meter.Note(At(seconds(second)), {{"a", FiguresAt(1'000'000, delivered)}});
  }
  CHECK_EQ(meter.Flows().at("a").points_out, doctest::Approx(4'118));
  // It is killed in the middle of a second.
  delivered -= 4'000;
  for (int second = 31; second <= 33; ++second) {
    meter.Note(At(seconds(second)), {{"a", FiguresAt(1'000'000, delivered)}});
  }
  CHECK_LT(meter.Flows().at("a").points_out, 1'000);
  meter.Note(At(seconds(34)), {{"a", FiguresAt(1'000'000, delivered)}});
  CHECK_EQ(meter.Flows().at("a").points_out, doctest::Approx(0));
  CHECK_GT(meter.Flows().at("a").last_points_out, 2'700);
  for (int second = 35; second <= 120; ++second) {
    meter.Note(At(seconds(second)), {{"a", FiguresAt(1'000'000, delivered)}});
  }
  CHECK_GT(meter.Flows().at("a").last_points_out, 2'700);
  // On its return the rate is right within three seconds.
  for (int second = 121; second <= 123; ++second) {
    delivered += 9'000;
    meter.Note(At(seconds(second)), {{"a", FiguresAt(1'000'000, delivered)}});
  }
  CHECK_EQ(meter.Flows().at("a").points_out, doctest::Approx(9'000));
  CHECK_EQ(meter.Flows().at("a").last_points_out, doctest::Approx(9'000));
}

TEST_CASE("flow: a backend that was never delivered to has no last rate") {
  FlowMeter meter;
  for (int second = 0; second <= 9; ++second) {
    meter.Note(At(seconds(second)), {{"a", FiguresAt(100, 0)}});
  }
  CHECK_EQ(meter.Flows().at("a").last_points_out, doctest::Approx(0));
  CHECK_FALSE(EtaOnReturn(FiguresAt(100, 0), meter.Flows().at("a")).has_value());
}

TEST_CASE("drained: after a return, what is owed divided by the last rate") {
  const Flow flow{.points_in = 40, .points_out = 0, .last_points_out = 30};
  CHECK_EQ(EtaOnReturn(FiguresAt(1'000, 400), flow), seconds(20));
  CHECK_FALSE(EtaOnReturn(FiguresAt(400, 400), flow).has_value());
}

TEST_CASE("flow: a backend that came later is measured from when it came") {
  FlowMeter meter;
  meter.Note(At(seconds(0)), {{"a", FiguresAt(0, 0)}});
  meter.Note(At(seconds(10)), {{"a", FiguresAt(0, 0)}, {"b", FiguresAt(0, 0)}});
  meter.Note(At(seconds(20)), {{"a", FiguresAt(0, 0)}, {"b", FiguresAt(50, 0)}});
  CHECK_EQ(meter.Flows().at("b").points_in, doctest::Approx(5));
}

TEST_CASE("drained: what is owed, divided by how much faster it goes out than in") {
  CHECK_EQ(DrainEta(FiguresAt(1'000, 400), {.points_in = 10, .points_out = 40}), seconds(20));
  CHECK_EQ(DrainEta(FiguresAt(1'000, 1'000), {}), seconds(0));
  CHECK_FALSE(DrainEta(FiguresAt(1'000, 400), {.points_in = 40, .points_out = 40}).has_value());
  CHECK_FALSE(DrainEta(FiguresAt(1'000, 799), {.points_in = 40, .points_out = 40}).has_value());
  CHECK_FALSE(DrainEta(FiguresAt(1'000, 400), {}).has_value());
  CHECK_FALSE(DrainEta(FiguresAt(1'000, 400), {.points_in = -10}).has_value());
}

TEST_CASE("drained: what is taken within seconds is no backlog, however much comes in") {
  CHECK_EQ(DrainEta(FiguresAt(1'000, 800), {.points_in = 40, .points_out = 40}), seconds(5));
  CHECK_EQ(DrainEta(FiguresAt(1'000, 999), {.points_in = 90, .points_out = 40}), seconds(1));
}

TEST_CASE("room: up to the nearest limit, and what is kept for a rewind alone") {
  const DiskUse by_size{.used = 60_MiB, .max = 100_MiB, .free = 900_MiB, .min_free = 0_B};
  CHECK_EQ(RoomIn(by_size, 5_MiB), 45_MiB);
  const DiskUse by_disk{.used = 60_MiB, .max = 100_MiB, .free = 50_MiB, .min_free = 30_MiB};
  CHECK_EQ(RoomIn(by_disk, 0_B), 20_MiB);
  const DiskUse full{.used = 110_MiB, .max = 100_MiB, .free = 10_MiB, .min_free = 30_MiB};
  CHECK_EQ(RoomIn(full, 0_B), 0_B);
}

TEST_CASE("room: the nearer limit binds, and says what the log may take") {
  const DiskUse by_size{.used = 60_MiB, .max = 100_MiB, .free = 900_MiB, .min_free = 0_B};
  CHECK_EQ(ToString(BindingLimit(by_size)), "log.max_size");
  CHECK_EQ(CapacityOf(by_size), 100_MiB);
  CHECK_EQ(ShareUsed(by_size, 10_MiB), doctest::Approx(0.5));
  // 64 GiB are allowed on a disk of 48 MiB.
  const DiskUse by_disk{.used = 42_MiB, .max = 64_GiB, .free = 6_MiB, .min_free = 4_MiB};
  CHECK_EQ(ToString(BindingLimit(by_disk)), "log.min_free");
  CHECK_EQ(CapacityOf(by_disk), 44_MiB);
  CHECK_EQ(ShareUsed(by_disk, 0_B), doctest::Approx(42.0 / 44));
  const DiskUse full{.used = 44_MiB, .max = 64_GiB, .free = 3_MiB, .min_free = 4_MiB};
  CHECK_EQ(ShareUsed(full, 0_B), doctest::Approx(1));
  CHECK_EQ(ShareUsed(DiskUse(), 0_B), doctest::Approx(0));
}

TEST_CASE("fill alarm: warns at 80, 90 and 95 percent, each once") {
  FillAlarm alarm;
  CHECK_FALSE(alarm.Note(0.799).has_value());
  CHECK_EQ(alarm.Note(0.8), 80);
  CHECK_FALSE(alarm.Note(0.899).has_value());
  CHECK_EQ(alarm.Note(0.96), 95);
  CHECK_FALSE(alarm.Note(1).has_value());
  CHECK_FALSE(alarm.Note(0.9).has_value());
  CHECK_FALSE(alarm.Note(0.96).has_value());
  CHECK_FALSE(alarm.Note(0.89).has_value());
  CHECK_EQ(alarm.Note(0.95), 95);
  CHECK_FALSE(alarm.Note(0.5).has_value());
  CHECK_EQ(alarm.Note(0.9), 90);
}

TEST_CASE("time to fill: never, where nothing grows or nobody would act on it") {
  CHECK_EQ(TimeToFill(Bytes(1'000), 10), seconds(100));
  CHECK_FALSE(TimeToFill(Bytes(1'000), 0).has_value());
  CHECK_FALSE(TimeToFill(Bytes(1'000), -5).has_value());
  CHECK_FALSE(TimeToFill(1_GiB, 0.000'001).has_value());
  constexpr std::int64_t kDay = 86'400;
  CHECK_EQ(TimeToFill(Bytes(90 * kDay), 1), seconds(90 * kDay));
  CHECK_FALSE(TimeToFill(Bytes(90 * kDay + 1), 1).has_value());
}

}  // namespace
}  // namespace relay::test::relay_status_throughput_test
