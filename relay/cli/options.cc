// Declares the operators' commands.
#include "relay/cli/options.h"

#include <fmt/format.h>

#include <algorithm>

#include "relay/admin/verbs.h"
#include "relay/base/parse.h"
#include "relay/cli/commands.h"

namespace relay {
namespace {

// Arguments live as long as the program: callbacks refer to them.
OperateArgs& NewOperateArgs(const VerbSpec& verb) {
  static std::vector<std::unique_ptr<OperateArgs>> all;
  all.push_back(std::make_unique<OperateArgs>());
  all.back()->verb = &verb;
  return *all.back();
}

LedgerArgs& NewLedgerArgs() {
  static std::vector<std::unique_ptr<LedgerArgs>> all;
  all.push_back(std::make_unique<LedgerArgs>());
  return *all.back();
}

void AddConsent(CLI::App& command, OperateArgs& args) {
  AddConfig(command, "--config", args.config_path);
  AddRelayAt(command, args.at);
  command.add_flag("--dry-run", args.dry_run, "Only show what would be done");
  command.add_flag("--yes", args.yes, "Do not ask");
  command.add_flag("--json", args.json, "Print JSON");
}

// Returns "--retention-policy" for "retention_policy".
std::string OptionFor(const RouteParameter& parameter) {
  std::string option = "--" + std::string(parameter.name);
  std::replace(option.begin(), option.end(), '_', '-');
  return option;
}

void AddParameters(CLI::App& command, OperateArgs& args) {
  CLI::Option* numbers = nullptr;
  for (const RouteParameter& parameter : args.verb->parameters) {
    const std::string name(parameter.name);
    const std::string text = DescriptionOf(parameter);
    if (parameter.name == "backend") continue;  // Every verb has it.
    if (parameter.type == "integers") {
      numbers = command.add_option("NUMBER", args.numbers, text);
    } else if (parameter.type == "boolean") {
      CLI::Option* flag = command.add_flag(OptionFor(parameter), args.flags[name], text);
      if (numbers != nullptr) flag->excludes(numbers);
    } else {
      command.add_option(OptionFor(parameter), args.texts[name], text)
          ->required(parameter.required);
    }
  }
}

// Adds the verbs of a group: "dead" has "dead drop"; "" has those of one word.
void AddVerbs(CLI::App& app, const std::string& group, int& exit_code) {
  for (const VerbSpec& verb : Verbs()) {
    const std::size_t space = verb.command.find(' ');
    const bool grouped = space != std::string_view::npos;
    if (verb.command.substr(0, grouped ? space : 0) != group) continue;
    const std::string name(verb.command.substr(grouped ? space + 1 : 0));
    OperateArgs& args = NewOperateArgs(verb);
    CLI::App* command = app.add_subcommand(name, std::string(verb.description));
    AddConsent(*command, args);
    // `pause NAME`, but `dead drop NUMBER...`.
    const auto is_numbers = [](const RouteParameter& one) { return one.type == "integers"; };
    const bool takes_numbers =
        std::any_of(verb.parameters.begin(), verb.parameters.end(), is_numbers);
    command->add_option(takes_numbers ? "--backend" : "NAME,--backend", args.backend, "The backend")
        ->required();
    AddParameters(*command, args);
    command->callback([&args, &exit_code] { exit_code = Operate(args); });
  }
}

void AddSource(CLI::App& command, LedgerArgs& args) {
  AddConfig(command, "--config", args.where.config_path);
  command.add_option("--data", args.where.data,
                     "A data directory (log.path), of a running relay or a copy");
  command.add_flag("--json", args.json, "Print JSON");
}

void AddPaging(CLI::App& command, LedgerArgs& args) {
  AddSource(command, args);
  command.add_option("--backend", args.backend, "The backend (required if there are several)");
  command.add_option("--after", args.after, "Only those with a higher number");
  command.add_option("--limit", args.limit, "Show at most this many")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000}));
}

