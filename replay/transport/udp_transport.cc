#include "replay/transport/udp_transport.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "replay/net/connection.h"
#include "replay/net/tcp_connect.h"
#include "replay/transport/target.h"
#include "wal/record/lines.h"

namespace relay {
namespace {

using std::chrono::milliseconds;

// A host that moved is followed within this time.
constexpr milliseconds kLookUpAgain = std::chrono::minutes(1);

Reply Answering(int status, std::string body) {
  return {.http_status = status, .content_type = "text/plain", .body = std::move(body)};
}

Reply RefusedHere(const std::string& reason) {
  constexpr int kUnprocessable = 422;
  return Answering(kUnprocessable, "not sent: " + reason);
}

// Cuts a batch into packets, as views of it.
Result<std::vector<std::string_view>> Packets(std::string_view lines, std::size_t mtu) {
  std::vector<std::string_view> packets;
  LineWalk walk(lines);
  for (std::size_t number = 1; !walk.AtEnd(); ++number) {
    const std::string_view line = walk.Next();
    if (line.size() > mtu) {
      return Error(ErrorCode::kInvalidInput,
                   fmt::format("line {}: its {} bytes do not fit in a packet of {}", number,
                               line.size(), mtu));
    }
    if (packets.empty() || packets.back().size() + line.size() > mtu) {
      packets.push_back(line);
    } else {
      packets.back() = {packets.back().data(), packets.back().size() + line.size()};
    }
  }
  return packets;
}

class UdpTransport final : public Transport {
 public:
  explicit UdpTransport(UdpTransportOptions options) : options_(std::move(options)) {}

  Result<Reply> Send(const WriteRequest& request) override {
    if (request.params.api == Api::kStatement)
      return RefusedHere("statements cannot be sent over UDP");
    std::string joined;
    std::string rescaled;
    std::string_view lines = request.lines.Text(joined);
    if (request.params.precision != options_.precision) {
      Result<std::string> made = Rescaled(lines, request.params.precision, options_.precision);
      if (!made.ok()) return RefusedHere(made.error().message());
      rescaled = std::move(made).value();
      lines = rescaled;
    }
    const Result<std::vector<std::string_view>> packets = Packets(lines, options_.mtu.count());
    if (!packets.ok()) return RefusedHere(packets.error().message());

    deadline_.Arm(options_.timeout);
    Status sent = SendAll(packets.value());
    if (sent.ok()) return Answering(204, "");
    socket_ = {};
    return std::move(sent).error().Within(fmt::format("{}:{}", options_.host, options_.port));
  }

  void Cancel() override {
    deadline_.Cancel();
    age_.Cancel();
  }

 private:
  Status SendAll(const std::vector<std::string_view>& packets) {
    RETURN_IF_ERROR(Open());
    for (const std::string_view packet : packets) {
      RETURN_IF_ERROR(SendOne(packet));
    }
    return LastError();
  }

  Status Open() {
    if (deadline_.cancelled()) return WaitEnded(Deadline::Wake::kCancelled);
    if (socket_.open() && age_.Left() > milliseconds(0)) return Ok();
    ASSIGN_OR_RETURN(const std::vector<Address> found,
                     Resolve(options_.host, options_.port, SOCK_DGRAM, deadline_));
    const Address& address = found.front();
    const auto* place = reinterpret_cast<const sockaddr*>(&address.storage);
    OwnedFd socket(::socket(place->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.open() || connect(socket.get(), place, address.size) != 0) return Failed(errno);
    socket_ = std::move(socket);
    age_.Arm(kLookUpAgain);
    return Ok();
  }

  Status SendOne(std::string_view packet) {
    while (send(socket_.get(), packet.data(), packet.size(), MSG_NOSIGNAL) < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return Failed(errno);
      const Deadline::Wake wake = deadline_.Wait(socket_.get(), POLLOUT);
      if (wake != Deadline::Wake::kReady) return WaitEnded(wake);
    }
    return Ok();
  }

  // Returns what the system has learnt of the packets meanwhile.
  Status LastError() {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return Failed(error);
    return Ok();
  }

  static Error Failed(int error) {
    if (error == ECONNREFUSED) return {ErrorCode::kUnavailable, "nobody listens there"};
    return {ErrorCode::kUnavailable, std::generic_category().message(error)};
  }

  const UdpTransportOptions options_;
  Deadline deadline_;
  Deadline age_;  // The age of the look-up.
  OwnedFd socket_;
};

}  // namespace

std::unique_ptr<Transport> MakeUdpTransport(UdpTransportOptions options) {
  return std::make_unique<UdpTransport>(std::move(options));
}

}  // namespace relay
