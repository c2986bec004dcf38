#pragma once

#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/clock.h"

namespace muster::agent {

// What one attempt of a probe, or a hook, asks of the network. Plain values.
struct HttpCall {
  bool tls = false;  // Whatever certificate: nobody vouches for a pod's address.
  std::string host;  // A name, or an address without brackets.
  int port = 0;
  std::string target = "/";  // Path and query, as sent.
  // Sent as they are, in this order, and complete: nothing is added but "Connection: close".
  std::vector<std::pair<std::string, std::string>> headers;
  // For hooks: any answer will do.
  bool any_status = false;
  bool operator==(const HttpCall&) const = default;
};
struct TcpCall {
  std::string host;
  int port = 0;
  bool operator==(const TcpCall&) const = default;
};
struct GrpcCall {
  std::string host;
  int port = 0;
  std::string service;
  bool operator==(const GrpcCall&) const = default;
};
using NetCall = std::variant<HttpCall, TcpCall, GrpcCall>;

// What an attempt says about the container.
struct ProbeAnswer {
  enum class Kind {
    kSuccess,
    kWarning,  // A success that somebody should look at.
    kFailure,
    kError,  // It could not be asked, so this says nothing.
  };
  Kind kind = Kind::kSuccess;
  std::string output;  // UTF-8 and short, whatever the container sent.
  bool operator==(const ProbeAnswer&) const = default;
};

// Asks containers over the network. Thread-safe; returns at once, and `done` is called once, on any
// thread, at the latest a moment after `timeout`. Destruction drops what is under way without
// calling anybody.
class Prober {
 public:
  using Done = std::function<void(ProbeAnswer)>;

  virtual ~Prober() = default;
  virtual void Ask(const NetCall& call, Duration timeout, Done done) = 0;
};

}  // namespace muster::agent
