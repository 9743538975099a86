#include "config/original.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "config/endpoint.h"

namespace relay {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTimeoutLeast{100};
constexpr milliseconds kTimeoutMost = std::chrono::minutes(10);

// What there is to say of a file: its first mistake, and what is not as it was.
class Findings {
 public:
  explicit Findings(std::string name) : name_(std::move(name)) {}

  void Mistake(const toml::source_position& at, const std::string& setting,
               std::string_view expected) {
    if (first_ && first_->at <= at) return;
    first_ = {at, fmt::format("{}:{}:{}: {}: {}", name_, at.line, at.column, setting, expected)};
  }
  void Note(const std::string& setting, std::string_view what) {
    notes_.push_back(fmt::format("{}: {}", setting, what));
  }

  Status first() const {
    if (!first_) return Ok();
    return Error(ErrorCode::kInvalidInput, first_->message);
  }
  std::vector<std::string> TakeNotes() { return std::move(notes_); }

 private:
  struct First {
    toml::source_position at;
    std::string message;
  };
  std::string name_;
  std::optional<First> first_;
  std::vector<std::string> notes_;
};

// One table of the file. Each key is asked for once; what nobody asked for is a
// mistake.
class Table {
 public:
  Table(const toml::table& table, std::string path, Findings& findings)
      : table_(table), path_(std::move(path)), findings_(findings) {}

  std::string Path(std::string_view key) const {
    return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  }
  bool Has(std::string_view key) const { return table_.get(key) != nullptr; }

  std::optional<std::string> Text(std::string_view key) {
    return Scalar<std::string>(key, "expected text in quotes");
  }
  std::optional<std::int64_t> Number(std::string_view key) {
    const auto number = Scalar<std::int64_t>(key, "expected a whole number, 0 or more");
    if (!number || *number >= 0) return number;
    Mistake(key, "expected a whole number, 0 or more");
    return std::nullopt;
  }
  std::optional<bool> Flag(std::string_view key) {
    return Scalar<bool>(key, "expected true or false");
  }

  // A value that says what it stands for by itself.
  template <typename T, typename Parse>
  std::optional<T> Parsed(std::string_view key, const Parse& parse) {
    const std::optional<std::string> text = Text(key);
    if (!text) return std::nullopt;
    Result<T> value = parse(*text);
    if (value.ok()) return std::move(value).value();
    Mistake(key, value.error().message());
    return std::nullopt;
  }

  std::vector<Table> Tables(std::string_view key) {
    Know(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr) return {};
    const toml::array* list = node->as_array();
    std::vector<Table> tables;
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
      const toml::table* one = (*list)[i].as_table();
      if (one == nullptr) break;
      tables.emplace_back(*one, fmt::format("{}[{}]", Path(key), i), findings_);
    }
    if (list == nullptr || tables.size() != list->size()) Mistake(key, "expected a list of tables");
    return tables;
  }

  std::optional<Table> Inner(std::string_view key) {
    Know(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr) return std::nullopt;
    if (node->as_table() != nullptr) return Table(*node->as_table(), Path(key), findings_);
    Mistake(key, "expected a table");
    return std::nullopt;
  }

  // Taken, whatever it is, and not used.
  void NoUse(std::string_view key, std::string_view why) {
    Know(key);
    if (Has(key)) findings_.Note(Path(key), why);
  }

  void Mistake(std::string_view key, std::string_view expected) {
    const toml::node* node = table_.get(key);
    const toml::node& at = node != nullptr ? *node : static_cast<const toml::node&>(table_);
    findings_.Mistake(at.source().begin, Path(key), expected);
  }

  // False where something is there that is not known.
  bool Finish() {
    bool all_known = true;
    for (const auto& [key, node] : table_) {
      if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
      all_known = false;
      findings_.Mistake(key.source().begin, Path(key.str()),
                        fmt::format("no such setting. There are: {}", fmt::join(known_, ", ")));
    }
    return all_known;
  }

 private:
  void Know(std::string_view key) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  }

  template <typename T>
  std::optional<T> Scalar(std::string_view key, std::string_view expected) {
    Know(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr) return std::nullopt;
    const std::optional<T> value = node->value_exact<T>();
    if (!value) Mistake(key, expected);
    return value;
  }

  const toml::table& table_;
  std::string path_;
  Findings& findings_;
  std::vector<std::string> known_;
};

// ":9096" is every address, as in Go.
Result<ListenAddress> ParseBindAddress(std::string_view text) {
  if (text.starts_with(':')) return ParseListenAddress("0.0.0.0" + std::string(text));
  constexpr std::string_view kLocalHost = "localhost:";
  if (text.starts_with(kLocalHost)) {
    return ParseListenAddress("127.0.0.1:" + std::string(text.substr(kLocalHost.size())));
  }
  return ParseListenAddress(text);
}

