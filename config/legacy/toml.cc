#include "config/legacy/toml.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "config/legacy/toml_values.h"
#include "config/schema/closest_match.h"
#include "config/schema/endpoint.h"
#include "config/schema/value_format.h"

namespace relay {
namespace {

using std::chrono::milliseconds;

// The same limits as in config/settings/backend.cc and config/settings/lines.cc.
constexpr milliseconds kTimeoutLeast{100};
constexpr milliseconds kTimeoutMost = std::chrono::minutes(10);
constexpr std::pair<std::int64_t, std::int64_t> kBatchKib{1, 64 * 1024};
constexpr std::pair<std::int64_t, std::int64_t> kMtu{64, 65'507};
constexpr std::pair<std::int64_t, std::int64_t> kReadBuffer{1, 1 << 30};

constexpr std::string_view kSmartRelay =
    "this is a configuration of influxdb-srelay, which is not supported: write it as YAML, where "
    "each [[influxdb]] is a backend, a route is `only` of a backend, and queries go to the "
    "databases";
constexpr std::string_view kFilters =
    "filters are not read from this file: write the configuration as YAML, where `only` and "
    "`except` of a backend choose measurements and tags, by regular expressions too";

// Results of reading a file: its first error, and notes on what differs from the original.
class Findings {
 public:
  explicit Findings(std::string name) : name_(std::move(name)) {}

  void AddError(const toml::source_position& at, const std::string& setting,
                std::string_view expected) {
    if (first_ && first_->at <= at) return;
    first_ = {at, fmt::format("{}:{}:{}: {}: {}", name_, at.line, at.column, setting, expected)};
  }
  // Collects the same remark on several settings into one note.
  void Note(const std::string& setting, const std::string& what) {
    const auto same = std::find_if(notes_.begin(), notes_.end(),
                                   [&](const auto& note) { return note.what == what; });
    if (same == notes_.end()) {
      notes_.push_back({{setting}, what});
    } else {
      same->settings.push_back(setting);
    }
  }

  Status first() const {
    if (!first_) return Ok();
    return Error(ErrorCode::kInvalidInput, first_->message);
  }
  std::vector<std::string> Notes() const {
    std::vector<std::string> notes;
    for (const auto& [settings, what] : notes_) {
      notes.push_back(fmt::format("{}: {}", fmt::join(settings, ", "), what));
    }
    return notes;
  }

 private:
  struct First {
    toml::source_position at;
    std::string message;
  };
  struct Remark {
    std::vector<std::string> settings;
    std::string what;
  };
  std::string name_;
  std::optional<First> first_;
  std::vector<Remark> notes_;
};

// One table of the file. Each key is read once; a key that nothing reads is an error.
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
    AddError(key, "expected a whole number, 0 or more");
    return std::nullopt;
  }
  std::optional<bool> Flag(std::string_view key) {
    return Scalar<bool>(key, "expected true or false");
  }

  // Parses a value whose text carries its own unit or form.
  template <typename T, typename Parse>
  std::optional<T> Parsed(std::string_view key, const Parse& parse) {
    const std::optional<std::string> text = Text(key);
    if (!text) return std::nullopt;
    Result<T> value = parse(*text);
    if (value.ok()) return std::move(value).value();
    AddError(key, value.error().message());
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
    if (list == nullptr || tables.size() != list->size())
      AddError(key, "expected a list of tables");
    return tables;
  }

  std::optional<Table> Inner(std::string_view key) {
    Know(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr) return std::nullopt;
    if (node->as_table() != nullptr) return Table(*node->as_table(), Path(key), findings_);
    AddError(key, "expected a table");
    return std::nullopt;
  }

  // Reads a number from `low` to `high`; one outside is replaced by the nearest, with a note.
  // Absent or 0: `otherwise`.
  std::uint64_t NumberWithin(std::string_view key, std::pair<std::int64_t, std::int64_t> bounds,
                             std::uint64_t otherwise) {
    const std::int64_t number = Number(key).value_or(0);
    if (number == 0) return otherwise;
    const auto [low, high] = bounds;
    const std::int64_t within = std::clamp(number, low, high);
    if (within != number) findings_.Note(Path(key), fmt::format("is {} here", within));
    return static_cast<std::uint64_t>(within);
  }

