#include "relay/ingest/remote_write_body.h"

#include <fmt/format.h>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <snappy.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "replay/transport/remote_write.h"
#include "wal/base/utf8.h"
#include "wal/record/lines.h"

namespace relay {
namespace {

using Fields = RemoteWriteFields;
using protozero::pbf_wire_type;

constexpr std::string_view kNameLabel = "__name__";

std::string_view ViewOf(const protozero::data_view& bytes) {
  return {bytes.data(), bytes.size()};
}

constexpr std::uint32_t OfType(std::uint32_t field, pbf_wire_type type) {
  return protozero::tag_and_type(field, type);
}

// A part of a series that becomes a line.
struct Item {
  std::uint32_t field = 0;  // Its number in the series.
  std::string_view bytes;
  double value = 0;  // A sample's alone.
  std::int64_t time_ms = 0;
};

// The memory that something takes, against a limit: a request can refer to the same text any number
// of times.
class Budget {
 public:
  explicit Budget(Bytes limit) : limit_(limit.count()) {}

  // Returns false if this, or something before, is too much.
  bool Take(std::size_t bytes) {
    taken_ += bytes;
    return !exceeded();
  }
  bool exceeded() const { return taken_ > limit_; }

 private:
  std::uint64_t limit_;
  std::uint64_t taken_ = 0;
};

using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

// If its memory is exceeded, the series is not complete.
struct Series {
  Budget memory;
  Labels labels = {};
  std::vector<Item> items = {};
  std::deque<std::string> owned = {};  // Items that are not parts of the body.
  bool refers_to_nothing = false;      // To a symbol that does not exist, in version 2.

  void Add(const Item& item) {
    if (memory.Take(sizeof(item))) items.push_back(item);
  }
  void AddLabel(std::string_view name, std::string_view text) {
    const std::size_t size = sizeof(Labels::value_type) + name.size() + text.size();
    if (memory.Take(size)) labels.emplace_back(name, text);
  }
};

std::pair<std::string_view, std::string_view> LabelIn(const protozero::data_view& bytes) {
  std::pair<std::string_view, std::string_view> label;
  protozero::pbf_reader reader(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case OfType(Fields::kName, pbf_wire_type::length_delimited):
        label.first = ViewOf(reader.get_view());
        break;
      case OfType(Fields::kText, pbf_wire_type::length_delimited):
        label.second = ViewOf(reader.get_view());
        break;
      default: reader.skip();
    }
  }
  return label;
}

std::uint32_t TimeFieldOf(std::uint32_t item_field) {
  switch (item_field) {
    case Fields::kSamples: return Fields::kTime;
    case Fields::kExemplars: return Fields::kExemplarTime;
    default: return Fields::kHistogramTime;
  }
}

Item ItemIn(std::uint32_t field, const protozero::data_view& bytes) {
  Item item{.field = field, .bytes = ViewOf(bytes)};
  protozero::pbf_reader reader(bytes);
  const std::uint32_t time = OfType(TimeFieldOf(field), pbf_wire_type::varint);
  while (reader.next()) {
    const std::uint32_t found = reader.tag_and_type();
    if (found == time) {
      item.time_ms = reader.get_int64();
    } else if (found == OfType(Fields::kValue, pbf_wire_type::fixed64)) {
      item.value = reader.get_double();
    } else {
      reader.skip();
    }
  }
  return item;
}

Series SeriesIn(const protozero::data_view& bytes, Budget memory) {
  Series series{.memory = memory};
  protozero::pbf_reader reader(bytes);
  while (!series.memory.exceeded() && reader.next()) {
    const std::uint32_t field = reader.tag();
    const bool known = field >= Fields::kLabels && field <= Fields::kHistograms &&
                       reader.wire_type() == pbf_wire_type::length_delimited;
    if (!known) {
      reader.skip();
    } else if (field == Fields::kLabels) {
      const auto [name, text] = LabelIn(reader.get_view());
      series.AddLabel(name, text);
    } else {
      series.Add(ItemIn(field, reader.get_view()));
    }
  }
  return series;
}

// Version 2.
class SymbolTable {
 public:
  // Takes its memory from `memory`; if that is exceeded, not all symbols are read.
  void Read(protozero::pbf_reader request, Budget& memory) {
    while (request.next()) {
      if (request.tag_and_type() == OfType(kSymbols, pbf_wire_type::length_delimited)) {
        const std::string_view symbol = ViewOf(request.get_view());
        if (!memory.Take(sizeof(std::string_view))) return;
        symbols_.push_back(symbol);
      } else {
        request.skip();
      }
    }
  }