std::string_view WithoutEnd(std::string_view text, std::string_view end) {
  if (text.ends_with(end)) text.remove_suffix(end.size());
  return text;
}

// http://host:port/write; our URLs end before the /write.
Result<BackendUrl> ParseLocation(std::string_view text) {
  return ParseBackendUrl(WithoutEnd(WithoutEnd(WithoutEnd(text, "/"), "/write"), "/"));
}

Result<BackendUrl> ParsePacketLocation(std::string_view text) {
  return ParseBackendUrl("udp://" + std::string(text));
}

Result<Precision> ParsePrecision(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, Precision>, 8> kWords = {
      {{"", Precision::kNanosecond},
       {"n", Precision::kNanosecond},
       {"ns", Precision::kNanosecond},
       {"u", Precision::kMicrosecond},
       {"ms", Precision::kMillisecond},
       {"s", Precision::kSecond},
       {"m", Precision::kMinute},
       {"h", Precision::kHour}}};
  for (const auto& [word, precision] : kWords) {
    if (word == text) return precision;
  }
  return Error(ErrorCode::kInvalidInput, "expected n, u, ms, s, m or h");
}

// Whether two outputs are one backend: the same place in the same way.
bool AreOne(const BackendConfig& a, const BackendConfig& b) {
  return a == b;
}

class Original {
 public:
  explicit Original(Findings& findings) : findings_(findings) {}

  Config Read(const toml::table& file) {
    Table root(file, "", findings_);
    for (Table& http : root.Tables("http")) ReadHttp(http);
    for (Table& udp : root.Tables("udp")) ReadUdp(udp);
    if (auto log = root.Inner("log")) ReadLog(*log);
    if (auto admin = root.Inner("admin")) ReadAdmin(*admin);
    for (Table& filter : root.Tables("filter")) {
      filter.Mistake("measurement-expression",
                     "filters are not taken here: write the configuration as YAML, where backends "
                     "have `only` and `except`");
    }
    root.NoUse("verbose", "has no use here");
    root.Finish();
    if (config_.backends.empty() && findings_.first().ok())
      root.Mistake("http", "expected an output to write to");
    return std::move(config_);
  }

 private:
  void ReadHttp(Table& table) {
    HttpListenerConfig http;
    const std::string name = table.Text("name").value_or("");
    ReadAddress(table, http.address);
    http.default_retention_policy = table.Text("default-retention-policy").value_or("");
    http.tls.certificate = table.Text("ssl-combined-pem").value_or("");
    http.tls.key = http.tls.certificate;
    http.pass_credentials = true;  // It has no other way to write where they are asked for.
    table.NoUse("health-timeout-ms", "no use here: the admin port says how each backend is");
    table.NoUse("rate-limit", "not applied: clients are bounded by `limits`, in the YAML form");
    table.NoUse("burst-limit", "not applied: clients are bounded by `limits`, in the YAML form");
    table.NoUse("default-ping-response", "no use here: /ping is answered 204");
    for (Table& output : table.Tables("output")) {
      AddOutput(name, ReadHttpOutput(output), output, http.backends);
    }
    // What is missing may be what was misspelt.
    if (table.Finish() && http.backends.empty()) {
      table.Mistake("output", "expected an output to write to");
    }
    config_.http.push_back(std::move(http));
  }

  void ReadUdp(Table& table) {
    UdpListenerConfig udp;
    const std::string name = table.Text("name").value_or("");
    ReadAddress(table, udp.address);
    udp.database = "udp";  // Packets carry none: who receives them decides.
    udp.read_buffer = Bytes(static_cast<std::uint64_t>(table.Number("read-buffer").value_or(0)));
    udp.precision = table.Parsed<Precision>("precision", ParsePrecision).value_or(udp.precision);
    for (Table& output : table.Tables("output")) {
      BackendConfig backend = ReadUdpOutput(output);
      backend.udp_precision = udp.precision;
      AddOutput(name, std::move(backend), output, udp.backends);
    }
    // What is missing may be what was misspelt.
    if (table.Finish() && udp.backends.empty()) {
      table.Mistake("output", "expected an output to write to");
    }
    config_.udp.push_back(std::move(udp));
  }

  void ReadLog(Table& table) {
    if (auto path = table.Text("path")) config_.log.path = *path;
    table.Finish();
  }
  void ReadAdmin(Table& table) {
    ReadAddress(table, config_.admin.address);
    table.Finish();
  }

  static void ReadAddress(Table& table, ListenAddress& into) {
    if (!table.Has("bind-addr")) table.Mistake("bind-addr", "expected here, as it has no default");
    into = table.Parsed<ListenAddress>("bind-addr", ParseBindAddress).value_or(into);
  }