  // Reports a setting that is present but not supported.
  void Refuse(std::string_view key, std::string_view why) {
    Know(key);
    if (Has(key)) AddError(key, why);
  }

  // Accepts any value of a setting that has no effect here, with a note.
  void NoUse(std::string_view key, const std::string& why) {
    Know(key);
    if (Has(key)) findings_.Note(Path(key), why);
  }

  void AddError(std::string_view key, std::string_view expected) {
    const toml::node* node = table_.get(key);
    const toml::node& at = node != nullptr ? *node : static_cast<const toml::node&>(table_);
    findings_.AddError(at.source().begin, Path(key), expected);
  }

  // Returns false if the table has an unknown setting.
  bool Finish() {
    bool all_known = true;
    for (const auto& [key, node] : table_) {
      if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
      all_known = false;
      const auto nearest = ClosestMatch(key.str(), known_);
      const std::string hint = nearest ? fmt::format(", did you mean {}?", *nearest) : ".";
      findings_.AddError(
          key.source().begin, Path(key.str()),
          fmt::format("no such setting{} There are: {}", hint, fmt::join(known_, ", ")));
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
    std::optional<T> value = node->value_exact<T>();
    if (!value) AddError(key, expected);
    return value;
  }

  const toml::table& table_;
  std::string path_;
  Findings& findings_;
  std::vector<std::string> known_;
};

class LegacyToml {
 public:
  explicit LegacyToml(Findings& findings) : findings_(findings) {}

  Config Read(const toml::table& file) {
    Table root(file, "", findings_);
    for (Table& http : root.Tables("http")) ReadHttp(http);
    for (Table& udp : root.Tables("udp")) ReadUdp(udp);
    if (auto log = root.Inner("log")) ReadLog(*log);
    auto admin = root.Inner("admin");
    if (admin) ReadAdmin(*admin);
    if (!admin) KeepAdminApart(root);
    root.Refuse("filter", kFilters);
    root.Refuse("influxdb", kSmartRelay);
    root.Refuse("influxcluster", kSmartRelay);
    root.NoUse("verbose", "has no effect here");
    root.Finish();
    if (config_.backends.empty() && findings_.first().ok()) {
      root.AddError("http", "expected an output to write to");
    }
    NoteCredentials();
    return std::move(config_);
  }

 private:
  void ReadHttp(Table& table) {
    HttpListenerConfig http;
    const std::string name = table.Text("name").value_or("");
    ReadAddress(table, http.address);
    http.default_retention_policy =
        table.Parsed<std::string>("default-retention-policy", AnyText().parse).value_or("");
    http.tls.certificate =
        table.Parsed<std::string>("ssl-combined-pem", AnyText().parse).value_or("");
    http.tls.key = http.tls.certificate;
    http.pass_credentials = true;  // Its clients can authenticate in no other way.
    http.ping_status = table.NumberWithin("default-ping-response", {200, 299}, http.ping_status);
    table.NoUse(
        "health-timeout-ms",
        "has no effect here: the admin port reports each backend's state without a request to it");
    for (const std::string_view key : {"rate-limit", "burst-limit"}) {
      table.NoUse(key,
                  "is not applied: what is sent to a backend is bounded by its `rate`, what comes "
                  "in by `limits`, both in the YAML form");
    }
    table.Refuse("endpoint", kSmartRelay);
    for (Table& output : table.Tables("output")) {
      AddOutput(name, ReadHttpOutput(output), output, http.backends);
    }
    // The missing output may be the one that was misspelt or refused.
    if (table.Finish() && http.backends.empty() && findings_.first().ok()) {
      table.AddError("output", "expected an output to write to");
    }
    RefuseOverlap(table, http.address, config_.http);
    config_.http.push_back(std::move(http));
  }

