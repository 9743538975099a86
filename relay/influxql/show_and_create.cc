#include "relay/influxql/show_and_create.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "relay/influxql/lexer.h"

namespace relay {
namespace {

constexpr std::size_t kShowStatementsMax = 100;
constexpr std::size_t kNameMax = 512;

// Returns a statement's first words to identify it; its text may hold a password.
std::string FirstWords(const InfluxQlStatement& statement) {
  std::string words;
  for (const InfluxQlToken& token : statement) {
    constexpr std::size_t kWordsMax = 3;
    const auto count = static_cast<std::size_t>(&token - statement.data());
    if (token.kind != InfluxQlToken::Kind::kWord || count == kWordsMax) break;
    if (!words.empty()) words += ' ';
    words += token.text.substr(0, 32);
  }
  return words;
}

// Returns a bare or quoted database name; nullopt: not one.
std::optional<std::string> NameOf(const InfluxQlToken& token) {
  const bool is_name =
      token.kind == InfluxQlToken::Kind::kWord || token.kind == InfluxQlToken::Kind::kName;
  if (!is_name) return std::nullopt;
  const bool control = std::any_of(token.text.begin(), token.text.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
  });
  if (token.text.empty() || token.text.size() > kNameMax || control) return std::nullopt;
  return token.text;
}

Result<QueryStatement> ParseOne(const InfluxQlStatement& statement) {
  if (statement.size() == 2 && statement[0].IsWord("SHOW") && statement[1].IsWord("DATABASES")) {
    return QueryStatement{};
  }
  if (statement.size() > 2 && statement[0].IsWord("CREATE") && statement[1].IsWord("DATABASE")) {
    const std::optional<std::string> name = NameOf(statement[2]);
    const bool ends = statement.size() == 3 || statement[3].IsWord("WITH");
    if (name && ends) return QueryStatement{QueryStatement::Kind::kCreateDatabase, *name};
    return Error(ErrorCode::kInvalidInput, "error parsing query: CREATE DATABASE requires a name");
  }
  return Error(ErrorCode::kInvalidInput,
               fmt::format("the relay answers only CREATE DATABASE and SHOW DATABASES, not {} ...: "
                           "send other queries to a database",
                           FirstWords(statement)));
}

}  // namespace

bool OnlyShows(std::string_view text) {
  const Result<std::vector<InfluxQlStatement>> statements = ReadInfluxQl(text, kShowStatementsMax);
  return statements.ok() &&
         std::all_of(statements.value().begin(), statements.value().end(),
                     [](const InfluxQlStatement& one) { return one.front().IsWord("SHOW"); });
}

Result<std::vector<QueryStatement>> ParseQueryStatements(std::string_view text) {
  ASSIGN_OR_RETURN(std::vector<InfluxQlStatement> statements,
                   ReadInfluxQl(text, kShowStatementsMax));
  std::vector<QueryStatement> parsed;
  for (const InfluxQlStatement& statement : statements) {
    ASSIGN_OR_RETURN(QueryStatement one, ParseOne(statement));
    parsed.push_back(std::move(one));
  }
  return parsed;
}

}  // namespace relay
