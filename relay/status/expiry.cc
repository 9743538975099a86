#include "relay/status/expiry.h"

#include <fmt/format.h>

#include <algorithm>

#include "relay/base/human_format.h"

namespace relay {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kNameMax = 200;

std::string Points(PointCount points) {
  return fmt::format("{} point{}", points, points == 1 ? "" : "s");
}

std::string Name(const Lane& lane) {
  return OneLine(ToString(lane), kNameMax);
}

std::string Quoted(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

nanoseconds Left(const LaneExpiryReport& lane, WallTime now) {
  return std::max(*lane.from + lane.keeps - now, nanoseconds(0));
}

std::string Expiring(const LaneExpiryReport& lane, WallTime now) {
  const nanoseconds span = *lane.to - *lane.from;
  const std::string name = Name(lane.on_backend);
  const std::string points = Points(lane.expiring);
  const std::string what = span >= std::chrono::seconds(1)
                               ? fmt::format("{} of {} ({})", ShownAge(span), name, points)
                               : fmt::format("{} of {}", points, name);
  return fmt::format("{} will begin to expire in {}; the policy keeps {}", what,
                     ShownAge(Left(lane, now)), ShownAge(lane.keeps));
}

std::string Expired(const LaneExpiryReport& lane) {
  return fmt::format("{} of {} {} older than the {} that the policy keeps", Points(lane.expired),
                     Name(lane.on_backend), lane.expired == 1 ? "is" : "are", ShownAge(lane.keeps));
}

}  // namespace

PointCount ExpiryReport::expired() const {
  PointCount sum = 0;
  for (const LaneExpiryReport& lane : lanes) sum += lane.expired;
  return sum;
}

PointCount ExpiryReport::expiring() const {
  PointCount sum = 0;
  for (const LaneExpiryReport& lane : lanes) sum += lane.expiring;
  return sum;
}

std::optional<nanoseconds> ExpiresIn(const ExpiryReport& report, WallTime now) {
  std::optional<nanoseconds> first;
  for (const LaneExpiryReport& lane : report.lanes) {
    if (!lane.from) continue;
    const nanoseconds left = Left(lane, now);
    first = first ? std::min(*first, left) : left;
  }
  return first;
}

std::vector<std::string> DescribeExpiry(const ExpiryReport& report, WallTime now) {
  std::vector<std::string> sentences;
  for (const LaneExpiryReport& lane : report.lanes) {
    if (lane.from && lane.to) sentences.push_back(Expiring(lane, now));
    if (lane.expired > 0) sentences.push_back(Expired(lane));
  }
  return sentences;
}

std::string ExpiryRemedy(const ExpiryReport& report, const std::string& backend) {
  if (report.lanes.empty()) return "";
  const Lane& lane = report.lanes.front().on_backend;
  const std::string statement = fmt::format("ALTER RETENTION POLICY {} ON {} DURATION INF",
                                            Quoted(lane.retention_policy), Quoted(lane.database));
  return fmt::format("let {0} take them in time, or keep its points longer: {1}, on {0}", backend,
                     OneLine(statement, 2 * kNameMax));
}

}  // namespace relay
