#include "relay/queries/flux.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <vector>

namespace relay {
namespace {

struct Token {
  bool is_string = false;
  std::string text;
};

bool IsOfWord(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::string_view TakeString(std::string_view& text) {
  std::size_t end = 1;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2U : 1U;
  end = std::min(end, text.size());
  const std::string_view inside = text.substr(1, end - 1);
  text.remove_prefix(std::min(end + 1, text.size()));
  return inside;
}

Token TakeWordOrSign(std::string_view& text) {
  const auto word_end = std::find_if_not(text.begin(), text.end(), IsOfWord);
  const auto size = std::max<std::size_t>(1, static_cast<std::size_t>(word_end - text.begin()));
  Token token{false, std::string(text.substr(0, size))};
  text.remove_prefix(size);
  return token;
}

// Returns the words, strings and signs, without blanks and comments.
std::vector<Token> TokensOf(std::string_view text) {
  std::vector<Token> tokens;
  while (!text.empty()) {
    if (text.starts_with("//")) {
      text.remove_prefix(std::min(text.find('\n'), text.size()));
    } else if (text.front() == '"') {
      tokens.push_back({true, std::string(TakeString(text))});
    } else if (std::isspace(static_cast<unsigned char>(text.front())) != 0) {
      text.remove_prefix(1);
    } else {
      tokens.push_back(TakeWordOrSign(text));
    }
  }
  return tokens;
}

bool IsSign(const std::vector<Token>& tokens, std::size_t at, std::string_view sign) {
  return at < tokens.size() && !tokens[at].is_string && tokens[at].text == sign;
}

// The log may keep the name of a bucket whole, if it begins or ends with a slash.
void AddBucket(const std::string& bucket, std::set<std::string>& databases) {
  const std::size_t slash = bucket.find('/');
  if (slash != 0) databases.insert(bucket.substr(0, slash));
  if (slash == 0 || slash + 1 == bucket.size()) databases.insert(bucket);
}

}  // namespace

FluxText ReadFlux(std::string_view text) {
  constexpr std::array<std::string_view, 3> kWriters = {"to", "wideTo", "post"};
  const std::vector<Token> tokens = TokensOf(text);
  FluxText flux;
  bool knows_all = true;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].is_string) continue;
    const std::string& word = tokens[i].text;
    const bool is_parameter = IsSign(tokens, i + 1, ":");
    if (!is_parameter && std::find(kWriters.begin(), kWriters.end(), word) != kWriters.end()) {
      flux.may_write = true;
    }
    if (word == "bucketID") knows_all = false;
    if (word != "bucket") continue;
    if (!is_parameter || i + 2 >= tokens.size() || !tokens[i + 2].is_string) {
      knows_all = false;
    } else {
      AddBucket(tokens[i + 2].text, flux.databases);
    }
  }
  if (!knows_all) flux.databases.clear();
  return flux;
}

}  // namespace relay