  void ReadUdp(Table& table) {
    UdpListenerConfig udp;
    const std::string name = table.Text("name").value_or("");
    ReadAddress(table, udp.address);
    udp.database = "udp";  // Packets name no database: the backend's own setting decides.
    udp.read_buffer = Bytes(table.NumberWithin("read-buffer", kReadBuffer, 0));
    udp.precision = table.Parsed<Precision>("precision", ParsePrecision).value_or(udp.precision);
    for (Table& output : table.Tables("output")) {
      BackendConfig backend = ReadUdpOutput(output);
      backend.udp_precision = udp.precision;
      AddOutput(name, std::move(backend), output, udp.backends);
    }
    // The missing output may be the one that was misspelt or refused.
    if (table.Finish() && udp.backends.empty() && findings_.first().ok()) {
      table.AddError("output", "expected an output to write to");
    }
    RefuseOverlap(table, udp.address, config_.udp);
    config_.udp.push_back(std::move(udp));
  }

  void ReadLog(Table& table) {
    const ValueFormat<std::string> directory = SomeText("the path of a directory");
    if (auto path = table.Parsed<std::string>("path", directory.parse)) config_.log.path = *path;
    table.Finish();
  }
  void ReadAdmin(Table& table) {
    ReadAddress(table, config_.admin.address);
    RefuseOverlap(table, config_.admin.address, config_.http);
    table.Finish();
  }

  static void ReadAddress(Table& table, ListenAddress& into) {
    if (!table.Has("bind-addr")) table.AddError("bind-addr", "required setting missing");
    into = table.Parsed<ListenAddress>("bind-addr", ParseBindAddress).value_or(into);
  }

  // The original had no admin port, and may have a listener at our default address.
  void KeepAdminApart(Table& root) const {
    const ListenAddress& here = config_.admin.address;
    for (const HttpListenerConfig& http : config_.http) {
      if (!Overlap(http.address, here)) continue;
      root.AddError(
          "admin",
          fmt::format("expected [admin] with a bind-addr of its own: {} is taken", ToString(here)));
    }
  }

  // `others`: the listeners on ports of the same kind.
  template <typename Listeners>
  static void RefuseOverlap(Table& table, const ListenAddress& address, const Listeners& others) {
    const auto clash = std::find_if(others.begin(), others.end(), [&](const auto& other) {
      return Overlap(other.address, address);
    });
    if (clash == others.end()) return;
    table.AddError("bind-addr", fmt::format("expected an address of its own: {} is taken",
                                            ToString(clash->address)));
  }

  BackendConfig ReadHttpOutput(Table& table) {
    BackendConfig backend = Begin(table);
    const auto location = table.Parsed<Location>("location", ParseLocation);
    if (location) backend.url = location->url;
    if (location && location->has_query) {
      findings_.Note(
          table.Path("location"),
          "its query has no effect, as in the original: a write brings its own parameters");
    }
    ReadTimeout(table, backend);
    backend.batch.max_bytes =
        Bytes(table.NumberWithin("max-batch-kb", kBatchKib, backend.batch.max_bytes.count() >> 10U)
              << 10U);
    const bool skip = table.Flag("skip-tls-verification").value_or(false);
    backend.tls.insecure_skip_verify = skip && backend.url.tls;
    ReadCredentials(table, location.value_or(Location{}), backend);
    ReadInputType(table);
    table.NoUse("buffer-size-mb",
                "no longer limits memory: writes a backend has missed are in the log on disk, " +
                    config_.log.path + " unless [log] says otherwise");
    table.NoUse("max-delay-interval", "has no effect here: a failing backend is retried within 5s");
    if (auto endpoints = table.Inner("endpoints")) ReadEndpoints(*endpoints, backend);
    table.Finish();
    return backend;
  }

  // Go treats "" as the default.
  void ReadTimeout(Table& table, BackendConfig& backend) {
    if (table.Text("timeout").value_or("").empty()) return;
    const auto timeout = table.Parsed<milliseconds>("timeout", ParseGoDuration);
    if (!timeout) return;
    backend.timeout = std::clamp(*timeout, kTimeoutLeast, kTimeoutMost);
    if (backend.timeout != *timeout)
      findings_.Note(table.Path("timeout"), "is limited to 100ms to 10min here");
  }

