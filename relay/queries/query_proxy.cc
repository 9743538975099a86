#include "relay/queries/query_proxy.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "relay/base/human_format.h"
#include "relay/http/body_pipe.h"
#include "relay/queries/passed_headers.h"
#include "replay/transport/authorization.h"
#include "wal/base/ascii.h"

namespace relay {
namespace {

// The age up to which statuses are used; less than any max_lag.
constexpr std::chrono::milliseconds kStatusAge{100};
// The same before a query is refused.
constexpr std::chrono::milliseconds kFreshAge{5};
// The pause between two looks at whether a backend has passed a write.
constexpr Clock::Duration kTurn{5};
// A backend that gave no answer is tried last for so long.
constexpr std::chrono::seconds kAvoidFor{2};

constexpr std::size_t kShownBody = 200;

Result<std::string> TextFor(const QueryRequest& request, const HttpTransportOptions& options) {
  std::string authorization;
  if (request.as_relay) {
    ASSIGN_OR_RETURN(authorization, AuthorizationLine(options.credentials, options.target.api));
  }
  const bool has_body = request.method == "POST";
  return fmt::format(
      "{} {}{} HTTP/1.1\r\nHost: {}\r\n{}{}{}\r\n{}", request.method, options.target.path_prefix,
      request.target, HostPort(options.peer), authorization, request.headers,
      has_body ? fmt::format("Content-Length: {}\r\n", request.body.size()) : "", request.body);
}

// Asks, and returns the first part of the answer's body.
Result<std::string> Beginning(HttpQuery& query, std::string_view request) {
  RETURN_IF_ERROR(query.AskAs(request));
  std::string first;
  ASSIGN_OR_RETURN(const bool more, query.More(first));
  (void)more;  // An empty body is an answer too.
  return first;
}

HeaderViews Views(const AnswerHeaders& headers) {
  return {headers.begin(), headers.end()};
}

bool Has(const AnswerHeaders& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(),
                     [name](const auto& header) { return EqualIgnoringCase(header.first, name); });
}

// Returns why the client does not get this answer, but that of the next backend; empty: it does.
// `beginning`: that of its body.
std::string WhyNotPassedOn(const QueryRequest& request, const HttpTransportOptions& options,
                           const HttpQuery& query, std::string_view beginning) {
  const int status = query.head().http_status;
  const bool is_json = query.head().content_type.starts_with("application/json");
  if (status == 502 || status == 503 || status == 504) {
    return fmt::format("it answered {}: {}", status,
                       OneLine(std::string(Trimmed(beginning)), kShownBody));
  }
  if (request.as_relay && (status == 401 || status == 403)) {
    return fmt::format("it refuses the relay's credentials for queries ({})", status);
  }
  if ((status == 404 || status == 405) && !is_json) {
    return fmt::format("it does not have {} ({})",
                       request.target.substr(0, request.target.find('?')), status);
  }
  const bool names_itself = options.target.api != Api::kV3;
  if (request.is_influxql && names_itself && !Has(query.headers(), "x-influxdb-build")) {
    return "its answer to /query is not InfluxDB's: it has no X-Influxdb-Build (queries: false "
           "leaves "
           "it out)";
  }
  return "";
}

}  // namespace

struct QueryProxy::Task {
  // Ends the request to a backend, and those that follow.
  void Leave() {
    const std::lock_guard lock(mutex);
    is_gone = true;
    if (current != nullptr) current->Cancel();
    if (pipe) pipe->Close();
    left.Raise();
  }
  // Returns false if the client is gone.
  bool Begin(HttpQuery* query) {
    const std::lock_guard lock(mutex);
    current = query;
    return !is_gone;
  }
  void BeginAnswer(std::shared_ptr<BodyPipe> body) {
    const std::lock_guard lock(mutex);
    pipe = std::move(body);
    if (is_gone) pipe->Close();
  }
  void Finish() {
    const std::lock_guard lock(mutex);
    current = nullptr;
  }
  bool gone() {
    const std::lock_guard lock(mutex);
    return is_gone;
  }

  QueryRequest request;
  HttpReply reply;
  Signal left;
  std::mutex mutex;
  HttpQuery* current = nullptr;  // Guarded by mutex, as are the next two.
  std::shared_ptr<BodyPipe> pipe;
  bool is_gone = false;
};

// ---- From other threads

void QueryProxy::Configure(std::map<std::string, HttpTransportOptions> backends,
                           std::size_t queries_max) {
  connections_.Set(std::move(backends));
  const std::lock_guard lock(mutex_);
  queries_max_ = queries_max;
}

