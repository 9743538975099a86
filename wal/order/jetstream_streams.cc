#include "wal/order/jetstream_streams.h"

#if __has_include(<nats/nats.h>)

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace relay {

JetStreams::Name JetStreams::NameOf(std::uint16_t generation) const {
  const std::string& log = options_.log;
  if (generation == 0) return {"RELAY_" + log, "relay." + log + ".log"};
  return {fmt::format("RELAY_{}_g{}", log, generation),
          fmt::format("relay.{}.log.g{}", log, generation)};
}

Status JetStreams::EnsureStream() {
  const Name used = name();
  ASSIGN_OR_RETURN(const bool exists, HasGeneration(generation_));
  if (exists) return Ok();
  jsErrCode code{};
  jsStreamInfo* info = nullptr;
  const natsStatus status = AddStream(used, &info, &code);
  if (status != NATS_OK) {
    return connection_.Failed(
        fmt::format("adding the stream {} ({})", used.stream, static_cast<int>(code)), status);
  }
  nats_.jsStreamInfo_Destroy(info);
  return Ok();
}

natsStatus JetStreams::AddStream(const Name& added, jsStreamInfo** info, jsErrCode* code) const {
  jsStreamConfig config;
  nats_.jsStreamConfig_Init(&config);
  std::array<const char*, 1> subjects = {added.subject.c_str()};
  config.Name = added.stream.c_str();
  config.Description = "the order of the writes of influxdb-relay";
  config.Subjects = subjects.data();
  config.SubjectsLen = static_cast<int>(subjects.size());
  config.Retention = js_LimitsPolicy;
  config.Storage = js_FileStorage;
  config.Discard = js_DiscardNew;
  config.Replicas = options_.replicas;
  config.MaxBytes = static_cast<std::int64_t>(options_.size_max.count());
  config.DenyDelete = true;
  jsOptions options;
  nats_.jsOptions_Init(&options);
  options.Wait = kNatsChangeWaitMs;
  return nats_.js_AddStream(info, connection_.context(), &config, &options, code);
}

// Returns whether there is a stream of that generation. kUnavailable: nobody answers.
Result<bool> JetStreams::HasGeneration(std::uint16_t generation) const {
  jsStreamInfo* info = nullptr;
  const std::string stream = NameOf(generation).stream;
  const natsStatus status =
      nats_.js_GetStreamInfo(&info, connection_.context(), stream.c_str(), nullptr, nullptr);
  if (status == NATS_NOT_FOUND) return false;
  if (status != NATS_OK) return connection_.Failed("asking for the stream " + stream, status);
  nats_.jsStreamInfo_Destroy(info);
  return true;
}

Status JetStreams::FindGeneration(std::uint16_t at_least) {
  std::uint16_t newest = std::max<std::uint16_t>(at_least, generation_);
  while (true) {
    const auto next = static_cast<std::uint16_t>(newest + 1);
    ASSIGN_OR_RETURN(const bool has_next, HasGeneration(next));
    if (!has_next) break;
    newest = next;
  }
  generation_ = newest;
  return Ok();
}

Status JetStreams::Found(Place last, std::string_view first) {
  const auto next = static_cast<std::uint16_t>(last.generation() + 1);
  ASSIGN_OR_RETURN(const bool has_next, HasGeneration(next));
  if (has_next) {
    return Error(ErrorCode::kConflict, "another relay has begun a new stream already");
  }
  RETURN_IF_ERROR(Seal(NameOf(last.generation())));
  jsErrCode code{};
  jsStreamInfo* info = nullptr;
  const Name added = NameOf(next);
  natsStatus status = AddStream(added, &info, &code);
  if (status != NATS_OK) return connection_.Failed("adding the stream " + added.stream, status);
  nats_.jsStreamInfo_Destroy(info);
  jsPubOptions options;
  nats_.jsPubOptions_Init(&options);
  options.MaxWait = kNatsChangeWaitMs;
  options.ExpectNoMessage = true;
  jsPubAck* ack = nullptr;
  status = nats_.js_Publish(&ack, connection_.context(), added.subject.c_str(), first.data(),
                            static_cast<int>(first.size()), &options, &code);
  if (status != NATS_OK) return connection_.Failed("beginning the stream " + added.stream, status);
  nats_.jsPubAck_Destroy(ack);
  return Ok();
}

// Ends a stream, if there is one: a relay that still uses it must not believe to be alone.
Status JetStreams::Seal(const Name& ended) const {
  jsStreamInfo* info = nullptr;
  natsStatus status =
      nats_.js_GetStreamInfo(&info, connection_.context(), ended.stream.c_str(), nullptr, nullptr);
  if (status == NATS_NOT_FOUND) return Ok();
  if (status != NATS_OK) return connection_.Failed("asking for the stream " + ended.stream, status);
  info->Config->Sealed = true;
  jsOptions options;
  nats_.jsOptions_Init(&options);
  options.Wait = kNatsChangeWaitMs;
  status = nats_.js_UpdateStream(nullptr, connection_.context(), info->Config, &options, nullptr);
  nats_.jsStreamInfo_Destroy(info);
  return status == NATS_OK
             ? Ok()
             : Status(connection_.Failed("sealing the stream " + ended.stream, status));
}

Status JetStreams::CheckStream(const jsStreamConfig& found) const {
  const auto refuse = [this](std::string_view setting, std::string_view expected) {
    return Error(ErrorCode::kInvalidInput,
                 fmt::format("the stream {} has another {} than a relay's: expected {}; it is left "
                             "as it is",
                             name().stream, setting, expected));
  };
  const std::string subject = name().subject;
  if (found.SubjectsLen != 1 || subject != found.Subjects[0]) return refuse("subject", subject);
  if (found.Replicas != options_.replicas) {
    return refuse("number of replicas", fmt::format("{}", options_.replicas));
  }
  if (found.Storage != js_FileStorage) return refuse("storage", "files");
  if (found.Retention != js_LimitsPolicy) return refuse("retention", "limits");
  if (found.Discard != js_DiscardNew) return refuse("discard policy", "new");
  if (found.MaxAge != 0) return refuse("age limit", "none");
  if (found.MaxMsgs > 0) return refuse("limit of messages", "none");
  if (found.MaxMsgsPerSubject > 0) return refuse("limit of messages for a subject", "none");
  if (found.MaxMsgSize > 0) return refuse("limit of a message's size", "none");
  return Ok();
}

Result<OrderRange> JetStreams::ReadRange() {
  RETURN_IF_ERROR(connection_.CheckMessages(Order::kMessageMax));
  jsStreamInfo* info = nullptr;
  const natsStatus status =
      nats_.js_GetStreamInfo(&info, connection_.context(), name().stream.c_str(), nullptr, nullptr);
  if (status == NATS_NOT_FOUND) {
    return OrderRange{Place::In(generation_, 1), Place::In(generation_, 0), 0_B, options_.size_max};
  }
  if (status != NATS_OK) return connection_.Failed("asking for the stream", status);
  const Status checked = CheckStream(*info->Config);
  const OrderRange range{Place::In(generation_, std::max<std::uint64_t>(1, info->State.FirstSeq)),
                         Place::In(generation_, info->State.LastSeq), Bytes(info->State.Bytes),
                         options_.size_max};
  nats_.jsStreamInfo_Destroy(info);
  if (!checked.ok()) return checked.error();
  return range;
}

Status JetStreams::Forget(Place through) {
  jsOptions options;
  nats_.jsOptions_Init(&options);
  options.Wait = kNatsChangeWaitMs;
  if (through.generation() != generation_) return Ok();
  options.Stream.Purge.Sequence = through.Next().number();
  const natsStatus status =
      nats_.js_PurgeStream(connection_.context(), name().stream.c_str(), &options, nullptr);
  return status == NATS_OK ? Ok() : Status(connection_.Failed("forgetting", status));
}

}  // namespace relay

#endif
