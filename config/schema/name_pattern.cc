#include "config/schema/name_pattern.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "config/schema/glob.h"

namespace relay {

class NamePattern::Expression {
 public:
  explicit Expression(std::string_view text)
      : re_(re2::StringPiece(text.data(), text.size()), Options()) {}

  bool ok() const { return re_.ok(); }
  const std::string& error() const { return re_.error(); }
  bool Matches(std::string_view name) const {
    return re2::RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), re_);
  }

 private:
  static re2::RE2::Options Options() {
    re2::RE2::Options options;
    options.set_log_errors(false);
    return options;
  }

  const re2::RE2 re_;
};

Result<NamePattern> NamePattern::Parse(std::string_view text) {
  NamePattern pattern;
  const bool is_expression = text.size() > 2 && text.starts_with('/') && text.ends_with('/');
  if (!is_expression) {
    pattern.glob_ = text;
    return pattern;
  }
  auto expression = std::make_shared<const Expression>(text.substr(1, text.size() - 2));
  if (!expression->ok()) {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("expected a regular expression of RE2: {}", expression->error()));
  }
  pattern.expression_ = std::move(expression);
  return pattern;
}

bool NamePattern::Matches(std::string_view name) const {
  return expression_ ? expression_->Matches(name) : GlobMatches(glob_, name);
}

Result<TagPattern> TagPattern::Parse(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos) {
    return Error(ErrorCode::kInvalidInput, "expected TAG=VALUE, such as region=eu*");
  }
  ASSIGN_OR_RETURN(NamePattern value, NamePattern::Parse(text.substr(equals + 1)));
  return TagPattern{std::string(text.substr(0, equals)), std::move(value)};
}

}  // namespace relay
