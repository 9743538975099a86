#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "config/schema/closest_match.h"
#include "relay/base/human_format.h"
#include "relay/base/parse.h"
#include "relay/cli/commands.h"
#include "relay/cli/options.h"
#include "relay/docs/docs.h"

namespace {

constexpr const char* kDefaultConfig = relay::kDefaultConfigPath;

constexpr std::uint64_t kWaitSeconds = 86'400;

void AddLogLocation(CLI::App& command, relay::LogLocation& where) {
  relay::AddConfig(command, "--config", where.config_path);
  command.add_option("--data", where.data,
                     "A data directory (log.path), of a running relay or a copy");
}

void AddServe(CLI::App& app, std::string& config_path, int& exit_code) {
  CLI::App* command = app.add_subcommand("serve", "Accept writes and deliver them");
  relay::AddConfig(*command, "--config", config_path);
  command->callback([&] { exit_code = relay::Serve(config_path); });
}

void AddCheckConfig(CLI::App& app, relay::CheckConfigArgs& args, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("check-config",
                         "Validate a configuration, and the files, variables and disk that it "
                         "names, and report all mistakes");
  relay::AddConfig(*command, "FILE,--config", args.config_path);
  CLI::Option* example =
      command->add_flag("--example", args.example,
                        "Print a configuration with every setting and its default instead");
  CLI::Option* file_only =
      command->add_flag("--file-only", args.file_only,
                        "Look at the file alone, as on a machine that has not its files, "
                        "environment and disk");
  CLI::Option* probe = command->add_flag(
      "--probe", args.probe,
      "Ask every backend too: reachable, credentials, databases that the configuration names, "
      "version, clock; exit code 1 if something is wrong with one");
  command->add_flag("--json", args.json, "Print what the backends answered as JSON")->needs(probe);
  probe->excludes(example)->excludes(file_only);
  command
      ->add_flag("--to-yaml", args.to_yaml,
                 "Print it as YAML, also from the original relay's TOML; comments name the "
                 "settings that differ in meaning")
      ->excludes(example);
  command->callback([&] {
    exit_code = args.example   ? relay::ShowExampleConfig()
                : args.to_yaml ? relay::ShowConfigAsYaml(args.config_path)
                               : relay::CheckConfig(args);
  });
}

void AddStatus(CLI::App& app, relay::StatusArgs& args, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "status", "Show each backend's state and lag; from the data directory if no relay runs");
  AddLogLocation(*command, args.where);
  relay::AddRelayAt(*command, args.at);
  command->add_flag("--json", args.json, "Print JSON");
  CLI::Option* watch =
      command->add_flag("--watch", args.watch, "Refresh every two seconds until q or Ctrl-C");
  CLI::Option* wait = command->add_flag(
      "--wait", args.wait,
      "Return once everything accepted so far is delivered; fail after --timeout");
  wait->excludes(watch);
  command->add_option("--backend", args.backend, "Wait for this backend only")->needs(wait);
  command->add_option("--timeout", args.timeout_seconds, "Seconds to wait")
      ->default_val(kWaitSeconds)
      ->needs(wait);
  CLI::Option* check = command->add_flag(
      "--check", args.check,
      "For Nagios: print one line; exit code 0 OK, 1 warning, 2 critical, 3 unknown");
  check->excludes(watch)->excludes(wait);
  command
      ->add_option("--max-lag", args.max_lag,
                   "With --check, a backend that lacks an older point is critical: 30s, 5m")
      ->capture_default_str()
      ->needs(check);
  command->callback([&] { exit_code = relay::ShowStatus(args); });
}

void AddInspect(CLI::App& app, relay::InspectArgs& args, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "inspect", "List and show the records of a backend; safe while the relay runs");
  AddLogLocation(*command, args.where);
  command->add_option("--backend", args.backend, "The backend (required if there are several)");
  command->add_option(
      "--from", args.from,
      fmt::format("First record: {} (default: the oldest owed one)", relay::kPositionForms));
  command->add_option(
      "--to", args.to,
      "Last record, or the time before which it was accepted (default: the newest)");
  command->add_option("--limit", args.limit, "Show at most this many")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
  command->add_flag("--lines", args.lines, "Show the lines of each record too");
  CLI::Option* dead = command->add_flag("--dead", args.dead, "Show the dead letters instead");
  CLI::Option* held = command->add_flag("--held", args.held, "Show the lanes on hold instead");
  command
      ->add_flag("--gaps", args.gaps,
                 "Show the gaps instead: what will never be delivered, and why")
      ->excludes(dead)
      ->excludes(held);
  held->excludes(dead);
  command->add_flag("--json", args.json, "Print JSON, one object a line");
  command->callback([&] { exit_code = relay::Inspect(args); });
}