  // Some versions of the original have http-user and http-pass; in all of them Go takes a user and
  // a password from the location.
  static void ReadCredentials(Table& table, const Location& location, BackendConfig& backend) {
    const ValueFormat<std::string> text = SomeText("text in quotes");
    const auto user = table.Parsed<std::string>("http-user", text.parse);
    const auto password = table.Parsed<std::string>("http-pass", text.parse);
    if (table.Has("http-user") != table.Has("http-pass")) {
      const bool has_user = table.Has("http-user");
      table.AddError(has_user ? "http-user" : "http-pass",
                     "expected http-user and http-pass together");
    }
    backend.username = user.value_or(location.user);
    if (!backend.username.empty()) {
      backend.password = SecretSource::FromText(password.value_or(location.password));
    }
  }

  // An early version of the fork had one output per kind of client.
  static void ReadInputType(Table& table) {
    const std::string type = table.Text("type").value_or("influxdb");
    if (type == "influxdb") return;
    table.AddError(
        "type",
        "only influxdb is supported in this file: write the configuration as YAML, where a backend "
        "can have api: prometheus");
  }

  // The original passed each client's credentials on.
  void NoteCredentials() {
    const auto asks_none = [](const BackendConfig& one) {
      return !one.url.udp && one.username.empty();
    };
    if (std::none_of(config_.backends.begin(), config_.backends.end(), asks_none)) return;
    findings_.Note(
        "http",
        "clients' credentials are passed on, and stored with each write until it is delivered; "
        "in the YAML form a backend can have credentials of its own");
  }

  // Settings of the fork: the endpoints behind the location.
  void ReadEndpoints(Table& table, BackendConfig& backend) {
    const auto path = table.Parsed<std::string>("write", ParseWritePath);
    backend.url.path_prefix += path.value_or("");
    for (const std::string_view key : {"ping", "query"}) {
      table.NoUse(key, "has no effect here: only writes are relayed, queries go to the databases");
    }
    for (const std::string_view key : {"write_prom", "prom_write", "promwrite"}) {
      table.NoUse(
          key,
          "has no effect here: samples of Prometheus are written as lines; in the YAML form "
          "a backend can have api: prometheus");
    }
    table.Finish();
  }

  BackendConfig ReadUdpOutput(Table& table) {
    BackendConfig backend = Begin(table);
    if (auto url = table.Parsed<BackendUrl>("location", ParsePacketLocation)) backend.url = *url;
    backend.mtu = Bytes(table.NumberWithin("mtu", kMtu, backend.mtu.count()));
    table.Finish();
    return backend;
  }

  // An output without a name is called by its location, as in the original.
  BackendConfig Begin(Table& table) {
    if (!table.Has("location")) table.AddError("location", "required setting missing");
    std::string name = table.Text("name").value_or("");
    if (name.empty() && table.Has("location"))
      name = WithoutUser(table.Text("location").value_or(""));
    Result<BackendId> id = BackendId::Parse(BackendNameFor(name));
    if (!id.ok()) id = BackendId::Parse("unnamed");
    if (table.Has("name") && id.value().text() != name) {
      findings_.Note(table.Path("name"), "is the backend " + id.value().text());
    }
    return {.name = std::move(id).value()};
  }

  // Identical outputs of two listeners become one backend. If they share only their name, the
  // second backend's name also contains its listener's.
  void AddOutput(const std::string& listener, BackendConfig backend, const Table& table,
                 std::vector<BackendId>& of_listener) {
    const BackendConfig* there = Find(backend.name);
    if (there != nullptr && *there != backend) {
      const std::string longer = BackendNameFor(listener + "-" + backend.name.text());
      backend.name = BackendId::Parse(longer).value();
      findings_.Note(table.Path("name"), "is the backend " + longer);
      there = Find(backend.name);
    }
    const bool twice =
        std::find(of_listener.begin(), of_listener.end(), backend.name) != of_listener.end();
    if (twice || (there != nullptr && *there != backend)) {
      Table(table).AddError("name", "expected a name of its own");
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

Result<Config> ParseLegacyToml(const std::string& text, const std::string& name) {
  Findings findings(name);
  try {
    const toml::table file = toml::parse(text, name);
    Config config = LegacyToml(findings).Read(file);
    RETURN_IF_ERROR(findings.first());
    config.notes = findings.Notes();
    return config;
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    return Error(ErrorCode::kInvalidInput, fmt::format("{}:{}:{}: not valid TOML: {}", name,
                                                       at.line, at.column, error.description()));
  }
}

}  // namespace relay
