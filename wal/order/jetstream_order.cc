#include "wal/order/jetstream_order.h"

#if !__has_include(<nats/nats.h>)

namespace relay {

Status CheckNatsLibrary() {
  return Error(ErrorCode::kInvalidInput,
               "this relay was built without NATS: install the package libnats-dev, build it anew");
}

Result<std::unique_ptr<Order>> MakeJetStreamOrder(const JetStreamOptions& /*options*/,
                                                  const Clock& /*clock*/) {
  return CheckNatsLibrary().error();
}

}  // namespace relay

#else

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "wal/order/jetstream_streams.h"
#include "wal/order/nats_connection.h"
#include "wal/order/nats_library.h"

namespace relay {
namespace {

constexpr std::chrono::milliseconds kHeartbeat{500};
// A consumer that gives no sign for so long is on a server that is gone.
constexpr std::chrono::milliseconds kSilence{1'750};
constexpr std::chrono::milliseconds kAskAgain{200};
constexpr std::size_t kAtOnceMax = 256;
constexpr std::size_t kAtOnceBytesMax = 8U << 20U;
// An answer to a message that the stream has no room for.
constexpr std::string_view kMaximumExceeded = "\"err_code\":10077";
constexpr std::string_view kWhatToDo =
    "Once it is known which relay has the highest place, run `influxdb-relay found` there";
// An answer to a message for a stream that has ended.
constexpr std::string_view kSealed = "sealed stream";

// Where a message of a consumer stands, as its reply subject says:
// $JS.ACK.STREAM.CONSUMER.DELIVERED.STREAM_SEQ.CONSUMER_SEQ.TIME.PENDING, or with a domain and an
// account behind ACK.
struct Origin {
  std::string_view consumer;
  std::uint64_t place = 0;
  std::int64_t at = 0;  // Nanoseconds since 1970.
};

std::optional<Origin> OriginIn(std::string_view reply) {
  constexpr std::size_t kShort = 9;
  constexpr std::size_t kLong = 11;
  std::array<std::string_view, kLong> tokens;
  std::size_t count = 0;
  for (bool more = true; more && count < tokens.size(); ++count) {
    const std::size_t dot = reply.find('.');
    tokens.at(count) = reply.substr(0, dot);
    more = dot != std::string_view::npos;
    if (more) reply.remove_prefix(dot + 1);
  }
  if (count < kShort || tokens[0] != "$JS" || tokens[1] != "ACK") return std::nullopt;
  const std::size_t shift = count >= kLong ? 2 : 0;
  const auto number = [&tokens](std::size_t at, auto& value) {
    const std::string_view text = tokens.at(at);
    return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
  };
  constexpr std::size_t kConsumerAt = 3;
  constexpr std::size_t kPlaceAt = 5;
  constexpr std::size_t kTimeAt = 7;
  Origin origin{.consumer = tokens.at(kConsumerAt + shift)};
  if (!number(kPlaceAt + shift, origin.place) || !number(kTimeAt + shift, origin.at)) {
    return std::nullopt;
  }
  return origin;
}

class JetStreamOrder final : public Order {
 public:
  JetStreamOrder(const JetStreamOptions& options, const Clock& clock, const NatsLibrary& nats)
      : options_(options),
        clock_(clock),
        nats_(nats),
        told_subject_("relay." + options.log + ".told"),
        nats_connection_(options_, nats),
        streams_(options_, nats, nats_connection_) {}

  ~JetStreamOrder() override {
    // Messages may come until the connection is closed.
    nats_connection_.Close();
    Unfollow();
    for (natsSubscription* const old : old_subscriptions_) nats_.natsSubscription_Destroy(old);
    if (told_ != nullptr) nats_.natsSubscription_Destroy(told_);
    if (acks_ != nullptr) nats_.natsSubscription_Destroy(acks_);
  }

  // Connects, or begins to try. A server that refuses the credentials is no error of this: it may
  // do so before or after this returns, and each later call says so.
  Status Open();

  Status Propose(std::string_view bytes) override;
  Result<std::vector<OrderedMessage>> Next(const Reached& after,
                                           std::chrono::milliseconds wait) override;
  void Wake() override { woken_.notify_all(); }
  void Tell(std::string_view note) override;
  void OnTold(std::function<void(std::string_view)> listener) override;
  Result<OrderRange> Range() override {
    const std::lock_guard lock(api_);
    return streams_.ReadRange();
  }
  Status Found(Place last, std::string_view first) override {
    const std::lock_guard lock(api_);
    return streams_.Found(last, first);
  }
  Status Forget(Place through) override {
    const std::lock_guard lock(api_);
    return streams_.Forget(through);
  }

 private:
  using Message = NatsMessage;

  Status Subscribe();
  void Hear(natsMsg* message);
  Status Follow(const Reached& reached);
  Status CheckAgainst(const OrderRange& range, Place after);
  void Unfollow();
  void DeleteOldConsumers();
  void AnswerStatus(const Message& message, const char* reply);
  std::vector<OrderedMessage> WaitUntilAskedAgain(Clock::TimePoint now);
  bool Take(const Message& message, std::vector<OrderedMessage>& messages);
  std::vector<OrderedMessage> TakeSome(std::int64_t wait_ms);
  void ReadAcks();

  const JetStreamOptions options_;
  const Clock& clock_;
  const NatsLibrary& nats_;
  const std::string told_subject_;
  NatsConnection nats_connection_;
  JetStreams streams_;
  std::atomic<bool> must_look_again_{false};  // There seems to be a later one.
  std::string inbox_;
  std::string ack_inbox_;
  natsSubscription* acks_ = nullptr;

  natsSubscription* told_ = nullptr;
  std::mutex listening_;  // Guards the listener, and is held while it is called.
  std::function<void(std::string_view)> listener_;

  std::mutex proposing_;  // Guards full_.
  bool full_ = false;

  std::mutex api_;  // Keeps questions about streams, and changes of them, apart.

  // The reader's.
  std::string consumer_;  // Empty: none.
  // Its subject, of its own: nats-server 2.9 delivers to no wildcard.
  std::string delivered_to_;
  natsSubscription* messages_ = nullptr;
  // Kept as long as the connection: libnats 3.4.1 may crash when one is destroyed while messages
  // come.
  std::vector<natsSubscription*> old_subscriptions_;
  std::uint64_t consumers_ = 0;
  std::vector<std::string> old_consumers_;
  Place expected_ = Place::BeforeFirst();
  Place read_after_ = Place::BeforeFirst();  // The reader has asked for what is behind it.
  // The message that is read first must have this time: the reader has it.
  std::optional<WallTime> must_be_at_;
  bool is_other_stream_ = false;
  Clock::TimePoint last_sign_;
  Clock::TimePoint ask_again_at_;
  std::mutex waiting_;
  std::condition_variable woken_;
  std::optional<Clock::TimePoint> ends_early_since_;
};

Status JetStreamOrder::Open() {
  Status opened = nats_connection_.Open();
  if (opened.ok()) opened = Subscribe();
  return nats_connection_.IsRefused() ? Ok() : opened;
}

Status JetStreamOrder::Subscribe() {
  natsInbox* inbox = nullptr;
  natsStatus status = nats_.natsInbox_Create(&inbox);
  if (status != NATS_OK) return nats_connection_.Failed("naming an inbox", status);
  inbox_ = inbox;
  nats_.natsInbox_Destroy(inbox);
  ack_inbox_ = inbox_ + ".a";
  RETURN_IF_ERROR(nats_connection_.Subscribe(ack_inbox_, &acks_));
  const natsMsgHandler hear = [](natsConnection*, natsSubscription*, natsMsg* message, void* to) {
    static_cast<JetStreamOrder*>(to)->Hear(message);
  };
  status = nats_.natsConnection_Subscribe(&told_, nats_connection_.connection(),
                                          told_subject_.c_str(), hear, this);
  return status == NATS_OK ? Ok() : Status(nats_connection_.Failed("subscribing", status));
}

// --------------------------------------------------------------------- telling

void JetStreamOrder::Tell(std::string_view note) {
  nats_.natsConnection_Publish(nats_connection_.connection(), told_subject_.c_str(), note.data(),
                               static_cast<int>(note.size()));
}

void JetStreamOrder::OnTold(std::function<void(std::string_view)> listener) {
  const std::lock_guard lock(listening_);
  listener_ = std::move(listener);
}

// Runs on a thread of the library.
void JetStreamOrder::Hear(natsMsg* message) {
  const Message owned(message, NatsMessageDeleter{&nats_});
  const std::lock_guard lock(listening_);
  if (!listener_) return;
  listener_(std::string_view(nats_.natsMsg_GetData(message),
                             static_cast<std::size_t>(nats_.natsMsg_GetDataLength(message))));
}

// ------------------------------------------------------------------- proposing

Status JetStreamOrder::Propose(std::string_view bytes) {
  const std::lock_guard lock(proposing_);
  ReadAcks();
  if (nats_.natsConnection_Status(nats_connection_.connection()) != NATS_CONN_STATUS_CONNECTED) {
    return nats_connection_.Failed("sending", NATS_CONNECTION_DISCONNECTED);
  }
  const natsStatus status = nats_.natsConnection_PublishRequest(
      nats_connection_.connection(), streams_.name().subject.c_str(), ack_inbox_.c_str(),
      bytes.data(), static_cast<int>(bytes.size()));
  if (status != NATS_OK) return nats_connection_.Failed("sending", status);
  if (!full_) return Ok();
  return Error(ErrorCode::kFull,
               fmt::format("the stream {} is full: it takes no messages until some are forgotten",
                           streams_.name().stream));
}

// An answer says whether a message was stored; its place is read, so that errors alone count.
void JetStreamOrder::ReadAcks() {
  constexpr int kAtOnce = 64;
  for (int i = 0; i < kAtOnce; ++i) {
    const Message ack = nats_connection_.NextMessage(acks_, 0);
    if (ack == nullptr) return;
    const std::string_view text(nats_.natsMsg_GetData(ack.get()),
                                static_cast<std::size_t>(nats_.natsMsg_GetDataLength(ack.get())));
    full_ = text.find(kMaximumExceeded) != std::string_view::npos;
    // Another relay has founded the next generation.
    if (text.find(kSealed) != std::string_view::npos) must_look_again_ = true;
  }
}

// --------------------------------------------------------------------- reading

void JetStreamOrder::Unfollow() {
  if (!consumer_.empty()) old_consumers_.push_back(std::exchange(consumer_, ""));
  delivered_to_.clear();
  if (messages_ == nullptr) return;
  nats_.natsSubscription_SetPendingLimits(messages_, 1, 1);
  old_subscriptions_.push_back(std::exchange(messages_, nullptr));
}

// A consumer that nobody reads sends for as long as the connection lives.
void JetStreamOrder::DeleteOldConsumers() {
  std::erase_if(old_consumers_, [this](const std::string& consumer) {
    const natsStatus status =
        nats_.js_DeleteConsumer(nats_connection_.context(), streams_.name().stream.c_str(),
                                consumer.c_str(), nullptr, nullptr);
    return status == NATS_OK || status == NATS_NOT_FOUND;
  });
}

Status JetStreamOrder::CheckAgainst(const OrderRange& range, Place after) {
  if (after.Next() < range.first) {
    return Error(
        ErrorCode::kNotFound,
        fmt::format("the stream begins at {}, and this log ends at {}: stop this relay and "
                    "run `influxdb-relay join URL --replace` with the admin port of "
                    "another one",
                    ToString(range.first), ToString(after)));
  }
  const Clock::TimePoint now = clock_.Now();
  if (range.last >= after) {
    ends_early_since_.reset();
    return Ok();
  }
  if (!ends_early_since_) ends_early_since_ = now;
  const bool is_lost = now - *ends_early_since_ >= kEndLostAfter;
  return Error(is_lost ? ErrorCode::kConflict : ErrorCode::kUnavailable,
               fmt::format("the stream ends at {}, before what this log has read of it ({}): the "
                           "servers of NATS have lost writes. {}",
                           ToString(range.last), ToString(after), kWhatToDo));
}

// Begins at the message that was reached, to see whether it is still the same.
Status JetStreamOrder::Follow(const Reached& reached) {
  Place after = reached.place;
  const std::lock_guard lock(api_);
  RETURN_IF_ERROR(streams_.FindGeneration(after.generation()));
  if (streams_.generation() == 0 && after == Place::BeforeFirst())
    RETURN_IF_ERROR(streams_.EnsureStream());
  ASSIGN_OR_RETURN(const OrderRange range, streams_.ReadRange());
  // A later generation is read from its first message, whose place is checked by the reader.
  if (streams_.generation() > after.generation()) after = Place::In(streams_.generation(), 0);
  RETURN_IF_ERROR(CheckAgainst(range, after));
  DeleteOldConsumers();
  delivered_to_ = fmt::format("{}.m.{}", inbox_, ++consumers_);
  RETURN_IF_ERROR(nats_connection_.Subscribe(delivered_to_, &messages_));
  jsConsumerConfig config;
  nats_.jsConsumerConfig_Init(&config);
  config.DeliverSubject = delivered_to_.c_str();
  config.DeliverPolicy = js_DeliverByStartSequence;
  const bool has_reached = after.number() > 0 && after >= range.first;
  const Place start = has_reached ? after : after.Next();
  config.OptStartSeq = start.number();
  config.AckPolicy = js_AckNone;
  config.FlowControl = true;
  config.Heartbeat = std::chrono::nanoseconds(kHeartbeat).count();
  config.Replicas = 1;
  config.MemoryStorage = true;
  jsConsumerInfo* info = nullptr;
  const natsStatus status = nats_.js_AddConsumer(
      &info, nats_connection_.context(), streams_.name().stream.c_str(), &config, nullptr, nullptr);
  if (status != NATS_OK) {
    Unfollow();
    return nats_connection_.Failed("following the stream", status);
  }
  consumer_ = info->Name;
  nats_.jsConsumerInfo_Destroy(info);
  read_after_ = reached.place;
  expected_ = start;
  must_be_at_.reset();
  if (has_reached) must_be_at_ = reached.at;
  last_sign_ = clock_.Now();
  return Ok();
}

// Answers a heartbeat, or flow control: the server goes on once it is answered.
void JetStreamOrder::AnswerStatus(const Message& message, const char* reply) {
  last_sign_ = clock_.Now();
  if (reply != nullptr)
    nats_.natsConnection_PublishString(nats_connection_.connection(), reply, "");
  const char* stalled = nullptr;
  if (nats_.natsMsgHeader_Get(message.get(), "Nats-Consumer-Stalled", &stalled) == NATS_OK) {
    nats_.natsConnection_PublishString(nats_connection_.connection(), stalled, "");
  }
}

// Returns false if a message is missing before this one.
bool JetStreamOrder::Take(const Message& message, std::vector<OrderedMessage>& messages) {
  const char* const reply = nats_.natsMsg_GetReply(message.get());
  const char* status = nullptr;
  if (nats_.natsMsgHeader_Get(message.get(), "Status", &status) == NATS_OK) {
    if (delivered_to_ == nats_.natsMsg_GetSubject(message.get())) AnswerStatus(message, reply);
    return true;
  }
  const std::optional<Origin> origin = OriginIn(reply != nullptr ? reply : "");
  if (!origin || origin->consumer != consumer_) return true;  // An old consumer's.
  last_sign_ = clock_.Now();
  if (origin->place < expected_.number()) return true;
  if (origin->place > expected_.number()) return false;
  const WallTime at{std::chrono::nanoseconds(origin->at)};
  if (must_be_at_) {
    is_other_stream_ = *must_be_at_ != at;
    must_be_at_.reset();
    expected_ = expected_.Next();
    return !is_other_stream_;
  }
  messages.push_back(
      {expected_, at,
       std::string(nats_.natsMsg_GetData(message.get()),
                   static_cast<std::size_t>(nats_.natsMsg_GetDataLength(message.get())))});
  expected_ = expected_.Next();
  return true;
}

// Lets the servers rest.
std::vector<OrderedMessage> JetStreamOrder::WaitUntilAskedAgain(Clock::TimePoint now) {
  std::unique_lock lock(waiting_);
  woken_.wait_for(lock, ask_again_at_ - now);
  return {};
}

Result<std::vector<OrderedMessage>> JetStreamOrder::Next(const Reached& reached,
                                                         std::chrono::milliseconds wait) {
  const Place after = reached.place;
  const Clock::TimePoint now = clock_.Now();
  const bool is_silent = !consumer_.empty() && now - last_sign_ > kSilence;
  const bool continues = after == read_after_ || expected_ == after.Next();
  if (is_silent || !continues || must_look_again_.exchange(false)) Unfollow();
  if (consumer_.empty()) {
    if (now < ask_again_at_) return WaitUntilAskedAgain(now);
    ask_again_at_ = now + kAskAgain;
    RETURN_IF_ERROR(Follow(reached));
  }
  std::vector<OrderedMessage> messages = TakeSome(wait.count());
  if (std::exchange(is_other_stream_, false)) {
    return Error(ErrorCode::kConflict,
                 fmt::format("the stream {} is another one than this log has read up to {}: the "
                             "servers of NATS have lost it. {}",
                             streams_.name().stream, ToString(after), kWhatToDo));
  }
  if (!messages.empty()) read_after_ = messages.back().place;
  return messages;
}

// Takes what has come, after waiting for the first message.
std::vector<OrderedMessage> JetStreamOrder::TakeSome(std::int64_t wait_ms) {
  std::vector<OrderedMessage> messages;
  std::size_t bytes = 0;
  while (messages.size() < kAtOnceMax && bytes < kAtOnceBytesMax) {
    const Message message = nats_connection_.NextMessage(messages_, wait_ms);
    if (message == nullptr) break;
    if (!Take(message, messages)) {
      Unfollow();
      break;
    }
    if (messages.empty()) continue;
    wait_ms = 0;
    bytes += messages.back().bytes.size();
  }
  return messages;
}

}  // namespace

Status CheckNatsLibrary() {
  const Result<const NatsLibrary*> loaded = LoadNats();
  return loaded.ok() ? Ok() : Status(loaded.error());
}

Result<std::unique_ptr<Order>> MakeJetStreamOrder(const JetStreamOptions& options,
                                                  const Clock& clock) {
  ASSIGN_OR_RETURN(const NatsLibrary* nats, LoadNats());
  auto order = std::make_unique<JetStreamOrder>(options, clock, *nats);
  RETURN_IF_ERROR(order->Open());
  return std::unique_ptr<Order>(std::move(order));
}

}  // namespace relay

#endif