  // Returns false if a reference is to nothing.
  template <typename Take>
  bool ForEachLabel(const std::vector<std::uint32_t>& references, const Take& take) const {
    if (references.size() % 2 != 0) return false;
    for (std::size_t i = 0; i < references.size(); i += 2) {
      if (references[i] >= symbols_.size() || references[i + 1] >= symbols_.size()) return false;
      take(symbols_[references[i]], symbols_[references[i + 1]]);
    }
    return true;
  }

  static constexpr std::uint32_t kSymbols = 4;  // Fields of the request.
  static constexpr std::uint32_t kSeries = 5;

 private:
  std::vector<std::string_view> symbols_;
};

// Fields of a series, and of an exemplar, of version 2.
constexpr std::uint32_t kReferences = 1;
constexpr std::uint32_t kSamples2 = 2;
constexpr std::uint32_t kHistograms2 = 3;
constexpr std::uint32_t kExemplars2 = 4;

// Takes the field of references that the reader is at.
void TakeReferences(protozero::pbf_reader& reader, std::vector<std::uint32_t>& references,
                    Budget& memory) {
  const auto take = [&references, &memory](std::uint32_t reference) {
    if (memory.Take(sizeof(reference))) references.push_back(reference);
  };
  if (reader.wire_type() == pbf_wire_type::varint) return take(reader.get_uint32());
  for (const std::uint32_t reference : reader.get_packed_uint32()) take(reference);
}

bool AtReferences(const protozero::pbf_reader& reader) {
  return reader.tag() == kReferences && (reader.wire_type() == pbf_wire_type::varint ||
                                         reader.wire_type() == pbf_wire_type::length_delimited);
}

// Adds an exemplar as version 1 has it.
void AddExemplar(Series& series, const protozero::data_view& bytes, const SymbolTable& symbols) {
  std::vector<std::uint32_t> references;
  double value = 0;
  std::int64_t time_ms = 0;
  protozero::pbf_reader reader(bytes);
  while (reader.next()) {
    if (AtReferences(reader)) {
      TakeReferences(reader, references, series.memory);
    } else if (reader.tag_and_type() == OfType(Fields::kExemplarValue, pbf_wire_type::fixed64)) {
      value = reader.get_double();
    } else if (reader.tag_and_type() == OfType(Fields::kExemplarTime, pbf_wire_type::varint)) {
      time_ms = reader.get_int64();
    } else {
      reader.skip();
    }
  }
  std::string exemplar;
  protozero::pbf_writer out(exemplar);
  const bool known =
      symbols.ForEachLabel(references, [&](std::string_view name, std::string_view text) {
        constexpr std::size_t kTagsMax = 32;
        if (!series.memory.Take(kTagsMax + name.size() + text.size())) return;
        protozero::pbf_writer label(out, Fields::kLabels);
        label.add_string(Fields::kName, name.data(), name.size());
        label.add_string(Fields::kText, text.data(), text.size());
      });
  series.refers_to_nothing |= !known;
  out.add_double(Fields::kExemplarValue, value);
  out.add_int64(Fields::kExemplarTime, time_ms);
  if (!series.memory.Take(sizeof(std::string) + exemplar.size())) return;
  series.owned.push_back(std::move(exemplar));
  series.Add({.field = Fields::kExemplars, .bytes = series.owned.back(), .time_ms = time_ms});
}

Series SeriesInVersion2(const protozero::data_view& bytes, const SymbolTable& symbols,
                        Budget memory) {
  Series series{.memory = memory};
  std::vector<std::uint32_t> references;
  protozero::pbf_reader reader(bytes);
  while (!series.memory.exceeded() && reader.next()) {
    const std::uint32_t found = reader.tag_and_type();
    if (AtReferences(reader)) {
      TakeReferences(reader, references, series.memory);
    } else if (found == OfType(kSamples2, pbf_wire_type::length_delimited)) {
      series.Add(ItemIn(Fields::kSamples, reader.get_view()));
    } else if (found == OfType(kHistograms2, pbf_wire_type::length_delimited)) {
      series.Add(ItemIn(Fields::kHistograms, reader.get_view()));
    } else if (found == OfType(kExemplars2, pbf_wire_type::length_delimited)) {
      AddExemplar(series, reader.get_view(), symbols);
    } else {
      reader.skip();
    }
  }
  const bool known = symbols.ForEachLabel(
      references,
      [&series](std::string_view name, std::string_view text) { series.AddLabel(name, text); });
  series.refers_to_nothing |= !known;
  return series;
}

void SortLabels(Series& series) {
  std::erase_if(series.labels, [](const auto& label) {
    return label.second.empty() && !label.first.empty();  // The same as no label.
  });
  std::stable_sort(series.labels.begin(), series.labels.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
}

// Returns why a series is refused; empty: it is not.
std::string_view FaultOf(const Series& series) {
  if (series.refers_to_nothing) return "a label that is not in the table of symbols";
  if (series.labels.empty()) return "a series without labels";
  for (std::size_t i = 0; i < series.labels.size(); ++i) {
    const auto& [name, value] = series.labels[i];
    if (name.empty()) return "a label without a name";
    if (!IsUtf8(name) || !IsUtf8(value)) return "a label that is not UTF-8";
    if (i > 0 && name == series.labels[i - 1].first) return "a label that occurs twice";
  }
  return "";
}

// Text that line protocol has a form for: a backslash in front of what is escaped has none.
bool IsExpressible(std::string_view text) {
  if (text.ends_with('\\')) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) < ' ' || text[i] == '\x7f') return false;
    if (text[i] == '\\' && std::string_view(",= ").find(text[i + 1]) != std::string_view::npos) {
      return false;
    }
  }
  return true;
}

