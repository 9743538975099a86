// The parameters of /query, from its URL and from a form in its body, as influxd and net/http of Go
// read them.
//
// INVARIANT. A parameter that occurs several times has the value that influxd takes: a urlencoded
// form of a POST counts before the URL, the URL before a multipart form. A statement may also be a
// file of a multipart form, in the field `q`.
//
// A body that is no form, or a multipart form without an end, adds nothing.
//
// THREADS. Pure functions.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "relay/http/query_parameters.h"
#include "relay/http/server.h"
#include "wal/base/result.h"

namespace relay {

// The value of a header such as `form-data; name="q"`, names in lower case.
struct HeaderParameters {
  std::string type;
  std::map<std::string, std::string, std::less<>> values;
};

HeaderParameters ParseHeaderParameters(std::string_view value);

// Adds the form in the request's body to the URL's parameters.
// kInvalidInput: a urlencoded form with a bad percent escape.
Result<QueryParameters> WithForm(QueryParameters url, const HttpRequest& request);

}  // namespace relay
