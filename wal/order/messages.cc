#include "wal/order/messages.h"

#include "wal/base/big_endian.h"
#include "wal/record/checked_value.h"

namespace relay {
namespace {

Status CheckWhole(const BigEndianReader& reader, std::string_view message) {
  if (reader.finished()) return Ok();
  return Error(ErrorCode::kCorruption, std::string(message) + " of the wrong length");
}

}  // namespace

std::string Encode(const Hello& hello) {
  std::string body;
  PutSized<std::uint16_t>(body, hello.relay);
  for (const std::uint64_t word : hello.follows.words) PutBigEndian(body, word);
  PutSized<std::uint16_t>(body, hello.address);
  return body;
}

Result<Hello> DecodeHello(std::string_view body) {
  BigEndianReader reader(body);
  Hello hello;
  hello.relay = reader.TakeSized<std::uint16_t>();
  for (std::uint64_t& word : hello.follows.words) word = reader.Take<std::uint64_t>();
  hello.address = reader.TakeSized<std::uint16_t>();
  RETURN_IF_ERROR(CheckWhole(reader, "a hello"));
  return hello;
}

std::string Encode(const Claim& claim) {
  std::string body;
  PutBigEndian(body, claim.backend.value());
  PutBigEndian(body, claim.follows);
  PutBigEndian(body, static_cast<std::uint8_t>(claim.gives_up));
  PutBigEndian(body, claim.owner_counter);
  return body;
}

Result<Claim> DecodeClaim(std::string_view body) {
  BigEndianReader reader(body);
  Claim claim;
  claim.backend = BackendNumber(reader.Take<std::uint32_t>());
  claim.follows = reader.Take<std::uint64_t>();
  claim.gives_up = reader.Take<std::uint8_t>() != 0;
  claim.owner_counter = reader.Take<std::uint64_t>();
  RETURN_IF_ERROR(CheckWhole(reader, "a claim"));
  return claim;
}

std::string Encode(const Beat& beat) {
  std::string body;
  PutBigEndian(body, ToStored(beat.at));
  PutBigEndian(body, beat.synced.value());
  PutBigEndian(body, beat.chain.value());
  return body;
}

Result<Beat> DecodeBeat(std::string_view body) {
  BigEndianReader reader(body);
  Beat beat;
  beat.at = TakeTime(reader);
  beat.synced = Place(reader.Take<std::uint64_t>());
  beat.chain = Chain(reader.Take<std::uint64_t>());
  RETURN_IF_ERROR(CheckWhole(reader, "a beat"));
  return beat;
}

std::string EncodeNote(const Note& note) {
  std::string body;
  PutSized<std::uint16_t>(body, note.relay);
  PutBigEndian(body, note.synced.value());
  PutBigEndian(body, note.chain.value());
  PutBigEndian(body, static_cast<std::uint8_t>(note.leaves));
  return EncodeFrame({.kind = FrameKind::kNote, .session = note.session, .body = body});
}

std::string EncodeFounding(const Founding& founding) {
  std::string body;
  PutSized<std::uint16_t>(body, founding.relay);
  PutBigEndian(body, founding.last.value());
  PutBigEndian(body, founding.chain.value());
  return EncodeFrame({.kind = FrameKind::kFounded, .body = body});
}

Result<Founding> DecodeFounding(std::string_view frame) {
  ASSIGN_OR_RETURN(const Frame decoded, DecodeFrame(frame));
  if (decoded.kind != FrameKind::kFounded) return Error(ErrorCode::kCorruption, "not a founding");
  BigEndianReader reader(decoded.body);
  Founding founding;
  founding.relay = reader.TakeSized<std::uint16_t>();
  founding.last = Place(reader.Take<std::uint64_t>());
  founding.chain = Chain(reader.Take<std::uint64_t>());
  RETURN_IF_ERROR(CheckWhole(reader, "a founding"));
  return founding;
}

Result<Note> DecodeNote(std::string_view frame) {
  ASSIGN_OR_RETURN(const Frame decoded, DecodeFrame(frame));
  if (decoded.kind != FrameKind::kNote) return Error(ErrorCode::kCorruption, "not a note");
  BigEndianReader reader(decoded.body);
  Note note{.relay = {}, .session = decoded.session};
  note.relay = reader.TakeSized<std::uint16_t>();
  note.synced = Place(reader.Take<std::uint64_t>());
  note.chain = Chain(reader.Take<std::uint64_t>());
  note.leaves = reader.Take<std::uint8_t>() != 0;
  RETURN_IF_ERROR(CheckWhole(reader, "a note"));
  return note;
}

}  // namespace relay
