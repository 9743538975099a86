// Declares settings. A function that declares the settings of a struct calls a Section and does not
// know whether the struct is being read from a file or described as one: one declaration yields the
// parser, the error messages and the reference.
//
// ERRORS. A declaration never fails: errors are collected, and ReadYaml returns all of them in the
// order of the file. A refused value leaves the default in place.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/schema/value_format.h"
#include "wal/base/result.h"

namespace relay {

// Describes a setting, for the program and for operators.
struct Setting {
  std::string_view key;
  std::string_view description;
  bool required = false;
  // Shown in the reference if there is no default: "relay".
  std::string_view example = {};
  // For a list: empty unless configured; its default entries are only examples and the initial
  // values of a new entry.
  bool off = false;
  // For a list: [] is accepted and means none.
  bool may_be_empty = false;
};

// Returns `text` as a YAML value, quoted if necessary.
std::string Quoted(const std::string& text);

// A setting and its place in the file. If it is absent: the place of its section; if that is absent
// too: before the first line.
struct SourceLocation {
  std::string setting;  // "http[0].address"
  bool given = false;
  int line = 0;  // From 1.
  int column = 0;
};

// A mistake at one place of a file; of several, the one found first.
struct Mistake {
  SourceLocation where;
  std::string expected;
};

// Returns a line for each, "NAME:LINE:COLUMN: SETTING: WHAT WAS EXPECTED"; `name` stands for the
// file.
std::string ToString(const std::vector<Mistake>& mistakes, const std::string& name);

struct YamlReading {
  std::vector<Mistake> mistakes;  // In the order of the file.
  // The settings and list entries that are given, by path: "http[0].address".
  std::map<std::string, SourceLocation, std::less<>> places;
};

// The settings of one map. Each key is declared once.
class Section {
 public:
  using Declare = std::function<void(Section&)>;

  Section() = default;
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;
  virtual ~Section() = default;

  // Declares a single value. `into` holds the default.
  template <typename T>
  void Value(const Setting& setting, T& into, const ValueFormat<T>& form) {
    const Store store = [&](std::string_view text) -> Status {
      Result<T> value = form.parse(text);
      if (!value.ok()) return std::move(value).error();
      into = std::move(value).value();
      return Ok();
    };
    OnValue(setting, {form.expects, form.show(into)}, store);
  }

  // Declares a list of single values, such as [a, b]. `into` holds the default.
  template <typename T>
  void Values(const Setting& setting, std::vector<T>& into, const ValueFormat<T>& form) {
    std::string shown;
    for (const T& value : into) shown += (shown.empty() ? "" : ", ") + Quoted(form.show(value));
    const Begin begin = [&] { into.clear(); };
    const Store store = [&](std::string_view text) -> Status {
      Result<T> value = form.parse(text);
      if (!value.ok()) return std::move(value).error();
      into.push_back(std::move(value).value());
      return Ok();
    };
    OnValues(setting, {form.expects, "[" + shown + "]"}, begin, store);
  }

  // Declares a nested section, in which every setting is optional.
  virtual void Map(const Setting& setting, const Declare& declare) = 0;

  // Declares a list of sections. `into` holds the default list, at least one entry; a new entry
  // starts with the values of the first. The default entries of a required list, or of one that is
  // off, are only examples.
  template <typename T, typename DeclareEntry>
  void List(const Setting& setting, std::vector<T>& into, const DeclareEntry& declare) {
    const std::vector<T> defaults = into;
    into.clear();
    OnList(setting, defaults.size(), [&](Section& entry, std::size_t prototype) {
      into.push_back(defaults[prototype]);
      declare(entry, into.back());
    });
    if (into.empty() && !setting.off && !setting.may_be_empty) into = defaults;
  }

  // Returns the location for rules that span settings. REQUIRES: `key` was declared.
  virtual SourceLocation Find(std::string_view key) const = 0;
  virtual void AddError(const SourceLocation& where, std::string_view expected) = 0;

 protected:
  struct Shape {
    std::string_view expects;
    std::string value;
  };
  using Store = std::function<Status(std::string_view)>;
  using Entry = std::function<void(Section& entry, std::size_t prototype)>;

  using Begin = std::function<void()>;

  virtual void OnValue(const Setting& setting, const Shape& shape, const Store& store) = 0;
  virtual void OnValues(const Setting& setting, const Shape& shape, const Begin& begin,
                        const Store& store) = 0;
  virtual void OnList(const Setting& setting, std::size_t defaults, const Entry& entry) = 0;
};

// Reads the declared settings from YAML. Text that is not YAML has one mistake.
YamlReading ReadWholeYaml(const std::string& text, const Section::Declare& declare);

// Reads the declared settings from YAML; `name` stands for the file. kInvalidInput: the mistakes,
// as ToString shows them, without a newline at the end.
Status ReadYaml(const std::string& text, const std::string& name, const Section::Declare& declare);

}  // namespace relay
