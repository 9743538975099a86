#include "relay/docs/docs.h"

#include <fmt/format.h>

#include <functional>

#include "config/load.h"
#include "relay/docs/reference_page.h"

namespace relay {
namespace {

// Calls `see` for the program and every command below it, each with its path:
// "", "dead", "dead list".
void ForEach(const CommandDoc& command, const std::string& path,
             const std::function<void(const CommandDoc&, const std::string&)>& see) {
  see(command, path);
  for (const CommandDoc& child : command.commands) {
    ForEach(child, path.empty() ? child.name : path + " " + child.name, see);
  }
}

std::string Joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += separator;
    text += part;
  }
  return text;
}

// "--config FILE".
std::string ShownOption(const OptionDoc& option) {
  const std::string names = Joined(option.names, ", ");
  return option.positional || option.value.empty() ? names : names + " " + option.value;
}

std::string TextOf(const OptionDoc& option) {
  if (option.default_value.empty()) return option.text;
  return fmt::format("{} (default: {})", option.text, option.default_value);
}

// ---- Manual pages

// Escapes text for troff: no hyphens for minus signs, no line taken for a request.
std::string Roff(std::string_view text) {
  std::string roff;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) roff += "\\&";
    line_begins = c == '\n';
    if (c == '\\') {
      roff += "\\e";
    } else if (c == '-') {
      roff += "\\-";
    } else {
      roff += c;
    }
  }
  return roff;
}

std::string RoffOptions(const CommandDoc& command) {
  std::string text;
  for (const OptionDoc& option : command.options) {
    text += fmt::format(".TP\n.B {}\n{}\n", Roff(ShownOption(option)), Roff(TextOf(option)));
  }
  return text;
}

std::string ManPage(const CommandDoc& program, std::string_view version) {
  std::string page = fmt::format(
      ".TH INFLUXDB\\-RELAY 1 \"\" \"influxdb-relay {}\" \"User Commands\"\n"
      ".SH NAME\ninfluxdb\\-relay \\- {}\n"
      ".SH SYNOPSIS\n.B influxdb\\-relay\n.I COMMAND\n.RI [ OPTION ]...\n.PP\n"
      ".B influxdb\\-relay \\-config\n.I FILE\n"
      ".SH DESCRIPTION\nClients write line protocol to the relay; it stores each write on its "
      "own disk, acknowledges it, and delivers it to each backend independently.\n"
      ".SH OPTIONS\n{}.SH COMMANDS\n",
      version, Roff(program.text), RoffOptions(program));
  ForEach(program, "", [&page](const CommandDoc& command, const std::string& path) {
    if (path.empty()) return;
    page += fmt::format(".SS {}\n{}.\n{}", Roff(path), Roff(command.text), RoffOptions(command));
  });
  return page +
         ".SH EXIT STATUS\n0: done; 1: failed, or damage was found; 2: wrong usage or a wrong "
         "configuration.\n"
         ".SH FILES\n.TP\n.I /etc/influxdb\\-relay/relay.yaml\nThe configuration.\n"
         ".TP\n.I /var/lib/influxdb\\-relay\nThe log: writes accepted and not yet "
         "delivered.\n"
         ".SH SEE ALSO\n.BR influxdb\\-relay.yaml (5)\n";
}

// ---- Completions

std::string BashCompletion(const CommandDoc& program) {
  std::string known;
  ForEach(program, "", [&known](const CommandDoc& command, const std::string& path) {
    std::vector<std::string> words;
    for (const CommandDoc& child : command.commands) words.push_back(child.name);
    for (const OptionDoc& option : command.options) {
      if (!option.positional) words.push_back(Joined(option.names, " "));
    }
    known += fmt::format("    ['/{}']='{}'\n", path, Joined(words, " "));
  });
  return "# bash completion of influxdb-relay\n"
         "_influxdb_relay() {\n"
         "  local -A known=(\n" +
         known +
         "  )\n"
         "  local path=/ word i words names= IFS=$' \\n'\n"
         "  local -a config=()\n"
         "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
         "    word=${path%/}\n"
         "    [[ $path == / ]] && word=/${COMP_WORDS[i]} || word=\"$path ${COMP_WORDS[i]}\"\n"
         "    [[ -z ${known[$word]+known} ]] || path=$word\n"
         "    [[ ${COMP_WORDS[i]} != --config ]] || config=(--config \"${COMP_WORDS[i + 1]}\")\n"
         "  done\n"
         "  words=${known[$path]}\n"
         "  [[ \" $words \" != *' --backend '* ]] || names=backends\n"
         "  [[ $path != @(/compare|/repair|'/backend seed') ]] || names=backends\n"
         "  [[ $path != /checkpoint ]] || names=checkpoints\n"
         "  case ${COMP_WORDS[COMP_CWORD - 1]} in\n"
         "    --backend) words= names=backends ;;\n"
         "    --database) words= names=databases ;;\n"
         "    --from-checkpoint) words= names=checkpoints ;;\n"
         "    --*) names= ;;\n"
         "  esac\n"
         "  [[ -z $names ]] || words+=$'\\n'$(\"${COMP_WORDS[0]}\" names $names "
         "\"${config[@]}\" 2>/dev/null)\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
         "}\n"
         "complete -o default -F _influxdb_relay influxdb-relay\n";
}