void AddVerify(CLI::App& app, relay::VerifyArgs& args, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "verify", "Check every record, sum and reference of a log; safe while the relay runs");
  AddLogLocation(*command, args.where);
  command->add_option("--limit", args.limit, "Show at most this many findings")
      ->capture_default_str();
  command->add_flag("--json", args.json, "Print JSON");
  command->callback([&] { exit_code = relay::Verify(args); });
}

void AddExport(CLI::App& app, relay::ExportArgs& args, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "export", "Write a backend's records as line protocol; safe while the relay runs");
  AddLogLocation(*command, args.where);
  command->add_option("--backend", args.backend, "The backend (required if there are several)");
  command->add_option(
      "--from", args.from,
      fmt::format("First record: {} (default: the oldest owed one)", relay::kPositionForms));
  command->add_option(
      "--to", args.to,
      "Last record, or the time before which it was accepted (default: the newest)");
  command->add_option("--database", args.database, "Only records of this database");
  CLI::Option* policy = command->add_option("--retention-policy", args.retention_policy,
                                            "Only of this policy (\"\": the database's default)");
  command->add_option("--measurement", args.measurement, "Only points of this measurement");
  command->add_option("--format", args.format, "influx: for `influx -import`; lp: lines only")
      ->capture_default_str()
      ->check(CLI::IsMember({"influx", "lp"}));
  command->add_option("--output", args.output,
                      "A new file, readable by its owner only (default: standard output)");
  CLI::Option* held = command->add_flag("--held", args.held, "Export the records on hold instead");
  command->add_flag("--dead", args.dead, "Export the dead letters instead")->excludes(held);
  command->add_flag("--json", args.json, "Print the summary as JSON");
  command->callback([&args, &exit_code, policy] {
    args.with_retention_policy = policy->count() > 0;
    exit_code = relay::Export(args);
  });
}

void AddImport(CLI::App& app, relay::ImportArgs& args, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "import", "Send a file of line protocol or for `influx -import` through a running relay");
  command->add_option("FILE", args.file, "Plain or gzip; - is standard input")->required();
  command->add_option("--database", args.database,
                      "For all lines (default: # CONTEXT-DATABASE in the file)");
  command->add_option("--retention-policy", args.retention_policy,
                      "For all lines (default: the file's, else the database's default)");
  command
      ->add_option("--precision", args.precision,
                   "Precision of the timestamps: n, u, ms, s, m or h")
      ->capture_default_str();
  command->add_option("--to", args.to, "URL of the relay")->capture_default_str();
  command->add_option("--username", args.username, "User name");
  command->add_option("--password-file", args.password_file, "File with the password");
  command->add_option("--ca", args.ca, "File of trusted certificates (default: the system's)");
  command
      ->add_option("--from-line", args.from_line,
                   "Continue at this line; earlier ones are imported already")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--batch-lines", args.batch_lines, "Lines per request at most")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{100'000}));
  command
      ->add_option("--max-line", args.max_line,
                   "The longest line; the relay refuses those longer than its own max_line")
      ->capture_default_str();
  command
      ->add_option("--patience", args.patience_seconds,
                   "Seconds to retry while nothing is accepted")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1'000'000}));
  command->add_flag("--json", args.json, "Print the summary as JSON");
  command->callback([&] { exit_code = relay::Import(args); });
}

relay::OptionDoc DocOf(const CLI::Option& option) {
  relay::OptionDoc doc;
  doc.text = option.get_description();
  doc.default_value = option.get_default_str();
  for (const std::string& name : option.get_snames()) doc.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) doc.names.push_back("--" + name);
  if (!option.get_envname().empty()) doc.text += ", unless $" + option.get_envname() + " names it";
  doc.positional = doc.names.empty();
  if (doc.positional) doc.names.push_back(option.get_name(true));
  if (option.get_expected_max() > 0) doc.value = option.get_type_name();
  return doc;
}

relay::CommandDoc DocOf(CLI::App& command) {
  relay::CommandDoc doc{.name = command.get_name(), .text = command.get_description()};
  for (const CLI::Option* option : command.get_options()) doc.options.push_back(DocOf(*option));
  const auto shown = [](const CLI::App* child) { return !child->get_group().empty(); };
  for (CLI::App* child : command.get_subcommands([&](CLI::App* one) { return shown(one); })) {
    doc.commands.push_back(DocOf(*child));
  }
  return doc;
}

// Used to build packages; hidden from users.
void AddDescribe(CLI::App& app, std::string& form, int& exit_code) {
  CLI::App* command = app.add_subcommand("describe", "Print the manual page or completions");
  command->group("");
  command->add_option("FORM", form, "man, bash, zsh, markdown or settings");
  command->callback([&app, &form, &exit_code] {
    if (form.empty()) {
      fmt::print(stderr, "describe: expected FORM: man, bash, zsh, markdown or settings\n");
      exit_code = relay::kWrongUsage;
      return;
    }
    const relay::Result<std::string> text =
        form == "settings" ? relay::Result(relay::DescribeSettings(RELAY_VERSION))
                           : relay::Describe(DocOf(app), RELAY_VERSION, form);
    fmt::print(text.ok() ? stdout : stderr, "{}",
               text.ok() ? text.value() : text.error().message());
    exit_code = text.ok() ? relay::kDone : relay::kWrongUsage;
  });
}