void QueryProxy::Ask(QueryRequest request, ClientWatch* client, HttpReply reply) {
  auto task = std::make_shared<Task>();
  task->request = std::move(request);
  task->reply = std::move(reply);
  if (client != nullptr) client->WhenGone([task] { task->Leave(); });
  bool admitted = false;
  {
    const std::lock_guard lock(mutex_);
    admitted = Admits();
    if (admitted) waiting_.push_back(task);
  }
  if (admitted) return came_.notify_one();
  parts_.counters.Unanswered();
  task->reply(task->request.refusal(503, "too many queries at once (limits.queries)"));
}

// Returns whether there is a thread for one more query, or will be. REQUIRES: mutex_ is held.
bool QueryProxy::Admits() {
  if (stopped_ || running_.size() + waiting_.size() >= queries_max_) return false;
  if (idle_ > waiting_.size()) return true;
  try {
    threads_.emplace_back([this](const std::stop_token& stop) { Serve(stop); });
    return true;
  } catch (const std::system_error&) {  // The system has no thread left.
    return !threads_.empty();
  }
}

void QueryProxy::Stop() {
  std::vector<std::jthread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    threads.swap(threads_);
    for (const std::shared_ptr<Task>& task : waiting_) task->Leave();
    for (const std::shared_ptr<Task>& task : running_) task->Leave();
  }
  for (std::jthread& thread : threads) thread.request_stop();
}

// ---- The threads

void QueryProxy::Serve(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "query");
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    came_.wait(lock, stop, [this] { return !waiting_.empty(); });
    --idle_;
    if (waiting_.empty()) return;
    const std::shared_ptr<Task> task = std::move(waiting_.front());
    waiting_.pop_front();
    running_.insert(task);
    lock.unlock();
    Answer(*task, stop);
    lock.lock();
    running_.erase(task);
  }
}

void QueryProxy::Answer(Task& task, const std::stop_token& stop) {
  const Clock::TimePoint deadline = parts_.clock.Now() + task.request.wait;
  for (const WritePosition& position : task.request.after) {
    if (parts_.log.Gave(position)) continue;
    return task.reply(task.request.refusal(
        400,
        fmt::format("X-Relay-Position: this relay's log did not give {}", ToString(position))));
  }
  Failures failed;
  std::string reasons = "the relay is stopping";
  // Another backend may have caught up while one was tried: each attempt begins with a choice.
  while (!task.gone()) {
    Turn turn = NextTurn(task, failed, kStatusAge);
    if (turn.choice.candidates.empty()) turn = NextTurn(task, failed, kFreshAge);
    if (!turn.choice.candidates.empty()) {
      const std::string& best = turn.choice.candidates.front();
      if (TryBackend(task, best, failed[best]) != Tried::kNext) return;
      continue;
    }
    reasons = ShownReasons(turn.choice.others);
    if (!turn.may_pass || parts_.clock.Now() >= deadline) break;
    parts_.clock.WaitFor(task.left, kTurn, stop);
  }
  if (!task.gone()) parts_.counters.Unanswered();
  task.reply(task.request.refusal(503, "no backend can answer the query: " + reasons));
}

// Chooses among those that have not failed.
QueryProxy::Turn QueryProxy::NextTurn(const Task& task, const Failures& failed,
                                      Clock::Duration status_age) {
  const QueryRequest& request = task.request;
  const QueryChoice choice =
      ChooseForQuery(request.backends, Statuses(status_age), parts_.clock.WallNow(), request.terms);
  Turn turn{.choice = {.others = choice.others}};
  for (const std::string& name : choice.candidates) {
    const auto failure = failed.find(name);
    std::string why = failure != failed.end() ? failure->second
                                              : WhyNotPassed(name, request.after, turn.may_pass);
    if (why.empty()) {
      turn.choice.candidates.push_back(name);
    } else {
      turn.choice.others.push_back({name, std::move(why)});
    }
  }
  PutAvoidedLast(turn.choice.candidates);
  return turn;
}