void AddDead(CLI::App& app, int& exit_code) {
  CLI::App* dead =
      app.add_subcommand("dead", "Dead letters: lines that a backend refused permanently");
  dead->require_subcommand(1);
  LedgerArgs& list = NewLedgerArgs();
  CLI::App* command = dead->add_subcommand("list", "List the dead letters");
  AddPaging(*command, list);
  command->callback([&] { exit_code = ListDead(list); });
  LedgerArgs& show = NewLedgerArgs();
  command = dead->add_subcommand("show", "Show one with its lines and the backend's answer");
  AddPaging(*command, show);
  command->add_option("NUMBER", show.number, "The dead letter's number")->required();
  command->callback([&] { exit_code = ShowDead(show); });
  LedgerArgs& to_file = NewLedgerArgs();
  to_file.limit = 1'000'000;
  command = dead->add_subcommand("export", "Export the lines for correction and import");
  AddPaging(*command, to_file);
  command->add_option("--output", to_file.output, "A new file (default: standard output)");
  command->callback([&] { exit_code = ExportDead(to_file); });
  AddVerbs(*dead, "dead", exit_code);
}

void AddLedgers(CLI::App& app, int& exit_code) {
  LedgerArgs& gaps = NewLedgerArgs();
  CLI::App* command = app.add_subcommand(
      "gaps", "List what will never be delivered to a backend: when, how much, why, by whom");
  AddPaging(*command, gaps);
  command->callback([&] { exit_code = ListGaps(gaps); });
  LedgerArgs& audit = NewLedgerArgs();
  command = app.add_subcommand("audit", "List what operators changed, newest first");
  AddSource(*command, audit);
  command->add_option("--limit", audit.limit, "Show at most this many")->capture_default_str();
  command->callback([&] { exit_code = ListAudit(audit); });
}

void AddSeed(CLI::App& backend, int& exit_code);

void AddBackend(CLI::App& app, StatusArgs& list, int& exit_code) {
  CLI::App* backend = app.add_subcommand("backend", "List the log's backends, seed or forget one");
  backend->require_subcommand(1);
  CLI::App* command =
      backend->add_subcommand("list", "List the backends, including those no longer configured");
  AddConfig(*command, "--config", list.where.config_path);
  AddRelayAt(*command, list.at);
  command->add_option("--data", list.where.data, "A data directory (log.path)");
  command->add_flag("--json", list.json, "Print JSON");
  command->callback([&] { exit_code = ListBackends(list); });
  AddSeed(*backend, exit_code);
  AddVerbs(*backend, "backend", exit_code);
}

// Accepts "50000/s" as a number.
std::string DropPerSecond(std::string& rate) {
  std::string number = rate.ends_with("/s") ? rate.substr(0, rate.size() - 2) : rate;
  if (!ParseNumber(number)) {
    return fmt::format("'{}' is not a rate: expected points per second, as in 50000/s", rate);
  }
  rate = std::move(number);
  return "";
}

void AddReplay(CLI::App& app, ReplayArgs& args, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("replay", "Send a range of records again, beside the normal delivery");
  AddConfig(*command, "--config", args.config_path);
  AddRelayAt(*command, args.at);
  command->add_option("--backend", args.backend,
                      "The backend whose records are sent, and their target");
  command->add_option("--from", args.from,
                      fmt::format("First record: {} (default: the oldest kept)", kPositionForms));
  command->add_option(
      "--to", args.to,
      "Last record, or the time before which it was accepted (default: the newest)");
  command->add_option("--database", args.database, "Only records of this database");
  command->add_option("--measurement", args.measurement, "Only points of this measurement");
  command->add_option("--to-backend", args.to_backend,
                      "Send to this other backend instead; its own delivery waits meanwhile, so "
                      "that newer values come last");
  command->add_option("--to-url", args.to_url,
                      "Send to this URL instead: of another backend, or of admin.replay_targets");
  command->add_option("--from-checkpoint", args.checkpoint,
                      "Read from this checkpoint (name or directory) instead of the log");
  command->add_option("--rate", args.points_per_second, "Maximum points per second: 50000/s")
      ->transform(CLI::Validator(DropPerSecond, "", ""));
  command->add_option("--follow", args.follow, "Show the progress of replay NUMBER");
  command->add_option("--cancel", args.cancel, "Cancel replay NUMBER");
  command->add_flag("--list", args.list, "List running and recent replays");
  command->add_flag("--detach", args.detach, "Do not wait for the replay to end");
  command->add_flag("--dry-run", args.dry_run, "Only show what would be done");
  command->add_flag("--yes", args.yes, "Do not ask");
  command->add_flag("--json", args.json, "Print JSON");
  command->callback([&] { exit_code = Replay(args); });
}

