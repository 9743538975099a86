// Parameters of a URL's query, or of a form in a body.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "wal/base/result.h"

namespace relay {

class QueryParameters {
 public:
  // kInvalidInput: a percent sign without two hexadecimal digits, or more than 1,000 parameters.
  static Result<QueryParameters> Parse(std::string_view query);

  // Returns "" if absent; for a repeated parameter the first value, as InfluxDB does.
  const std::string& Get(std::string_view name) const;
  bool Has(std::string_view name) const { return values_.find(name) != values_.end(); }

  // Adds a parameter that is absent; an empty value: nothing.
  void AddDefault(std::string_view name, std::string_view value) {
    if (!value.empty()) values_.try_emplace(std::string(name), value);
  }

  // Both add behind what is there: a parameter that is already present keeps its value.
  void Add(QueryParameters more) { values_.merge(more.values_); }
  void Add(std::string name, std::string value) {
    values_.emplace(std::move(name), std::move(value));
  }

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace relay
