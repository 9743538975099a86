#include "relay/influxql/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>

namespace relay {
namespace {

constexpr std::size_t kTextMax = 64U << 10U;

using Token = InfluxQlToken;

Error NotReadable(std::string_view reason) {
  return {ErrorCode::kInvalidInput, fmt::format("error parsing query: {}", reason)};
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsOfWord(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

class Lexer {
 public:
  Lexer(std::string_view text, Regexes regexes) : text_(text), regexes_(regexes) {}

  // nullopt: the end of the text.
  Result<std::optional<Token>> Next() {
    ASSIGN_OR_RETURN(std::optional<Token> token, Read());
    if (token) value_may_begin_ = MayPrecedeValue(*token);
    return token;
  }

 private:
  Result<std::optional<Token>> Read() {
    RETURN_IF_ERROR(SkipBlanksAndComments());
    if (text_.empty()) return std::optional<Token>();
    const char first = text_.front();
    if (first == '"') return Quoted(Token::Kind::kName);
    if (first == '\'') return Quoted(Token::Kind::kString);
    if (IsOfWord(first)) return Word();
    if (first == '/' && regexes_ == Regexes::kRead && value_may_begin_) return Regex();
    return Sign();
  }

  // Behind a value, a slash divides. Bare words that are keywords cannot be names.
  static bool MayPrecedeValue(const Token& token) {
    constexpr std::array<std::string_view, 7> kKeywords = {"SELECT", "FROM", "BY",      "WHERE",
                                                           "AND",    "OR",   "DISTINCT"};
    if (token.kind == Token::Kind::kSign) return token.text != ")" && token.text != "*";
    return token.kind == Token::Kind::kWord &&
           std::any_of(kKeywords.begin(), kKeywords.end(),
                       [&token](std::string_view word) { return token.IsWord(word); });
  }

  // Takes a backslash with the byte behind it.
  Result<std::optional<Token>> Regex() {
    for (std::size_t i = 1; i < text_.size(); ++i) {
      if (text_[i] == '\n') break;
      if (text_[i] == '\\')
        ++i;
      else if (text_[i] == '/') {
        Token token{Token::Kind::kRegex, std::string(text_.substr(1, i - 1))};
        text_.remove_prefix(i + 1);
        return std::optional<Token>(std::move(token));
      }
    }
    return NotReadable("unclosed regular expression");
  }

  Status SkipBlanksAndComments() {
    while (true) {
      text_.remove_prefix(std::min(text_.find_first_not_of(" \t\r\n"), text_.size()));
      if (text_.starts_with("--")) {
        text_.remove_prefix(std::min(text_.find_first_of("\r\n"), text_.size()));
      } else if (text_.starts_with("/*")) {
        const std::size_t end = text_.find("*/", 2);
        if (end == std::string_view::npos) return NotReadable("unclosed comment");
        text_.remove_prefix(end + 2);
      } else {
        return Ok();
      }
    }
  }

  std::optional<Token> Take(Token::Kind kind, std::size_t size) {
    Token token{kind, std::string(text_.substr(0, size))};
    text_.remove_prefix(size);
    return token;
  }

  std::optional<Token> Word() {
    const auto end = std::find_if_not(text_.begin(), text_.end(), IsOfWord);
    return Take(IsDigit(text_.front()) ? Token::Kind::kNumber : Token::Kind::kWord,
                static_cast<std::size_t>(end - text_.begin()));
  }

  std::optional<Token> Sign() {
    for (const std::string_view sign : {"!=", "<>", "<=", ">="}) {
      if (text_.starts_with(sign)) return Take(Token::Kind::kSign, sign.size());
    }
    return Take(Token::Kind::kSign, 1);
  }

  // Returns the character of the escape of `c`; '\0': unknown.
  static char Unescaped(char c) {
    if (c == 'n') return '\n';
    return c == '\\' || c == '"' || c == '\'' ? c : '\0';
  }

  Result<std::optional<Token>> Quoted(Token::Kind kind) {
    const char quote = text_.front();
    Token token{kind, ""};
    for (std::size_t i = 1; i < text_.size(); ++i) {
      char c = text_[i];
      if (c == quote) {
        text_.remove_prefix(i + 1);
        return std::optional<Token>(std::move(token));
      }
      if (static_cast<unsigned char>(c) < ' ') break;
      if (c == '\\') {
        c = Unescaped(++i < text_.size() ? text_[i] : '\0');
        if (c == '\0') return NotReadable("unknown escape");
      }
      token.text += c;
    }
    return NotReadable("bad string: unclosed quotes or a control character");
  }

  std::string_view text_;
  const Regexes regexes_;
  bool value_may_begin_ = true;
};

Error TooMany(std::size_t statements_max) {
  return NotReadable(fmt::format("the query has more than {} statements", statements_max));
}

}  // namespace

bool InfluxQlToken::IsWord(std::string_view upper) const {
  return kind == Kind::kWord &&
         std::equal(text.begin(), text.end(), upper.begin(), upper.end(), [](char a, char b) {
           return std::toupper(static_cast<unsigned char>(a)) == b;
         });
}

Result<std::vector<InfluxQlStatement>> ReadInfluxQl(std::string_view text,
                                                    std::size_t statements_max, Regexes regexes) {
  if (text.size() > kTextMax) return NotReadable("the query is longer than 64 KiB");
  Lexer lexer(text, regexes);
  std::vector<InfluxQlStatement> statements;
  bool ended = true;  // The next token begins a statement.
  while (true) {
    ASSIGN_OR_RETURN(std::optional<Token> token, lexer.Next());
    if (!token) return statements;
    if (token->IsSign(";")) {
      ended = true;
      continue;
    }
    const bool begins = std::exchange(ended, false);
    if (begins && statements.size() == statements_max) return TooMany(statements_max);
    if (begins) statements.emplace_back();
    statements.back().push_back(*std::move(token));
  }
}

}  // namespace relay
