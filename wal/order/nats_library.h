// NATS' library, loaded when it is first needed: a relay without it can have logs of its own.
//
// THREADS. Any number at once.
#pragma once

#if __has_include(<nats/nats.h>)

#include <nats/nats.h>

#include "wal/base/result.h"

namespace relay {

#define RELAY_NATS_FUNCTIONS(X)              \
  X(natsOptions_Create)                      \
  X(natsOptions_Destroy)                     \
  X(natsOptions_SetServers)                  \
  X(natsOptions_SetName)                     \
  X(natsOptions_SetMaxReconnect)             \
  X(natsOptions_SetReconnectWait)            \
  X(natsOptions_SetTimeout)                  \
  X(natsOptions_SetPingInterval)             \
  X(natsOptions_SetSendAsap)                 \
  X(natsOptions_SetRetryOnFailedConnect)     \
  X(natsOptions_SetUserInfo)                 \
  X(natsOptions_SetUserCredentialsFromFiles) \
  X(natsOptions_SetSecure)                   \
  X(natsOptions_LoadCATrustedCertificates)   \
  X(natsOptions_LoadCertificatesChain)       \
  X(natsConnection_Connect)                  \
  X(natsConnection_Close)                    \
  X(natsConnection_Destroy)                  \
  X(natsConnection_Status)                   \
  X(natsConnection_IsClosed)                 \
  X(natsConnection_GetLastError)             \
  X(natsConnection_GetMaxPayload)            \
  X(natsConnection_JetStream)                \
  X(natsConnection_PublishRequest)           \
  X(natsConnection_PublishString)            \
  X(natsConnection_Publish)                  \
  X(natsConnection_Subscribe)                \
  X(natsConnection_SubscribeSync)            \
  X(natsSubscription_SetPendingLimits)       \
  X(natsSubscription_NextMsg)                \
  X(natsSubscription_Destroy)                \
  X(natsInbox_Create)                        \
  X(natsInbox_Destroy)                       \
  X(natsMsg_Destroy)                         \
  X(natsMsg_GetSubject)                      \
  X(natsMsg_GetReply)                        \
  X(natsMsg_GetData)                         \
  X(natsMsg_GetDataLength)                   \
  X(natsMsgHeader_Get)                       \
  X(natsStatus_GetText)                      \
  X(jsCtx_Destroy)                           \
  X(jsOptions_Init)                          \
  X(jsStreamConfig_Init)                     \
  X(jsStreamInfo_Destroy)                    \
  X(jsConsumerConfig_Init)                   \
  X(jsConsumerInfo_Destroy)                  \
  X(js_AddStream)                            \
  X(js_UpdateStream)                         \
  X(js_Publish)                              \
  X(jsPubOptions_Init)                       \
  X(jsPubAck_Destroy)                        \
  X(js_GetStreamInfo)                        \
  X(js_PurgeStream)                          \
  X(js_AddConsumer)                          \
  X(js_DeleteConsumer)

// NOLINTBEGIN(bugprone-macro-parentheses): names and declarations have none.
// The functions of libnats that are used, found when it was loaded.
struct NatsLibrary {
#define RELAY_NATS_MEMBER(name) decltype(&::name) name = nullptr;
  RELAY_NATS_FUNCTIONS(RELAY_NATS_MEMBER)
#undef RELAY_NATS_MEMBER
};
// NOLINTEND(bugprone-macro-parentheses)

// kInvalidInput: the library is missing; the message names its package.
Result<const NatsLibrary*> LoadNats();

}  // namespace relay

#endif
