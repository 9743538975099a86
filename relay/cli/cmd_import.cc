#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "config/schema/endpoint.h"
#include "config/schema/value_format.h"
#include "relay/cli/commands.h"
#include "relay/service/backend_transport.h"
#include "relay/terminal/progress_line.h"
#include "relay/transfer/importer.h"
#include "relay/transfer/input_file.h"
#include "wal/base/precision.h"

namespace relay {
namespace {

constexpr std::size_t kReadSize = 256U << 10U;
constexpr std::uint64_t kRefusedShown = 100;

// A signal handler may only write a static of this type.
volatile std::sig_atomic_t& Interrupted() {
  static volatile std::sig_atomic_t interrupted = 0;
  return interrupted;
}

extern "C" void OnInterrupt(int) {
  Interrupted() = 1;
}

// A second signal ends the program at once.
void StopOnInterrupt() {
  struct sigaction action {};
  action.sa_handler = OnInterrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

Result<Precision> ParsePrecision(std::string_view word) {
  const std::optional<Precision> precision = PrecisionNamed(word, PrecisionDialect::kCommands);
  if (precision) return *precision;
  return Error(ErrorCode::kInvalidInput, fmt::format("unknown precision '{}': use {}", word,
                                                     ListPrecisions(PrecisionDialect::kCommands)));
}

Result<std::unique_ptr<Transport>> TransportTo(const ImportArgs& args) {
  Result<BackendUrl> url = ParseBackendUrl(args.to);
  if (!url.ok()) return std::move(url).error().Within("--to");
  if (url.value().udp)
    return Error(ErrorCode::kInvalidInput,
                 "--to: udp:// sends no answers, use http:// or https://");
  BackendConfig relay{.name = BackendId::Parse("relay").value(), .url = std::move(url).value()};
  relay.username = args.username;
  if (!args.password_file.empty()) relay.password = SecretSource::FromFile(args.password_file);
  relay.tls.ca = args.ca;
  relay.timeout = std::chrono::seconds(30);
  return TransportFor(relay);
}

// Prints FILE:LINE: MESSAGE, as compilers do.
class ErrorPrinter {
 public:
  ErrorPrinter(const std::string& file, ProgressLine& progress)
      : file_(file), progress_(progress) {}

  void operator()(std::uint64_t line, const std::string& message) {
    if (++printed_ > kRefusedShown) return;
    progress_.Erase();
    fmt::print(stderr, "{}:{}: {}\n", file_, line, message);
    if (printed_ == kRefusedShown) {
      fmt::print(stderr, "further ones are counted but not shown\n");
    }
  }

 private:
  const std::string& file_;
  ProgressLine& progress_;
  std::uint64_t printed_ = 0;
};

void PrintSummary(const ImportArgs& args, const ImportTally& tally, bool whole) {
  if (args.json) {
    const nlohmann::ordered_json json = {
        {"points", tally.points},       {"refused_lines", tally.refused},
        {"doubtful", tally.doubtful},   {"statements", tally.statements},
        {"next_line", tally.next_line}, {"finished", whole}};
    fmt::print("{}\n", json.dump());
    return;
  }
  fmt::print("{} points accepted, {} lines refused\n", Grouped(tally.points),
             Grouped(tally.refused));
  if (tally.doubtful > 0) {
    fmt::print("in {} batches the relay refused some lines\n", tally.doubtful);
  }
  if (!whole) fmt::print("continue with: --from-line {}\n", tally.next_line);
}

int Exit(const Status& ran, const ImportArgs& args, const ImportTally& tally) {
  if (!ran.ok()) fmt::print(stderr, "import: {}\n", ran.error().message());
  PrintSummary(args, tally, ran.ok());
  return ran.ok() && tally.refused + tally.doubtful == 0 ? kDone : kFailed;
}

int Refuse(const Error& error) {
  fmt::print(stderr, "import: {}\n", error.message());
  return error.code() == ErrorCode::kInvalidInput ? kWrongUsage : kFailed;
}

}  // namespace

int Import(const ImportArgs& args) {
  Result<Precision> precision = ParsePrecision(args.precision);
  if (!precision.ok()) return Refuse(std::move(precision).error().Within("--precision"));
  const Result<Bytes> line_max = LineSize().parse(args.max_line);
  if (!line_max.ok()) return Refuse(Error(line_max.error()).Within("--max-line"));
  Result<std::unique_ptr<Transport>> transport = TransportTo(args);
  if (!transport.ok()) return Refuse(transport.error());
  Result<std::unique_ptr<TextFile>> file = TextFile::Open(args.file);
  if (!file.ok()) return Refuse(file.error());
  TextFile& text = *file.value();

  SystemClock clock;
  ProgressLine progress(clock);
  ErrorPrinter print_error(args.file, progress);
  Importer::Options options;
  options.patience = std::chrono::seconds(args.patience_seconds);
  options.jitter_seed = static_cast<std::uint64_t>(clock.Now().time_since_epoch().count());
  options.line_max = line_max.value();
  options.stopped = [] { return Interrupted() != 0; };
  options.report = [&print_error](std::uint64_t line, const std::string& message) {
    print_error(line, message);
  };
  options.on_accepted = [&](const ImportTally& tally) {
    progress.Show(text.PartRead(),
                  fmt::format("{} points, line {}", Grouped(tally.points), tally.next_line));
  };
  ImportReader reader([&text](std::string& more) { return text.Read(more, kReadSize); },
                      {.database = args.database,
                       .retention_policy = args.retention_policy,
                       .precision = precision.value(),
                       .first_line = args.from_line,
                       .lines_max = args.batch_lines,
                       .line_max = line_max.value()});
  Importer importer(*transport.value(), clock, std::move(options));
  StopOnInterrupt();
  const Status ran = importer.Run(reader);
  progress.Erase();
  return Exit(ran, args, importer.tally());
}

}  // namespace relay
