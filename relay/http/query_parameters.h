// Parameters of a URL's query, or of a form in a body.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "wal/base/result.h"

namespace relay {

class QueryParameters {
 public:
  // kInvalidInput: a percent sign without two hexadecimal digits.
  static Result<QueryParameters> Parse(std::string_view query);

  // Returns "" if absent; for a repeated parameter the first value, as InfluxDB does.
  const std::string& Get(std::string_view name) const;
  bool Has(std::string_view name) const { return values_.find(name) != values_.end(); }

  // Adds a form's parameters; those already present keep their value.
  void Add(QueryParameters more) { values_.merge(more.values_); }

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace relay
