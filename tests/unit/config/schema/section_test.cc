#include "config/schema/section.h"

#include <doctest/doctest.h>

#include "config/schema/reference_yaml.h"

namespace relay::test::config_schema_section_test {
namespace {

struct Inner {
  PointCount count = 7;
};
std::vector<Inner> OneAndTwo() {
  std::vector<Inner> list(2);
  list[0].count = 1;
  list[1].count = 2;
  return list;
}

struct Outer {
  std::string word = "plain";
  Inner inner;
  std::vector<Inner> list = OneAndTwo();
};

void DeclareInner(Section& section, Inner& inner) {
  section.Value({.key = "count", .description = "How many.", .required = true}, inner.count,
                CountBetween(0, 9));
  section.Value({.key = "size", .description = "Not kept.", .example = "1B"}, inner.count,
                CountBetween(0, 9));
}

void DeclareOuter(Section& root, Outer& outer) {
  root.Value({"word",
              "A word of some length, so that its sentence does not fit in one line, "
              "wherever it is cut."},
             outer.word, AnyText());
  root.Map({"inner", "A section."}, [&](Section& inner) { DeclareInner(inner, outer.inner); });
  root.List({"list", "Some sections."}, outer.list, DeclareInner);
}

Status Read(const std::string& yaml, Outer& outer) {
  return ReadYaml(yaml, "f", [&](Section& root) { DeclareOuter(root, outer); });
}

std::string Mistake(const std::string& yaml) {
  Outer outer;
  const Status status = Read(yaml, outer);
  REQUIRE(!status.ok());
  CHECK_EQ(status.error().code(), ErrorCode::kInvalidInput);
  return status.error().message();
}

TEST_CASE("config: a setting that is not given keeps its default") {
  for (const char* yaml :
       {"", "\n\n", "# nothing\n", "---\n", "{}", "\xEF\xBB\xBF{}", "word: plain"}) {
    CAPTURE(yaml);
    Outer outer;
    REQUIRE(Read(yaml, outer).ok());
    CHECK_EQ(outer.word, "plain");
    CHECK_EQ(outer.inner.count, 7);
    CHECK_EQ(outer.list.size(), 2);
  }
}

TEST_CASE("config: a list that is given replaces the default one") {
  Outer outer;
  REQUIRE(Read("list:\n  - count: 3\n  - count: 4\n  - {count: 5}\n", outer).ok());
  REQUIRE_EQ(outer.list.size(), 3);
  CHECK_EQ(outer.list[0].count, 3);
  CHECK_EQ(outer.list[2].count, 5);
}

TEST_CASE("config: settings may come in any order and any YAML style") {
  Outer outer;
  REQUIRE(Read("inner: {count: '3'}\n\"word\": 'it''s'\n", outer).ok());
  CHECK_EQ(outer.inner.count, 3);
  CHECK_EQ(outer.word, "it's");
}

TEST_CASE("config: invalid YAML is refused where it stops being valid") {
  struct Row {
    const char* yaml;
    const char* message;
  };
  for (const Row& row : {
           Row{"word: [a\ninner: b\n", "f:1:7: not valid YAML: end of sequence flow not found"},
           Row{"word: a\ninner: {count: 1\n", "f:2:8: not valid YAML: end of map flow not found"},
           Row{"word: a: b\n", "f:1:8: not valid YAML: illegal map value"},
           Row{"word: \"a\n", "f:1:9: not valid YAML: illegal EOF in scalar"},
           Row{"inner:\n\tcount: 1\n", "f:2:7: not valid YAML: indented by a tab, not by spaces"},
           Row{"word: *secret\n", "f:1:7: not valid YAML: the referenced anchor is not defined"},
           Row{"word: &secret a\n",
               "f:1:7: not valid YAML: anchors and aliases are not supported, write the value out"},
           Row{"word: !secret a\n", "f:1:7: not valid YAML: tags are not supported"},
           Row{"word: a\n---\nword: b\n",
               "f:3:1: not valid YAML: a second document is not supported"},
           Row{"word: a\x04\ninner: wrong\n",
               "f:1:8: not valid YAML: control characters are not allowed"},
           Row{"word: a\ninner: \x7F\n",
               "f:2:8: not valid YAML: control characters are not allowed"},
       }) {
    CAPTURE(row.yaml);
    CHECK_EQ(Mistake(row.yaml), row.message);
  }
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "- ";
  CHECK(Mistake(deep).ends_with(": not valid YAML: nested too deep"));
}

TEST_CASE("config: the wrong kind of value is refused with the right one") {
  struct Row {
    const char* yaml;
    const char* message;
  };
  for (const Row& row : {
           Row{"text", "f:1:1: the file: expected a map of settings: word, inner, list"},
           Row{"- a\n", "f:1:1: the file: expected a map of settings: word, inner, list"},
           Row{"word: [a]\n", "f:1:7: word: expected text, or \"\" for none"},
           Row{"word: {a: b}\n", "f:1:7: word: expected text, or \"\" for none"},
           Row{"word:\n", "f:1:1: word: expected text, or \"\" for none"},
           Row{"inner: 1\n", "f:1:8: inner: expected a map of settings: count, size"},
           Row{"inner:\n  count:\n  size: 1\n",
               "f:2:3: inner.count: expected a whole number from 0 to 9"},
           Row{"list: {count: 1}\n", "f:1:7: list: expected a list of 1 to 1024 entries"},
           Row{"list: []\n", "f:1:7: list: expected a list of 1 to 1024 entries"},
           Row{"list: [{count: 1}, 2]\n",
               "f:1:20: list[1]: expected a map of settings: count, size"},
           Row{"list:\n  - count: 1\n  - count: ten\n",
               "f:3:12: list[1].count: expected a whole number from 0 to 9"},
           Row{"[a]: b\n", "f:1:1: the file: expected the name of a setting: word, inner, list"},
       }) {
    CAPTURE(row.yaml);
    CHECK_EQ(Mistake(row.yaml), row.message);
  }
}

TEST_CASE("config: a list has a limit") {
  const auto list_of = [](int entries) {
    std::string yaml = "list:\n";
    for (int i = 0; i < entries; ++i) yaml += "  - count: 1\n";
    return yaml;
  };
  Outer outer;
  CHECK(Read(list_of(1024), outer).ok());
  CHECK_EQ(outer.list.size(), 1024);
  CHECK_EQ(Mistake(list_of(1025)), "f:2:3: list: expected a list of 1 to 1024 entries");
}

TEST_CASE("config: an unknown key is refused with the known ones and the nearest") {
  CHECK_EQ(Mistake("wrod: a\n"), "f:1:1: wrod: no such setting. There are: word, inner, list");
  CHECK_EQ(Mistake("words: a\n"),
           "f:1:1: words: no such setting, did you mean word? There are: word, inner, list");
  CHECK_EQ(Mistake("list:\n  - cuont: 1\n    count: 1\n    counts: 1\n"),
           "f:2:5: list[0].cuont: no such setting. There are: count, size\n"
           "f:4:5: list[0].counts: no such setting, did you mean count? There are: count, size");
}

TEST_CASE("config: a key that is given twice is refused") {
  CHECK_EQ(Mistake("word: a\ninner: {count: 1}\nword: a\n"),
           "f:3:1: word: expected once, but line 1 has it too");
  CHECK_EQ(Mistake("inner:\n  count: 1\n  count: 2\n"),
           "f:3:3: inner.count: expected once, but line 2 has it too");
}

TEST_CASE("config: a missing required setting is reported where its section begins") {
  CHECK_EQ(Mistake("word: a\ninner:\n  size: 1\n"), "f:3:3: inner.count: required setting missing");
  CHECK_EQ(Mistake("list:\n  - size: 1\n"), "f:2:5: list[0].count: required setting missing");
  // The key that was misspelt is the better hint.
  CHECK_EQ(Mistake("inner:\n  size: 1\n  kount: 1\n"),
           "f:3:3: inner.kount: no such setting, did you mean count? There are: count, size");
}

TEST_CASE("config: all mistakes are reported, in the order of the file") {
  CHECK_EQ(Mistake("list: 1\ninner: 2\nword: [a]\n"),
           "f:1:7: list: expected a list of 1 to 1024 entries\n"
           "f:2:8: inner: expected a map of settings: count, size\n"
           "f:3:7: word: expected text, or \"\" for none");
  CHECK_EQ(Mistake("word: a\ninner: {count: 10, words: 1}\nlist: 3\n"),
           "f:2:16: inner.count: expected a whole number from 0 to 9\n"
           "f:2:20: inner.words: no such setting. There are: count, size\n"
           "f:3:7: list: expected a list of 1 to 1024 entries");
}

TEST_CASE("config: the places of all settings that are given are known") {
  Outer outer;
  const YamlReading reading =
      ReadWholeYaml("inner: {count: 1}\nlist:\n  - count: 2\n  - count: x\n",
                    [&](Section& root) { DeclareOuter(root, outer); });
  REQUIRE_EQ(reading.mistakes.size(), 1);
  CHECK_EQ(reading.mistakes[0].where.setting, "list[1].count");
  CHECK_EQ(reading.places.at("inner.count").line, 1);
  CHECK_EQ(reading.places.at("list[1]").line, 4);
  CHECK_EQ(reading.places.at("list[0].count").line, 3);
  CHECK_FALSE(reading.places.contains("word"));
}

void DeclareRuled(Section& section) {
  Inner inner;
  DeclareInner(section, inner);
  const SourceLocation size = section.Find("size");
  if (!size.given) section.AddError(size, "expected for this rule");
}

Status ReadRuled(const std::string& yaml) {
  return ReadYaml(yaml, "f", [](Section& root) {
    root.Map({"inner", "A section."}, DeclareRuled);
  });
}

TEST_CASE("config: a rule across settings names the place of either") {
  CHECK(ReadRuled("inner: {count: 1, size: 2}\n").ok());
  const Status broken = ReadRuled("\ninner: {count: 1}\n");
  REQUIRE(!broken.ok());
  CHECK_EQ(broken.error().message(), "f:2:8: inner.size: expected for this rule");
}

struct Extras {
  std::vector<PointCount> counts{1, 2};
  std::vector<std::string> words;
  std::vector<Inner> off{Inner{.count = 4}};
};

void DeclareExtras(Section& root, Extras& extras) {
  root.Values({"counts", "Some numbers."}, extras.counts, CountBetween(0, 9));
  root.Values({.key = "words", .description = "Some words.", .example = "[a, b]"}, extras.words,
              SomeText("a word"));
  root.List({.key = "off", .description = "None by default.", .off = true}, extras.off,
            DeclareInner);
}

Result<Extras> ReadExtras(const std::string& yaml) {
  Extras extras;
  Status read = ReadYaml(yaml, "f", [&](Section& root) { DeclareExtras(root, extras); });
  if (!read.ok()) return std::move(read).error();
  return extras;
}

TEST_CASE("config: a list of values that is given replaces the default one") {
  CHECK_EQ(ReadExtras("").value().counts, std::vector<PointCount>{1, 2});
  const Extras given = ReadExtras("counts: [3]\nwords:\n  - a\n  - 'b c'\n").value();
  CHECK_EQ(given.counts, std::vector<PointCount>{3});
  CHECK_EQ(given.words, std::vector<std::string>{"a", "b c"});
}

TEST_CASE("config: a list of values is refused at the value that is wrong") {
  struct Row {
    const char* yaml;
    const char* message;
  };
  for (const Row& row : {
           Row{"counts: 3\n",
               "f:1:9: counts: expected a list of 1 to 1024: [VALUE, ...], each a whole number "
               "from 0 to 9"},
           Row{"words: []\n",
               "f:1:8: words: expected a list of 1 to 1024: [VALUE, ...], each a word"},
           Row{"counts: [3, ten]\n", "f:1:13: counts[1]: expected a whole number from 0 to 9"},
           Row{"counts:\n  - 1\n  - [2]\n", "f:3:5: counts[1]: expected a single value"},
       }) {
    CAPTURE(row.yaml);
    const Result<Extras> refused = ReadExtras(row.yaml);
    REQUIRE(!refused.ok());
    CHECK_EQ(refused.error().message(), row.message);
  }
}

TEST_CASE("config: a list that is off has entries only where they are given") {
  CHECK(ReadExtras("").value().off.empty());
  const Extras given = ReadExtras("off: [{count: 1}, {count: 2}]\n").value();
  REQUIRE_EQ(given.off.size(), 2);
  CHECK_EQ(given.off[1].count, 2);
  CHECK(!ReadExtras("off: []\n").ok());
}

TEST_CASE("config: the description shows lists of values, and in comments what is off") {
  Extras extras;
  const std::string yaml = DescribeAsYaml([&](Section& root) { DeclareExtras(root, extras); });
  CHECK_EQ(yaml,
           "\n"
           "# Some numbers.\n"
           "# Takes a list, each a whole number from 0 to 9.\n"
           "counts: [1, 2]\n"
           "\n"
           "# Some words.\n"
           "# Takes a list, each a word.\n"
           "#words: [a, b]\n"
           "\n"
           "# None by default.\n"
           "#off:\n"
           "#  # How many.\n"
           "#  # Takes a whole number from 0 to 9.\n"
           "#  - count: 4\n"
           "#    # Not kept.\n"
           "#    # Takes a whole number from 0 to 9.\n"
           "#    #size: 1B\n");
  CHECK(ReadExtras(yaml).value().off.empty());
}

TEST_CASE("config: the description has every sentence and every default, and loads") {
  Outer described;
  described.word = "say \"no\": \\";
  const std::string yaml = DescribeAsYaml([&](Section& root) { DeclareOuter(root, described); });
  CHECK_EQ(yaml,
           "\n"
           "# A word of some length, so that its sentence does not fit in one line, wherever\n"
           "# it is cut.\n"
           "# Takes text, or \"\" for none.\n"
           "word: \"say \\\"no\\\": \\\\\"\n"
           "\n"
           "# A section.\n"
           "inner:\n"
           "  # How many.\n"
           "  # Takes a whole number from 0 to 9.\n"
           "  count: 7\n"
           "  # Not kept.\n"
           "  # Takes a whole number from 0 to 9.\n"
           "  #size: 1B\n"
           "\n"
           "# Some sections.\n"
           "list:\n"
           "  # How many.\n"
           "  # Takes a whole number from 0 to 9.\n"
           "  - count: 1\n"
           "    # Not kept.\n"
           "    # Takes a whole number from 0 to 9.\n"
           "    #size: 1B\n"
           "  - count: 2\n");

  Outer read;
  REQUIRE(Read(yaml, read).ok());
  CHECK_EQ(read.word, described.word);
  CHECK_EQ(read.inner.count, 7);
  CHECK_EQ(read.list.size(), 2);
}

}  // namespace
}  // namespace relay::test::config_schema_section_test
