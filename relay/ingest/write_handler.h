// The ingest endpoints: writes as InfluxDB 1.x (/write), 2.x (/api/v2/write) and 3.x
// (/api/v3/write_lp) accept them, and what their clients also request: /ping, /health, /ready,
// /query. Queries that only read are passed on to a backend, where the listener routes them.
//
// A write is answered 204 if and only if the log has it on stable storage. For a body
// with bad lines, depending on the API, either the good lines are stored and a 400
// names the others, or nothing is stored.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/counters.h"
#include "relay/base/shared_snapshot.h"
#include "relay/http/server.h"
#include "relay/influxql/logged_statement.h"
#include "relay/ingest/info_responses.h"
#include "relay/ingest/ingest_paths.h"
#include "relay/ingest/responses.h"
#include "relay/ingest/users.h"
#include "relay/ingest/write_params.h"
#include "relay/queries/listener_queries.h"
#include "relay/routing/consistency_waiter.h"
#include "relay/routing/database_names.h"
#include "relay/routing/router.h"
#include "wal/base/clock.h"
#include "wal/log.h"

namespace relay {

struct WriteHandlerOptions {
  std::string path_prefix;  // See FindIngestPath.
  std::string default_retention_policy;
  Bytes max_body = 25_MiB;  // Inflated.
  Bytes max_line = 1_MiB;
  Codec codec = Codec::kZstd;
  ColumnsJudge* judge = nullptr;  // See Accepted::judge.
  std::shared_ptr<const Router> router;
  std::shared_ptr<const Users> users = {};    // nullptr: everybody may write.
  std::shared_ptr<Admission> admission = {};  // Bounds inflated bodies; nullptr: unbounded.
  // Serves clients that require backends to have their write; nullptr: the log suffices.
  std::shared_ptr<DeliveryWaiter> waiter = {};
  Clock::Duration consistency_timeout{5'000};
  bool honours_consistency = false;  // The parameter of v1 writes; the header always counts.
  bool pass_credentials = false;     // Pass the client's own on with its lines.
  std::uint64_t ping_status = 204;
  std::string relay_id = {};           // Refuses writes that have passed it (hops.h); empty: none.
  bool log_statements = false;         // Log /query statements and deliver them in order.
  DatabaseNames* databases = nullptr;  // Outlives the handler; nullptr: it has names of its own.
  bool refuses_creation = false;       // Refuse CREATE DATABASE that some backend would not get.
  // Passes queries on; nullptr: they are not.
  std::shared_ptr<const ListenerQueries> queries = {};
};

// THREADS. Any number at once. Log, clock and counters outlive it.
class WriteHandler final : public HttpHandler {
 public:
  WriteHandler(WriteHandlerOptions options, Log& log, const Clock& clock, Counters& counters);

  void Handle(HttpRequest request, HttpReply reply) override;
  HttpResponse Refusal(int status, std::string_view message) override;
  HttpResponse RefusalOf(std::string_view path, int status, std::string_view message) override;
  void Reached(HttpLimit limit) override { counters_.Reached(limit); }

  // Applies to later requests.
  void Reconfigure(WriteHandlerOptions options) { options_.Set(std::move(options)); }

 private:
  struct WriteContext;  // A request being handled.

  void Answer(const IngestPath& path, HttpRequest request, const HttpReply& reply);
  void AnswerAllowed(const IngestPath& path, HttpRequest request, const HttpReply& reply);
  void Write(WriteContext context, HttpRequest request, const HttpReply& reply);
  void WriteSamples(WriteContext context, std::string body, const HttpReply& reply);
  void Store(WriteContext context, ScannedLines scanned, const HttpReply& reply);
  void Append(WriteContext context, RoutedLines routed, Refused refused, const HttpReply& reply);
  void OnStored(const WriteContext& context, std::vector<StoredPart> parts, Refused refused,
                const HttpReply& reply);
  // Refuses a write that has passed this relay, or takes note of its way. Answers if false.
  bool TakeHops(WriteContext& context, const HttpRequest& request, const HttpReply& reply);
  void Query(WriteContext context, const HttpRequest& request, const HttpReply& reply);
  bool PassesOn(const WriteContext& context, const HttpRequest& request, const HttpReply& reply);
  static QueryCall CallOf(const WriteContext& context, const HttpRequest& request);
  static void PassOnFlux(const WriteContext& context, const HttpRequest& request,
                         const HttpReply& reply);
  static void PassOnV3(const WriteContext& context, const HttpRequest& request,
                       const HttpReply& reply);
  void Statements(const WriteContext& context, const HttpReply& reply);
  DatabaseNames& NamesOf(const WriteHandlerOptions& options);
  // Answers a query; the answer waits until the names of created databases are saved.
  HttpResponse AnswerOwnQuery(const WriteContext& context, const std::string& text);
  void NoteStatements(const WriteContext& context, const std::vector<LoggedStatement>& statements);
  static Status ReadConsistency(const HttpRequest& request, WriteContext& context);
  Result<std::string> PlainBody(HttpRequest& request, WriteContext& context);
  Result<std::string> Reserved(Result<std::string> body, WriteContext& context);
  Status ReserveLines(const ScannedLines& scanned, WriteContext& context);

  SharedSnapshot<WriteHandlerOptions> options_;
  Log& log_;
  const Clock& clock_;
  Counters& counters_;
  const WallTime started_;
  DatabaseNames own_databases_;
};

}  // namespace relay
