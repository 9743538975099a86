#include "relay/admin/answers.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <iterator>

namespace relay {
namespace {

using Json = nlohmann::ordered_json;

constexpr bool kOfCommands = true;
constexpr std::uint64_t kIntegerMax = (std::uint64_t{1} << 53U) - 1;

std::vector<AnswerObject> Small() {
  return {
      {"Error", "A request that was refused or failed.", {{"error", "string", "What happened."}}},
      {"Alive", "The process answers.", {{"status", "string", "alive"}}},
      {"Readiness",
       "Whether writes, or queries to a backend, should be sent here.",
       {{"status", "string", "ready, degraded or not ready"},
        {"reason", "string", "Why it is not ready."}}},
      {"Names",
       "The backends by name.",
       {{"backends", "[NameAndState]", "In the order of the status."}}},
      {"NameAndState",
       "A backend's name and state.",
       {{"name", "string", "The backend."}, {"state", "string", "As in the status."}}},
      {"Position",
       "What has become of a write.",
       {{"position", "integer", "The number in X-Relay-Position."},
        {"backends", "{string}",
         "For each backend: passed, owed, held, trimmed, not routed or unknown."}}},
      {"Change",
       "A change that was made, or would be.",
       {{"done", "boolean", "false: a dry run."},
        {"message", "string", "What was done, or would be."}}},
      {"OperatorChange",
       "A change of a backend, or of its dead letters.",
       {{"done", "boolean", "false: a dry run."},
        {"message", "string", "What was done, or would be."},
        {"ask", "boolean", "Only in a dry run: nothing shows that the database is written to."}}},
      {"StartedJob",
       "A job that was started, or would be.",
       {{"done", "boolean", "false: a dry run."},
        {"message", "string", "What was done, or would be."},
        {"id", "integer?", "The job's number; null: a dry run."}}},
      {"CheckpointChange",
       "A checkpoint that was made or deleted, or would be.",
       {{"done", "boolean", "false: a dry run."},
        {"message", "string", "What was done, or would be."},
        {"path", "string", "The checkpoint's directory."}}},
  };
}

std::vector<AnswerField> QueueFields() {
  return {
      {"cursor", "integer", "The last sequence up to which everything is resolved."},
      {"head", "integer", "The last sequence accepted."},
      {"trimmed", "integer", "The last sequence deleted."},
      {"pending_records", "integer", "Records owed: head minus cursor."},
      {"pending_points", "integer", "Points owed."},
      {"pending_bytes", "integer", "Their lines."},
      {"pending_stored_bytes", "integer", "The same on disk."},
      {"oldest_pending", "time?", "When the oldest record owed was accepted."},
      {"oldest_pending_ns", "old?", "Now oldest_pending."},
      {"kept_records", "integer", "Records delivered that are still kept."},
      {"kept_points", "integer", "Their points."},
      {"kept_bytes", "integer", "Their lines."},
      {"kept_stored_bytes", "integer", "The same on disk."},
      {"oldest_kept", "time?", "When the oldest record kept was accepted."},
      {"oldest_kept_ns", "old?", "Now oldest_kept."},
      {"oldest_pending_seconds", "number", "The age of the oldest record owed."},
      {"undelivered_points", "integer", "Points owed or on hold."},
      {"oldest_undelivered_seconds", "number", "The age of the oldest of them."},
      {"accepted_points", "integer", "Points accepted, ever; so the counts below."},
      {"accepted_bytes", "integer", "Their lines."},
      {"accepted_stored_bytes", "integer", "The same on disk."},
      {"rewound_points", "integer", "Points that were owed again after a rewind."},
      {"delivered_points", "integer", "Points delivered."},
      {"held_records", "integer", "Records on hold now."},
      {"held_points", "integer", "Points on hold now."},
      {"held_bytes", "integer", "Their lines."},
      {"held_stored_bytes", "integer", "The same on disk."},
      {"dead_points", "integer", "Points that became dead letters."},
      {"dead_points_by_reason", "{integer}", "refused, expired, limit, damaged."},
      {"dead_letters", "integer", "Dead letters stored now."},
      {"dead_letter_bytes", "integer", "Their size."},
      {"dead_letters_removed", "integer", "Dead letters removed: log.dead_letters."},
      {"dead_points_removed", "integer", "Their points."},
      {"dropped_points", "integer", "Points that will never be delivered."},
      {"gaps", "integer", "Entries of the gap ledger."},
      {"unaccounted_points", "integer", "Points in no other count: 0, or there is a mistake."},
      {"dead_letters_redriven", "integer", "Dead letters delivered again, since the start."},
      {"dead_letters_dropped", "integer", "Dead letters deleted, since the start."},
  };
}

AnswerObject BackendObject() {
  std::vector<AnswerField> fields = {
      {"name", "string", "The backend."},
      {"state", "string", "delivering, caught up, retrying, paused, diverged, not running, …"},
      {"reason", "string", "Why something is wrong."},
      {"last_answer", "string", "The backend's last answer that was not a success."},
      {"remedy", "string", "What to do about it."},
      {"takes_writes", "boolean", "It accepts points, except for held lanes."},
      {"stuck", "boolean", "Records are owed, and none was delivered for a while."},
      {"since", "time?", "When the state began."},
      {"since_ns", "old?", "Now since."},
      {"retry_in_ms", "integer?", "Until it is asked again."},
      {"delivered_by", "string?", "The relay that delivers, where relays share a log."},
      {"paused", "boolean", "An operator paused it."},
  };
  std::vector<AnswerField> queue = QueueFields();
  fields.insert(fields.end(), queue.begin(), queue.end());
  std::vector<AnswerField> rest = {
      {"flow", "Flow?", "Rates; null: the relay has not run long enough."},
      {"drain_eta_seconds", "integer?", "Until it has caught up; null: not known, or never."},
      {"drain_seconds_at_last_rate", "integer?", "The same, once it takes points again."},
      {"watermarks", "Watermarks?", "What its watermarks show."},
      {"expiry", "Expiry?", "Points for it that will be too old."},
      {"held_lanes", "[HeldLane]", "Databases on hold."},
  };
  fields.insert(fields.end(), rest.begin(), rest.end());
  return {"Backend", "The status of a backend.", std::move(fields)};
}

std::vector<AnswerObject> PartsOfBackend() {
  return {
      {"Flow",
       "Rates of a backend.",
       {{"points_in_per_second", "number", "Points accepted for it."},
        {"bytes_in_per_second", "number", "Their lines."},
        {"points_out_per_second", "number", "Points delivered to it."},
        {"last_points_out_per_second", "number", "The same when it was last delivered to."},
        {"stored_in_per_second", "number", "Bytes on disk."},
        {"owed_growth_per_second", "number", "Bytes on disk that are owed; negative: fewer."}}},
      {"Watermarks",
       "The findings of the marks that are written into a backend.",
       {{"watched", "boolean", "Marks are written and read."},
        {"reason", "string", "Why it is not watched, or what went wrong."},
        {"lanes", "integer", "Databases and retention policies with marks."},
        {"newest", "integer?", "The newest mark: everything up to it was delivered."},
        {"newest_at", "time?", "When it was written."},
        {"newest_ns", "old?", "Now newest_at."},
        {"checked", "time?", "When all were looked for last."},
        {"checked_ns", "old?", "Now checked."},
        {"diverged", "Divergence?", "The backend lacks what it acknowledged."}}},
      {"Divergence",
       "A backend lacks what it acknowledged.",
       {{"kind", "string", "put back, emptied, gone or swapped."},
        {"since", "time", "When it was noticed."},
        {"since_ns", "old", "Now since."},
        {"from", "integer", "Some of what came after this sequence may be missing."},
        {"reason", "string", "What was found."},
        {"remedy", "string", "What to do."}}},
      {"HeldLane",
       "A database and retention policy on hold.",
       {{"database", "string", "The database or bucket."},
        {"retention_policy", "string", "Empty: the default."},
        {"by_operator", "boolean", "An operator holds it."},
        {"records", "integer", "Records on hold."},
        {"points", "integer", "Their points."},
        {"bytes", "integer", "Their lines."},
        {"first", "integer", "The first sequence."},
        {"last", "integer", "The last sequence."},
        {"oldest", "time?", "When the oldest was accepted."},
        {"oldest_ns", "old?", "Now oldest."},
        {"reason", "string", "Why it is on hold."},
        {"last_answer", "string", "The backend's last answer to its lines."},
        {"remedy", "string", "What to do."}}},
  };
}

std::vector<AnswerObject> ExpiryOfBackend() {
  return {
      {"Expiry",
       "Points owed or on hold that are, or will soon be, older than their policy keeps.",
       {{"watched", "boolean", "The backend's retention policies are known."},
        {"reason", "string", "Why they are not, or what went wrong."},
        {"asked", "time?", "When they were read."},
        {"asked_ns", "old?", "asked in nanoseconds."},
        {"whole", "boolean", "false: there may be more such points than are counted."},
        {"expired_points", "integer", "Points that are too old already."},
        {"expiring_points", "integer", "Points that will soon be."},
        {"expires_in_seconds", "number?", "The time until the first of them is; null: none is."},
        {"messages", "[string]", "The same in sentences, the most urgent first."},
        {"lanes", "[ExpiringLane]", "By database and retention policy."}}},
      {"ExpiringLane",
       "A database and retention policy whose points will be too old.",
       {{"database", "string", "As clients name it."},
        {"retention_policy", "string", "Empty: the default."},
        {"database_on_backend", "string", "As the backend names it."},
        {"retention_policy_on_backend", "string", "As the backend names it."},
        {"keeps_seconds", "number", "The policy's duration."},
        {"keeps_ns", "old", "keeps_seconds in nanoseconds."},
        {"expired_points", "integer", "Points that are too old already."},
        {"expiring_points", "integer", "Points that will soon be."},
        {"from", "time?", "When the oldest of them was accepted."},
        {"from_ns", "old?", "from in nanoseconds."},
        {"to", "time?", "When the newest of them was accepted."},
        {"to_ns", "old?", "to in nanoseconds."}}},
  };
}

std::vector<AnswerObject> StatusObjects() {
  return {
      {"Status",
       "The whole status.",
       {{"version", "string", "The relay's version."},
        {"host", "string", "The machine."},
        {"now", "time", "When this was so."},
        {"now_ns", "old", "Now now."},
        {"running", "boolean", "false: read from the directory of a stopped relay."},
        {"configuration_failure", "string", "Why the newest configuration is not in use."},
        {"clock", "Clock?", "Steps of the wall clock; null: not running."},
        {"log", "Log", "The log."},
        {"shared_log", "SharedLog?", "null: the log is this relay's alone."},
        {"backends", "[Backend]", "By name."}}},
      {"Clock",
       "Steps of the wall clock since the start.",
       {{"steps", "integer", "How many."},
        {"last_step_seconds", "number", "The last one; negative: it was put back."},
        {"last_step_by_ns", "old", "Now last_step_seconds."},
        {"last_step", "time?", "When that was."},
        {"last_step_ns", "old?", "Now last_step."}}},
      {"Log",
       "The log and its disk; sizes are 0 if the relay does not run.",
       {{"path", "string", "The directory."},
        {"failure", "string", "Why it accepts nothing."},
        {"checkpoint_failure", "string", "Why the last scheduled checkpoint failed."},
        {"alarms", "[string]", "Damage, or a start on a checkpoint."},
        {"used_bytes", "integer", "Used by the log."},
        {"max_bytes", "integer", "log.max_size."},
        {"free_bytes", "integer", "Free on the file system."},
        {"min_free_bytes", "integer", "log.min_free."},
        {"limit", "string", "Which limit binds."},
        {"capacity_bytes", "integer", "What the log can use."},
        {"used_share", "number", "The part of it that is needed, 0 to 1."},
        {"dead_letters_max_bytes", "integer", "log.dead_letters.up_to."},
        {"remedy", "string", "What to do before it is full."},
        {"dead_letters_bytes", "integer", "Dead letters of all backends."},
        {"full_eta_seconds", "integer?", "Until it is full; null: it does not fill."},
        {"outage_tolerance_seconds", "integer?", "How long all backends may be down."}}},
  };
}

std::vector<AnswerObject> SharedLogObjects() {
  return {
      {"SharedLog",
       "A log that relays share.",
       {{"relay", "string", "This one's name."},
        {"place", "integer", "How far it has read the stream."},
        {"stream", "Stream?", "null: not known now."},
        {"copies", "integer", "Relays with a copy."},
        {"copies_wanted", "integer", "log.jetstream.copies."},
        {"may_deliver", "boolean", "It has all that is needed to deliver."},
        {"left_because", "string", "Why it no longer takes part."},
        {"resent_messages", "integer", "Messages sent again."},
        {"takeovers", "integer", "Backends that it took over."},
        {"strange_messages", "integer", "Messages that it does not understand."},
        {"peers", "[Peer]", "The other relays."}}},
      {"Stream",
       "What NATS holds.",
       {{"first", "integer", "The first place."},
        {"last", "integer", "The last place."},
        {"bytes", "integer", "Its size."},
        {"max_bytes", "integer", "Its limit."}}},
      {"Peer",
       "A relay that shares the log.",
       {{"relay", "string", "Its name."},
        {"address", "string", "Its admin port."},
        {"place", "integer?", "How far it has read."},
        {"silence_ms", "integer?", "Since it was last heard of."},
        {"in_sync", "boolean", "Its copy counts."}}},
  };
}

std::vector<AnswerObject> LedgerObjects() {
  return {
      {"DeadLetters", "Dead letters.", {{"letters", "[DeadLetter]", "Oldest first."}}},
      {"DeadLetter",
       "Lines that a backend refuses for good.",
       {{"number", "integer", "Its number."},
        {"when", "time", "When it became one."},
        {"sequence", "integer", "The record."},
        {"first_line", "integer", "The line in the write as it was accepted."},
        {"points", "integer", "How many."},
        {"reason", "string", "refused, expired, limit or damaged."},
        {"status", "integer", "The backend's HTTP status; 0: none."},
        {"message", "string", "The backend's answer."},
        {"database", "string", "The database or bucket."},
        {"retention_policy", "string", "Empty: the default."},
        {"precision", "string", "Of the times in the lines."},
        {"lines", "string", "The lines, at most 64 KiB of them."},
        {"lines_bytes", "integer", "The size of all of them."}}},
      {"Gaps", "Records that will never be delivered.", {{"gaps", "[Gap]", "Oldest first."}}},
      {"Gap",
       "An entry of the gap ledger.",
       {{"number", "integer", "Its number."},
        {"when", "time", "When it was written."},
        {"reason", "string", "Why they are not delivered."},
        {"first", "integer", "The first sequence."},
        {"last", "integer", "The last sequence."},
        {"from", "time", "When the first was accepted."},
        {"to", "time", "When the last was accepted."},
        {"points", "integer", "Points."},
        {"bytes", "integer", "Their lines."},
        {"databases", "[string]", "Their databases."},
        {"by", "string", "Who."},
        {"note", "string", "The reason that was given."}}},
      {"AuditTrail", "Changes by operators.", {{"entries", "[AuditEntry]", "Newest first."}}},
      {"AuditEntry",
       "A change by an operator.",
       {{"when", "time", "When."},
        {"who", "string", "Who, and from where."},
        {"what", "string", "What was asked for."},
        {"outcome", "string", "asked, done, or the error."}}},
  };
}

std::vector<AnswerObject> HistoryObjects() {
  return {
      {"History",
       "Values for plots.",
       {{"step_seconds", "integer", "Between two values."},
        {"at", "[time]", "The begin of each."},
        {"times", "[number]", "The same in seconds since 1970, for plots."},
        {"backends", "{Columns}", "By name."},
        {"events", "[Event]", "Events in that time; empty for the last hour from memory."},
        {"history_begins", "time?", "When the history on disk begins."},
        {"damaged_lines", "integer", "Lines of it that cannot be read."}}},
      {"Columns",
       "One value for each time; null where the backend did not exist. A column is null if only "
       "the history on disk has it.",
       {{"points", "[integer?]", "Points owed or on hold at worst."},
        {"ages", "[number?]", "The age of the oldest of them, in seconds."},
        {"on_hold", "[integer?]?", "Points on hold at worst."},
        {"points_in_per_second", "[number?]?", "Points accepted."},
        {"points_out_per_second", "[number?]?", "Points delivered."},
        {"share_down", "[number?]?", "The part of the time that it took no writes, 0 to 1."},
        {"request_p99_seconds", "[number?]?", "99 of 100 requests took less."}}},
      {"Event",
       "An event of the history.",
       {{"at", "time", "When."},
        {"kind", "string",
         "started, stopped, down, up, recovered, removed, clock set, compared or drill."},
        {"backend", "string", "Empty: none."},
        {"state", "string", "The state, or the result in one word."},
        {"text", "string", "One sentence."},
        {"points", "integer", "Points that it is about."},
        {"seconds", "number", "The time that it is about."}}},
  };
}

std::vector<AnswerObject> ReportObjects() {
  return {
      {"Report",
       "A window of time, for an auditor.",
       {{"from", "time", "Its begin."},
        {"to", "time", "Its end, not included."},
        {"history_begins", "time?", "When the history begins."},
        {"whole", "boolean", "The history covers the window."},
        {"damaged_lines", "integer", "Lines of it that cannot be read."},
        {"backends", "{BackendReport}", "By name."},
        {"restarts", "[Restart]", "Starts of the relay."},
        {"clock_steps", "[Event]", "Steps of the wall clock."},
        {"actions", "[AuditEntry]", "What operators did, oldest first."},
        {"last_compare", "Event?", "The last comparison until the end of the window."},
        {"compares", "[Event]", "Comparisons."},
        {"drills", "[Event]", "Drills."}}},
      {"BackendReport",
       "A backend in that time.",
       {{"outages", "[Outage]", "Oldest first."},
        {"outage_goes_on", "boolean", "The last one goes on."},
        {"down_seconds", "number", "Time without writes."},
        {"rto_seconds", "number", "The longest time until it had everything again."},
        {"rpo_seconds", "number", "The greatest age of a point that it lacked."},
        {"points_owed_at_worst", "integer", "Points owed or on hold."},
        {"points_on_hold_at_worst", "integer", "Points on hold."},
        {"points_accepted", "integer", "Points accepted for it."},
        {"bytes_accepted", "integer", "Their lines."},
        {"points_delivered", "integer", "Points delivered."},
        {"points_dead", "integer", "Points that became dead letters."},
        {"points_dropped", "integer", "Points that will never be delivered."},
        {"requests", "integer", "Requests to it."},
        {"request_mean_seconds", "number?", "How long they took."},
        {"request_p99_seconds", "number?", "99 of 100 took less."},
        {"gaps", "[Gap]", "Gaps that were written."}}},
      {"Outage",
       "A time in which a backend took no writes.",
       {{"began", "time", "When it began."},
        {"back", "time?", "When it took writes again."},
        {"recovered", "time?", "When it had everything again."},
        {"removed", "boolean", "It was removed from the configuration."},
        {"states", "[string]", "Its states meanwhile."},
        {"reason", "string", "Why."},
        {"times_down", "integer", "How often it went away."},
        {"down_seconds", "number", "Time without writes."},
        {"recovery_seconds", "number?", "From back to recovered."},
        {"total_seconds", "number", "From its begin until it had everything again."},
        {"points_owed_at_worst", "integer", "Points owed or on hold."},
        {"oldest_at_worst_seconds", "number", "The age of the oldest."}}},
      {"Restart",
       "A start of the relay.",
       {{"at", "time", "When."},
        {"stop_before", "string", "How the relay before it ended."},
        {"last_seen", "time?", "When that one was last there."},
        {"away_seconds", "number?", "Between the two."}}},
  };
}

std::vector<AnswerObject> JobObjects() {
  return {
      {"Jobs", "Replays, seeds and repairs.", {{"replays", "[Job]", "Newest first."}}},
      {"Job",
       "A replay, a seed or a repair.",
       {{"id", "integer", "Its number."},
        {"kind", "string", "replay, seed or repair."},
        {"source", "string", "The backend that is read; empty: the log."},
        {"pauses", "string", "The backend whose own delivery waits."},
        {"doing", "string", "What it does now."},
        {"result", "string", "What came of it."},
        {"values_total", "integer", "Values to send, of a seed or repair."},
        {"values_done", "integer", "Values sent."},
        {"backend", "string", "The backend whose records are sent."},
        {"target", "string", "Where they are sent."},
        {"checkpoint", "string", "Empty: from the log."},
        {"state", "string", "running, done, failed or cancelled."},
        {"reason", "string", "Why it failed, or waits."},
        {"last_refusal", "string", "The target's last refusal."},
        {"started", "time", "When it began."},
        {"first", "integer", "The first sequence."},
        {"last", "integer", "The last sequence."},
        {"database", "string", "Empty: all."},
        {"measurement", "string", "Empty: all."},
        {"records_total", "integer", "Records of the range."},
        {"records_done", "integer", "Records done with."},
        {"points_sent", "integer", "Points sent."},
        {"points_refused", "integer", "Points refused."},
        {"bytes_sent", "integer", "Lines sent."},
        {"damaged_records", "integer", "Records left out."},
        {"eta_seconds", "number?", "Until it ends; null: not known."}}},
      {"Checkpoints", "Copies of the log.", {{"checkpoints", "[Checkpoint]", "By name."}}},
      {"Checkpoint",
       "A copy of the log.",
       {{"name", "string", "Its name."},
        {"path", "string", "Its directory."},
        {"made", "time", "When it was made."},
        {"bytes", "integer", "Its size."},
        {"own_bytes", "integer", "What deleting it frees."}}},
      {"CheckpointFiles", "Files of a checkpoint.", {{"files", "[CheckpointFile]", "By path."}}},
      {"CheckpointFile",
       "A file of a checkpoint.",
       {{"path", "string", "Relative to the checkpoint."}, {"bytes", "integer", "Its size."}}},
  };
}

std::vector<AnswerObject> CommandObjects() {
  return {
      {"BackendList",
       "`backend list --json`",
       {{"backends", "[Backend]", "In the order of the status."}},
       kOfCommands},
      {"Record",
       "`inspect --json`: one a line",
       {{"sequence", "integer", "Its place in the queue."},
        {"accepted_at", "time", "When it was accepted."},
        {"points", "integer", "Points."},
        {"bytes", "integer", "Their lines."},
        {"damaged", "string", "Why it cannot be read."},
        {"database", "string?", "The database or bucket."},
        {"retention_policy", "string?", "Empty: the default."},
        {"precision", "string?", "Of the times in the lines."},
        {"lines", "string?", "With --lines."}},
       kOfCommands},
      {"Lane",
       "`inspect --held --json`: one a line, its records behind it",
       {{"database", "string", "The database or bucket."},
        {"retention_policy", "string", "Empty: the default."},
        {"records", "integer", "Records on hold."},
        {"points", "integer", "Their points."},
        {"bytes", "integer", "Their lines."},
        {"oldest", "time?", "When the oldest was accepted."},
        {"by_operator", "boolean", "An operator holds it."}},
       kOfCommands},
  };
}

std::vector<AnswerObject> VerifyObjects() {
  return {
      {"Verification",
       "`verify --json`",
       {{"log", "string", "The directory."},
        {"format", "integer", "The version of the stored format."},
        {"sound", "boolean", "No damage was found."},
        {"entries", "integer", "Entries of all queues."},
        {"payloads", "integer", "Payloads."},
        {"payload_bytes", "integer", "Their size."},
        {"unused_payloads", "integer", "Payloads of no queue."},
        {"held", "integer", "Records on hold."},
        {"dead_letters", "integer", "Dead letters."},
        {"gaps", "integer", "Gaps."},
        {"backends", "[VerifiedQueue]", "By name."},
        {"finding_count", "integer", "Damage found."},
        {"finding_count_by_family", "{integer}", "The same, by the kind of row."},
        {"findings", "[Finding]", "At most --limit."}},
       kOfCommands},
      {"VerifiedQueue",
       "A queue; null where damage hides it.",
       {{"name", "string", "The backend."},
        {"trimmed", "integer?", "The last sequence deleted."},
        {"cursor", "integer?", "The last sequence resolved."},
        {"head", "integer?", "The last sequence accepted."},
        {"unaccounted_points", "integer?", "0, or there is a mistake."}},
       kOfCommands},
      {"Finding",
       "Damage.",
       {{"family", "string", "The kind of row."},
        {"key", "string", "The row."},
        {"expected", "string", "What should be there."},
        {"found", "string", "What is there."}},
       kOfCommands},
  };
}

std::vector<AnswerObject> ComparisonObjects() {
  return {
      {"Comparison",
       "`compare --json`",
       {{"result", "string", "equal, different or unknown."},
        {"a", "string", "One backend."},
        {"b", "string", "The other."},
        {"reason", "string", "Why it is not known."},
        {"from", "time?", "The begin of the times compared; null: all."},
        {"to", "time?", "Their end, not included."},
        {"from_ns", "old?", "Now from."},
        {"to_ns", "old?", "Now to."},
        {"position_a", "integer?", "The last write that both were to have, of a."},
        {"position_b", "integer?", "The same of b."},
        {"points_differing", "integer", "Points that differ."},
        {"points_differing_so_far", "old", "Now points_differing."},
        {"measurements", "[ComparedMeasurement]", "By name."},
        {"differences", "[Difference]", "At most --limit."},
        {"missing", "[string]", "Databases and measurements that one lacks."},
        {"notes", "[string]", "What was not compared."}},
       kOfCommands},
      {"ComparedMeasurement",
       "A measurement.",
       {{"database", "string", "The database."},
        {"retention_policy", "string", "The retention policy."},
        {"measurement", "string", "The measurement."},
        {"points_a", "integer", "Points of a."},
        {"points_b", "integer", "Points of b."},
        {"only_a", "integer", "Points that b lacks."},
        {"only_b", "integer", "Points that a lacks."},
        {"other_values", "integer", "Points with other values."},
        {"values_shown_differently", "integer", "The same number, written otherwise."},
        {"values_ignored", "integer", "Values that one cannot store."},
        {"values_unsettled", "integer", "Values that were overwritten all the while."}},
       kOfCommands},
      {"Difference",
       "A point that differs.",
       {{"kind", "string", "only_a, only_b or other_values."},
        {"database", "string", "The database."},
        {"retention_policy", "string", "The retention policy."},
        {"measurement", "string", "The measurement."},
        {"tags", "string", "As in line protocol."},
        {"time", "time", "The point's time."},
        {"time_ns", "old", "Now time."},
        {"values", "[DifferentValue]", "Its fields that differ."}},
       kOfCommands},
      {"DifferentValue",
       "A value.",
       {{"field", "string", "The field."},
        {"a", "string?", "As a has it."},
        {"b", "string?", "As b has it."}},
       kOfCommands},
  };
}

std::vector<AnswerObject> TransferObjects() {
  return {
      {"Probes",
       "`check-config --probe --json`",
       {{"backends", "[Probe]", "In the configuration's order."}},
       kOfCommands},
      {"Probe",
       "A backend that was asked.",
       {{"name", "string", "The backend."},
        {"url", "string", "Its URL."},
        {"good", "boolean", "Nothing is wrong with it."},
        {"reachable", "boolean?", "null: nobody answers packets."},
        {"reason", "string", "What is wrong."},
        {"version", "string", "Its version."},
        {"authenticated", "boolean?", "It let the relay in."},
        {"missing_databases", "[string]", "Databases of the configuration that it lacks."},
        {"clock_ahead_seconds", "integer?", "How far its clock is ahead."}},
       kOfCommands},
      {"Export",
       "`export --json`",
       {{"lines", "integer", "Lines written."},
        {"records", "integer", "Records read."},
        {"damaged_records", "integer", "Records left out."},
        {"unreachable_times", "integer", "Lines left out: their time has no nanoseconds."}},
       kOfCommands},
      {"Import",
       "`import --json`",
       {{"points", "integer", "Points accepted."},
        {"refused_lines", "integer", "Lines refused."},
        {"doubtful", "integer", "Batches of which some lines were refused."},
        {"statements", "integer", "Statements of the file."},
        {"next_line", "integer", "Where to continue."},
        {"finished", "boolean", "The whole file was read."}},
       kOfCommands},
  };
}

Json SchemaOfPlain(std::string_view type) {
  if (type == "time") return {{"type", "string"}, {"format", "date-time"}};
  if (type == "integer") return {{"type", "integer"}, {"maximum", kIntegerMax}};
  if (type == "old") return {{"type", "integer"}, {"deprecated", true}};
  if (type == "string" || type == "number" || type == "boolean") return {{"type", type}};
  return {{"$ref", fmt::format("#/components/schemas/{}", type)}};
}

// A reference stands alone: a description beside it would not count.
Json AsPart(Json schema) {
  if (!schema.contains("$ref")) return schema;
  return {{"allOf", Json::array({std::move(schema)})}};
}

}  // namespace

const std::vector<AnswerObject>& AnswerObjects() {
  static const std::vector<AnswerObject> objects = [] {
    std::vector<AnswerObject> all = {BackendObject()};
    for (auto* part : {&Small, &PartsOfBackend, &ExpiryOfBackend, &StatusObjects, &SharedLogObjects,
                       &LedgerObjects, &HistoryObjects, &ReportObjects, &JobObjects,
                       &CommandObjects, &VerifyObjects, &ComparisonObjects, &TransferObjects}) {
      std::vector<AnswerObject> some = part();
      all.insert(all.end(), std::make_move_iterator(some.begin()),
                 std::make_move_iterator(some.end()));
    }
    return all;
  }();
  return objects;
}

std::string_view AnswerConvention() {
  return "Times are RFC 3339 strings in UTC. Integers are below 2^53. A length of time is a number "
         "of the unit that the field's name ends with. Every field is always there: `null` if its "
         "value is not known or there is none, an empty string if there is nothing to say. An "
         "error is `{\"error\": \"…\"}`, on the admin port with a status of 400 or above, of a "
         "command with `--json` on standard output with an exit code that is not 0.";
}

Json SchemaOfType(std::string_view type) {
  if (type.ends_with('?')) {
    Json schema = AsPart(SchemaOfType(type.substr(0, type.size() - 1)));
    schema["nullable"] = true;
    return schema;
  }
  if (type.starts_with('[')) {
    return {{"type", "array"}, {"items", SchemaOfType(type.substr(1, type.size() - 2))}};
  }
  if (type.starts_with('{')) {
    return {{"type", "object"},
            {"additionalProperties", SchemaOfType(type.substr(1, type.size() - 2))}};
  }
  return SchemaOfPlain(type);
}

Json SchemaOf(const AnswerObject& object) {
  Json schema = {{"type", "object"},
                 {"description", object.description},
                 {"additionalProperties", false},
                 {"required", Json::array()},
                 {"properties", Json::object()}};
  for (const AnswerField& field : object.fields) {
    schema["required"].push_back(field.name);
    Json part = AsPart(SchemaOfType(field.type));
    part["description"] = field.description;
    schema["properties"][std::string(field.name)] = std::move(part);
  }
  return schema;
}

}  // namespace relay
