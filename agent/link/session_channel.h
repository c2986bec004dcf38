#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace grpc {
class Channel;
class ChannelCredentials;
}  // namespace grpc

namespace muster::agent {

// The connection to the coordinator that the session and its tunnels share. Thread-safe.
//
// An end that vanished without a word is noticed after keepalive_time + keepalive_timeout while a
// stream is open; the server has to allow pings that often.
class SessionChannel {
 public:
  struct Options {
    std::string address;  // HOST:PORT
    // The name in the coordinator's certificate, whatever address it is reached by.
    std::string authority = "muster-coordinator";
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::milliseconds keepalive_time{8'000};
    std::chrono::milliseconds keepalive_timeout{4'000};
  };
  // Asked before every connection, so that a renewed certificate is used from then on.
  using CredentialsSource =
      std::function<absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>>()>;

  SessionChannel(Options options, CredentialsSource credentials);
  ~SessionChannel();

  // A connection that has not been tried yet; it replaces the current one. Fails as the credentials
  // do.
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Renew();
  // nullptr before the first Renew.
  std::shared_ptr<grpc::Channel> current() const;

 private:
  const Options options_;
  const CredentialsSource credentials_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<grpc::Channel> channel_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace muster::agent
