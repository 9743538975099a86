#include "config/settings/routing.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/schema/value_format.h"

namespace relay {
namespace {

void DeclareSelection(Section& section, Selection& selection) {
  const ValueFormat<std::string> glob = AnyText();
  const ValueFormat<std::string> name = {"a name, in which * matches any characters", glob.parse,
                                         glob.show};
  section.Values(
      {.key = "databases", .description = "Points of these databases.", .example = "[metrics]"},
      selection.databases, name);
  section.Values({.key = "retention_policies",
                  .description = "Points of these retention policies; \"\": writes that name none.",
                  .example = "[week, \"\"]"},
                 selection.retention_policies, name);
  section.Values({.key = "measurements",
                  .description = "Points of these measurements.",
                  .example = "[\"cpu*\", mem]"},
                 selection.measurements, name);
}

}  // namespace

void DeclareRouting(Section& section, Selection& only, Selection& except) {
  section.Map({"only", "The only points it receives: those that match every list given here."},
              [&](Section& map) { DeclareSelection(map, only); });
  section.Map({"except", "Points it does not receive, described in the same way."},
              [&](Section& map) { DeclareSelection(map, except); });
}

void DeclareUnrouted(Section& section, Unrouted& unrouted) {
  section.Value({"unrouted",
                 "What to do with points that no backend accepts. refuse: answer 404 or `partial "
                 "write`. count: drop them. Both count them as unrouted."},
                unrouted,
                OneOf<Unrouted>({{"refuse", Unrouted::kRefuse}, {"count", Unrouted::kCount}}));
}

void ListenerBackends::Declare(Section& section, std::vector<BackendId>& backends) {
  section.Values({.key = "backends",
                  .description = "The backends that its writes go to; default: all.",
                  .example = "[influx-a, influx-b]"},
                 backends, BackendName());
  named_.emplace_back(section.Find("backends"), backends);
}

void ListenerBackends::Check(Section& root, const std::vector<BackendId>& configured) {
  for (const auto& [where, names] : named_) {
    for (auto name = names.begin(); name != names.end(); ++name) {
      const bool known = std::find(configured.begin(), configured.end(), *name) != configured.end();
      const bool repeated = std::find(names.begin(), name, *name) != name;
      if (known && !repeated) continue;
      root.AddError(
          where, known ? fmt::format("expected each backend once: {} is repeated", name->text())
                       : fmt::format("expected names of backends: there is no {}", name->text()));
    }
  }
}

}  // namespace relay
