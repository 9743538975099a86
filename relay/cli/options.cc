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
    const bool of_backends = group == "backend";  // `backend forget NAME`.
    command->add_option(of_backends ? "NAME" : "--backend", args.backend, "The backend")
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

void AddBackend(CLI::App& app, StatusArgs& list, int& exit_code) {
  CLI::App* backend = app.add_subcommand("backend", "List the log's backends, or forget one");
  backend->require_subcommand(1);
  CLI::App* command =
      backend->add_subcommand("list", "List the backends, including those no longer configured");
  AddConfig(*command, "--config", list.where.config_path);
  command->add_option("--data", list.where.data, "A data directory (log.path)");
  command->add_flag("--json", list.json, "Print JSON");
  command->callback([&] { exit_code = ListBackends(list); });
  AddVerbs(*backend, "backend", exit_code);
}

// Accepts "50000/s" as a number.
std::string DropPerSecond(std::string& rate) {
  if (rate.ends_with("/s")) rate.resize(rate.size() - 2);
  return "";
}

void AddReplay(CLI::App& app, ReplayArgs& args, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("replay", "Send a range of records again, beside the normal delivery");
  AddConfig(*command, "--config", args.config_path);
  command->add_option("--backend", args.backend,
                      "The backend whose records are sent, and their target");
  command->add_option("--from", args.from,
                      fmt::format("First record: {} (default: the oldest kept)", kPositionForms));
  command->add_option(
      "--to", args.to,
      "Last record, or the time before which it was accepted (default: the newest)");
  command->add_option("--database", args.database, "Only records of this database");
  command->add_option("--measurement", args.measurement, "Only points of this measurement");
  command->add_option("--to-url", args.to_url, "Send to this URL of admin.replay_targets instead");
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

void AddCheckpoint(CLI::App& app, CheckpointArgs& args, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "checkpoint",
      "Copy the log of the running relay with its cursors; a relay started on the copy continues "
      "from there");
  CLI::Option* directory = command->add_option("DIR", args.directory,
                                               "A name, or a new directory in log.checkpoint_dir");
  AddConfig(*command, "--config", args.config_path);
  CLI::Option* list = command->add_flag("--list", args.list, "List the checkpoints");
  command->add_flag("--drop", args.drop, "Delete this checkpoint instead")
      ->needs(directory)
      ->excludes(list);
  command->add_flag("--dry-run", args.dry_run, "Only show what would be done")->excludes(list);
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
  AddVerbs(app, "", exit_code);
  AddDead(app, exit_code);
  AddLedgers(app, exit_code);
  AddBackend(app, backends, exit_code);
  AddReplay(app, replay, exit_code);
  AddCheckpoint(app, checkpoint, exit_code);
}

}  // namespace relay
