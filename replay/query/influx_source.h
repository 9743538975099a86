// Reads an InfluxDB through InfluxQL: 1.4 and later, and 2.x through its /query.
//
// Answers are MessagePack: numbers come without loss, and integers are told from floats. The time
// of a scan bounds the memory of InfluxDB as little as any query does; the memory here is bounded
// by one value.
//
// ERRORS and THREADS. As Source.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "replay/compare/source.h"
#include "replay/query/http_query.h"
#include "replay/transport/http_transport.h"

namespace relay {

// `silence_max`: see HttpQuery.
std::unique_ptr<Source> MakeInfluxSource(
    std::string name, HttpTransportOptions options,
    std::chrono::milliseconds silence_max = HttpQuery::kSilenceMax);

}  // namespace relay
