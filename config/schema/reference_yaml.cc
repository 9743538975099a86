#include "config/schema/reference_yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <sstream>

#include "wal/base/invariant.h"

namespace relay {
namespace {

constexpr std::size_t kLineSizeMax = 80;
constexpr std::size_t kIndent = 2;

class ReferenceSection final : public Section {
 public:
  enum class Detail : std::uint8_t { kAll, kRequired };

  ReferenceSection(std::string& out, std::size_t indent, Detail detail = Detail::kAll)
      : out_(out), indent_(indent), detail_(detail) {}

  // Puts a dash before the next key.
  void BeginEntry() { dash_ = true; }

  void Map(const Setting& setting, const Declare& declare) override {
    if (Omits(setting)) return;
    Heading(setting);
    ReferenceSection section(out_, indent_ + kIndent);
    declare(section);
  }

  SourceLocation Find(std::string_view key) const override { return {.setting = std::string(key)}; }

  // Only a file can have errors: a default that breaks a rule is a bug.
  void AddError(const SourceLocation& /*where*/, std::string_view /*expected*/) override {
    INVARIANT(false);
  }

 private:
  void OnValue(const Setting& setting, const Shape& shape, const Store& /*store*/) override {
    if (Omits(setting)) return;
    Space();
    Describe(setting.description);
    Describe(fmt::format("Takes {}.", shape.expects));
    KeyOrExample(setting, Quoted(shape.value));
  }

  void OnValues(const Setting& setting, const Shape& shape, const Begin& /*begin*/,
                const Store& /*store*/) override {
    if (Omits(setting)) return;
    Space();
    Describe(setting.description);
    Describe(fmt::format("Takes a list, each {}.", shape.expects));
    KeyOrExample(setting, shape.value);
  }

  void OnList(const Setting& setting, std::size_t defaults, const Entry& entry) override {
    if (Omits(setting)) return;
    if (!setting.off) return AddList(setting, defaults, entry);
    const std::size_t begin = out_.size();
    AddList(setting, defaults, entry);
    CommentOut(begin);
  }

  void AddList(const Setting& setting, std::size_t defaults, const Entry& entry) {
    Heading(setting);
    for (std::size_t i = 0; i < defaults; ++i) {
      const Detail detail = i == 0 ? Detail::kAll : Detail::kRequired;
      ReferenceSection section(out_, indent_ + 2 * kIndent, detail);
      section.BeginEntry();
      entry(section, i);
    }
  }

  void KeyOrExample(const Setting& setting, const std::string& value) {
    if (setting.example.empty()) return Key(setting.key, " " + value);
    INVARIANT(!dash_);  // A comment cannot begin an entry.
    out_ += fmt::format("{:{}}#{}: {}\n", "", indent_, setting.key, setting.example);
  }

  // Comments out every line from `begin` on that is not yet a comment of this section.
  void CommentOut(std::size_t begin) {
    std::istringstream lines(out_.substr(begin));
    out_.resize(begin);
    for (std::string line; std::getline(lines, line); out_ += line + '\n') {
      const bool mark = line.size() > indent_ && line[indent_] != '#';
      if (mark) line.insert(indent_, "#");
    }
  }

  bool Omits(const Setting& setting) const {
    return detail_ == Detail::kRequired && !setting.required;
  }

  // Puts an empty line between top-level settings.
  void Space() {
    if (indent_ == 0) out_ += '\n';
  }

  void Heading(const Setting& setting) {
    Space();
    Describe(setting.description);
    Key(setting.key, "");
  }

  std::size_t LineStart() const { return dash_ ? indent_ - kIndent : indent_; }

  void Key(std::string_view key, std::string_view value) {
    out_ += fmt::format("{:{}}{}{}:{}\n", "", LineStart(), dash_ ? "- " : "", key, value);
    dash_ = false;
  }

  // Writes comment lines, broken between words.
  void Describe(std::string_view text) {
    if (detail_ == Detail::kRequired) return;  // The first entry has the description.
    const std::size_t width = kLineSizeMax - LineStart() - 2;
    while (!text.empty()) {
      const std::size_t cut = text.size() <= width ? text.size() : text.rfind(' ', width);
      INVARIANT(cut != std::string_view::npos);
      out_ += fmt::format("{:{}}# {}\n", "", LineStart(), text.substr(0, cut));
      text.remove_prefix(std::min(cut + 1, text.size()));
    }
  }

  std::string& out_;
  std::size_t indent_;
  Detail detail_;
  bool dash_ = false;
};

}  // namespace

std::string DescribeAsYaml(const Section::Declare& declare) {
  std::string out;
  ReferenceSection root(out, 0);
  declare(root);
  return out;
}

}  // namespace relay
