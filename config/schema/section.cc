#include "config/schema/section.h"

#include <fmt/format.h>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <sstream>

#include "config/schema/closest_match.h"

namespace relay {
namespace {

// The limit per list. Rules that span the entries compare each with each.
constexpr std::size_t kEntriesMax = 1024;

// One value of the file. A map's children alternate key, value, key, value.
struct Element {
  enum class Kind : std::uint8_t { kNothing, kScalar, kList, kMap };
  Kind kind = Kind::kNothing;
  int line = 1;
  int column = 1;
  std::string text = {};
  std::vector<Element> children = {};
};

// Collects errors and the places of settings. Of two errors in one place, the one found first
// counts.
class Errors {
 public:
  void Add(const SourceLocation& where, std::string_view expected) {
    by_place_.try_emplace(std::pair(where.line, where.column),
                          Mistake{where, std::string(expected)});
  }
  void NotePlace(SourceLocation where) {
    std::string setting = where.setting;
    places_.insert_or_assign(std::move(setting), std::move(where));
  }

  bool any() const { return !by_place_.empty(); }

  YamlReading Take() {
    YamlReading reading;
    for (auto& [place, mistake] : by_place_) reading.mistakes.push_back(std::move(mistake));
    reading.places = std::move(places_);
    return reading;
  }

 private:
  std::map<std::pair<int, int>, Mistake> by_place_;
  std::map<std::string, SourceLocation, std::less<>> places_;
};

SourceLocation LocationOf(const YAML::Mark& mark) {
  if (mark.is_null()) return {.setting = "not valid YAML", .given = true, .line = 1, .column = 1};
  return {
      .setting = "not valid YAML", .given = true, .line = mark.line + 1, .column = mark.column + 1};
}

// Builds the tree of one document. Refuses anchors, aliases and tags: a setting's value must be
// visible where the setting is, and a small file must stay small in memory.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(Errors& errors) : errors_(errors) {}

  // Returns the last document built.
  Element Take() { return std::exchange(root_, {}); }

