#include "wal/order/order_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "wal/base/big_endian.h"
#include "wal/base/invariant.h"
#include "wal/record/checked_value.h"

namespace relay {
namespace {

constexpr std::string_view kRelayPrefix = "order/relay/";
constexpr std::string_view kOwnerPrefix = "order/owner/";
constexpr std::string_view kPartPrefix = "order/part/";

std::string RelayKey(const std::string& relay) {
  return std::string(kRelayPrefix) + relay;
}

std::string OwnerKey(BackendNumber backend) {
  std::string key(kOwnerPrefix);
  PutBigEndian(key, backend.value());
  return key;
}

std::string PartKey(const std::string& relay, std::uint16_t part) {
  std::string key(kPartPrefix);
  PutSized<std::uint16_t>(key, relay);
  PutBigEndian(key, part);
  return key;
}

void PutSession(std::string& out, const SessionId& session) {
  for (const std::uint64_t word : session.words) PutBigEndian(out, word);
}

SessionId TakeSession(BigEndianReader& reader) {
  SessionId session;
  for (std::uint64_t& word : session.words) word = reader.Take<std::uint64_t>();
  return session;
}

std::string EncodePlace(const Reached& reached, Chain chain, WallTime at) {
  std::string value = BeginChecked();
  PutBigEndian(value, reached.place.value());
  PutBigEndian(value, chain.value());
  PutBigEndian(value, ToStored(at));
  PutBigEndian(value, ToStored(reached.at));
  return SealChecked(OrderState::kPrefix, std::move(value));
}

std::string EncodeRelay(const std::string& key, const RelaySession& session) {
  std::string value = BeginChecked();
  PutSession(value, session.id);
  PutBigEndian(value, session.counter);
  PutSized<std::uint16_t>(value, session.address);
  return SealChecked(key, std::move(value));
}

std::string EncodeOwner(const std::string& key, const Owner& owner) {
  std::string value = BeginChecked();
  PutBigEndian(value, owner.epoch);
  PutSession(value, owner.session);
  return SealChecked(key, std::move(value));
}

std::string EncodePart(const std::string& key, std::uint16_t parts, std::string_view body) {
  std::string value = BeginChecked();
  PutBigEndian(value, parts);
  value += body;
  return SealChecked(key, std::move(value));
}

}  // namespace

Status OrderState::CheckFollows(const OrderedMessage& message) const {
  if (message.place == place_.Next()) return Ok();
  INVARIANT(message.place.generation() > place_.generation() && message.place.number() == 1);
  const Result<Founding> founding = DecodeFounding(message.bytes);
  if (!founding.ok()) return founding.error();
  if (founding.value().last == place_ && founding.value().chain == chain_) return Ok();
  return Error(
      ErrorCode::kConflict,
      fmt::format("the stream goes on where the log of {} ended, at {}, and this log ended "
                  "at {}: stop this relay and run `influxdb-relay join URL --replace` "
                  "with the admin port of {}",
                  founding.value().relay, ToString(founding.value().last), ToString(place_),
                  founding.value().relay));
}

std::optional<OrderState::Taken> OrderState::Take(const OrderedMessage& message) {
  INVARIANT(message.place > place_);
  place_ = message.place;
  chain_ = chain_.Then(message);
  at_ = std::max(at_, message.at);
  last_at_ = message.at;
  const Result<Frame> decoded = DecodeFrame(message.bytes);
  const bool founds = decoded.ok() && decoded.value().kind == FrameKind::kFounded;
  if (founds && place_.number() == 1) return std::nullopt;
  if (!decoded.ok() || founds || decoded.value().kind == FrameKind::kNote) {
    ++strange_;
    return std::nullopt;
  }
  const Frame& frame = decoded.value();
  if (frame.kind == FrameKind::kHello) TakeHello(frame);
  const std::string* known = RelayOf(frame.session);
  return known == nullptr ? std::nullopt : TakeNext(frame, std::string(*known));
}

// Opens the session; its hello is then taken as the session's first frame.
void OrderState::TakeHello(const Frame& frame) {
  const Result<Hello> hello = DecodeHello(frame.body);
  if (!hello.ok() || frame.counter != 1 || frame.parts != 1) return;
  RelaySession& session = relays_[hello.value().relay];
  if (session.id != hello.value().follows || frame.session == session.id) return;
  session = {.id = frame.session, .counter = 0, .address = hello.value().address};
  changed_relays_.insert(hello.value().relay);
  DropParts(hello.value().relay);
}

std::optional<OrderState::Taken> OrderState::TakeNext(const Frame& frame,
                                                      const std::string& relay) {
  RelaySession& session = relays_.at(relay);
  if (frame.counter != session.counter + 1) return std::nullopt;
  session.counter = frame.counter;
  changed_relays_.insert(relay);
  std::optional<std::string> body = Joined(frame, relay);
  if (!body) return std::nullopt;
  Taken taken{.kind = frame.kind,
              .relay = relay,
              .session = frame.session,
              .counter = frame.counter,
              .body = *std::move(body)};
  if (taken.kind == FrameKind::kClaim) TakeClaim(taken);
  return taken;
}

// Returns the body once its last part has come.
std::optional<std::string> OrderState::Joined(const Frame& frame, const std::string& relay) {
  if (frame.parts == 1) {
    DropParts(relay);
    return std::string(frame.body);
  }
  if (frame.part == 1) DropParts(relay);
  Parts& parts = parts_[relay];
  const bool follows =
      frame.part == parts.bodies.size() + 1 && (frame.part == 1 || frame.parts == parts.expected);
  if (!follows) {  // A sender that does not number its parts in order has a bug.
    DropParts(relay);
    return std::nullopt;
  }
  parts.expected = frame.parts;
  parts.bodies.emplace_back(frame.body);
  if (frame.part < frame.parts) {
    const std::string key = PartKey(relay, frame.part);
    changed_parts_[key] = EncodePart(key, frame.parts, frame.body);
    return std::nullopt;
  }
  std::string whole;
  for (const std::string& body : parts.bodies) whole += body;
  DropParts(relay);
  return whole;
}

void OrderState::DropParts(const std::string& relay) {
  const auto found = parts_.find(relay);
  if (found == parts_.end()) return;
  for (std::size_t part = 1; part <= found->second.bodies.size(); ++part) {
    changed_parts_[PartKey(relay, static_cast<std::uint16_t>(part))] = std::nullopt;
  }
  parts_.erase(found);
}

void OrderState::TakeClaim(const Taken& taken) {
  const Result<Claim> decoded = DecodeClaim(taken.body);
  if (!decoded.ok()) return;
  const Claim& claim = decoded.value();
  const Owner before = OwnerOf(claim.backend);
  if (claim.follows != before.epoch) return;
  if (claim.gives_up && before.session != taken.session) return;
  if (!claim.gives_up && claim.owner_counter != CounterOf(before.session)) return;
  owners_[claim.backend] = {before.epoch + 1, claim.gives_up ? SessionId() : taken.session};
  changed_owners_.insert(claim.backend);
}

void OrderState::Forget(BackendNumber backend) {
  if (owners_.erase(backend) > 0) changed_owners_.insert(backend);
}

std::uint64_t OrderState::CounterOf(const SessionId& session) const {
  const std::string* relay = session.is_none() ? nullptr : RelayOf(session);
  return relay == nullptr ? 0 : relays_.at(*relay).counter;
}

Owner OrderState::OwnerOf(BackendNumber backend) const {
  const auto found = owners_.find(backend);
  return found == owners_.end() ? Owner() : found->second;
}

const std::string* OrderState::RelayOf(const SessionId& session) const {
  if (session.is_none()) return nullptr;
  for (const auto& [relay, known] : relays_) {
    if (known.id == session) return &relay;
  }
  return nullptr;
}

std::vector<OrderState::Row> OrderState::TakeRows() {
  std::vector<Row> rows;
  rows.push_back({std::string(kPrefix), EncodePlace(reached(), chain_, at_)});
  for (const std::string& relay : std::exchange(changed_relays_, {})) {
    std::string key = RelayKey(relay);
    std::string value = EncodeRelay(key, relays_.at(relay));
    rows.push_back({std::move(key), std::move(value)});
  }
  for (const BackendNumber backend : std::exchange(changed_owners_, {})) {
    Row row{OwnerKey(backend), std::nullopt};
    if (owners_.contains(backend)) row.value = EncodeOwner(row.key, owners_.at(backend));
    rows.push_back(std::move(row));
  }
  for (auto& [key, value] : std::exchange(changed_parts_, {})) rows.push_back({key, value});
  return rows;
}

Result<OrderState> OrderState::Load(const Store& store) {
  OrderState state;
  const std::unique_ptr<StoreCursor> at = store.NewCursor(Family::kState);
  for (at->Seek(kPrefix); at->Valid() && at->Key().starts_with(kPrefix); at->Next()) {
    RETURN_IF_ERROR(state.LoadRow(at->Key(), at->Value()));
  }
  RETURN_IF_ERROR(at->Health());
  return state;
}

Status OrderState::LoadRow(std::string_view key, std::string_view value) {
  ASSIGN_OR_RETURN(BigEndianReader reader, OpenChecked(key, value));
  if (key == kPrefix) {
    place_ = Place(reader.Take<std::uint64_t>());
    chain_ = Chain(reader.Take<std::uint64_t>());
    at_ = TakeTime(reader);
    last_at_ = TakeTime(reader);
  } else if (key.starts_with(kRelayPrefix)) {
    RelaySession session{.id = TakeSession(reader)};
    session.counter = reader.Take<std::uint64_t>();
    session.address = reader.TakeSized<std::uint16_t>();
    relays_[std::string(key.substr(kRelayPrefix.size()))] = std::move(session);
  } else if (key.starts_with(kOwnerPrefix)) {
    BigEndianReader number(key.substr(kOwnerPrefix.size()));
    Owner owner{.epoch = reader.Take<std::uint64_t>(), .session = TakeSession(reader)};
    owners_[BackendNumber(number.Take<std::uint32_t>())] = owner;
  } else if (key.starts_with(kPartPrefix)) {
    BigEndianReader name(key.substr(kPartPrefix.size()));
    Parts& parts = parts_[std::string(name.TakeSized<std::uint16_t>())];
    parts.expected = reader.Take<std::uint16_t>();
    parts.bodies.emplace_back(reader.TakeBytes(reader.left().size()));
  }
  if (!reader.finished()) return DamagedValue(key, "a row of the order of the wrong length");
  return Ok();
}

bool operator==(const OrderState& a, const OrderState& b) {
  return a.place_ == b.place_ && a.chain_ == b.chain_ && a.at_ == b.at_ &&
         a.last_at_ == b.last_at_ && a.relays_ == b.relays_ && a.owners_ == b.owners_ &&
         a.parts_ == b.parts_;
}

}  // namespace relay