  BackendConfig ReadHttpOutput(Table& table) {
    BackendConfig backend = Begin(table);
    if (auto url = table.Parsed<BackendUrl>("location", ParseLocation)) backend.url = *url;
    if (auto timeout = table.Parsed<milliseconds>("timeout", ParseGoDuration)) {
      backend.timeout = std::clamp(*timeout, kTimeoutLeast, kTimeoutMost);
      if (backend.timeout != *timeout) findings_.Note(table.Path("timeout"), "is 100ms to 10min");
    }
    if (const std::int64_t kib = table.Number("max-batch-kb").value_or(0); kib > 0) {
      constexpr std::int64_t kMost = 64 * 1024;
      backend.batch.max_bytes = Bytes(static_cast<std::uint64_t>(std::min(kib, kMost)) << 10U);
    }
    backend.tls.insecure_skip_verify = table.Flag("skip-tls-verification").value_or(false);
    table.NoUse("buffer-size-mb",
                "is not memory any more: what a backend misses is in the log on disk, " +
                    config_.log.path + " unless [log] says otherwise");
    table.NoUse("max-delay-interval", "has no use here: a backend is tried again within 5s");
    if (auto endpoints = table.Inner("endpoints")) ReadEndpoints(*endpoints, backend);
    table.Finish();
    return backend;
  }

  // The fork's: what is behind the location.
  void ReadEndpoints(Table& table, BackendConfig& backend) {
    constexpr std::string_view kWrite = "/write";
    const std::string write = table.Text("write").value_or(std::string(kWrite));
    if (!write.ends_with(kWrite)) {
      table.Mistake("write", "expected a path that ends with /write");
    } else {
      backend.url.path_prefix += WithoutEnd(write, kWrite);
    }
    for (const std::string_view key : {"write_prom", "prom_write", "ping", "query"}) {
      table.NoUse(key, "has no use here: only /write is relayed");
    }
    table.Finish();
  }

  BackendConfig ReadUdpOutput(Table& table) {
    BackendConfig backend = Begin(table);
    if (auto url = table.Parsed<BackendUrl>("location", ParsePacketLocation)) backend.url = *url;
    if (const std::int64_t mtu = table.Number("mtu").value_or(0); mtu > 0) {
      backend.mtu = Bytes(static_cast<std::uint64_t>(mtu));
    }
    table.Finish();
    return backend;
  }

  // An output without a name is called by its location, as in the original.
  static BackendConfig Begin(Table& table) {
    if (!table.Has("location")) table.Mistake("location", "expected here, as it has no default");
    std::string name = table.Text("name").value_or("");
    if (name.empty() && table.Has("location")) name = table.Text("location").value_or("");
    Result<BackendId> id = BackendId::Parse(BackendNameFor(name));
    if (!id.ok()) id = BackendId::Parse("unnamed");
    return {.name = std::move(id).value()};
  }

  // Outputs of two listeners that are the same in all are one backend; of two
  // that only share their name the second is called by its listener too.
  void AddOutput(const std::string& listener, BackendConfig backend, const Table& table,
                 std::vector<BackendId>& of_listener) {
    const BackendConfig* there = Find(backend.name);
    if (there != nullptr && !AreOne(*there, backend)) {
      const std::string longer = BackendNameFor(listener + "-" + backend.name.text());
      backend.name = BackendId::Parse(longer).value();
      findings_.Note(table.Path("name"), "is the backend " + longer);
      there = Find(backend.name);
    }
    const bool twice =
        std::find(of_listener.begin(), of_listener.end(), backend.name) != of_listener.end();
    if (twice || (there != nullptr && !AreOne(*there, backend))) {
      Table(table).Mistake("name", "expected a name of its own");
      return;
    }
    of_listener.push_back(backend.name);
    if (there == nullptr) config_.backends.push_back(std::move(backend));
  }

  const BackendConfig* Find(const BackendId& name) const {
    const auto found = std::find_if(config_.backends.begin(), config_.backends.end(),
                                    [&](const BackendConfig& one) { return one.name == name; });
    return found == config_.backends.end() ? nullptr : &*found;
  }

  Findings& findings_;
  Config config_;
};

}  // namespace

Result<Config> ParseOriginal(const std::string& text, const std::string& name) {
  Findings findings(name);
  try {
    const toml::table file = toml::parse(text, name);
    Config config = Original(findings).Read(file);
    if (Status right = findings.first(); !right.ok()) return std::move(right).error();
    config.notes = findings.TakeNotes();
    return config;
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    return Error(ErrorCode::kInvalidInput, fmt::format("{}:{}:{}: not valid TOML: {}", name,
                                                       at.line, at.column, error.description()));
  }
}

}  // namespace relay