void AddFillOptions(CLI::App& command, FillArgs& args, int& exit_code) {
  AddConfig(command, "--config", args.config_path);
  AddRelayAt(command, args.at);
  command.add_option("--from", args.source, "The backend to read, which has everything")
      ->required();
  command.add_flag(
      "--detach", args.detach,
      "Do not wait for the job to end; `replay --follow` and `--cancel` take its number");
  command.add_flag("--dry-run", args.dry_run, "Only show what would be done");
  command.add_flag("--yes", args.yes, "Do not ask");
  command.add_flag("--json", args.json, "Print JSON");
  command.callback([&] { exit_code = Fill(args); });
}

void AddRepair(CLI::App& app, FillArgs& args, int& exit_code) {
  args.kind = "repair";
  CLI::App* command = app.add_subcommand(
      "repair",
      "Deliver to a backend again what another one has and it lacks or has otherwise, in order "
      "behind what it is owed. Exit codes: 0 equal now, 1 not");
  command->add_option("BACKEND", args.backend, "The backend to repair")->required();
  command->add_option("--database", args.database, "Only this database");
  command->add_option("--measurement", args.measurement, "Only this measurement");
  AddFillOptions(*command, args, exit_code);
}

void AddSeed(CLI::App& backend, int& exit_code) {
  static FillArgs args;
  args.kind = "seed";
  CLI::App* command = backend.add_subcommand(
      "seed",
      "Fill a new or emptied backend with everything that another one holds, while writes go on; "
      "its own delivery waits meanwhile. Exit codes: 0 equal now, 1 not");
  command->add_option("BACKEND", args.backend, "The backend to fill")->required();
  AddFillOptions(*command, args, exit_code);
}

void AddCompare(CLI::App& app, CompareArgs& args, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "compare",
      "Compare the points that two backends hold, while writes go on. Exit codes: 0 equal, 1 "
      "different, 2 could not tell");
  command->add_option("A", args.a, "A backend of the configuration")->required();
  command->add_option("B", args.b, "Another one")->required();
  AddConfig(*command, "--config", args.config_path);
  command->add_option("--database", args.database, "Only this database");
  command->add_option("--measurement", args.measurement, "Only this measurement");
  command->add_option("--from", args.from,
                      "Only points from this time on: 2026-11-23T20:15:00Z, or an age such as -1h");
  command->add_option("--to", args.to,
                      "Only points before this time (default: when the comparison begins)");
  command
      ->add_option("--rate", args.points_per_second,
                   "Maximum points per second to read from each: 50000/s")
      ->transform(CLI::Validator(DropPerSecond, "", ""));
  command->add_option("--limit", args.limit, "List at most this many points that differ")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1'000'000}));
  command
      ->add_option("--patience", args.patience_seconds,
                   "Seconds to wait until both backends have what the relay has accepted")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1'000'000}));
  command->add_flag("--no-fence", args.no_fence,
                    "Do not ask the relay for positions: no relay runs, and no writes come in");
  command->add_flag("--json", args.json, "Print JSON");
  command->callback([&] { exit_code = Compare(args); });
}

