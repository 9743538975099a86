// The body of a request as it arrives: of a known length, or in chunks.
//
// INVARIANT. The text never grows beyond the room it is given, and never holds a byte that is not
// the body's: sizes and extensions of chunks, and fields of a trailer, are checked and left out.
//
// THREADS. One.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "wal/base/types.h"

namespace relay::http_parts {

enum class BodyState : std::uint8_t {
  kReading,
  kComplete,
  kMalformed,    // A chunk without a valid size or end, or a bad trailer.
  kTooLarge,     // Beyond the limit of the body.
  kLineTooLong,  // The extension of a chunk, or the trailer.
};

// Decodes chunks. Every line of theirs ends in CRLF: readers disagree about LF alone.
class ChunkDecoder {
 public:
  explicit ChunkDecoder(Bytes limit = Bytes(0)) : limit_(limit) {}

  // Appends what `arrived` holds of the body, until `text` has `room` bytes. Returns the number of
  // bytes used; the rest is to be passed again, with more behind it.
  std::size_t Decode(std::string_view arrived, std::size_t room, std::string& text);
  BodyState state() const { return state_; }

 private:
  enum class Part : std::uint8_t { kSize, kData, kDataEnd, kTrailer };

  std::size_t DecodeData(std::string_view arrived, std::size_t room, std::string& text);
  // Returns 0 if it is not complete.
  std::size_t DecodeLine(std::string_view arrived, std::size_t decoded);
  void ReadSize(std::string_view line, std::size_t decoded);
  void ReadTrailer(std::string_view line);

  Bytes limit_;
  std::uint64_t left_ = 0;  // Bytes of the present chunk.
  std::size_t trailer_ = 0;
  Part part_ = Part::kSize;
  BodyState state_ = BodyState::kReading;
};

class RequestBody {
 public:
  // Begins a body of that length, which must be within its limit.
  void Begin(std::size_t length);
  void BeginChunked(Bytes limit);

  BodyState state() const;

  // Returns the total room that reading on requires; not above `held`: it has enough.
  Bytes RoomToGoOn(Bytes held) const;

  // Returns the number of bytes that may be added to what it holds.
  std::size_t RoomLeft(Bytes held) const;

  // Takes what `arrived` holds of the body, within the room it has; returns how much it used.
  std::size_t Take(std::string_view arrived, Bytes held);

  // Returns where the next bytes can be read to without a copy; empty: pass them to Take.
  std::span<char> Missing();
  void Filled(std::size_t size) { filled_ += size; }

  // Returns the text, and keeps none. REQUIRES: it is complete.
  std::string Finish();

 private:
  std::string text_;
  std::size_t filled_ = 0;  // Bytes of text_ that have arrived; with chunks, all have.
  std::size_t length_ = 0;
  ChunkDecoder chunks_;
  bool chunked_ = false;
};

}  // namespace relay::http_parts
