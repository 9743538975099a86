// The command line of what operators do: declared here, done in relay/.
#include "relay/cli/options.h"

#include <fmt/format.h>

#include "relay/base/parse.h"
#include "relay/cli/commands.h"

namespace relay {
namespace {

// Arguments live as long as the program: callbacks refer to them.
OperateArgs& NewOperateArgs(std::string verb) {
  static std::vector<std::unique_ptr<OperateArgs>> all;
  all.push_back(std::make_unique<OperateArgs>());
  all.back()->verb = std::move(verb);
  return *all.back();
}

LedgerArgs& NewLedgerArgs() {
  static std::vector<std::unique_ptr<LedgerArgs>> all;
  all.push_back(std::make_unique<LedgerArgs>());
  return *all.back();
}

void AddHowToAsk(CLI::App& command, OperateArgs& args) {
  AddConfig(command, "--config", args.config_path);
  command.add_flag("--dry-run", args.dry_run, "Only say what would be done");
  command.add_flag("--yes", args.yes, "Do not ask");
  command.add_flag("--json", args.json, "Print JSON");
}

CLI::App* AddVerb(CLI::App& app, OperateArgs& args, const std::string& sentence, int& exit_code) {
  CLI::App* command = app.add_subcommand(args.verb, sentence);
  AddHowToAsk(*command, args);
  command->add_option("--backend", args.backend, "The backend")->required();
  command->callback([&args, &exit_code] { exit_code = Operate(args); });
  return command;
}

void AddLane(CLI::App& command, OperateArgs& args) {
  command.add_option("--database", args.database, "The database or bucket");
  command.add_option("--retention-policy", args.retention_policy,
                     "Its policy (default: its default)");
}

void AddVerbs(CLI::App& app, int& exit_code) {
  AddVerb(app, NewOperateArgs("pause"), "Deliver nothing to a backend until it is resumed",
          exit_code);
  AddVerb(app, NewOperateArgs("resume"), "Deliver again", exit_code);
  OperateArgs& rewind = NewOperateArgs("rewind");
  CLI::App* command = AddVerb(
      app, rewind, "Deliver once more what was accepted after a record, or at a time or later",
      exit_code);
  command->add_option("--to", rewind.to, fmt::format("Where to: {}", kPositionForms))->required();
  command->add_option("--note", rewind.note, "Why, for the audit trail");
  OperateArgs& skip = NewOperateArgs("skip");
  command =
      AddVerb(app, skip, "Give up what a backend is owed, or what a database holds", exit_code);
  command->add_option("--to", skip.to, fmt::format("Up to: {}", kPositionForms));
  command->add_option("--note", skip.note, "Why, for the gap ledger");
  AddLane(*command, skip);
  OperateArgs& hold = NewOperateArgs("hold");
  AddLane(
      *AddVerb(app, hold, "Keep what comes for a database aside until it is released", exit_code),
      hold);
  OperateArgs& release = NewOperateArgs("release");
  AddLane(*AddVerb(app, release, "Deliver what a hold kept aside", exit_code), release);
}

void AddWhere(CLI::App& command, LedgerArgs& args) {
  AddConfig(command, "--config", args.where.config_path);
  command.add_option("--data", args.where.data,
                     "A data directory (log.path), of a running relay or a copy");
  command.add_flag("--json", args.json, "Print JSON");
}

void AddPaging(CLI::App& command, LedgerArgs& args) {
  AddWhere(command, args);
  command.add_option("--backend", args.backend, "The backend (needed where there are several)");
  command.add_option("--after", args.after, "Only those with a higher number");
  command.add_option("--limit", args.limit, "Show at most this many")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000}));
}

void AddLetters(CLI::App& dead, OperateArgs& args, const std::string& sentence, int& exit_code) {
  CLI::App* command = AddVerb(dead, args, sentence, exit_code);
  CLI::Option* numbers = command->add_option("NUMBER", args.numbers, "The letters' numbers");
  command->add_flag("--all", args.all, "All that there are")->excludes(numbers);
}

void AddDead(CLI::App& app, int& exit_code) {
  CLI::App* dead = app.add_subcommand("dead", "What a backend refused for good, line by line");
  dead->require_subcommand(1);
  LedgerArgs& list = NewLedgerArgs();
  CLI::App* command = dead->add_subcommand("list", "List the dead letters");
  AddPaging(*command, list);
  command->callback([&] { exit_code = ListDead(list); });
  LedgerArgs& show = NewLedgerArgs();
  command = dead->add_subcommand("show", "Show one with its lines and the backend's words");
  AddPaging(*command, show);
  command->add_option("NUMBER", show.number, "The letter's number")->required();
  command->callback([&] { exit_code = ShowDead(show); });
  LedgerArgs& to_file = NewLedgerArgs();
  to_file.limit = 1'000'000;
  command = dead->add_subcommand("export", "Write the lines, to be corrected and imported");
  AddPaging(*command, to_file);
  command->add_option("--output", to_file.output, "A new file (default: standard output)");
  command->callback([&] { exit_code = ExportDead(to_file); });
  AddLetters(*dead, NewOperateArgs("redrive"), "Accept the lines once more, for this backend alone",
             exit_code);
  AddLetters(*dead, NewOperateArgs("drop"), "Delete letters for good", exit_code);
}

