#include "wal/group/group_codec.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "wal/base/big_endian.h"
#include "wal/base/invariant.h"
#include "wal/record/checked_value.h"

namespace relay {
namespace {

Error NoGroup(std::string_view reason) {
  return {ErrorCode::kCorruption, "a group of the order is damaged: " + std::string(reason)};
}

// -------------------------------------------------------------------- encoding

void PutClaim(std::string& out, const UnderClaim& claim) {
  PutBigEndian(out, claim.backend.value());
  PutBigEndian(out, claim.epoch);
}

void PutState(std::string& out, const UnderClaim& claim, const QueueState& state) {
  PutSized<std::uint32_t>(out, EncodeQueueState(QueueKey(claim.backend), state));
}

void PutAppends(std::string& out, std::vector<WaitingAppend>& appends, const ClaimOf& claim_of) {
  PutBigEndian(out, static_cast<std::uint32_t>(appends.size()));
  for (WaitingAppend& append : appends) {
    AppendRequest& request = append.Encoded();
    PutBigEndian(out, ToStored(request.accepted_at));
    std::vector<std::uint32_t> numbers;
    for (const BackendId& backend : *request.backends) {
      numbers.push_back(claim_of(backend).backend.value());
    }
    PutBigEndian(out, static_cast<std::uint16_t>(numbers.size()));
    for (const std::uint32_t number : numbers) PutBigEndian(out, number);
    PutSized<std::uint32_t>(out, request.record.Seal(EncodedRecord::kUnplaced));
  }
}

void PutRows(std::string& out, const std::vector<Change::Row>& rows) {
  PutBigEndian(out, static_cast<std::uint32_t>(rows.size()));
  for (const Change::Row& row : rows) {
    PutBigEndian(out, static_cast<std::uint8_t>(row.family));
    PutSized<std::uint32_t>(out, row.key);
    PutBigEndian(out, static_cast<std::uint8_t>(row.value.has_value()));
    if (row.value) PutSized<std::uint32_t>(out, *row.value);
  }
}

void PutChange(std::string& out, WaitingChange& waiting, const UnderClaim& claim,
               const ClaimOf& claim_of) {
  const Change& change = waiting.change;
  PutClaim(out, claim);
  PutBigEndian(out, change.follows);
  PutBigEndian(out, static_cast<std::uint8_t>(change.state.has_value()));
  if (change.state) PutState(out, claim, *change.state);
  PutRows(out, change.rows);
  PutAppends(out, waiting.appends, claim_of);
}

// -------------------------------------------------------------------- decoding

UnderClaim TakeClaim(BigEndianReader& reader) {
  const BackendNumber backend(reader.Take<std::uint32_t>());
  return {backend, reader.Take<std::uint64_t>()};
}

Result<QueueState> TakeState(BigEndianReader& reader, BackendNumber backend) {
  return DecodeQueueState(QueueKey(backend), reader.TakeSized<std::uint32_t>());
}

Result<RemoteAppend> TakeAppend(BigEndianReader& reader) {
  const WallTime accepted_at = TakeTime(reader);
  std::vector<BackendNumber> backends;
  const auto count = reader.Take<std::uint16_t>();
  for (std::uint16_t i = 0; i < count && !reader.ended_early(); ++i) {
    backends.emplace_back(reader.Take<std::uint32_t>());
  }
  ASSIGN_OR_RETURN(EncodedRecord record,
                   EncodedRecord::FromUnplaced(std::string(reader.TakeSized<std::uint32_t>())));
  return RemoteAppend{std::move(record), std::move(backends), accepted_at};
}

Result<std::vector<RemoteAppend>> TakeAppends(BigEndianReader& reader) {
  std::vector<RemoteAppend> appends;
  const auto count = reader.Take<std::uint32_t>();
  for (std::uint32_t i = 0; i < count; ++i) {
    if (reader.ended_early()) return NoGroup("its appends are truncated");
    ASSIGN_OR_RETURN(RemoteAppend append, TakeAppend(reader));
    appends.push_back(std::move(append));
  }
  return appends;
}

Result<Change::Row> TakeRow(BigEndianReader& reader) {
  const auto family = reader.Take<std::uint8_t>();
  if (family > static_cast<std::uint8_t>(Family::kState)) return NoGroup("an unknown family");
  Change::Row row{static_cast<Family>(family), std::string(reader.TakeSized<std::uint32_t>()),
                  std::nullopt};
  if (reader.Take<std::uint8_t>() != 0) row.value = reader.TakeSized<std::uint32_t>();
  if (reader.ended_early()) return NoGroup("its rows are truncated");
  return row;
}

// The lanes that a change concerns are those of its rows.
Status TakeLane(const Change::Row& row, BackendNumber backend, Change& change) {
  const bool is_lane = row.family == Family::kState && row.key.starts_with(LanePrefix(backend));
  if (!is_lane) return Ok();
  ASSIGN_OR_RETURN(Lane lane, DecodeLaneKey(row.key, backend));
  LaneState state;
  if (row.value) {
    ASSIGN_OR_RETURN(state, DecodeLane(row.key, *row.value));
  }
  change.lanes.insert_or_assign(std::move(lane), state);
  return Ok();
}

Result<RemoteChange> TakeChange(BigEndianReader& reader) {
  RemoteChange remote{.claim = TakeClaim(reader)};
  remote.change.follows = reader.Take<std::uint64_t>();
  if (reader.Take<std::uint8_t>() != 0) {
    ASSIGN_OR_RETURN(remote.change.state, TakeState(reader, remote.claim.backend));
  }
  const auto rows = reader.Take<std::uint32_t>();
  for (std::uint32_t i = 0; i < rows; ++i) {
    if (reader.ended_early()) return NoGroup("its rows are truncated");
    ASSIGN_OR_RETURN(Change::Row row, TakeRow(reader));
    RETURN_IF_ERROR(TakeLane(row, remote.claim.backend, remote.change));
    remote.change.rows.push_back(std::move(row));
  }
  ASSIGN_OR_RETURN(std::vector<RemoteAppend> records, TakeAppends(reader));
  for (RemoteAppend& append : records) {
    remote.change.accepted_at = append.accepted_at;
    remote.change.records.push_back(std::move(append.record));
  }
  return remote;
}

}  // namespace

std::string EncodeGroup(Group& group, const ClaimOf& claim_of) {
  std::string body;
  std::vector<const BackendId*> names;
  for (const WaitingBackends* waiting : group.backends) {
    for (const BackendId& name : waiting->names) names.push_back(&name);
  }
  PutBigEndian(body, static_cast<std::uint16_t>(names.size()));
  for (const BackendId* name : names) PutSized<std::uint16_t>(body, name->text());
  PutAppends(body, group.appends, claim_of);

  PutBigEndian(body, static_cast<std::uint16_t>(group.changes.size()));
  for (WaitingChange* waiting : group.changes) {
    PutChange(body, *waiting, claim_of(waiting->backend), claim_of);
  }
  PutBigEndian(body, static_cast<std::uint16_t>(group.cursors.size()));
  for (const auto& [backend, state] : group.cursors) {
    const UnderClaim claim = claim_of(backend);
    PutClaim(body, claim);
    PutState(body, claim, state);
  }
  return body;
}

Result<RemoteGroup> DecodeGroup(std::string_view body) {
  BigEndianReader reader(body);
  RemoteGroup group;
  const auto names = reader.Take<std::uint16_t>();
  for (std::uint16_t i = 0; i < names && !reader.ended_early(); ++i) {
    ASSIGN_OR_RETURN(BackendId name, BackendId::Parse(reader.TakeSized<std::uint16_t>()));
    group.names.push_back(std::move(name));
  }
  ASSIGN_OR_RETURN(group.appends, TakeAppends(reader));
  const auto changes = reader.Take<std::uint16_t>();
  for (std::uint16_t i = 0; i < changes; ++i) {
    ASSIGN_OR_RETURN(RemoteChange change, TakeChange(reader));
    group.changes.push_back(std::move(change));
  }
  const auto cursors = reader.Take<std::uint16_t>();
  for (std::uint16_t i = 0; i < cursors; ++i) {
    const UnderClaim claim = TakeClaim(reader);
    ASSIGN_OR_RETURN(const QueueState state, TakeState(reader, claim.backend));
    group.cursors.push_back({claim, state});
  }
  if (!reader.finished()) return NoGroup("it has the wrong length");
  return group;
}

}  // namespace relay