  // The innermost element that is still open; nullptr: none.
  const Element* Innermost() const { return open_.empty() ? nullptr : &open_.back(); }

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    Element element = At(mark, Element::Kind::kNothing);
    if (const Element* key = KeyBefore()) {
      element.line = key->line;
      element.column = key->column;
    }
    Put(std::move(element));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    RefuseAnchor(mark);
    OnNull(mark, anchor);
  }
  void OnAnchor(const YAML::Mark& mark, const std::string& /*name*/) override {
    RefuseAnchor(mark);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                const std::string& value) override {
    RefuseTag(mark, tag);
    Element element = At(mark, Element::Kind::kScalar);
    element.text = value;
    Put(std::move(element));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {
    RefuseTag(mark, tag);
    open_.push_back(At(mark, Element::Kind::kList));
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {
    RefuseTag(mark, tag);
    open_.push_back(At(mark, Element::Kind::kMap));
  }
  void OnMapEnd() override { Close(); }

 private:
  static Element At(const YAML::Mark& mark, Element::Kind kind) {
    return {.kind = kind, .line = mark.line + 1, .column = mark.column + 1};
  }
  void RefuseAnchor(const YAML::Mark& mark) {
    errors_.Add(LocationOf(mark), "anchors and aliases are not supported, write the value out");
  }
  void RefuseTag(const YAML::Mark& mark, const std::string& tag) {
    const bool none = tag.empty() || tag == "?" || tag == "!";
    if (!none) errors_.Add(LocationOf(mark), "tags are not supported");
  }

  // The key to which the next element belongs. An empty value is reported there: the library
  // reports it at the next token of the file.
  const Element* KeyBefore() const {
    if (open_.empty() || open_.back().kind != Element::Kind::kMap) return nullptr;
    const std::vector<Element>& children = open_.back().children;
    return children.size() % 2 == 1 ? &children.back() : nullptr;
  }

  void Put(Element element) {
    if (open_.empty()) {
      root_ = std::move(element);
    } else {
      open_.back().children.push_back(std::move(element));
    }
  }
  void Close() {
    Element element = std::move(open_.back());
    open_.pop_back();
    Put(std::move(element));
  }

  Errors& errors_;
  Element root_;
  std::vector<Element> open_;
};

class YamlSection final : public Section {
 public:
  // Reads `element` as a section; nullptr: the section is not in the file.
  static void Read(const Element* element, const std::string& path, Errors& errors,
                   const Declare& declare) {
    YamlSection section(element, path, errors);
    declare(section);
    section.Finish();
  }

  void Map(const Setting& setting, const Declare& declare) override {
    Read(Take(setting), Path(setting.key), errors_, declare);
  }

  SourceLocation Find(std::string_view key) const override {
    const Element* element = Lookup(key);
    SourceLocation where = At(element != nullptr ? element : element_, Path(key));
    where.given = element != nullptr;
    return where;
  }

  void AddError(const SourceLocation& where, std::string_view expected) override {
    errors_.Add(where, expected);
  }

 private:
  YamlSection(const Element* element, std::string path, Errors& errors)
      : element_(element), path_(std::move(path)), errors_(errors) {}

  static SourceLocation At(const Element* element, std::string path) {
    if (element == nullptr) return {.setting = std::move(path)};
    return {.setting = std::move(path),
            .given = true,
            .line = element->line,
            .column = element->column};
  }

  std::string Path(std::string_view key) const {
    return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  }

  const Element* Lookup(std::string_view key) const {
    if (element_ == nullptr || element_->kind != Element::Kind::kMap) return nullptr;
    for (std::size_t i = 0; i < element_->children.size(); i += 2) {
      if (IsKey(element_->children[i], key)) return &element_->children[i + 1];
    }
    return nullptr;
  }

  static bool IsKey(const Element& element, std::string_view key) {
    return element.kind == Element::Kind::kScalar && element.text == key;
  }

  const Element* Take(const Setting& setting) {
    known_.emplace_back(setting.key);
    const Element* element = Lookup(setting.key);
    if (element == nullptr && setting.required) missing_.emplace_back(setting.key);
    if (element != nullptr) errors_.NotePlace(At(element, Path(setting.key)));
    return element;
  }

  void OnValue(const Setting& setting, const Shape& shape, const Store& store) override {
    const Element* element = Take(setting);
    if (element == nullptr) return;
    const SourceLocation where = At(element, Path(setting.key));
    if (element->kind != Element::Kind::kScalar) {
      return AddError(where, fmt::format("expected {}", shape.expects));
    }
    const Status stored = store(element->text);
    if (!stored.ok()) AddError(where, stored.error().message());
  }

  void OnValues(const Setting& setting, const Shape& shape, const Begin& begin,
                const Store& store) override {
    const Element* element = Take(setting);
    if (element == nullptr) return;
    const std::size_t count = element->children.size();
    if (element->kind != Element::Kind::kList || count == 0 || count > kEntriesMax) {
      return AddError(At(element, Path(setting.key)),
                      fmt::format("expected a list of 1 to {}: [VALUE, ...], each {}", kEntriesMax,
                                  shape.expects));
    }
    begin();
    for (std::size_t i = 0; i < count; ++i) ReadValue(element->children[i], setting, i, store);
  }

  void ReadValue(const Element& element, const Setting& setting, std::size_t index,
                 const Store& store) {
    const SourceLocation where = At(&element, fmt::format("{}[{}]", Path(setting.key), index));
    if (element.kind != Element::Kind::kScalar) return AddError(where, "expected a single value");
    const Status stored = store(element.text);
    if (!stored.ok()) AddError(where, stored.error().message());
  }

  void OnList(const Setting& setting, std::size_t defaults, const Entry& entry) override {
    const Element* element = Take(setting);
    if (element == nullptr) {
      if (!setting.required && !setting.off) ReadAbsentList(setting, defaults, entry);
      return;
    }
    const std::size_t count = element->children.size();
    const std::size_t least = setting.may_be_empty ? 0 : 1;
    if (element->kind != Element::Kind::kList || count < least || count > kEntriesMax) {
      return AddError(At(element, Path(setting.key)),
                      fmt::format("expected a list of {} to {} entries", least, kEntriesMax));
    }
    for (std::size_t i = 0; i < count; ++i) {
      const Element& child = element->children[i];
      std::string path = fmt::format("{}[{}]", Path(setting.key), i);
      errors_.NotePlace(At(&child, path));
      Read(&child, path, errors_, [&](Section& section) { entry(section, 0); });
    }
  }

  // Declares the default entries too: rules that span settings count them.
  void ReadAbsentList(const Setting& setting, std::size_t defaults, const Entry& entry) {
    for (std::size_t i = 0; i < defaults; ++i) {
      Read(nullptr, fmt::format("{}[{}]", Path(setting.key), i), errors_,
           [&](Section& section) { entry(section, i); });
    }
  }

  void Finish() {
    if (element_ == nullptr) return;
    if (element_->kind == Element::Kind::kMap) {
      const bool all_known = CheckKeys();
      if (!all_known) return;  // The missing setting may be the one that was misspelt.
    } else if (element_->kind != Element::Kind::kNothing) {
      return AddError(At(element_, Name()), fmt::format("expected a map of settings: {}", Known()));
    }
    for (const std::string& key : missing_) {
      AddError(At(element_, Path(key)), "required setting missing");
    }
  }

  bool CheckKeys() {
    bool all_known = true;
    std::map<std::string_view, int> lines;
    for (std::size_t i = 0; i < element_->children.size(); i += 2) {
      const Element& key = element_->children[i];
      const auto [seen, first] = lines.emplace(key.text, key.line);
      if (std::find(known_.begin(), known_.end(), key.text) == known_.end()) {
        all_known = false;
        MistakeUnknown(key);
      } else if (!first) {
        AddError(At(&key, Path(key.text)),
                 fmt::format("expected once, but line {} has it too", seen->second));
      }
    }
    return all_known;
  }

  // Text that is not a name, such as "password:secret" without a blank, is never repeated.
  static bool IsName(std::string_view text) {
    constexpr std::string_view kCharacters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    return !text.empty() && text.find_first_not_of(kCharacters) == std::string_view::npos;
  }

  std::string Name() const { return path_.empty() ? "the file" : path_; }
  std::string Known() const { return fmt::format("{}", fmt::join(known_, ", ")); }

  void MistakeUnknown(const Element& key) {
    if (key.kind != Element::Kind::kScalar || !IsName(key.text)) {
      return AddError(At(&key, Name()), fmt::format("expected the name of a setting: {}", Known()));
    }
    const auto nearest = ClosestMatch(key.text, known_);
    const std::string hint = nearest ? fmt::format(", did you mean {}?", *nearest) : ".";
    AddError(At(&key, Path(key.text)),
             fmt::format("no such setting{} There are: {}", hint, Known()));
  }

  const Element* element_;
  std::string path_;
  Errors& errors_;
  std::vector<std::string> known_;
  std::vector<std::string> missing_;
};

// Refuses control characters: the YAML library takes some of them as the end of the file and would
// silently drop the settings behind them.
void RefuseControlCharacters(const std::string& text, Errors& errors) {
  YAML::Mark mark;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool space = c == '\n' || c == '\r' || c == '\t';
    if ((byte < 0x20 && !space) || byte == 0x7F) {
      return errors.Add(LocationOf(mark), "control characters are not allowed");
    }
    mark.column = c == '\n' ? 0 : mark.column + 1;
    mark.line += c == '\n' ? 1 : 0;
  }
}

// Reports the bracket that is never closed, not the place where the library gave up.
SourceLocation LocationOf(const YAML::Exception& exception, const TreeBuilder& builder) {
  const bool unclosed = exception.msg == YAML::ErrorMsg::END_OF_MAP_FLOW ||
                        exception.msg == YAML::ErrorMsg::END_OF_SEQ_FLOW;
  const Element* open = builder.Innermost();
  if (!unclosed || open == nullptr) return LocationOf(exception.mark);
  return {"not valid YAML", true, open->line, open->column};
}

bool IsIndentedByTab(const std::string& text, int line) {
  std::istringstream lines(text);
  std::string content;
  for (int i = 0; i <= line; ++i) std::getline(lines, content);
  return content.substr(0, content.find_first_not_of(" \t")).find('\t') != std::string::npos;
}

// Leaves out what follows a colon: there the library repeats text of the file, and a password that
// starts with an asterisk is an alias to it.
std::string Reason(const YAML::Exception& exception, const std::string& text) {
  if (dynamic_cast<const YAML::DeepRecursion*>(&exception) != nullptr) return "nested too deep";
  if (IsIndentedByTab(text, exception.mark.line)) return "indented by a tab, not by spaces";
  return exception.msg.substr(0, exception.msg.find(':'));
}

// The YAML library misses the end of a quoted value only before a newline, so the text is parsed
// without one at its end.
Element ParseTree(const std::string& text, Errors& errors) {
  RefuseControlCharacters(text, errors);
  std::istringstream input(text.substr(0, text.find_last_not_of(" \t\r\n") + 1));
  TreeBuilder builder(errors);
  try {
    YAML::Parser parser(input);
    parser.HandleNextDocument(builder);
    Element root = builder.Take();
    if (parser.HandleNextDocument(builder)) {
      const Element extra = builder.Take();
      errors.Add({"not valid YAML", true, extra.line, extra.column},
                 "a second document is not supported");
    }
    return root;
  } catch (const YAML::Exception& exception) {
    errors.Add(LocationOf(exception, builder), Reason(exception, text));
    return {};
  }
}

}  // namespace

