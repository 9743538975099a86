#include "relay/compare/scope.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/schema/name_pattern.h"

namespace relay {
namespace {

Error CannotTell(const BackendConfig& backend, std::string_view why) {
  return {ErrorCode::kInvalidInput, fmt::format("{} {}", backend.name.text(), why)};
}

Status CheckAskable(const BackendConfig& backend) {
  if (backend.url.udp) return CannotTell(backend, "gets UDP packets and cannot be asked");
  if (backend.api == Api::kV3) {
    return CannotTell(backend, "has api v3: InfluxDB 3 cannot be compared yet");
  }
  if (backend.api == Api::kPrometheus) {
    return CannotTell(backend, "has api prometheus: its series cannot be told from each other");
  }
  if (!backend.bucket.empty()) {
    return CannotTell(backend, "has `bucket`: its names cannot be told from each other");
  }
  for (const Selection* selection : {&backend.only, &backend.except}) {
    if (!selection->tags.empty()) {
      return CannotTell(backend, "is selected points by their tags, which cannot be compared yet");
    }
    if (!selection->retention_policies.empty()) {
      return CannotTell(backend,
                        "is selected points by their policy, which cannot be compared yet");
    }
  }
  const bool renames_policies =
      std::any_of(backend.renames.begin(), backend.renames.end(), [](const LaneRename& rename) {
        return rename.from.retention_policy || rename.to.retention_policy;
      });
  if (renames_policies) {
    return CannotTell(backend, "has policies of other names, which cannot be compared yet");
  }
  return Ok();
}

bool Matches(const std::vector<std::string>& patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(), [&name](const std::string& text) {
    const Result<NamePattern> pattern = NamePattern::Parse(text);
    return pattern.ok() && pattern.value().Matches(name);
  });
}

}  // namespace

Status CheckComparable(const BackendConfig& a, const BackendConfig& b) {
  if (a.name == b.name) return CannotTell(a, "is compared with itself: name two backends");
  if (a.url == b.url && a.renames == b.renames) {
    return CannotTell(a, fmt::format("and {} are the same server", b.name.text()));
  }
  RETURN_IF_ERROR(CheckAskable(a));
  return CheckAskable(b);
}

Status CheckGetsAllOf(const BackendConfig& from, const BackendConfig& to) {
  const bool everything = to.only.empty() && to.except.empty();
  if (everything || (to.only == from.only && to.except == from.except)) return Ok();
  return CannotTell(to, fmt::format("gets only a part of what {} gets: `only` and `except` of both "
                                    "must be the same",
                                    from.name.text()));
}

std::string WhyLeftOut(const BackendConfig& backend, const MeasurementRef& place) {
  const Selection& only = backend.only;
  const Selection& except = backend.except;
  const std::string& name = backend.name.text();
  if (!only.databases.empty() && !Matches(only.databases, place.database)) {
    return fmt::format("{} is left out: {} does not get this database", place.database, name);
  }
  const bool by_measurement = !except.measurements.empty();
  const bool excepted =
      !except.empty() && (except.databases.empty() || Matches(except.databases, place.database));
  if (excepted && !by_measurement) {
    return fmt::format("{} is left out: {} does not get this database", place.database, name);
  }
  if (place.measurement.empty()) return "";
  const bool wanted = only.measurements.empty() || Matches(only.measurements, place.measurement);
  const bool unwanted = excepted && Matches(except.measurements, place.measurement);
  if (wanted && !unwanted) return "";
  return fmt::format("{} is left out: {} does not get this measurement", ToString(place), name);
}

}  // namespace relay
