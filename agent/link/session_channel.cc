#include "agent/link/session_channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <utility>

#include "common/base/macros.h"

namespace muster::agent {
namespace {

// What a node is told at once is bounded by its pods; this is far above that.
constexpr int kMessageBytesMax = 64 << 20;

}  // namespace

SessionChannel::SessionChannel(Options options, CredentialsSource credentials)
    : options_(std::move(options)), credentials_(std::move(credentials)) {}

SessionChannel::~SessionChannel() = default;

absl::StatusOr<std::shared_ptr<grpc::Channel>> SessionChannel::Renew() {
  MUSTER_ASSIGN_OR_RETURN(std::shared_ptr<grpc::ChannelCredentials> credentials, credentials_());
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(options_.authority);
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  // A connection of its own, with nobody else's back-off: who owns the link decides when to try.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // Despite its name this bounds one attempt to connect.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                   static_cast<int>(options_.connect_timeout.count()));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(options_.keepalive_time.count()));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                   static_cast<int>(options_.keepalive_timeout.count()));
  // Without this only two pings go out on a quiet stream.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  std::shared_ptr<grpc::Channel> channel =
      grpc::CreateCustomChannel(options_.address, credentials, arguments);
  absl::MutexLock lock(&mutex_);
  channel_ = channel;
  return channel;
}

std::shared_ptr<grpc::Channel> SessionChannel::current() const {
  absl::MutexLock lock(&mutex_);
  return channel_;
}

}  // namespace muster::agent
