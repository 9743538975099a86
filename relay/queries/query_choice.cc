#include "relay/queries/query_choice.h"

#include <fmt/format.h>

#include <algorithm>

namespace relay {
namespace {

std::string WhyBehindFor(const BackendStatus& status, WallTime now, const QueryTerms& terms) {
  Tolerance tolerance{.max_lag = terms.max_lag, .ignores_held = !terms.reads_points};
  if (terms.databases.empty()) return WhyBehind(status, now, tolerance);
  for (const std::string& database : terms.databases) {
    tolerance.database = database;
    if (std::string why = WhyBehind(status, now, tolerance); !why.empty()) return why;
  }
  return "";
}

}  // namespace

QueryChoice ChooseForQuery(const std::vector<QueryBackend>& backends,
                           const std::vector<BackendStatus>& statuses, WallTime now,
                           const QueryTerms& terms) {
  QueryChoice choice;
  std::vector<std::string> last;
  for (const QueryBackend& backend : backends) {
    if (!backend.unfit.empty()) {
      choice.others.push_back({backend.name, backend.unfit});
      continue;
    }
    const auto status =
        std::find_if(statuses.begin(), statuses.end(),
                     [&backend](const BackendStatus& one) { return one.name == backend.name; });
    if (status == statuses.end()) {
      choice.others.push_back({backend.name, "its lag is not known"});
      continue;
    }
    std::string why = WhyBehindFor(*status, now, terms);
    if (!why.empty()) {
      if (!status->why.empty()) why += ": " + status->why;
      choice.others.push_back({backend.name, std::move(why)});
      continue;
    }
    (status->takes_writes ? choice.candidates : last).push_back(backend.name);
  }
  std::move(last.begin(), last.end(), std::back_inserter(choice.candidates));
  return choice;
}

std::string ShownReasons(const std::vector<QueryChoice::Other>& others) {
  std::string text;
  for (const QueryChoice::Other& other : others) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", other.name, other.why);
  }
  return text;
}

}  // namespace relay
