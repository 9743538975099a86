#include "config/settings/routing.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/schema/value_format.h"

namespace relay {
namespace {

void DeclareSelection(Section& section, Selection& selection) {
  const ValueFormat<std::string> glob = AnyText();
  const ValueFormat<std::string> name = {"a name, in which * stands for any characters", glob.parse,
                                         glob.show};
  section.Values({.key = "databases", .sentence = "Of these databases.", .example = "[metrics]"},
                 selection.databases, name);
  section.Values({.key = "retention_policies",
                  .sentence = "Of these retention policies; \"\" is that of writes that name none.",
                  .example = "[week, \"\"]"},
                 selection.retention_policies, name);
  section.Values(
      {.key = "measurements", .sentence = "Of these measurements.", .example = "[\"cpu*\", mem]"},
      selection.measurements, name);
}

}  // namespace

void DeclareRouting(Section& section, Selection& only, Selection& except) {
  section.Map({"only", "Takes no points but these: those that every list given here names."},
              [&](Section& map) { DeclareSelection(map, only); });
  section.Map({"except", "Does not take these points, described in the same way."},
              [&](Section& map) { DeclareSelection(map, except); });
}

void DeclareUnrouted(Section& section, Unrouted& unrouted) {
  section.Value({"unrouted",
                 "What becomes of points that no backend takes: refuse answers 404 or `partial "
                 "write`, count drops them; both count them as unrouted."},
                unrouted,
                OneOf<Unrouted>({{"refuse", Unrouted::kRefuse}, {"count", Unrouted::kCount}}));
}

void ListenerBackends::Declare(Section& section, std::vector<BackendId>& backends) {
  section.Values({.key = "backends",
                  .sentence = "The backends that its writes go to; if not given, all.",
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
      root.Mistake(where,
                   known ? fmt::format("expected each backend once: {} is repeated", name->text())
                         : fmt::format("expected names of backends: there is no {}", name->text()));
    }
  }
}

}  // namespace relay
