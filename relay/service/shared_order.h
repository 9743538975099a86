// Makes the order of a shared log from the settings.
//
// THREADS. Pure functions, but for the files and the host's name that they read.
#pragma once

#include <memory>

#include "config/model/config.h"
#include "wal/base/clock.h"
#include "wal/base/result.h"
#include "wal/commit/options.h"
#include "wal/order/order.h"

namespace relay {

// nullptr: the log is this relay's alone. kInvalidInput: NATS' library is missing, or a password or
// file of the settings cannot be used. The clock outlives the order.
Result<std::unique_ptr<Order>> OrderFor(const LogConfig& log, const Clock& clock);

// Returns how the log is shared. The arguments outlive it. REQUIRES: the order was made from
// the same settings.
SharedLogOptions SharingFor(const Config& config, Order& order, Clock& clock);

}  // namespace relay
