// Counters of a listener that sends no responses: its clients learn nothing, so the operator must.
// metrics.cc renders the text.
//
// THREADS. Any number at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "wal/base/types.h"

namespace relay {

class LineCounters {
 public:
  // `protocol`: "tcp" or "udp"; `address`: where it listens.
  LineCounters(std::string protocol, std::string address)
      : protocol_(std::move(protocol)), address_(std::move(address)) {}

  void Accepted(PointCount points, Bytes bytes) {
    accepted_points_ += points;
    accepted_bytes_ += bytes.count();
  }
  void Refused(std::uint64_t lines) { refused_lines_ += lines; }
  void Unrouted(PointCount points) { unrouted_points_ += points; }
  // Counts points that were read but not stored when the relay had to stop.
  void Abandoned(PointCount points) { abandoned_points_ += points; }
  void Received(std::uint64_t packets) { packets_ += packets; }
  void Lost(std::uint64_t packets) { lost_packets_ += packets; }
  void Connected() {
    ++connections_;
    ++open_connections_;
  }
  void Disconnected() { --open_connections_; }
  void TurnedAway() { turned_away_ += 1; }

  const std::string& protocol() const { return protocol_; }
  const std::string& address() const { return address_; }
  std::uint64_t accepted_points() const { return accepted_points_; }
  std::uint64_t accepted_bytes() const { return accepted_bytes_; }
  std::uint64_t refused_lines() const { return refused_lines_; }
  std::uint64_t unrouted_points() const { return unrouted_points_; }
  std::uint64_t abandoned_points() const { return abandoned_points_; }
  std::uint64_t packets() const { return packets_; }
  std::uint64_t lost_packets() const { return lost_packets_; }
  std::uint64_t connections() const { return connections_; }
  std::uint64_t open_connections() const { return open_connections_; }
  std::uint64_t turned_away() const { return turned_away_; }

 private:
  const std::string protocol_;
  const std::string address_;
  using Count = std::atomic<std::uint64_t>;
  Count accepted_points_ = 0;
  Count accepted_bytes_ = 0;
  Count refused_lines_ = 0;
  Count unrouted_points_ = 0;
  Count abandoned_points_ = 0;
  Count packets_ = 0;
  Count lost_packets_ = 0;
  Count connections_ = 0;
  Count open_connections_ = 0;
  Count turned_away_ = 0;
};

}  // namespace relay
