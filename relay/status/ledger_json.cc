#include "relay/status/ledger_json.h"

#include <nlohmann/json.hpp>

#include <utility>

#include "relay/base/human_format.h"
#include "relay/base/json_text.h"

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

std::string Listed(const char* key, Json list) {
  Json json;
  json[key] = std::move(list);
  return DumpJson(json);
}

// The lines shown of one letter; `dead export` has them whole.
constexpr std::size_t kLinesShown = 64U << 10U;

Json ToJson(const StoredDeadLetter& stored) {
  const auto& [number, letter] = stored;
  return {{"number", number},
          {"when", ToRfc3339(letter.when)},
          {"sequence", letter.sequence.value()},
          {"first_line", letter.first_line},
          {"points", letter.points},
          {"reason", WordFor(letter.reason)},
          {"status", letter.http_status},
          {"message", letter.message},
          {"database", letter.params.database},
          {"retention_policy", letter.params.retention_policy},
          {"precision", ToString(letter.params.precision)},
          {"lines", letter.lines.substr(0, kLinesShown)},
          {"lines_bytes", letter.lines.size()}};
}

Json ToJson(const StoredGap& stored) {
  const auto& [number, gap] = stored;
  return {{"number", number},
          {"when", ToRfc3339(gap.when)},
          {"reason", ToString(gap.reason)},
          {"first", gap.first.value()},
          {"last", gap.last.value()},
          {"from", ToRfc3339(gap.from)},
          {"to", ToRfc3339(gap.to)},
          {"points", gap.points},
          {"bytes", gap.bytes.count()},
          {"databases", gap.databases},
          {"by", gap.by},
          {"note", gap.note}};
}

}  // namespace

std::string_view WordFor(DeadReason reason) {
  switch (reason) {
    case DeadReason::kRefused: return "refused";
    case DeadReason::kExpired: return "expired";
    case DeadReason::kLimit: return "limit";
    case DeadReason::kDamaged: return "damaged";
  }
  INVARIANT(false);
}

std::string LetterJson(const StoredDeadLetter& letter) {
  return DumpJson(ToJson(letter));
}

std::string GapJson(const StoredGap& gap) {
  return DumpJson(ToJson(gap));
}

std::string LettersJson(const std::vector<StoredDeadLetter>& letters) {
  Json list = Json::array();
  for (const StoredDeadLetter& letter : letters) list.push_back(ToJson(letter));
  return Listed("letters", std::move(list));
}

std::string GapsJson(const std::vector<StoredGap>& gaps) {
  Json list = Json::array();
  for (const StoredGap& gap : gaps) list.push_back(ToJson(gap));
  return Listed("gaps", std::move(list));
}

std::string AuditJson(const std::vector<AuditEntry>& entries) {
  Json list = Json::array();
  for (const AuditEntry& entry : entries) {
    list.push_back({{"when", ToRfc3339(entry.when)},
                    {"who", entry.who},
                    {"what", entry.what},
                    {"outcome", entry.outcome}});
  }
  return Listed("entries", std::move(list));
}

}  // namespace relay