// Returns why the backend lacks one of the writes; sets `may_pass` if it may soon have it. A write
// that was split has parts for other backends.
std::string QueryProxy::WhyNotPassed(const std::string& backend,
                                     const std::vector<WritePosition>& after,
                                     bool& may_pass) const {
  if (after.empty()) return "";
  const BackendId name = BackendId::Parse(backend).value();
  bool has_one = false;
  for (const WritePosition& position : after) {
    const Result<WriteOutcome> outcome = parts_.log.OutcomeOf(name, position.payload);
    if (!outcome.ok()) return outcome.error().message();
    if (outcome.value() == WriteOutcome::kNotRouted) continue;
    if (outcome.value() == WriteOutcome::kHeld) {
      return fmt::format("the write {} is on hold", ToString(position));
    }
    if (outcome.value() == WriteOutcome::kOwed) {
      may_pass = true;
      return fmt::format("the write {} is not yet delivered", ToString(position));
    }
    has_one = true;
  }
  return has_one ? "" : "it is not sent this write";
}

QueryProxy::Tried QueryProxy::TryBackend(Task& task, const std::string& name, std::string& why) {
  Result<QueryConnections::Taken> found = connections_.Take(name);
  if (!found.ok()) {
    why = found.error().message();
    return Tried::kNext;
  }
  QueryConnections::Taken& taken = found.value();
  const Result<std::string> text = TextFor(task.request, taken.options);
  if (!text.ok()) {
    why = text.error().message();
    return Tried::kNext;
  }
  if (!task.Begin(taken.query.get())) return Tried::kGone;
  taken.query->SetSilenceMax(task.request.silence);
  Tried tried = Tried::kNext;
  Result<std::string> first = Beginning(*taken.query, text.value());
  if (!first.ok()) {
    Avoid(name);
    why = first.error().message();
  } else {
    why = WhyNotPassedOn(task.request, taken.options, *taken.query, first.value());
    if (why.empty()) tried = PassOn(task, name, *taken.query, std::move(first).value());
  }
  task.Finish();
  if (tried == Tried::kNext && task.gone()) tried = Tried::kGone;
  if (tried == Tried::kNext) parts_.counters.Ended(name, QueryEnd::kNoAnswer);
  if (tried == Tried::kGone) parts_.counters.Ended(name, QueryEnd::kAbandoned);
  // One that was cancelled stays so.
  if (tried == Tried::kAnswered && !task.gone()) connections_.Return(name, std::move(taken));
  return tried;
}

// Passes the answer on, of which the head and `first` are there.
QueryProxy::Tried QueryProxy::PassOn(Task& task, const std::string& name, HttpQuery& query,
                                     std::string first) {
  HttpResponse response{.status = query.head().http_status};
  response.relayed =
      HeadersForClient(Views(query.headers())) + fmt::format("X-Relay-Backend: {}\r\n", name);
  if (query.whole()) {
    response.body = std::move(first);
    parts_.counters.Ended(name, QueryEnd::kAnswered);
    task.reply(std::move(response));
    return Tried::kAnswered;
  }
  const auto pipe = std::make_shared<BodyPipe>();
  response.pipe = pipe;
  task.BeginAnswer(pipe);
  task.reply(std::move(response));
  while (pipe->Put(first)) {
    first.clear();
    const Result<bool> more = query.More(first);
    if (!more.ok()) {
      if (task.gone()) return Tried::kGone;
      pipe->Break();
      parts_.counters.Ended(name, QueryEnd::kBroken);
      return Tried::kAnswered;
    }
    if (!more.value()) {
      parts_.counters.Ended(name, QueryEnd::kAnswered);
      pipe->End();
      return Tried::kAnswered;
    }
  }
  return Tried::kGone;
}

// Returns statuses that are younger than `age_max`.
std::vector<BackendStatus> QueryProxy::Statuses(Clock::Duration age_max) {
  const std::lock_guard lock(statuses_mutex_);
  const Clock::TimePoint now = parts_.clock.Now();
  if (!statuses_read_ || now - *statuses_read_ >= age_max) {
    statuses_read_ = now;  // Before they are read: what comes meanwhile may be missing.
    statuses_ = parts_.statuses();
  }
  return statuses_;
}

void QueryProxy::Avoid(const std::string& backend) {
  const std::lock_guard lock(avoided_mutex_);
  avoided_until_[backend] = parts_.clock.Now() + kAvoidFor;
}

void QueryProxy::PutAvoidedLast(std::vector<std::string>& candidates) {
  const std::lock_guard lock(avoided_mutex_);
  if (avoided_until_.empty()) return;
  const Clock::TimePoint now = parts_.clock.Now();
  std::erase_if(avoided_until_, [now](const auto& one) { return one.second <= now; });
  std::stable_partition(candidates.begin(), candidates.end(),
                        [this](const std::string& name) { return !avoided_until_.contains(name); });
}

}  // namespace relay