void AddLedgers(CLI::App& app, int& exit_code) {
  LedgerArgs& gaps = NewLedgerArgs();
  CLI::App* command = app.add_subcommand(
      "gaps", "What will never be delivered to a backend: when, how much, why and by whom");
  AddPaging(*command, gaps);
  command->callback([&] { exit_code = ListGaps(gaps); });
  LedgerArgs& audit = NewLedgerArgs();
  command = app.add_subcommand("audit", "What operators changed, newest first");
  AddWhere(*command, audit);
  command->add_option("--limit", audit.limit, "Show at most this many")->capture_default_str();
  command->callback([&] { exit_code = ListAudit(audit); });
}

void AddBackend(CLI::App& app, StatusArgs& list, int& exit_code) {
  CLI::App* backend = app.add_subcommand("backend", "The backends that the log knows");
  backend->require_subcommand(1);
  CLI::App* command =
      backend->add_subcommand("list", "List them, with those that are no longer configured");
  AddConfig(*command, "--config", list.where.config_path);
  command->add_option("--data", list.where.data, "A data directory (log.path)");
  command->add_flag("--json", list.json, "Print JSON");
  command->callback([&] { exit_code = ListBackends(list); });
  OperateArgs& forget = NewOperateArgs("forget");
  command = backend->add_subcommand(
      "forget", "Delete all that is kept for a backend that is no longer configured");
  AddHowToAsk(*command, forget);
  command->add_option("NAME", forget.backend, "The backend")->required();
  command->callback([&] { exit_code = Operate(forget); });
}

// "50000/s" is a number, too.
std::string DropPerSecond(std::string& rate) {
  if (rate.ends_with("/s")) rate.resize(rate.size() - 2);
  return "";
}

void AddReplay(CLI::App& app, ReplayArgs& args, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "replay", "Send once more what was accepted in a range, beside the normal delivery");
  AddConfig(*command, "--config", args.config_path);
  command->add_option("--backend", args.backend, "Whose records, and where they go");
  command->add_option("--from", args.from,
                      fmt::format("First record: {} (default: the oldest kept)", kPositionForms));
  command->add_option(
      "--to", args.to,
      "Last record, or the time before which it was accepted (default: the newest)");
  command->add_option("--database", args.database, "Of this database alone");
  command->add_option("--measurement", args.measurement, "Of this measurement alone");
  command->add_option("--to-url", args.to_url, "To one of admin.replay_targets instead");
  command->add_option("--from-checkpoint", args.checkpoint,
                      "Read from this checkpoint, not from the log: a name, or its directory");
  command->add_option("--rate", args.points_per_second, "Points per second at most: 50000/s")
      ->transform(CLI::Validator(DropPerSecond, "", ""));
  command->add_option("--follow", args.follow, "Show how far replay NUMBER is");
  command->add_option("--cancel", args.cancel, "End replay NUMBER");
  command->add_flag("--list", args.list, "List those that run, and the last that ended");
  command->add_flag("--detach", args.detach, "Do not wait for its end");
  command->add_flag("--dry-run", args.dry_run, "Only say what would be done");
  command->add_flag("--yes", args.yes, "Do not ask");
  command->add_flag("--json", args.json, "Print JSON");
  command->callback([&] { exit_code = Replay(args); });
}

void AddCheckpoint(CLI::App& app, CheckpointArgs& args, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "checkpoint",
      "Copy the log of the running relay, with its cursors: a relay started on the copy goes on "
      "where it was made");
  CLI::Option* directory = command->add_option("DIR", args.directory,
                                               "A name, or a new directory in log.checkpoint_dir");
  AddConfig(*command, "--config", args.config_path);
  CLI::Option* list = command->add_flag("--list", args.list, "List the checkpoints that there are");
  command->add_flag("--drop", args.drop, "Delete this checkpoint instead")
      ->needs(directory)
      ->excludes(list);
  command->add_flag("--dry-run", args.dry_run, "Only say what would be done")->excludes(list);
  command->add_flag("--yes", args.yes, "Do not ask before deleting");
  command->add_flag("--json", args.json, "Print JSON");
  command->callback([&] { exit_code = Checkpoint(args); });
}

}  // namespace

void AddConfig(CLI::App& command, const std::string& names, std::string& path) {
  command.add_option(names, path, "The relay's configuration file")
      ->capture_default_str()
      ->envname(kConfigVariable);
}

void AddOperators(CLI::App& app, int& exit_code) {
  static StatusArgs backends;
  static ReplayArgs replay;
  static CheckpointArgs checkpoint;
  backends.where.config_path = kDefaultConfigPath;
  AddVerbs(app, exit_code);
  AddDead(app, exit_code);
  AddLedgers(app, exit_code);
  AddBackend(app, backends, exit_code);
  AddReplay(app, replay, exit_code);
  AddCheckpoint(app, checkpoint, exit_code);
}

}  // namespace relay
