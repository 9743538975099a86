#include "relay/influxql/reading.h"

#include <algorithm>
#include <array>
#include <vector>

#include "relay/influxql/lexer.h"
#include "wal/base/ascii.h"

namespace relay {
namespace {

constexpr std::size_t kReadStatementsMax = 1'000;

using Token = InfluxQlToken;

bool IsNameToken(const Token& token) {
  return token.kind == Token::Kind::kWord || token.kind == Token::Kind::kName;
}

// Notes the database of `db.rp.measurement`, `db..measurement` and `ON db`.
void NoteDatabases(const InfluxQlStatement& statement, std::set<std::string>& databases) {
  const auto is_dot = [&statement](std::size_t at) {
    return at < statement.size() && statement[at].IsSign(".");
  };
  for (std::size_t i = 0; i < statement.size(); ++i) {
    const Token& token = statement[i];
    if (!IsNameToken(token)) continue;
    const bool begins = i == 0 || !is_dot(i - 1);
    const bool has_policy = i + 2 < statement.size() && IsNameToken(statement[i + 2]);
    const bool is_qualified = is_dot(i + 1) && (is_dot(i + 2) || (has_policy && is_dot(i + 3)));
    const bool is_on = i > 0 && statement[i - 1].IsWord("ON");
    if ((begins && is_qualified) || is_on) databases.insert(token.text);
  }
}

bool ShowsServer(const InfluxQlStatement& statement) {
  constexpr std::array<std::string_view, 6> kOfDatabase = {
      "FIELD", "MEASUREMENT", "MEASUREMENTS", "RETENTION", "SERIES", "TAG"};
  if (!statement.front().IsWord("SHOW")) return false;
  return statement.size() < 2 ||
         std::none_of(kOfDatabase.begin(), kOfDatabase.end(),
                      [&statement](std::string_view word) { return statement[1].IsWord(word); });
}

// A regular expression with the word in it is taken for two divisions around one.
bool HasInto(const Token& token) {
  if (token.IsWord("INTO")) return true;
  if (token.kind != Token::Kind::kRegex) return false;
  constexpr std::string_view kOfWord =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  std::string_view rest = token.text;
  while (!rest.empty()) {
    rest.remove_prefix(std::min(rest.find_first_of(kOfWord), rest.size()));
    const std::size_t size = std::min(rest.find_first_not_of(kOfWord), rest.size());
    if (EqualIgnoringCase(rest.substr(0, size), "into")) return true;
    rest.remove_prefix(size);
  }
  return false;
}

bool OnlyReads(const InfluxQlStatement& statement) {
  if (statement.front().IsWord("SHOW")) return true;
  const bool selects = statement.front().IsWord("SELECT") || statement.front().IsWord("EXPLAIN");
  return selects && std::none_of(statement.begin(), statement.end(), HasInto);
}

}  // namespace

Result<ReadingText> ReadReading(std::string_view text) {
  ASSIGN_OR_RETURN(const std::vector<InfluxQlStatement> statements,
                   ReadInfluxQl(text, kReadStatementsMax, Regexes::kRead));
  ReadingText reading{.only_reads = !statements.empty()};
  for (const InfluxQlStatement& statement : statements) {
    reading.only_reads = reading.only_reads && OnlyReads(statement);
    reading.shows_server = reading.shows_server || ShowsServer(statement);
    NoteDatabases(statement, reading.databases);
  }
  return reading;
}

}  // namespace relay
