// Extracts the client's credentials that a listener with `credentials: pass` passes on to backends,
// as the original relay does.
//
// Only forms that a backend can read are passed on: Basic, Token and Bearer, and the
// parameters u and p, which become Basic. They are re-encoded, so that only a header
// value of a known form reaches the log and a backend.
#pragma once

#include "relay/http/query_parameters.h"
#include "relay/http/server.h"
#include "wal/base/client_credentials.h"
#include "wal/base/result.h"

namespace relay {

// Empty: the client sent none. kInvalidInput: it sent credentials that cannot be passed on; the
// message does not repeat them.
Result<ClientCredentials> PassedCredentials(const HttpRequest& request,
                                            const QueryParameters& parameters);

}  // namespace relay
