// The batches of one lane: forms them from what was read, replaces and finishes the front one, and
// finds a line for a canary.
//
// INVARIANT. `batches_left` of a window's entry is the number of parts of the lane's batches that
// hold lines of it (at least one while some of it is in no batch yet).
//
// THREADS. One at a time. `window` is where the lane's records are: the held ones while any is
// read, else the flow.
#pragma once

#include <memory>
#include <random>
#include <set>
#include <vector>

#include "replay/batch/send_batch.h"
#include "replay/delivery/lanes.h"
#include "replay/delivery/window.h"

namespace relay {

// Joins waiting records into a batch behind the lane's others. REQUIRES: it has unsent records.
std::shared_ptr<const SendBatch> FormBatch(LaneQueue& lane, Window& window, BatchLimit limit);

// Replaces the front batch by `parts`, which hold its lines.
void ReplaceFront(LaneQueue& lane, Window& window, std::vector<SendBatch> parts);

// Cuts the front batch to the limit; its failures in a row still count.
void CutFront(LaneQueue& lane, Window& window, BatchLimit limit);

// Removes the front batch, which is resolved.
void FinishFront(LaneQueue& lane, Window& window);

// Returns the records of the lane's batches and those that are in none yet, as often as they are in
// one.
std::vector<Sequence> UnsentRecords(const LaneQueue& lane);

// Removes records, none of whose lines will be sent any more, from the batches and from what is in
// none yet.
void TakeOut(LaneQueue& lane, const std::set<Sequence>& records);

// Credits the entries of a batch with all of its points.
void CreditAll(const SendBatch& batch, Window& window);

// Returns the last record of a batch, so that a line of it can be sent again as a canary. nullptr:
// it is too large to keep.
std::shared_ptr<const SendBatch> EndOf(const SendBatch& batch);

// Returns whether a line of the front batch's database was accepted and is kept. REQUIRES: the lane
// has a front batch.
bool KnowsAccepted(const LaneQueue& lane);

// Returns whether FindCanary finds one: the lane's last accepted line, or one from behind the front
// batch.
bool HasCanary(LaneQueue& lane, Window& window);
std::shared_ptr<const SendBatch> FindCanary(LaneQueue& lane, Window& window, BatchLimit limit,
                                            std::minstd_rand& random);

// Returns whether FindOtherClient finds one: a line of the same lane from another client than the
// front batch's, accepted last or waiting. A line of another lane could overwrite what that lane
// has written since.
bool HasOtherClient(LaneQueue& lane, Window& window);
std::shared_ptr<const SendBatch> FindOtherClient(LaneQueue& lane, Window& window, BatchLimit limit,
                                                 std::minstd_rand& random);

}  // namespace relay
