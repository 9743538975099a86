#include "replay/compare/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "replay/compare/windows.h"

namespace relay {
namespace {

using Measurements = std::vector<MeasurementInfo>;
using PolicyList = std::vector<PolicyInfo>;

constexpr std::array<Side, 2> kSides = {Side::kA, Side::kB};

std::size_t At(Side side) {
  return static_cast<std::size_t>(side);
}

Side Other(Side side) {
  return side == Side::kA ? Side::kB : Side::kA;
}

const PolicyInfo* Named(const PolicyList& policies, const std::string& name) {
  const auto found =
      std::find_if(policies.begin(), policies.end(),
                   [&name](const PolicyInfo& policy) { return policy.name == name; });
  return found == policies.end() ? nullptr : &*found;
}

const PolicyInfo* DefaultOf(const PolicyList& policies) {
  const auto found = std::find_if(policies.begin(), policies.end(),
                                  [](const PolicyInfo& policy) { return policy.is_default; });
  return found == policies.end() ? nullptr : &*found;
}

// Reads the catalog of one database once.
class CatalogReader {
 public:
  CatalogReader(Pair& pair, const std::string& database, const TimeRange& range,
                const WhyLeftOutOf& why_left_out)
      : pair_(pair), database_(database), range_(range), why_left_out_(why_left_out) {}

  Result<Catalog> Read() {
    if (std::string why = WhyLeftOut({.database = database_}); !why.empty()) {
      catalog_.notes.push_back(std::move(why));
      return std::move(catalog_);
    }
    std::array<bool, 2> lacks{};
    for (const Side side : kSides) {
      Result<PolicyList> listed = Of(side).Policies(database_);
      lacks[At(side)] = !listed.ok() && listed.error().code() == ErrorCode::kNotFound;
      if (lacks[At(side)]) continue;
      if (!listed.ok()) return std::move(listed).error().Within(Of(side).name());
      policies_[At(side)] = std::move(listed).value();
    }
    if (lacks[0] && lacks[1]) {
      return Error(ErrorCode::kInvalidInput,
                   fmt::format("neither {} nor {} has a database {}", Of(Side::kA).name(),
                               Of(Side::kB).name(), database_));
    }
    if (lacks[0] || lacks[1]) {
      RETURN_IF_ERROR(TellDatabase(lacks[0] ? Side::kA : Side::kB));
      return std::move(catalog_);
    }
    JoinPolicies();
    for (const Side side : kSides) {
      for (const PolicyInfo& policy : policies_[At(side)]) {
        RETURN_IF_ERROR(TellPolicy(side, policy));
      }
    }
    RETURN_IF_ERROR(JoinMeasurements());
    return std::move(catalog_);
  }

 private:
  Source& Of(Side side) const { return pair_.Of(side); }

  bool HasMeasurements(Side side) const { return Of(side).traits().has_measurements; }

  std::string WhyLeftOut(const MeasurementRef& place) const {
    return why_left_out_ ? why_left_out_(place) : "";
  }

  Result<Measurements> MeasurementsOf(Side side, const std::string& policy) {
    Result<Measurements> listed = Of(side).Measurements(database_, policy);
    if (!listed.ok()) return std::move(listed).error().Within(Of(side).name());
    std::erase_if(listed.value(),
                  [](const MeasurementInfo& one) { return one.name == kMarkMeasurement; });
    return listed;
  }

  Status TellDatabase(Side lacks) {
    const Side has = Other(lacks);
    bool has_values = false;
    for (const PolicyInfo& policy : policies_[At(has)]) {
      ASSIGN_OR_RETURN(const bool found, HasValues(has, policy));
      has_values = has_values || found;
    }
    const std::string& name = Of(lacks).name();
    if (has_values) {
      catalog_.missing.push_back(fmt::format("database {} is missing on {}", database_, name));
    } else {
      catalog_.notes.push_back(
          fmt::format("database {} has no points, and is missing on {}", database_, name));
    }
    return Ok();
  }

  void JoinPolicies() {
    auto& [a, b] = policies_;
    // A server without policies has every one.
    if (!HasMeasurements(Side::kA)) a = b;
    if (!HasMeasurements(Side::kB)) b = a;
    for (const PolicyInfo& policy : a) {
      if (const PolicyInfo* same = Named(b, policy.name)) {
        catalog_.policies.push_back({policy, *same});
      }
    }
    JoinDefaults(DefaultOf(a), DefaultOf(b));
  }

  // Writes that name no policy go to the default one, whichever name it has.
  void JoinDefaults(const PolicyInfo* a, const PolicyInfo* b) {
    const bool alone = a != nullptr && b != nullptr && Named(policies_[1], a->name) == nullptr &&
                       Named(policies_[0], b->name) == nullptr;
    if (!alone) return;
    catalog_.policies.push_back({*a, *b});
    catalog_.notes.push_back(
        fmt::format("{}: the default policies are compared with each other, {} of {} and {} of {}",
                    database_, a->name, Of(Side::kA).name(), b->name, Of(Side::kB).name()));
  }

