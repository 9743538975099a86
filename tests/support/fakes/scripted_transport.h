// A backend that does what the test says.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "replay/transport/transport.h"

namespace relay::test {

inline Result<Reply> Http(int status, std::string body = "", std::string retry_after = "") {
  return Reply{.http_status = status,
               .content_type = "application/json",
               .retry_after = std::move(retry_after),
               .body = std::move(body)};
}
inline Result<Reply> Status204() {
  return Http(204);
}
inline Result<Reply> NoAnswer() {
  return Error(ErrorCode::kUnavailable, "connection refused");
}

// Returns scripted answers in order, or by a rule, and keeps what it was sent. Running out of
// answers fails the test: a script covers everything that may happen.
class ScriptedTransport final : public Transport {
 public:
  using Rule = std::function<Result<Reply>(const WriteParams&, std::string_view lines)>;

  explicit ScriptedTransport(std::deque<Result<Reply>> script) : script_(std::move(script)) {}
  explicit ScriptedTransport(Rule rule) : rule_(std::move(rule)) {}

  Result<Reply> Send(const WriteRequest& request) override {
    std::string joined;
    const std::string_view lines = request.lines.Text(joined);
    sent.emplace_back(lines);
    targets.push_back(request.params);
    if (rule_) return rule_(request.params, lines);
    INVARIANT(!script_.empty());
    Result<Reply> answer = std::move(script_.front());
    script_.pop_front();
    return answer;
  }
  Result<Reply> CreateDatabase(const WriteParams& params) override {
    created.push_back(params.database);
    if (on_create) return on_create(params);
    return Transport::CreateDatabase(params);
  }
  bool passes_credentials() const override { return passes; }
  void Cancel() override { cancelled = true; }

  bool finished() const { return script_.empty(); }

  std::vector<std::string> sent;
  std::vector<WriteParams> targets;
  std::vector<std::string> created;
  std::function<Result<Reply>(const WriteParams&)> on_create;
  bool cancelled = false;
  bool passes = false;  // Passes clients' credentials on.

 private:
  std::deque<Result<Reply>> script_;
  Rule rule_;
};

}  // namespace relay::test
