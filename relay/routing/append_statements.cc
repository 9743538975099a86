#include "relay/routing/append_statements.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <mutex>
#include <utility>

#include "relay/routing/append_write.h"

namespace relay {
namespace {

// Calls back once all of several appends are done.
class AllDone {
 public:
  AllDone(std::size_t count, std::function<void(Status)> done)
      : left_(count), done_(std::move(done)) {}

  void One(const Status& status) {
    {
      const std::lock_guard lock(mutex_);
      if (!status.ok() && outcome_.ok()) outcome_ = status;
      if (--left_ > 0) return;
    }
    done_(std::move(outcome_));
  }

 private:
  std::mutex mutex_;
  std::size_t left_;
  Status outcome_ = Ok();
  const std::function<void(Status)> done_;
};

}  // namespace

void AppendStatements(const StatementsInto& into, const std::vector<LoggedStatement>& statements,
                      std::function<void(Status)> done) {
  INVARIANT(!statements.empty());
  const auto all = std::make_shared<AllDone>(statements.size(), std::move(done));
  for (const LoggedStatement& statement : statements) {
    Record record = RecordOf(statement);
    record.params.credentials = into.credentials;
    record.params.hops = into.hops;
    RoutedLines routed;
    routed.parts.push_back(
        {into.router.TakersOf(statement.database), std::move(record.lines), record.points});
    AppendRouted(into.log, {record.params, Codec::kNone, into.accepted_at}, std::move(routed),
                 [all](const Result<Durable>& stored) {
                   all->One(stored.ok() ? Ok() : Status(stored.error()));
                 });
  }
}

std::string ResultsOf(std::size_t statements) {
  std::string results;
  for (std::size_t i = 0; i < statements; ++i) {
    results += fmt::format("{}{{\"statement_id\":{}}}", i == 0 ? "" : ",", i);
  }
  return "{\"results\":[" + results + "]}\n";
}

}  // namespace relay
