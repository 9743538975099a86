#include "config/settings/lines.h"

#include <chrono>
#include <string>

#include "config/schema/value_format.h"
#include "wal/base/precision.h"

namespace relay {
namespace {

void DeclareTarget(Section& section, std::string& database, std::string& retention_policy,
                   Precision& precision) {
  section.Value({.key = "database", .description = "The database of its lines.", .required = true},
                database, SomeText("the name of a database"));
  section.Value({"retention_policy",
                 "The retention policy of its lines; \"\": the backend's default "
                 "for the database applies."},
                retention_policy, AnyText());
  section.Value({"precision", "The unit of its lines' timestamps."}, precision,
                OneOf<Precision>(PrecisionWords(PrecisionDialect::kSettings)));
}

}  // namespace

void DeclareTcp(Section& section, TcpListenerConfig& tcp) {
  section.Value({"address", "The address to listen on."}, tcp.address, AddressAndPort());
  DeclareTarget(section, tcp.database, tcp.retention_policy, tcp.precision);
  section.Value({"max_connections", "The most clients at once; more are disconnected."},
                tcp.max_connections, CountBetween(1, 10'000));
  section.Value({"idle_timeout", "A client that sends nothing for this long is disconnected."},
                tcp.idle_timeout, TimeBetween(std::chrono::seconds(1), std::chrono::hours(24)));
  section.Value({"max_line", "The longest line; a longer one is refused."}, tcp.max_line,
                LineSize());
}

void DeclareUdp(Section& section, UdpListenerConfig& udp) {
  section.Value({"address", "The address to listen on."}, udp.address, AddressAndPort());
  DeclareTarget(section, udp.database, udp.retention_policy, udp.precision);
  section.Value(
      {"read_buffer",
       "The kernel's receive buffer for bursts; packets beyond it are lost and counted. 0B: "
       "the system's default."},
      udp.read_buffer, SizeBetween(0_B, 1_GiB));
}

}  // namespace relay
