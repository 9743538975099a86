// The command line of what operators do: declared here, done in relay/.
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

void AddHowToAsk(CLI::App& command, OperateArgs& args) {
  AddConfig(command, "--config", args.config_path);
  command.add_flag("--dry-run", args.dry_run, "Only say what would be done");
  command.add_flag("--yes", args.yes, "Do not ask");
  command.add_flag("--json", args.json, "Print JSON");
}

// "retention_policy" as "--retention-policy".
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

// The verbs of a group: "dead" has "dead drop"; those of "" stand alone.
void AddVerbs(CLI::App& app, const std::string& group, int& exit_code) {
  for (const VerbSpec& verb : Verbs()) {
    const std::size_t space = verb.command.find(' ');
    const bool grouped = space != std::string_view::npos;
    if (verb.command.substr(0, grouped ? space : 0) != group) continue;
    const std::string name(verb.command.substr(grouped ? space + 1 : 0));
    OperateArgs& args = NewOperateArgs(verb);
    CLI::App* command = app.add_subcommand(name, std::string(verb.sentence));
    AddHowToAsk(*command, args);
    const bool of_backends = group == "backend";  // `backend forget NAME`.
    command->add_option(of_backends ? "NAME" : "--backend", args.backend, "The backend")
        ->required();
    AddParameters(*command, args);
    command->callback([&args, &exit_code] { exit_code = Operate(args); });
  }
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
  AddVerbs(*dead, "dead", exit_code);
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
  AddVerbs(*backend, "backend", exit_code);
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
  AddVerbs(app, "", exit_code);
  AddDead(app, exit_code);
  AddLedgers(app, exit_code);
  AddBackend(app, backends, exit_code);
  AddReplay(app, replay, exit_code);
  AddCheckpoint(app, checkpoint, exit_code);
}

}  // namespace relay
