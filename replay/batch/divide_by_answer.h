// Divides a batch that was refused in part by what the answer says of the refused points, so that
// they are found in a few requests wherever they stand; halving takes one or two for each of them.
//
// InfluxDB counts the points that it dropped and names one reason: too old, one field's type, or a
// limit on series or on the values of a tag. The chosen lines fit that reason; both batches are
// sent again, so that a wrong choice costs requests and no point. A limit's answer does not tell
// which series are new to the backend: they are found by halving the set of series, or of the tag's
// values, which takes at most about two requests for each that is refused, however many lines they
// have, and three if every value of the tag is refused, or one alone.
//
// THREADS. A pure function.
#pragma once

#include <optional>
#include <string_view>

#include "replay/batch/send_batch.h"
#include "replay/transport/verdict.h"

namespace relay {

// `chosen`: the lines that are likely to have been refused. nullopt: the answer does not tell them
// from the others; halve the batch.
std::optional<DividedBatch> DivideByAnswer(const SendBatch& batch, const Verdict& verdict,
                                           std::string_view body);

}  // namespace relay
