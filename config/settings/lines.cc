#include "config/settings/lines.h"

#include <chrono>
#include <string>

#include "config/schema/value_format.h"
#include "wal/base/precision.h"

namespace relay {
namespace {

void DeclareTarget(Section& section, std::string& database, std::string& retention_policy,
                   Precision& precision) {
  section.Value({.key = "database", .sentence = "The database of its lines.", .required = true},
                database, SomeText("the name of a database"));
  section.Value({"retention_policy",
                 "The retention policy of its lines; if this names none, the backend's default "
                 "for the database applies."},
                retention_policy, AnyText());
  section.Value({"precision", "The unit of its lines' timestamps."}, precision,
                OneOf<Precision>(PrecisionWords(PrecisionDialect::kSettings)));
}

}  // namespace

void DeclareTcp(Section& section, TcpListenerConfig& tcp) {
  section.Value({"address", "Where to listen."}, tcp.address, AddressAndPort());
  DeclareTarget(section, tcp.database, tcp.retention_policy, tcp.precision);
  section.Value({"max_connections", "Clients beyond this many are turned away."},
                tcp.max_connections, CountBetween(1, 10'000));
  section.Value({"idle_timeout", "A client that is silent for so long is disconnected."},
                tcp.idle_timeout, TimeBetween(std::chrono::seconds(1), std::chrono::hours(24)));
}

void DeclareUdp(Section& section, UdpListenerConfig& udp) {
  section.Value({"address", "Where to listen."}, udp.address, AddressAndPort());
  DeclareTarget(section, udp.database, udp.retention_policy, udp.precision);
  section.Value({"read_buffer",
                 "The kernel's buffer for bursts; what it has no room for is lost and counted. 0B "
                 "leaves it as the system has it."},
                udp.read_buffer, SizeBetween(0_B, 1_GiB));
}

}  // namespace relay
