#include "config/schema/write_yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "wal/base/invariant.h"

namespace relay {
namespace {

// A setting with its content.
struct Node {
  enum class Kind : std::uint8_t { kValue, kMap, kList };

  std::string key = {};  // Empty: an entry of a list.
  Kind kind = Kind::kMap;
  bool required = false;
  bool off = false;                 // For a list: empty by default.
  std::string value = {};           // The YAML text.
  std::vector<Node> children = {};  // A list's entries, which are maps.
};

class NodeSection final : public Section {
 public:
  explicit NodeSection(Node& node) : node_(node) {}

  void Map(const Setting& setting, const Declare& declare) override {
    NodeSection section(Add(setting, Node::Kind::kMap));
    declare(section);
  }

  SourceLocation Find(std::string_view key) const override { return {.setting = std::string(key)}; }

  // The settings were validated before: one that breaks a rule is a bug.
  void AddError(const SourceLocation& /*where*/, std::string_view /*expected*/) override {
    INVARIANT(false);
  }

 private:
  Node& Add(const Setting& setting, Node::Kind kind) {
    node_.children.push_back({.key = std::string(setting.key),
                              .kind = kind,
                              .required = setting.required,
                              .off = setting.off});
    return node_.children.back();
  }

  void OnValue(const Setting& setting, const Shape& shape, const Store& /*store*/) override {
    Add(setting, Node::Kind::kValue).value = Quoted(shape.value);
  }
  void OnValues(const Setting& setting, const Shape& shape, const Begin& /*begin*/,
                const Store& /*store*/) override {
    Add(setting, Node::Kind::kValue).value = shape.value;
  }
  void OnList(const Setting& setting, std::size_t count, const Entry& entry) override {
    Node& list = Add(setting, Node::Kind::kList);
    list.children.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      NodeSection section(list.children[i]);
      entry(section, i);
    }
  }

  Node& node_;
};

Node TreeOf(const Section::Declare& declare) {
  Node root;
  NodeSection section(root);
  declare(section);
  return root;
}

const Node* ChildOf(const Node& node, const std::string& key) {
  const auto child = std::find_if(node.children.begin(), node.children.end(),
                                  [&](const Node& one) { return one.key == key; });
  return child == node.children.end() ? nullptr : &*child;
}

class Writer {
 public:
  std::string Text() && { return std::move(text_); }

  // Writes the settings of a map that differ from `defaults`.
  void Settings(const Node& map, const Node& defaults, std::size_t indent) {
    for (const Node& child : map.children) {
      const Node* usual = ChildOf(defaults, child.key);
      INVARIANT(usual != nullptr);
      Setting(child, *usual, indent);
    }
  }

 private:
  void Setting(const Node& node, const Node& usual, std::size_t indent) {
    switch (node.kind) {
      case Node::Kind::kValue:
        if (node.required || node.value != usual.value) Value(node, indent);
        return;
      case Node::Kind::kMap: {
        Writer inner;
        inner.Settings(node, usual, indent + 2);
        if (inner.text_.empty()) return;
        text_ += fmt::format("{:{}}{}:\n{}", "", indent, node.key, inner.text_);
        return;
      }
      case Node::Kind::kList: return List(node, usual, indent);
    }
  }

  void Value(const Node& node, std::size_t indent) {
    text_ += fmt::format("{:{}}{}: {}\n", "", indent, node.key, node.value);
  }

  void List(const Node& list, const Node& usual, std::size_t indent) {
    if (list.children.empty()) {
      if (!list.off) text_ += fmt::format("{:{}}{}: []\n", "", indent, list.key);
      return;
    }
    text_ += fmt::format("{:{}}{}:\n", "", indent, list.key);
    for (const Node& entry : list.children) Entry(entry, usual.children.at(0), indent + 2);
  }

  // Puts a dash before the entry's first setting, which is always written.
  void Entry(Node entry, const Node& usual, std::size_t indent) {
    entry.children.front().required = true;
    Writer inner;
    inner.Settings(entry, usual, indent + 2);
    inner.text_.at(indent) = '-';
    text_ += inner.text_;
  }

  std::string text_;
};

}  // namespace

std::string WriteAsYaml(const Section::Declare& declare, const Section::Declare& defaults) {
  Writer writer;
  writer.Settings(TreeOf(declare), TreeOf(defaults), 0);
  return std::move(writer).Text();
}

}  // namespace relay
