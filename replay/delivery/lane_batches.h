// The batches of one lane: forming them from what was read, replacing and
// finishing the front one, and finding a line for a canary.
//
// INVARIANT. `pieces_left` of a window's entry is the number of the lane's
// batches that hold lines of it (at least one while some of it is not formed).
//
// THREADS. One at a time. `window` is where the lane's records are: the held ones
// while any is read, else the flow.
#pragma once

#include <memory>
#include <random>
#include <vector>

#include "replay/delivery/lanes.h"
#include "replay/delivery/send_batch.h"
#include "replay/delivery/window.h"

namespace relay {

// Joins what waits in the lane and puts it behind its batches. REQUIRES: it has
// unsent records.
std::shared_ptr<const SendBatch> FormBatch(LaneQueue& lane, Window& window, PieceLimit limit);

// Puts these in the place of the front batch, whose lines they hold.
void ReplaceFront(LaneQueue& lane, Window& window, std::vector<SendBatch> parts);

// Cuts the front batch to the limit; the failures in a row go on counting.
void CutFront(LaneQueue& lane, Window& window, PieceLimit limit);

// The front batch is resolved.
void FinishFront(LaneQueue& lane, Window& window);

// Credits the entries of a batch with all of its points.
void CreditAll(const SendBatch& batch, Window& window);

// Returns the last record of a batch, to send a line of it again as a canary.
// nullptr: it is too large to be kept.
std::shared_ptr<const SendBatch> EndOf(const SendBatch& batch);

// Says whether FindCanary finds one: the line that the lane took last, or one
// from behind the front batch.
bool HasCanary(LaneQueue& lane, Window& window);
std::shared_ptr<const SendBatch> FindCanary(LaneQueue& lane, Window& window, PieceLimit limit,
                                            std::minstd_rand& random);

// Says whether FindOtherClient finds one: a line of the same lane that another client
// sent than the front batch's, taken last or waiting. In another lane it could
// overwrite what that lane has written since.
bool HasOtherClient(LaneQueue& lane, Window& window);
std::shared_ptr<const SendBatch> FindOtherClient(LaneQueue& lane, Window& window, PieceLimit limit,
                                                 std::minstd_rand& random);

}  // namespace relay