// Used by completions; hidden from users.
void AddNames(CLI::App& app, int& exit_code) {
  static std::string what;
  static std::string config_path = kDefaultConfig;
  CLI::App* command = app.add_subcommand("names", "Print names for completions");
  command->group("");
  command->add_option("WHAT", what, "backends, databases or checkpoints")
      ->required()
      ->check(CLI::IsMember({"backends", "databases", "checkpoints"}));
  relay::AddConfig(*command, "--config", config_path);
  command->callback([&exit_code] { exit_code = relay::ListNames(what, config_path); });
}

// Accepts the original relay's command line: `influxdb-relay -config FILE`, also
// -config=FILE and with two dashes.
std::vector<std::string> Arguments(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty()) {
    std::string& first = arguments.front();
    if (first == "-config" || first.starts_with("-config=")) first.insert(0, "-");
    const bool serves = first == "--config" || first.starts_with("--config=");
    if (serves) arguments.insert(arguments.begin(), "serve");
  }
  return {arguments.rbegin(), arguments.rend()};  // The order CLI11 requires.
}

std::vector<const CLI::App*> CommandsOf(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// Says that `typed` is no command of `app`, and which is meant, if one is near.
std::string NoSuchCommand(const CLI::App& app, const std::string& typed) {
  constexpr std::size_t kShownMax = 100;
  std::vector<std::string> known;
  for (const CLI::App* command : CommandsOf(app)) known.push_back(command->get_name());
  const auto meant = relay::ClosestMatch(typed, known);
  return fmt::format("no command \"{}\"{}", relay::OneLine(typed, kShownMax),
                     meant ? fmt::format("; did you mean {}?", *meant) : "; --help lists them");
}

// Returns what to say of a command that does not exist, also within a group (`dead lst`); empty: it
// exists, or options come first. `arguments`: the last is the first, as CLI11 takes them.
std::string UnknownCommand(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* group = &app;
  for (auto word = arguments.rbegin(); word != arguments.rend(); ++word) {
    const std::vector<const CLI::App*> commands = CommandsOf(*group);
    if (commands.empty() || word->starts_with("-")) return "";
    const auto named = std::find_if(commands.begin(), commands.end(), [&](const CLI::App* command) {
      return command->get_name() == *word;
    });
    if (named == commands.end()) return NoSuchCommand(*group, *word);
    group = *named;
  }
  return "";
}

int Run(int argc, char** argv) {
  CLI::App app{"A durable store-and-forward relay for InfluxDB writes", "influxdb-relay"};
  app.set_version_flag("--version", "influxdb-relay " RELAY_VERSION);
  app.require_subcommand(1);
  app.footer(
      "`influxdb-relay -config FILE` is short for `influxdb-relay serve --config FILE`.\n"
      "Exit codes: 0 done, 1 failed, 2 wrong usage or a wrong configuration; of `compare`: 0 "
      "equal, 1 different, 2 could not tell; of `status --check`: 0 OK, 1 warning, 2 critical, 3 "
      "unknown.");
  int exit_code = relay::kDone;
  std::string config_path = kDefaultConfig;
  relay::StatusArgs status{.where = {.config_path = kDefaultConfig, .data = ""}};
  relay::InspectArgs inspect{.where = {.config_path = kDefaultConfig, .data = ""}};
  AddServe(app, config_path, exit_code);
  relay::CheckConfigArgs check;
  AddCheckConfig(app, check, exit_code);
  AddStatus(app, status, exit_code);
  AddInspect(app, inspect, exit_code);
  relay::VerifyArgs verify{.where = {.config_path = kDefaultConfig, .data = ""}};
  AddVerify(app, verify, exit_code);
  relay::ExportArgs export_args{.where = {.config_path = kDefaultConfig, .data = ""}};
  AddExport(app, export_args, exit_code);
  relay::ImportArgs import;
  AddImport(app, import, exit_code);
  relay::AddOperators(app, exit_code);
  std::string form;
  AddDescribe(app, form, exit_code);
  AddNames(app, exit_code);
  std::vector<std::string> arguments = Arguments(argc, argv);
  if (const std::string unknown = UnknownCommand(app, arguments); !unknown.empty()) {
    fmt::print(stderr, "{}\n", unknown);
    return relay::kWrongUsage;
  }
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? relay::kDone : relay::kWrongUsage;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {  // Out of memory, or a library's bug.
    fmt::print(stderr, "influxdb-relay: {}\n", error.what());
    return relay::kFailed;
  }
}
