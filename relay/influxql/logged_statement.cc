#include "relay/influxql/logged_statement.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "relay/influxql/lexer.h"

namespace relay {
namespace {

constexpr std::size_t kStatementsMax = 100;
constexpr std::size_t kDepthMax = 20;

using Token = InfluxQlToken;

Error Refused(std::string_view reason) {
  return {ErrorCode::kInvalidInput, fmt::format("error parsing query: {}", reason)};
}

std::string InQuotes(char quote, std::string_view text) {
  std::string quoted(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\') quoted += '\\';
    quoted += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return quoted + quote;
}

// Parses one statement's tokens and writes its normalised text. After the first
// failure every further step fails.
class Parser {
 public:
  Parser(const std::vector<Token>& tokens, const std::string& database)
      : tokens_(tokens), database_(database) {}

  Result<LoggedStatement> Parse() {
    ParseStatement();
    if (failure_.empty() && at_ < tokens_.size()) Fail("nothing more");
    if (!failure_.empty()) return Refused(failure_);
    return LoggedStatement{std::move(changed_), std::move(text_)};
  }

 private:
  void ParseStatement() {
    if (TakeWords({"CREATE", "DATABASE"})) return CreateDatabase();
    if (TakeWords({"DROP", "DATABASE"})) return TakeDatabase();
    if (TakeWords({"CREATE", "RETENTION", "POLICY"})) return CreatePolicy();
    if (TakeWords({"ALTER", "RETENTION", "POLICY"})) return AlterPolicy();
    if (TakeWords({"DROP", "RETENTION", "POLICY"})) return NamePolicy();
    if (TakeWords({"DROP", "MEASUREMENT"})) return DropMeasurement();
    if (TakeWords({"DROP", "SERIES"}) || TakeWords({"DELETE"})) return Delete();
    failure_ =
        "the relay accepts only statements that create, alter or drop databases and retention "
        "policies, DROP MEASUREMENT, DROP SERIES and DELETE: send others to a database";
  }

  void CreateDatabase() {
    TakeDatabase();
    if (!TakeWords({"WITH"})) return;
    const std::size_t before = at_;
    if (TakeWords({"DURATION"})) TakeDuration();
    if (TakeWords({"REPLICATION"})) TakeCount();
    if (TakeWords({"SHARD", "DURATION"})) TakeDuration();
    if (TakeWords({"NAME"})) TakeName("the name of a retention policy");
    if (at_ == before) Fail("DURATION, REPLICATION, SHARD DURATION or NAME");
  }

  void CreatePolicy() {
    NamePolicy();
    Need("DURATION");
    TakeDuration();
    Need("REPLICATION");
    TakeCount();
    if (TakeWords({"SHARD", "DURATION"})) TakeDuration();
    TakeWords({"DEFAULT"});
  }

  void AlterPolicy() {
    NamePolicy();
    const std::size_t before = at_;
    if (TakeWords({"DURATION"})) TakeDuration();
    if (TakeWords({"REPLICATION"})) TakeCount();
    if (TakeWords({"SHARD", "DURATION"})) TakeDuration();
    TakeWords({"DEFAULT"});
    if (at_ == before) Fail("DURATION, REPLICATION, SHARD DURATION or DEFAULT, in this order");
  }

  void NamePolicy() {
    TakeName("the name of a retention policy");
    Need("ON");
    TakeDatabase();
  }

  void DropMeasurement() {
    GivenDatabase();
    TakeName("the name of a measurement");
  }

  void Delete() {
    GivenDatabase();
    const bool from = TakeWords({"FROM"});
    if (from) TakeName("the name of a measurement");
    const bool where = TakeWords({"WHERE"});
    if (where) Conditions(0);
    if (!from && !where) Fail("FROM or WHERE");
  }

  void Conditions(std::size_t depth) {
    do {
      if (TakeSymbol("(")) {
        if (depth == kDepthMax) return Fail("fewer parentheses");
        Conditions(depth + 1);
        if (!TakeSymbol(")")) return Fail(")");
      } else {
        Comparison();
      }
    } while (failure_.empty() && (TakeWords({"AND"}) || TakeWords({"OR"})));
  }

  void Comparison() {
    TakeName("the name of a tag or time");
    const bool compares = TakeSymbol("=") || TakeSymbol("!=") || TakeSymbol("<>") ||
                          TakeSymbol("<=") || TakeSymbol(">=") || TakeSymbol("<") ||
                          TakeSymbol(">");
    if (!compares) return Fail("a comparison");
    const Token& value = Front();
    if (value.kind == Token::Kind::kString) return Write(InQuotes('\'', Take().text));
    if (value.kind == Token::Kind::kNumber && IsAmount(value.text)) return Write(Take().text);
    Fail("a string, a whole number or a duration (what depends on now() cannot be replayed)");
  }

  void GivenDatabase() {
    if (database_.empty()) failure_ = "database is required";
    changed_ = database_;
  }

  void TakeDatabase() { changed_ = TakeName("the name of a database"); }

  // Takes a bare word or a quoted name; writes it in quotes.
  std::string TakeName(std::string_view what) {
    const Token& token = Front();
    const bool is_name = token.kind == Token::Kind::kWord || token.kind == Token::Kind::kName;
    if (!is_name || token.text.empty()) {
      Fail(what);
      return "";
    }
    Write(InQuotes('"', token.text));
    return Take().text;
  }

  void TakeDuration() {
    if (TakeWords({"INF"})) return;
    const Token& token = Front();
    if (token.kind != Token::Kind::kNumber || !IsAmount(token.text)) return Fail("a duration");
    Write(Take().text);
  }

  void TakeCount() {
    const Token& token = Front();
    const bool is_count = token.kind == Token::Kind::kNumber &&
                          token.text.find_first_not_of("0123456789") == std::string::npos;
    if (!is_count) return Fail("a whole number");
    Write(Take().text);
  }

  // Accepts "10" and "1h30m"; "INF" is a word.
  static bool IsAmount(std::string_view text) {
    while (!text.empty()) {
      const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
      if (digits == 0) return false;
      text.remove_prefix(digits);
      const std::size_t letters = std::min(text.find_first_of("0123456789"), text.size());
      constexpr std::array<std::string_view, 8> kUnits = {"ns", "u", "ms", "s", "m", "h", "d", "w"};
      const std::string_view unit = text.substr(0, letters);
      if (!unit.empty() && std::find(kUnits.begin(), kUnits.end(), unit) == kUnits.end()) {
        return false;
      }
      text.remove_prefix(letters);
    }
    return true;
  }

  void Need(std::string_view word) {
    if (!TakeWords({word})) Fail(word);
  }

  // Takes all of the words, or none.
  bool TakeWords(std::initializer_list<std::string_view> words) {
    if (!failure_.empty() || at_ + words.size() > tokens_.size()) return false;
    std::size_t at = at_;
    for (const std::string_view word : words) {
      if (!tokens_[at++].IsWord(word)) return false;
    }
    for (const std::string_view word : words) Write(word);
    at_ = at;
    return true;
  }

  bool TakeSymbol(std::string_view symbol) {
    if (!Front().IsSign(symbol)) return false;
    Write(Take().text);
    return true;
  }

  // Returns the next token; an empty sign at the end or after a failure.
  const Token& Front() const {
    static const Token end;
    return failure_.empty() && at_ < tokens_.size() ? tokens_[at_] : end;
  }

  const Token& Take() { return tokens_[at_++]; }

  void Write(std::string_view part) {
    if (!text_.empty()) text_ += ' ';
    text_ += part;
  }

  void Fail(std::string_view expected) {
    if (!failure_.empty()) return;
    failure_ = fmt::format("{} expected {}", text_.empty() ? "at its beginning" : "after " + text_,
                           expected);
  }

  const std::vector<Token>& tokens_;
  const std::string& database_;
  std::size_t at_ = 0;
  std::string text_;
  std::string changed_;
  std::string failure_;
};

// Refuses signs that none of these statements has, before anything else is parsed.
Status CheckSigns(const InfluxQlStatement& statement) {
  constexpr std::array<std::string_view, 9> kSigns = {"!=", "<>", "<=", ">=", "=",
                                                      "<",  ">",  "(",  ")"};
  for (const Token& token : statement) {
    if (token.kind != Token::Kind::kSign) continue;
    if (std::find(kSigns.begin(), kSigns.end(), token.text) != kSigns.end()) continue;
    return Refused(
        fmt::format("'{}' outside of quotes is not supported in logged statements", token.text));
  }
  return Ok();
}

}  // namespace

Result<std::vector<LoggedStatement>> ParseLoggedStatements(std::string_view text,
                                                           const std::string& database) {
  ASSIGN_OR_RETURN(const std::vector<InfluxQlStatement> all, ReadInfluxQl(text, kStatementsMax));
  std::vector<LoggedStatement> statements;
  for (const InfluxQlStatement& tokens : all) {
    RETURN_IF_ERROR(CheckSigns(tokens));
    ASSIGN_OR_RETURN(LoggedStatement statement, Parser(tokens, database).Parse());
    statements.push_back(std::move(statement));
  }
  if (statements.empty())
    return Error(ErrorCode::kInvalidInput, "missing required parameter \"q\"");
  return statements;
}

Record RecordOf(const LoggedStatement& statement) {
  return {.params = {.api = Api::kStatement,
                     .database = statement.database,
                     .retention_policy = std::string(kStatementsPolicy)},
          .points = 1,
          .lines = statement.text + '\n'};
}

}  // namespace relay
