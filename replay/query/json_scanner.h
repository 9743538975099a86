// Reads JSON from text in the order in which it stands, for answers whose form is known.
//
// Use it so: take the punctuation that must come, or that may; what does not fit makes every later
// call fail too.
//
// THREADS. Each belongs to one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relay {

class JsonScanner {
 public:
  // REQUIRES: the text outlives the scanner.
  explicit JsonScanner(std::string_view text) : left_(text) {}

  bool ok() const { return ok_; }

  // Takes the character, which must come.
  void Expect(char punctuation) { ok_ = Try(punctuation) && ok_; }
  // Takes the character if it comes.
  bool Try(char punctuation);

  std::string String();
  // nullopt: null.
  std::optional<double> Number();

 private:
  void SkipBlanks();
  // Appends the character of `\uXXXX`, whose `\u` is taken, as UTF-8.
  void TakeCodePoint(std::string& into);
  unsigned TakeHex();

  std::string_view left_;
  bool ok_ = true;
};

}  // namespace relay
