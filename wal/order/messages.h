// The small messages of the order: the bodies of frames that carry no records.
//
// THREADS. Values and pure functions.
//
// ERRORS. kCorruption: the body is not one of this kind.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wal/base/result.h"
#include "wal/base/types.h"
#include "wal/order/frame.h"
#include "wal/record/rows.h"

namespace relay {

// A relay opens a session, after it has read the order up to its end.
struct Hello {
  std::string relay;    // Its name; unique among the relays that share the order.
  SessionId follows;    // The last session of that name, as far as it has read; zero: none.
  std::string address;  // The URL of its admin port for the other relays; empty: none.
};

// A relay takes over the delivery to a backend, or gives it up.
struct Claim {
  BackendNumber backend{0};
  std::uint64_t follows = 0;  // The epoch that the claim ends.
  bool gives_up = false;
  // The last counter of the owner's session that the sender had seen: with a later one before the
  // claim, the owner is alive.
  std::uint64_t owner_counter = 0;
};

// A relay is alive.
struct Beat {
  WallTime at;                          // The relay's clock, for a person to compare.
  Place synced = Place::BeforeFirst();  // Everything up to here is on the relay's disk.
  Chain chain;                          // At that place.
};

// A relay has a place on its disk. It is told at once, without a place of its own.
struct Note {
  std::string relay;
  SessionId session;
  Place synced = Place::BeforeFirst();
  Chain chain;          // At that place.
  bool leaves = false;  // The relay is being stopped.
};

// A generation of the order goes on where a log ends.
struct Founding {
  std::string relay;  // Whose log it is.
  Place last = Place::BeforeFirst();
  Chain chain;  // At that place.
};

std::string Encode(const Hello& hello);
std::string Encode(const Claim& claim);
std::string Encode(const Beat& beat);
// Whole frames.
std::string EncodeNote(const Note& note);
std::string EncodeFounding(const Founding& founding);

Result<Hello> DecodeHello(std::string_view body);
Result<Claim> DecodeClaim(std::string_view body);
Result<Beat> DecodeBeat(std::string_view body);
Result<Note> DecodeNote(std::string_view frame);
Result<Founding> DecodeFounding(std::string_view frame);

}  // namespace relay
