#include "relay/influxql/show_and_create.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

namespace relay {
namespace {

constexpr std::size_t kShowStatementsMax = 100;
constexpr std::size_t kNameMax = 512;

struct ShowToken {
  enum class Kind : std::uint8_t { kEnd, kWord, kQuotedName, kString, kOther };

  Kind kind = Kind::kEnd;
  std::string text;  // Of a name or string without its quotes and escapes.
};

bool IsWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

class ShowTokens {
 public:
  explicit ShowTokens(std::string_view text) : text_(text) {}

  Result<ShowToken> Next();

 private:
  void SkipBlanksAndComments();
  Result<ShowToken> Quoted();

  std::string_view text_;
};

void ShowTokens::SkipBlanksAndComments() {
  while (!text_.empty()) {
    if (std::isspace(static_cast<unsigned char>(text_.front())) != 0) {
      text_.remove_prefix(1);
    } else if (text_.starts_with("--")) {
      text_.remove_prefix(std::min(text_.find('\n'), text_.size()));
    } else {
      return;
    }
  }
}

Result<ShowToken> ShowTokens::Next() {
  SkipBlanksAndComments();
  if (text_.empty()) return ShowToken{};
  if (text_.front() == '"' || text_.front() == '\'') return Quoted();
  const auto end = std::find_if_not(text_.begin(), text_.end(), IsWordCharacter);
  const auto size = static_cast<std::size_t>(end - text_.begin());
  const bool word = size > 0;
  ShowToken token{word ? ShowToken::Kind::kWord : ShowToken::Kind::kOther,
                  std::string(text_.substr(0, word ? size : 1))};
  text_.remove_prefix(token.text.size());
  return token;
}

Result<ShowToken> ShowTokens::Quoted() {
  const char quote = text_.front();
  ShowToken token{quote == '"' ? ShowToken::Kind::kQuotedName : ShowToken::Kind::kString, ""};
  for (std::size_t i = 1; i < text_.size(); ++i) {
    char c = text_[i];
    if (c == quote) {
      text_.remove_prefix(i + 1);
      return token;
    }
    if (c == '\n') break;
    if (c == '\\' && i + 1 < text_.size()) {
      c = text_[++i];
      if (c == 'n') c = '\n';
    }
    token.text += c;
  }
  return Error(ErrorCode::kInvalidInput, "error parsing query: bad string, its quotes do not end");
}

bool EqualsIgnoringCase(std::string_view text, std::string_view upper) {
  return std::equal(text.begin(), text.end(), upper.begin(), upper.end(), [](char a, char b) {
    return std::toupper(static_cast<unsigned char>(a)) == b;
  });
}

bool IsWord(const ShowToken& token, std::string_view upper) {
  return token.kind == ShowToken::Kind::kWord && EqualsIgnoringCase(token.text, upper);
}

using Statement = std::vector<ShowToken>;

Result<std::vector<Statement>> Split(std::string_view text) {
  ShowTokens tokens(text);
  std::vector<Statement> statements(1);
  while (true) {
    ASSIGN_OR_RETURN(ShowToken token, tokens.Next());
    if (token.kind == ShowToken::Kind::kEnd) break;
    if (token.text == ";" && token.kind == ShowToken::Kind::kOther) {
      statements.emplace_back();
    } else {
      statements.back().push_back(std::move(token));
    }
    if (statements.size() > kShowStatementsMax) {
      return Error(ErrorCode::kInvalidInput,
                   fmt::format("more than {} statements in a query", kShowStatementsMax));
    }
  }
  std::erase_if(statements, [](const Statement& statement) { return statement.empty(); });
  return statements;
}

// A statement's first words, to name it by; never its text, which may hold a password.
std::string FirstWords(const Statement& statement) {
  std::string words;
  for (const ShowToken& token : statement) {
    constexpr std::size_t kWordsMax = 3;
    const auto count = static_cast<std::size_t>(&token - statement.data());
    if (token.kind != ShowToken::Kind::kWord || count == kWordsMax) break;
    if (!words.empty()) words += ' ';
    words += token.text.substr(0, 32);
  }
  return words;
}

// A name in lower-case words and digits, or in quotes; as InfluxQL has it.
std::optional<std::string> NameOf(const ShowToken& token) {
  const bool bare = token.kind == ShowToken::Kind::kWord &&
                    std::isdigit(static_cast<unsigned char>(token.text.front())) == 0;
  if (!bare && token.kind != ShowToken::Kind::kQuotedName) return std::nullopt;
  const bool control = std::any_of(token.text.begin(), token.text.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
  });
  if (token.text.empty() || token.text.size() > kNameMax || control) return std::nullopt;
  return token.text;
}

Result<QueryStatement> ParseOne(const Statement& statement) {
  if (statement.size() == 2 && IsWord(statement[0], "SHOW") && IsWord(statement[1], "DATABASES")) {
    return QueryStatement{};
  }
  if (statement.size() > 2 && IsWord(statement[0], "CREATE") && IsWord(statement[1], "DATABASE")) {
    const std::optional<std::string> name = NameOf(statement[2]);
    const bool ends = statement.size() == 3 || IsWord(statement[3], "WITH");
    if (name && ends) return QueryStatement{QueryStatement::Kind::kCreateDatabase, *name};
    return Error(ErrorCode::kInvalidInput, "error parsing query: CREATE DATABASE wants a name");
  }
  return Error(ErrorCode::kInvalidInput,
               fmt::format("this is a relay for writes; it answers CREATE DATABASE and SHOW "
                           "DATABASES and no other query{}: send those to a database",
                           statement.empty() ? "" : " (" + FirstWords(statement) + " ...)"));
}

}  // namespace

Result<std::vector<QueryStatement>> ParseQueryStatements(std::string_view text) {
  ASSIGN_OR_RETURN(std::vector<Statement> statements, Split(text));
  std::vector<QueryStatement> parsed;
  for (const Statement& statement : statements) {
    ASSIGN_OR_RETURN(QueryStatement one, ParseOne(statement));
    parsed.push_back(std::move(one));
  }
  return parsed;
}

}  // namespace relay