  // Tells of a policy that is in no pair.
  Status TellPolicy(Side side, const PolicyInfo& policy) {
    const bool paired = std::any_of(
        catalog_.policies.begin(), catalog_.policies.end(), [&](const PolicyPair& pair) {
          return (side == Side::kA ? pair.a : pair.b).name == policy.name;
        });
    if (paired) return Ok();
    ASSIGN_OR_RETURN(const bool has_values, HasValues(side, policy));
    const std::string text = fmt::format("policy {}.{} is missing on {}", database_, policy.name,
                                         Of(Other(side)).name());
    if (has_values) {
      catalog_.missing.push_back(text);
    } else {
      catalog_.notes.push_back(text + ", and has no points");
    }
    return Ok();
  }

  // Returns whether the policy has points that are meant to be on both.
  Result<bool> HasValues(Side side, const PolicyInfo& policy) {
    ASSIGN_OR_RETURN(const Measurements measurements, MeasurementsOf(side, policy.name));
    const WindowShape shape = WindowsFor(policy.shard_duration, policy.shard_duration);
    for (const MeasurementInfo& measurement : measurements) {
      const MeasurementRef place{database_, policy.name, measurement.name};
      if (!WhyLeftOut(place).empty()) continue;
      if (!HasMeasurements(side)) return true;
      Result<std::vector<TimeWindow>> windows =
          Of(side).Windows(place, measurement.fields, range_, shape);
      if (!windows.ok()) return std::move(windows).error().Within(Of(side).name());
      if (!windows.value().empty()) return true;
    }
    return false;
  }

  Status JoinMeasurements() {
    for (const Side side : kSides) {
      if (!HasMeasurements(side)) return JoinMetrics(side);
    }
    for (PolicyPair& policy : catalog_.policies) {
      std::map<std::string, MeasurementPair> joined;
      for (const Side side : kSides) RETURN_IF_ERROR(AddMeasurements(side, policy, joined));
      for (auto& [name, both] : joined) policy.measurements.push_back(std::move(both));
    }
    return Ok();
  }

  Status AddMeasurements(Side side, const PolicyPair& policy,
                         std::map<std::string, MeasurementPair>& joined) {
    const std::string& name = (side == Side::kA ? policy.a : policy.b).name;
    ASSIGN_OR_RETURN(Measurements measurements, MeasurementsOf(side, name));
    for (MeasurementInfo& measurement : measurements) {
      MeasurementPair& both = joined[measurement.name];
      both.name = measurement.name;
      (side == Side::kA ? both.a : both.b) = std::move(measurement.fields);
    }
    return Ok();
  }

  Error InSeveralPolicies(Side side, const MeasurementInfo& measurement) {
    return {
        ErrorCode::kInvalidInput,
        fmt::format("{} has points in several policies of {}, and {} does not keep policies apart",
                    measurement.name, database_, Of(side).name())};
  }

  static void Claim(const MeasurementInfo& measurement, std::set<std::string>& unclaimed) {
    for (const FieldInfo& field : measurement.fields) {
      unclaimed.erase(measurement.name + '_' + field.name);
    }
  }

  // Gives the side with metrics the fields of the other.
  Status JoinMetrics(Side side) {
    ASSIGN_OR_RETURN(const Measurements metrics, MeasurementsOf(side, ""));
    std::set<std::string> unclaimed;
    for (const MeasurementInfo& metric : metrics) unclaimed.insert(metric.name);
    std::set<std::string> joined;
    for (PolicyPair& policy : catalog_.policies) {
      ASSIGN_OR_RETURN(const Measurements measurements, MeasurementsOf(Other(side), policy.a.name));
      for (const MeasurementInfo& one : measurements) {
        if (!joined.insert(one.name).second) return InSeveralPolicies(side, one);
        Claim(one, unclaimed);
        policy.measurements.push_back({.name = one.name, .a = one.fields, .b = one.fields});
      }
    }
    for (const std::string& metric : unclaimed) {
      catalog_.missing.push_back(fmt::format("{} has a metric {} in {}, which is no field of {}",
                                             Of(side).name(), metric, database_,
                                             Of(Other(side)).name()));
    }
    return Ok();
  }

  Pair& pair_;
  const std::string& database_;
  const TimeRange& range_;
  const WhyLeftOutOf& why_left_out_;
  std::array<PolicyList, 2> policies_;
  Catalog catalog_;
};

}  // namespace

Result<std::vector<std::string>> DatabasesOf(Pair& pair) {
  std::set<std::string> names;
  for (const Side side : kSides) {
    auto listed = pair.Of(side).Databases();
    if (!listed.ok()) return std::move(listed).error().Within(pair.Of(side).name());
    names.insert(listed.value().begin(), listed.value().end());
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Result<Catalog> ReadCatalog(Pair& pair, const std::string& database, const TimeRange& range,
                            const WhyLeftOutOf& why_left_out) {
  Result<Catalog> catalog = CatalogReader(pair, database, range, why_left_out).Read();
  if (!catalog.ok() || catalog.value().missing.empty()) return catalog;
  ASSIGN_OR_RETURN([[maybe_unused]] const Mark later, pair.PassHere());
  return CatalogReader(pair, database, range, why_left_out).Read();
}

}  // namespace relay
