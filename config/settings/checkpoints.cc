#include "config/settings/checkpoints.h"

#include <chrono>

#include "config/schema/value_format.h"

namespace relay {

void DeclareCheckpoints(Section& section, CheckpointPlan& plan) {
  constexpr std::chrono::seconds kOftenest{1};
  constexpr std::chrono::hours kRarest{24 * 365};
  section.Value({"every", "How often one is made; 0s: none by itself."}, plan.every,
                TimeBetween(std::chrono::milliseconds(0), kRarest));
  section.Value(
      {"keep", "How many are kept; an older one is deleted once a newer one is complete."},
      plan.keep, CountBetween(1, 10'000));
  section.Value(
      {.key = "to",
       .description = "A directory to copy them to, on another disk, used by this relay only. "
                      "Default: they stay in checkpoint_dir.",
       .example = "/mnt/backup/influxdb-relay"},
      plan.to, SomeText("the path of a directory"));
  section.Values(
      {.key = "command",
       .description = "A command to hand each one to, with its arguments; no shell reads them. The "
                      "checkpoint's directory is added as the last one. Exit code 0: it has been "
                      "copied, and is deleted here. The command deletes old copies.",
       .example = "[/usr/local/bin/copy-checkpoint, --to, backup-host]"},
      plan.command, SomeText("a word"));
  section.Value({"timeout", "The limit for the command; then it is killed."}, plan.timeout,
                TimeBetween(kOftenest, kRarest));
  const SourceLocation to = section.Find("to");
  if (to.given && !plan.to.starts_with('/')) section.AddError(to, "expected an absolute path");
  const SourceLocation command = section.Find("command");
  if (command.given && !plan.command.empty() && !plan.command.front().starts_with('/')) {
    section.AddError(command, "expected an absolute path of a program");
  }
  if (to.given && command.given) section.AddError(command, "expected only without to");
  const SourceLocation every = section.Find("every");
  if (every.given && plan.every > plan.every.zero() && plan.every < kOftenest) {
    section.AddError(every, "expected at least 1s");
  }
}

}  // namespace relay
