// The command line of a benchmark: `--name value` pairs, each with a default and a sentence that
// --help prints. An unknown argument ends the program with 2.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace relay::bench {

struct Option {
  std::string name;  // Without the dashes.
  std::string value;
  std::string meaning;
};

class Options {
 public:
  Options(std::string about, std::vector<Option> known, int argc, char** argv)
      : about_(std::move(about)), known_(std::move(known)) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    for (std::size_t i = 0; i < words.size(); i += 2) {
      if (words[i] == "--help") Help(0);
      Option* option = Find(words[i]);
      if (option == nullptr || i + 1 == words.size()) Help(2);
      option->value = words[i + 1];
    }
  }

  const std::string& Text(std::string_view name) const {
    const auto found = std::find_if(known_.begin(), known_.end(),
                                    [name](const Option& option) { return option.name == name; });
    if (found == known_.end()) throw std::logic_error("no such option: " + std::string(name));
    return found->value;
  }
  double Number(std::string_view name) const { return NumberFrom(Text(name)); }
  unsigned Count(std::string_view name) const { return CountFrom(Text(name)); }

  std::vector<std::string> Words(std::string_view name) const { return Parts(Text(name), ','); }

  // Reads a list such as "1,100,5000".
  std::vector<unsigned> Counts(std::string_view name) const {
    std::vector<unsigned> counts;
    for (const std::string& part : Parts(Text(name), ',')) counts.push_back(CountFrom(part));
    return counts;
  }

  // Reads a list such as "64x100,256x1".
  std::vector<std::pair<unsigned, unsigned>> Pairs(std::string_view name) const {
    std::vector<std::pair<unsigned, unsigned>> pairs;
    for (const std::string& part : Parts(Text(name), ',')) {
      const std::vector<std::string> two = Parts(part, 'x');
      if (two.size() != 2) Help(2);
      pairs.emplace_back(CountFrom(two[0]), CountFrom(two[1]));
    }
    return pairs;
  }

 private:
  Option* Find(std::string_view word) {
    for (Option& option : known_) {
      if (word == "--" + option.name) return &option;
    }
    return nullptr;
  }

  static std::vector<std::string> Parts(const std::string& text, char between) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, between);) parts.push_back(part);
    return parts;
  }

  unsigned CountFrom(const std::string& text) const {
    return static_cast<unsigned>(NumberFrom(text));
  }

  double NumberFrom(const std::string& text) const {
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || number < 0) Help(2);
    return number;
  }

  [[noreturn]] void Help(int exit_code) const {
    fmt::print("{}\n", about_);
    for (const Option& option : known_) {
      fmt::print("  --{:<12} {} (default: {})\n", option.name, option.meaning,
                 option.value.empty() ? "none" : option.value);
    }
    std::exit(exit_code);
  }

  std::string about_;
  std::vector<Option> known_;
};

}  // namespace relay::bench