void AddCheckpoint(CLI::App& app, CheckpointArgs& args, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "checkpoint",
      "Copy the log of the running relay with its cursors; a relay started on the copy continues "
      "from there");
  CLI::Option* directory = command->add_option("DIR", args.directory,
                                               "A name, or a new directory in log.checkpoint_dir");
  AddConfig(*command, "--config", args.config_path);
  AddRelayAt(*command, args.at);
  CLI::Option* list = command->add_flag("--list", args.list, "List the checkpoints");
  CLI::Option* drop = command->add_flag("--drop", args.drop, "Delete this checkpoint instead");
  drop->needs(directory)->excludes(list);
  CLI::Option* to = command->add_option("--to", args.to,
                                        "Copy it to this directory, whole or not at all, and "
                                        "delete it at the relay");
  to->excludes(list)->excludes(drop);
  command
      ->add_option("--command", args.command,
                   "Hand its directory to this command (words separated by blanks, no shell) as "
                   "the last argument, and delete it at the relay")
      ->excludes(to)
      ->excludes(list)
      ->excludes(drop);
  command->add_option("--timeout", args.timeout_seconds, "The limit for the command, in seconds")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{30'000'000}));
  command->add_flag("--dry-run", args.dry_run, "Only show what would be done")->excludes(list);
  command->add_flag("--yes", args.yes, "Do not ask before deleting");
  command->add_flag("--json", args.json, "Print JSON");
  command->callback([&] { exit_code = Checkpoint(args); });
}

void AddJoin(CLI::App& app, JoinArgs& args, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "join",
      "Copy the log of another relay that shares it (log.engine: jetstream) into log.path of this "
      "stopped one, which is new or has lost its disk");
  command->add_option("URL", args.url, "The other relay's admin port: http://10.0.0.12:9097")
      ->required();
  AddConfig(*command, "--config", args.config_path);
  command->add_flag("--replace", args.replaces,
                    "Set the log that is in log.path aside, as replaced-TIME in it");
  command->callback([&] { exit_code = Join(args); });
}

void AddFormat(CLI::App& command, std::string& format) {
  command.add_option("--format", format, "text, markdown or json")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "markdown", "json"}));
}

void AddReport(CLI::App& app, ReportArgs& args, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "report",
      "Outages, recovery, gaps, operators' actions, restarts and comparisons of a window of time; "
      "from the data directory if no relay runs");
  AddConfig(*command, "--config", args.where.config_path);
  AddRelayAt(*command, args.at);
  command->add_option("--data", args.where.data,
                      "A data directory (log.path), of a running relay or a copy");
  command->add_option("--from", args.from, "The begin: 2026-11-23T20:15:00Z, or an age such as 24h")
      ->capture_default_str();
  command->add_option("--to", args.to, "The end, not included")->capture_default_str();
  AddFormat(*command, args.format);
  command->callback([&] { exit_code = Report(args); });
}

void AddDrill(CLI::App& app, DrillArgs& args, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "drill",
      "Rehearse an outage: pause a backend, let it fall behind, resume it, wait until it has "
      "caught up, compare it with another, and print the report. Exit codes: 0 it caught up and "
      "is equal, 1 not, or interrupted, 2 the drill did not begin");
  AddConfig(*command, "--config", args.config_path);
  command->add_option("--backend", args.backend, "The backend to pause")->required();
  command->add_option("--for", args.length, "How long: 5m, 2h")->capture_default_str();
  CLI::Option* with = command->add_option(
      "--with", args.with, "The backend to compare it with (default: the first other one)");
  command->add_flag("--no-compare", args.no_compare, "Do not compare")->excludes(with);
  command->add_option("--patience", args.patience, "How long it may take to catch up")
      ->capture_default_str();
  AddFormat(*command, args.format);
  command->add_flag("--dry-run", args.dry_run, "Only say what would be done, and whether it can");
  command->callback([&] { exit_code = Drill(args); });
}

void AddFound(CLI::App& app, FoundArgs& args, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "found",
      "Begin a new stream where this relay's log ends, after the servers of NATS have lost writes; "
      "to be given at the relay with the highest place (see status)");
  AddConfig(*command, "--config", args.config_path);
  AddRelayAt(*command, args.at);
  command->add_flag("--dry-run", args.dry_run, "Only show what would be done");
  command->add_flag("--yes", args.yes, "Do not ask");
  command->add_flag("--json", args.json, "Print JSON");
  command->callback([&] { exit_code = Found(args); });
}