// Returns a word and its description, in single quotes.
std::string ZshItem(const std::string& word, std::string_view text) {
  std::string item = "'" + word + ":";
  for (const char c : text) {
    if (c == '\'') {
      item += "'\\''";
    } else {
      item += c;
    }
  }
  return item + "'";
}

// Returns what can follow a command, for the `case` of the completion.
std::string ZshCase(const CommandDoc& command, const std::string& path) {
  std::string text = fmt::format("  ('/{}')\n    items=(\n", path);
  for (const CommandDoc& child : command.commands) {
    text += fmt::format("      {}\n", ZshItem(child.name, child.text));
  }
  for (const OptionDoc& option : command.options) {
    if (option.positional) continue;
    for (const std::string& name : option.names) {
      text += fmt::format("      {}\n", ZshItem(name, TextOf(option)));
    }
  }
  return text + "    )\n    ;;\n";
}

std::string ZshCompletion(const CommandDoc& program) {
  std::string cases;
  ForEach(program, "", [&cases](const CommandDoc& command, const std::string& path) {
    cases += ZshCase(command, path);
  });
  std::string paths;
  ForEach(program, "",
          [&paths](const CommandDoc&, const std::string& path) { paths += " '/" + path + "'"; });
  return "#compdef influxdb-relay\n"
         "local -a known=(" +
         paths +
         " )\n"
         "local -a items\n"
         "local at=/ word i\n"
         "for ((i = 2; i < CURRENT; ++i)); do\n"
         "  [[ $at == / ]] && word=/$words[i] || word=\"$at $words[i]\"\n"
         "  (( ${known[(Ie)$word]} )) && at=$word\n"
         "done\n"
         "case $at in\n" +
         cases +
         "esac\n"
         "local names=\n"
         "local -a config=() found=()\n"
         "(( ${words[(I)--config]} )) && config=(--config $words[${words[(i)--config]}+1])\n"
         "(( ${items[(I)--backend:*]} )) && names=backends\n"
         "[[ $at == (/compare|/repair|'/backend seed') ]] && names=backends\n"
         "[[ $at == /checkpoint ]] && names=checkpoints\n"
         "case $words[CURRENT-1] in\n"
         "  (--backend) items=() names=backends ;;\n"
         "  (--database) items=() names=databases ;;\n"
         "  (--from-checkpoint) items=() names=checkpoints ;;\n"
         "esac\n"
         "[[ -n $names ]] && found=(${(f)\"$($words[1] names $names $config 2>/dev/null)\"})\n"
         "(( $#found )) && compadd -- $found\n"
         "(( $#items )) && _describe 'influxdb-relay' items\n"
         "_files\n";
}

// ---- Reference

// Escapes '|', which would end the cell, and '<', which would begin a tag.
std::string InCell(const std::string& text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|' || c == '<') cell += '\\';
    cell += c;
  }
  return cell;
}

std::string Markdown(const CommandDoc& program) {
  std::string page = "# Commands\n";
  ForEach(program, "", [&page](const CommandDoc& command, const std::string& path) {
    const std::string blank = path.empty() ? "" : " ";
    page += fmt::format("\n## influxdb-relay{}{}\n\n{}.\n", blank, path, command.text);
    if (command.options.empty()) return;
    page += "\n| option | what |\n|---|---|\n";
    for (const OptionDoc& option : command.options) {
      page += fmt::format("| `{}` | {} |\n", ShownOption(option), InCell(TextOf(option)));
    }
  });
  return page;
}

}  // namespace

Result<std::string> Describe(const CommandDoc& program, std::string_view version,
                             std::string_view form) {
  if (form == "man") return ManPage(program, version);
  if (form == "bash") return BashCompletion(program);
  if (form == "zsh") return ZshCompletion(program);
  if (form == "markdown") return ReferencePage(Markdown(program));
  return Error(ErrorCode::kInvalidInput,
               fmt::format("unknown form '{}': use man, bash, zsh, markdown or settings", form));
}

std::string DescribeSettings(std::string_view version) {
  return fmt::format(
             ".TH INFLUXDB\\-RELAY.YAML 5 \"\" \"influxdb-relay {}\" \"File Formats\"\n"
             ".SH NAME\ninfluxdb\\-relay.yaml \\- configuration of influxdb\\-relay(1)\n"
             ".SH DESCRIPTION\nYAML. Every setting with its description, accepted values and "
             "default. Settings that are commented out have none.\n.SH SETTINGS\n.nf\n",
             version) +
         Roff(ReferenceYaml()) + ".fi\n.SH SEE ALSO\n.BR influxdb\\-relay (1)\n";
}

}  // namespace relay
