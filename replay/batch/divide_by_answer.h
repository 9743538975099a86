// Divides a batch that was refused in part by what the answer says of the refused points, so that
// they are found in a few requests wherever they stand; halving takes one or two for each of them.
//
// InfluxDB counts the points that it dropped and names one reason: too old, or one field's type.
// The chosen lines fit that reason; both batches are sent again, so that a wrong choice costs
// requests and no point.
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