void AddAcknowledge(CLI::App& app, AcknowledgeArgs& args, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "acknowledge",
      "Take note that the log was started on a checkpoint, and that points may be missing; status "
      "and /readyz say so until then. With --backend: that this backend diverged, and is not "
      "rewound");
  AddConfig(*command, "--config", args.config_path);
  AddRelayAt(*command, args.at);
  command->add_option("--backend", args.backend, "The backend that diverged");
  command->add_option("--note", args.note, "Reason, for the audit trail");
  command->add_flag("--dry-run", args.dry_run, "Only show what would be done");
  command->add_flag("--yes", args.yes, "Do not ask");
  command->add_flag("--json", args.json, "Print JSON");
  command->callback([&] { exit_code = Acknowledge(args); });
}

// The arguments of `context add`.
struct ContextArgs {
  std::string name;
  std::string admin;
  std::string token_file;
};

void AddContexts(CLI::App& app, ContextArgs& args, int& exit_code) {
  CLI::App* context = app.add_subcommand(
      "context", "Named relays, in ~/.config/influxdb-relay/contexts.yaml, for --context");
  context->require_subcommand(1);
  CLI::App* command = context->add_subcommand("list", "List them");
  command->callback([&exit_code] { exit_code = ListContexts(); });
  command = context->add_subcommand(
      "use", "Make commands speak to this relay, unless they are told otherwise");
  command->add_option("NAME", args.name, "The context; - for none")->required();
  command->callback([&] { exit_code = UseContext(args.name); });
  command = context->add_subcommand("add", "Add one, or replace it");
  command->add_option("NAME", args.name, "Its name")->required();
  command->add_option("--admin", args.admin, "Its admin port: http://10.0.0.12:9097")->required();
  command->add_option("--token-file", args.token_file, "The file of its token");
  command->callback([&] { exit_code = AddContext(args.name, args.admin, args.token_file); });
}

}  // namespace

void AddRelayAt(CLI::App& command, RelayAt& at) {
  CLI::Option* admin = command.add_option(
      "--admin", at.admin, "Speak to the relay with this admin port: http://10.0.0.12:9097");
  CLI::Option* context =
      command.add_option("--context", at.contexts, "Speak to the relay of this context");
  admin->expected(1)->take_all()->type_name("URL");
  context->expected(1)->take_all()->type_name("NAME");
  command.add_option("--token-file", at.token_file, "The file of the token for it");
}

void AddConfig(CLI::App& command, const std::string& names, std::string& path) {
  command.add_option(names, path, "The relay's configuration file")
      ->capture_default_str()
      ->envname(kConfigVariable);
}

void AddOperators(CLI::App& app, int& exit_code) {
  static StatusArgs backends;
  static ReplayArgs replay;
  static FillArgs repair;
  static CompareArgs compare;
  static ReportArgs report;
  static DrillArgs drill;
  static CheckpointArgs checkpoint;
  static JoinArgs join;
  static FoundArgs found;
  static AcknowledgeArgs acknowledge;
  static ContextArgs context;
  backends.where.config_path = kDefaultConfigPath;
  AddVerbs(app, "", exit_code);
  AddDead(app, exit_code);
  AddLedgers(app, exit_code);
  AddBackend(app, backends, exit_code);
  AddReplay(app, replay, exit_code);
  AddCompare(app, compare, exit_code);
  AddRepair(app, repair, exit_code);
  AddReport(app, report, exit_code);
  AddDrill(app, drill, exit_code);
  AddCheckpoint(app, checkpoint, exit_code);
  AddJoin(app, join, exit_code);
  AddFound(app, found, exit_code);
  AddAcknowledge(app, acknowledge, exit_code);
  AddContexts(app, context, exit_code);
}

}  // namespace relay
