#include "config/settings/routing.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/schema/name_pattern.h"
#include "config/schema/value_format.h"

namespace relay {
namespace {

template <typename T>
Status StatusOf(const Result<T>& result) {
  return result.ok() ? Ok() : Status(result.error());
}

ValueFormat<LaneName> NameOfLane(const std::string& expects) {
  const ValueFormat<std::string> text = SomeText(expects);
  const auto parse = [text](std::string_view name) -> Result<LaneName> {
    const Result<std::string> checked = text.parse(name);
    if (!checked.ok()) return checked.error();
    return LaneName::Parse(checked.value());
  };
  return {expects, parse, [](const LaneName& name) { return ToString(name); }};
}

void DeclareRename(Section& section, LaneRename& rename) {
  section.Value({.key = "from",
                 .description = "A database as clients name it; with a slash, one retention "
                                "policy of it (\"metrics/week\"; \"metrics/\": writes that name "
                                "none).",
                 .required = true},
                rename.from, NameOfLane("a database, or database/retention-policy"));
  section.Value({.key = "to",
                 .description = "The backend's name for it; without a slash, the retention policy "
                                "stays as it is.",
                 .required = true},
                rename.to, NameOfLane("a database, or database/retention-policy"));
}

void DeclareSelection(Section& section, Selection& selection) {
  const ValueFormat<std::string> glob = AnyText();
  const auto pattern = [&glob](const std::string& expects, auto check) {
    const auto parse = [glob, check](std::string_view text) -> Result<std::string> {
      const Status accepted = check(text);
      if (!accepted.ok()) return accepted.error();
      return glob.parse(text);
    };
    return ValueFormat<std::string>{expects, parse, glob.show};
  };
  const ValueFormat<std::string> name =
      pattern("a name, in which * matches any characters, or /a regular expression/",
              [](std::string_view text) { return Status(StatusOf(NamePattern::Parse(text))); });
  const ValueFormat<std::string> tag =
      pattern("TAG=VALUE, the value with * or as /a regular expression/",
              [](std::string_view text) { return Status(StatusOf(TagPattern::Parse(text))); });
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
  section.Values({.key = "tags",
                  .description = "Points with these tags; one of several values of a tag is "
                                 "enough. \"TAG=\": points without the tag.",
                  .example = "[\"region=eu*\", \"host=/^web[0-9]+$/\"]"},
                 selection.tags, tag);
}

}  // namespace

void DeclareRouting(Section& section, Selection& only, Selection& except) {
  section.Map({"only", "The only points it receives: those that match every list given here."},
              [&](Section& map) { DeclareSelection(map, only); });
  section.Map({"except", "Points it does not receive, described in the same way."},
              [&](Section& map) { DeclareSelection(map, except); });
}

void DeclareRenames(Section& section, std::vector<LaneRename>& renames) {
  std::vector<LaneName> seen;
  section.List(
      {.key = "rename",
       .description = "Databases and retention policies that have another name on this backend; "
                      "the first entry that fits counts. Selections, status and ledgers use "
                      "clients' names.",
       .off = true},
      renames, [&](Section& entry, LaneRename& rename) {
        DeclareRename(entry, rename);
        const SourceLocation from = entry.Find("from");
        if (!from.given) return;
        const bool known = std::any_of(seen.begin(), seen.end(), [&rename](const LaneName& other) {
          return other.database == rename.from.database &&
                 (!other.retention_policy || other == rename.from);
        });
        if (known) {
          entry.AddError(from, fmt::format("expected a name that no entry before it covers: {}",
                                           ToString(rename.from)));
        }
        seen.push_back(rename.from);
      });
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
