#include "tests/support/fakes/fake_backend.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <list>
#include <string_view>
#include <thread>
#include <utility>

#include "tests/support/process/ports.h"

namespace relay::test {

// The listener, its connections and their threads, from Listen to Refuse.
// Stopping it ends every wait of every thread.
class FakeBackend::Server {
 public:
  Server(FakeBackend& backend, Fd listener)
      : backend_(backend), listener_(std::move(listener)), stop_(eventfd(0, EFD_CLOEXEC)) {
    acceptor_ = std::thread([this] { Accept(); });
  }

  ~Server() {
    eventfd_write(stop_.get(), 1);
    acceptor_.join();
    for (Connection& connection : connections_) connection.thread.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  struct Connection {
    Fd socket;
    std::string stream;  // Received, not yet processed.
    std::thread thread;
    std::atomic<bool> over{false};
  };
  enum class Wake : std::uint8_t { kReady, kTimeUp, kStop };

  static constexpr milliseconds kForever{-1};

  Wake Wait(const Fd& socket, short events, milliseconds timeout) const;
  bool Pause(const Fd& socket, milliseconds length) const;
  void Accept();
  void Serve(Connection& connection);
  void ReapFinished();
  bool Receive(Connection& connection) const;
  bool Give(const Fd& socket, const FakeAnswer& answer) const;
  bool Send(const Fd& socket, std::string_view bytes, milliseconds byte_gap) const;

  FakeBackend& backend_;
  Fd listener_;
  Fd stop_;
  std::list<Connection> connections_;  // Used by the acceptor, then by the destructor.
  std::thread acceptor_;
};

FakeBackend::Server::Wake FakeBackend::Server::Wait(const Fd& socket, short events,
                                                    milliseconds timeout) const {
  std::array<pollfd, 2> both{pollfd{.fd = stop_.get(), .events = POLLIN, .revents = 0},
                             pollfd{.fd = socket.get(), .events = events, .revents = 0}};
  if (poll(both.data(), both.size(), static_cast<int>(timeout.count())) <= 0) return Wake::kTimeUp;
  return both[0].revents != 0 ? Wake::kStop : Wake::kReady;
}

// Returns false if the server stops or the client leaves before the time is up.
bool FakeBackend::Server::Pause(const Fd& socket, milliseconds length) const {
  return length == milliseconds{0} || Wait(socket, POLLRDHUP, length) == Wake::kTimeUp;
}

void FakeBackend::Server::Accept() {
  while (Wait(listener_, POLLIN, kForever) == Wake::kReady) {
    Fd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket.open()) continue;
    ReapFinished();
    Connection& connection = connections_.emplace_back();
    connection.socket = std::move(socket);
    connection.thread = std::thread([this, &connection] { Serve(connection); });
  }
}

void FakeBackend::Server::ReapFinished() {
  connections_.remove_if([](Connection& connection) {
    if (!connection.over) return false;
    connection.thread.join();
    return true;
  });
}

void FakeBackend::Server::Serve(Connection& connection) {
  bool open = true;
  while (open) {
    if (auto request = TakeRequest(connection.stream)) {
      open = Give(connection.socket, backend_.Take(std::move(*request)));
    } else {
      open = Receive(connection);
    }
  }
  connection.socket.Close();
  connection.over = true;
}

bool FakeBackend::Server::Receive(Connection& connection) const {
  if (Wait(connection.socket, POLLIN, kForever) != Wake::kReady) return false;
  std::array<char, 65536> buffer{};
  const ssize_t size = recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
  if (size <= 0) return false;
  connection.stream.append(buffer.data(), static_cast<std::size_t>(size));
  return true;
}

// Returns whether the connection stays open.
bool FakeBackend::Server::Give(const Fd& socket, const FakeAnswer& answer) const {
  if (answer.silent) return Pause(socket, kForever);
  if (!Pause(socket, answer.delay)) return false;
  const std::string wire = answer.Wire();
  const std::string_view part = std::string_view(wire).substr(0, answer.bytes_max);
  if (!Send(socket, part, answer.byte_gap)) return false;
  while (!answer.without_end.empty()) {
    if (!Send(socket, answer.without_end, answer.byte_gap)) return false;
  }
  if (answer.then == FakeAnswer::Then::kReset) ResetOnClose(socket);
  return answer.then == FakeAnswer::Then::kKeepOpen;
}

bool FakeBackend::Server::Send(const Fd& socket, std::string_view bytes,
                               milliseconds byte_gap) const {
  while (!bytes.empty()) {
    if (!Pause(socket, byte_gap)) return false;
    if (Wait(socket, POLLOUT, kForever) != Wake::kReady) return false;
    const std::size_t size = byte_gap > milliseconds{0} ? 1 : bytes.size();
    const ssize_t sent = send(socket.get(), bytes.data(), size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

FakeBackend::FakeBackend(Script script) : port_(FreePort()), script_(std::move(script)) {
  Listen();
}

FakeBackend::~FakeBackend() = default;

void FakeBackend::Follow(Script script) {
  const std::lock_guard lock(script_mutex_);
  script_ = std::move(script);
}

void FakeBackend::Refuse() {
  server_.reset();
}

void FakeBackend::Listen() {
  server_ = std::make_unique<Server>(*this, ListenOn(port_));
}

void FakeBackend::TakeSideQuestions() {
  const std::lock_guard lock(script_mutex_);
  takes_side_questions_ = true;
}

FakeAnswer FakeBackend::Take(FakeRequest request) {
  const std::lock_guard script_lock(script_mutex_);
  if (!takes_side_questions_ && request.body == "q=SHOW%20DATABASES") return FakeAnswer{};
  {
    const std::lock_guard lock(mutex_);
    request.number = ++count_;
    if (keep_) requests_.push_back(request);
  }
  arrived_.notify_all();
  return script_ ? script_(request) : FakeAnswer{};
}

std::uint64_t FakeBackend::RequestCount() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

std::vector<FakeRequest> FakeBackend::Requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::string FakeBackend::Bodies() const {
  const std::lock_guard lock(mutex_);
  std::string bodies;
  for (const FakeRequest& request : requests_) bodies += request.body;
  return bodies;
}

bool FakeBackend::WaitForRequests(std::uint64_t count, milliseconds within) const {
  std::unique_lock lock(mutex_);
  return arrived_.wait_for(lock, within, [&] { return count_ >= count; });
}

void FakeBackend::Forget() {
  const std::lock_guard lock(mutex_);
  requests_.clear();
}

void FakeBackend::KeepNoRequests() {
  const std::lock_guard lock(mutex_);
  keep_ = false;
  requests_.clear();
}

}  // namespace relay::test