void AppendEscaped(std::string& out, std::string_view text, std::string_view escaped) {
  for (const char c : text) {
    if (escaped.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
}

std::string Expressible(std::string_view text) {
  std::string plain(text);
  for (char& c : plain) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f' || c == '\\') c = '_';
  }
  return plain;
}

// The key of a series in line protocol.
struct Key {
  std::string text;
  bool exact = true;  // The labels can be read from it again.
};

Key KeyOf(const Labels& labels) {
  const auto name = std::find_if(labels.begin(), labels.end(),
                                 [](const auto& label) { return label.first == kNameLabel; });
  std::string measurement(name == labels.end() ? kNamelessSample : name->second);
  Key key;
  key.exact =
      IsExpressible(measurement) && !measurement.starts_with('#') &&
      std::all_of(labels.begin(), labels.end(), [](const auto& label) {
        return IsExpressible(label.first) && IsExpressible(label.second) && label.first != "time";
      });
  const auto shown = [exact = key.exact](std::string_view text) {
    return exact ? std::string(text) : Expressible(text);
  };
  if (measurement.starts_with('#')) measurement.front() = '_';
  AppendEscaped(key.text, shown(measurement), ", ");
  for (const auto& [tag, value] : labels) {
    key.text += ',';
    AppendEscaped(key.text, shown(tag), ",= ");
    key.text += '=';
    AppendEscaped(key.text, shown(value), ",= ");
  }
  return key;
}

constexpr std::size_t kShownMax = 256;

// Returns the beginning of a key of any size, for a message: __name__ and the first labels.
std::string ShownKeyOf(const Labels& labels) {
  Labels shown;
  std::size_t size = 0;
  for (const auto& [name, value] : labels) {
    if (size > kShownMax && name != kNameLabel) continue;
    shown.emplace_back(name.substr(0, kShownMax), value.substr(0, kShownMax));
    size += shown.back().first.size() + shown.back().second.size();
    if (size > kShownMax && name >= kNameLabel) break;
  }
  return KeyOf(shown).text;
}

std::size_t SizeOf(const Labels& labels) {
  std::size_t size = 0;
  for (const auto& [name, value] : labels) size += name.size() + value.size();
  return size;
}

// Returns the request's field that holds one item of a series.
std::string MessageOf(const Series& series, const Item& item) {
  std::string message;
  {
    protozero::pbf_writer request(message);
    protozero::pbf_writer out(request, Fields::kSeries);
    for (const auto& [name, value] : series.labels) {
      protozero::pbf_writer label(out, Fields::kLabels);
      label.add_string(Fields::kName, name.data(), name.size());
      label.add_string(Fields::kText, value.data(), value.size());
    }
    out.add_message(item.field, item.bytes.data(), item.bytes.size());
  }
  return message;
}

PointCount& CountOf(std::uint32_t item_field, SampleCounts& counts) {
  switch (item_field) {
    case Fields::kSamples: return counts.samples;
    case Fields::kExemplars: return counts.exemplars;
    default: return counts.histograms;
  }
}

// Counts the items of the series of a message.
void CountItems(std::string_view message, SampleCounts& counts) {
  protozero::pbf_reader request(message.data(), message.size());
  while (request.next(Fields::kSeries, pbf_wire_type::length_delimited)) {
    protozero::pbf_reader series = request.get_message();
    while (series.next()) {
      const std::uint32_t field = series.tag();
      if (field >= Fields::kSamples && field <= Fields::kHistograms) ++CountOf(field, counts);
      series.skip();
    }
  }
}

// Reads the fields of one request.
class SampleScanner {
 public:
  SampleScanner(std::string_view message, WallTime now, RemoteWriteVersion version,
                const SampleLimits& limits)
      : size_(message.size()),
        request_(message.data(), message.size()),
        now_(now),
        version_(version),
        limits_(limits) {}

  Result<ScannedSamples> Scan() {
    try {
      if (version_ == RemoteWriteVersion::k2) symbols_.Read(request_, parsed_);
      while (!exceeded() && request_.next()) {
        ++fields_;
        version_ == RemoteWriteVersion::k2 ? TakeFieldOfVersion2() : TakeField();
      }
    } catch (const protozero::exception& broken) {
      return Error(
          ErrorCode::kInvalidInput,
          fmt::format("the body is not a remote write request: {}, in field {} of it, which "
                      "begins before byte {} of {}",
                      broken.what(), fields_, size_ - request_.length(), size_));
    }
    if (exceeded()) {
      return Error(ErrorCode::kFull,
                   fmt::format("the samples take more than {} bytes of memory, with all labels of "
                               "each: send fewer in one request",
                               limits_.memory.count()));
    }
    if (size_ > 0 && known_ == 0) {
      return Error(ErrorCode::kInvalidInput,
                   version_ == RemoteWriteVersion::k2
                       ? "the body is not a remote write request of version 2: it has no time "
                         "series (field 5)"
                       : "the body is not a remote write request of version 1: it has no time "
                         "series (field 1) and no metadata (field 3)");
    }
    return std::move(samples_);
  }

 private:
  bool exceeded() const { return parsed_.exceeded() || lines_.exceeded(); }

  void TakeFieldOfVersion2() {
    if (request_.tag_and_type() != OfType(SymbolTable::kSeries, pbf_wire_type::length_delimited)) {
      return request_.skip();
    }
    ++known_;
    TakeSeries(SeriesInVersion2(request_.get_view(), symbols_, parsed_));
  }

  void TakeField() {
    switch (request_.tag_and_type()) {
      case OfType(Fields::kSeries, pbf_wire_type::length_delimited):
        ++known_;
        TakeSeries(SeriesIn(request_.get_view(), parsed_));
        break;
      case OfType(Fields::kMetadata, pbf_wire_type::length_delimited):
        ++known_;
        TakeMetadata(request_.get_view());
        break;
      default: request_.skip();
    }
  }

  void TakeSeries(Series series) {
    if (series.memory.exceeded()) {
      parsed_ = series.memory;
      return;
    }
    SortLabels(series);
    const std::string_view fault = FaultOf(series);
    if (!fault.empty()) return Refuse(ShownKeyOf(series.labels), fault);
    labels_size_ = SizeOf(series.labels);
    if (Bytes(labels_size_) > limits_.line) return RefuseItems(series);
    const Key key = KeyOf(series.labels);
    for (const Item& item : series.items) {
      if (AddItem(series, key, item)) ++CountOf(item.field, samples_.counts);
      if (exceeded()) return;
    }
  }

  // Refuses a series whose labels alone are too long a line.
  void RefuseItems(const Series& series) {
    const std::string shown = ShownKeyOf(series.labels);
    for (std::size_t i = 0; i < series.items.size(); ++i) RefuseTooLong(shown);
  }

  bool AddItem(const Series& series, const Key& key, const Item& item) {
    if (key.exact) {
      if (const auto line = PlainLine(key.text, item)) return AddLine(*line);
    }
    // Base64 makes it longer still: what is too long is not encoded at all.
    if (Bytes(key.text.size() + labels_size_ + item.bytes.size()) > limits_.line) {
      RefuseTooLong(key.text);
      return false;
    }
    return AddOpaque(key.text, MessageOf(series, item), item.time_ms);
  }

  // nullopt: line protocol cannot express the item.
  static std::optional<std::string> PlainLine(const std::string& key, const Item& item) {
    constexpr std::int64_t kTimeMax = INT64_MAX / 1'000'000 - 1;  // InfluxDB's are nanoseconds.
    const bool fits = item.field == Fields::kSamples && std::isfinite(item.value) &&
                      item.time_ms <= kTimeMax && item.time_ms >= -kTimeMax;
    if (!fits) return std::nullopt;
    return fmt::format("{} value={} {}\n", key, item.value, item.time_ms);
  }

  void TakeMetadata(const protozero::data_view& bytes) {
    std::string_view family;
    protozero::pbf_reader reader(bytes);
    while (reader.next()) {
      if (reader.tag_and_type() == OfType(Fields::kFamilyName, pbf_wire_type::length_delimited)) {
        family = ViewOf(reader.get_view());
      } else {
        reader.skip();
      }
    }
    const Labels named = {{kNameLabel, family}};
    if (family.empty() || !IsUtf8(family)) {
      return Refuse(ShownKeyOf(named), "metadata without a name");
    }
    if (Bytes(bytes.size()) > limits_.line) return RefuseTooLong(ShownKeyOf(named));
    const Key key = KeyOf(named);
    std::string message;
    protozero::pbf_writer(message).add_message(Fields::kMetadata, bytes.data(), bytes.size());
    AddOpaque(key.text, message,
              std::chrono::floor<std::chrono::milliseconds>(now_).time_since_epoch().count());
  }

  bool AddOpaque(const std::string& key, const std::string& message, std::int64_t time_ms) {
    return AddLine(fmt::format("{} {} {}\n", key, OpaqueFields(message), time_ms));
  }

  // Returns false if the line is refused.
  bool AddLine(const std::string& line) {
    if (Bytes(line.size()) > limits_.line) {
      RefuseTooLong(line);
      return false;
    }
    if (!lines_.Take(line.size())) return false;
    samples_.scanned.lines += line;
    ++samples_.scanned.points;
    return true;
  }

  void RefuseTooLong(std::string_view what) {
    ++samples_.scanned.too_long;
    Refuse(what, fmt::format("longer than {} bytes", limits_.line.count()));
  }

  void Refuse(std::string_view what, std::string_view why) {
    ScannedLines& scanned = samples_.scanned;
    if (++scanned.refused > kErrorsKept) return;
    scanned.errors.push_back({.number = fields_,
                              .line = std::string(what.substr(0, kShownMax)),
                              .why = std::string(why)});
  }

  const std::size_t size_;
  protozero::pbf_reader request_;
  const WallTime now_;
  const RemoteWriteVersion version_;
  const SampleLimits limits_;
  SymbolTable symbols_;
  Budget parsed_{limits_.memory};  // The symbols; each series goes on from here.
  Budget lines_{limits_.memory};
  std::size_t labels_size_ = 0;  // The series being taken.
  std::uint64_t fields_ = 0;
  std::uint64_t known_ = 0;
  ScannedSamples samples_;
};

}  // namespace