std::string Quoted(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:-";
  const bool null = text == "null" || text == "Null" || text == "NULL";
  const bool plain = !text.empty() && !null && !text.ends_with(':') && !text.starts_with('-') &&
                     text.find_first_not_of(kPlain) == std::string::npos;
  if (plain) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string ToString(const std::vector<Mistake>& mistakes, const std::string& name) {
  std::string text;
  for (const auto& [where, expected] : mistakes) {
    text +=
        fmt::format("{}:{}:{}: {}: {}\n", name, where.line, where.column, where.setting, expected);
  }
  return text;
}

YamlReading ReadWholeYaml(const std::string& text, const Section::Declare& declare) {
  Errors errors;
  const Element root = ParseTree(text, errors);
  if (!errors.any()) YamlSection::Read(&root, "", errors, declare);
  YamlReading reading = errors.Take();
  // A tree that is not whole says nothing of what else is wrong.
  if (!reading.mistakes.empty() && reading.places.empty()) reading.mistakes.resize(1);
  return reading;
}

Status ReadYaml(const std::string& text, const std::string& name, const Section::Declare& declare) {
  const YamlReading reading = ReadWholeYaml(text, declare);
  if (reading.mistakes.empty()) return Ok();
  std::string message = ToString(reading.mistakes, name);
  message.pop_back();
  return Error(ErrorCode::kInvalidInput, std::move(message));
}

}  // namespace relay
