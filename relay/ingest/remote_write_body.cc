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

struct Series {
  std::vector<std::pair<std::string_view, std::string_view>> labels;
  std::vector<Item> items;
  std::deque<std::string> owned = {};  // Items that are not parts of the body.
  bool refers_to_nothing = false;      // To a symbol that does not exist, in version 2.
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

Series SeriesIn(const protozero::data_view& bytes) {
  Series series;
  protozero::pbf_reader reader(bytes);
  while (reader.next()) {
    const std::uint32_t field = reader.tag();
    const bool known = field >= Fields::kLabels && field <= Fields::kHistograms &&
                       reader.wire_type() == pbf_wire_type::length_delimited;
    if (!known) {
      reader.skip();
    } else if (field == Fields::kLabels) {
      series.labels.push_back(LabelIn(reader.get_view()));
    } else {
      series.items.push_back(ItemIn(field, reader.get_view()));
    }
  }
  return series;
}

// Version 2.
class SymbolTable {
 public:
  void Read(protozero::pbf_reader request) {
    while (request.next()) {
      if (request.tag_and_type() == OfType(kSymbols, pbf_wire_type::length_delimited)) {
        symbols_.push_back(ViewOf(request.get_view()));
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
void TakeReferences(protozero::pbf_reader& reader, std::vector<std::uint32_t>& references) {
  if (reader.wire_type() == pbf_wire_type::varint) return references.push_back(reader.get_uint32());
  for (const std::uint32_t reference : reader.get_packed_uint32()) references.push_back(reference);
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
      TakeReferences(reader, references);
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
      symbols.ForEachLabel(references, [&out](std::string_view name, std::string_view text) {
        protozero::pbf_writer label(out, Fields::kLabels);
        label.add_string(Fields::kName, name.data(), name.size());
        label.add_string(Fields::kText, text.data(), text.size());
      });
  series.refers_to_nothing |= !known;
  out.add_double(Fields::kExemplarValue, value);
  out.add_int64(Fields::kExemplarTime, time_ms);
  series.owned.push_back(std::move(exemplar));
  series.items.push_back(
      {.field = Fields::kExemplars, .bytes = series.owned.back(), .time_ms = time_ms});
}

Series SeriesInVersion2(const protozero::data_view& bytes, const SymbolTable& symbols) {
  Series series;
  std::vector<std::uint32_t> references;
  protozero::pbf_reader reader(bytes);
  while (reader.next()) {
    const std::uint32_t found = reader.tag_and_type();
    if (AtReferences(reader)) {
      TakeReferences(reader, references);
    } else if (found == OfType(kSamples2, pbf_wire_type::length_delimited)) {
      series.items.push_back(ItemIn(Fields::kSamples, reader.get_view()));
    } else if (found == OfType(kHistograms2, pbf_wire_type::length_delimited)) {
      series.items.push_back(ItemIn(Fields::kHistograms, reader.get_view()));
    } else if (found == OfType(kExemplars2, pbf_wire_type::length_delimited)) {
      AddExemplar(series, reader.get_view(), symbols);
    } else {
      reader.skip();
    }
  }
  const bool known =
      symbols.ForEachLabel(references, [&series](std::string_view name, std::string_view text) {
        series.labels.emplace_back(name, text);
      });
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

Key KeyOf(const Series& series) {
  const auto name = std::find_if(series.labels.begin(), series.labels.end(),
                                 [](const auto& label) { return label.first == kNameLabel; });
  std::string measurement(name == series.labels.end() ? kNamelessSample : name->second);
  Key key;
  key.exact =
      IsExpressible(measurement) && !measurement.starts_with('#') &&
      std::all_of(series.labels.begin(), series.labels.end(), [](const auto& label) {
        return IsExpressible(label.first) && IsExpressible(label.second) && label.first != "time";
      });
  const auto shown = [exact = key.exact](std::string_view text) {
    return exact ? std::string(text) : Expressible(text);
  };
  if (measurement.starts_with('#')) measurement.front() = '_';
  AppendEscaped(key.text, shown(measurement), ", ");
  for (const auto& [tag, value] : series.labels) {
    key.text += ',';
    AppendEscaped(key.text, shown(tag), ",= ");
    key.text += '=';
    AppendEscaped(key.text, shown(value), ",= ");
  }
  return key;
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

// Reads the fields of one request.
class SampleScanner {
 public:
  SampleScanner(std::string_view message, WallTime now, RemoteWriteVersion version, Bytes line_max)
      : size_(message.size()),
        request_(message.data(), message.size()),
        now_(now),
        version_(version),
        line_max_(line_max) {}

  Result<ScannedSamples> Scan() {
    try {
      if (version_ == RemoteWriteVersion::k2) symbols_.Read(request_);
      while (request_.next()) {
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
  void TakeFieldOfVersion2() {
    if (request_.tag_and_type() != OfType(SymbolTable::kSeries, pbf_wire_type::length_delimited)) {
      return request_.skip();
    }
    ++known_;
    TakeSeries(SeriesInVersion2(request_.get_view(), symbols_));
  }

  void TakeField() {
    switch (request_.tag_and_type()) {
      case OfType(Fields::kSeries, pbf_wire_type::length_delimited):
        ++known_;
        TakeSeries(SeriesIn(request_.get_view()));
        break;
      case OfType(Fields::kMetadata, pbf_wire_type::length_delimited):
        ++known_;
        TakeMetadata(request_.get_view());
        break;
      default: request_.skip();
    }
  }

  void TakeSeries(Series series) {
    SortLabels(series);
    const Key key = KeyOf(series);
    const std::string_view fault = FaultOf(series);
    if (!fault.empty()) return Refuse(key.text, fault);
    for (const Item& item : series.items) {
      std::optional<std::string> line;
      if (key.exact) line = PlainLine(key.text, item);
      const bool added =
          line ? AddLine(*line) : AddOpaque(key.text, MessageOf(series, item), item.time_ms);
      if (added) ++CountOf(item.field);
    }
  }

  PointCount& CountOf(std::uint32_t item_field) {
    switch (item_field) {
      case Fields::kSamples: return samples_.samples;
      case Fields::kExemplars: return samples_.exemplars;
      default: return samples_.histograms;
    }
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
    const Series named{.labels = {{kNameLabel, family}}, .items = {}};
    const Key key = KeyOf(named);
    if (family.empty() || !IsUtf8(family)) return Refuse(key.text, "metadata without a name");
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
    if (Bytes(line.size()) > line_max_) {
      ++samples_.scanned.too_long;
      Refuse(line, fmt::format("longer than {} bytes", line_max_.count()));
      return false;
    }
    samples_.scanned.lines += line;
    ++samples_.scanned.points;
    return true;
  }

  void Refuse(std::string_view what, std::string_view why) {
    constexpr std::size_t kShownMax = 256;
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
  const Bytes line_max_;
  SymbolTable symbols_;
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
                                   RemoteWriteVersion version, Bytes line_max) {
  return SampleScanner(message, now, version, line_max).Scan();
}

}  // namespace relay