Result<std::string> UncompressSnappy(std::string_view body, Bytes limit) {
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(body.data(), body.size(), &size)) {
    return Error(ErrorCode::kInvalidInput,
                 "the body is not compressed with snappy (block format): it has no size");
  }
  if (Bytes(size) > limit) {
    return Error(ErrorCode::kFull,
                 fmt::format("the uncompressed body is larger than {} bytes", limit.count()));
  }
  // Snappy copies at most 64 bytes for each of 3: a larger size is a lie, and not allocated.
  constexpr std::size_t kRatioMax = 32;
  std::string plain;
  if (size / kRatioMax <= body.size()) {
    plain.resize(size);
    if (snappy::RawUncompress(body.data(), body.size(), plain.data())) return plain;
  }
  return Error(ErrorCode::kInvalidInput,
               "the body is not compressed with snappy (block format), or is damaged");
}

Result<ScannedSamples> ScanSamples(std::string_view message, WallTime now,
                                   RemoteWriteVersion version, const SampleLimits& limits) {
  return SampleScanner(message, now, version, limits).Scan();
}

SampleCounts CountSamples(std::string_view lines) {
  SampleCounts counts;
  for (LineWalk walk(lines); !walk.AtEnd();) {
    const std::optional<std::string> message = MessageOfOpaque(walk.Next());
    if (message) {
      CountItems(*message, counts);
    } else {
      ++counts.samples;
    }
  }
  return counts;
}

}  // namespace relay
