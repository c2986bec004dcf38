#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "muster/v1/pod.pb.h"

namespace muster::ctl {

// One port of a port-forward.
struct ForwardedPort {
  uint16_t local = 0;  // 0: any that is free.
  uint16_t remote = 0;
  bool operator==(const ForwardedPort&) const = default;
};

// "8080:80", "80" (the same on both sides), ":80" and "0:80" (any local one); a name of a port of
// one of the pod's containers in place of the remote number. InvalidArgument, for people, for
// anything else.
absl::StatusOr<ForwardedPort> ParseForwardedPort(const std::string& text, const v1::Pod& pod);

// Where to listen: "localhost" stands for 127.0.0.1 and ::1, of which one is enough.
struct ListenAddress {
  std::string ip;
  bool optional = false;
  bool operator==(const ListenAddress&) const = default;
};
// From a list with commas. InvalidArgument for what is neither an address nor localhost.
absl::StatusOr<std::vector<ListenAddress>> ParseListenAddresses(const std::string& text);

// "127.0.0.1:8080", "[::1]:8080"
std::string HostAndPort(const std::string& ip, uint16_t port);

}  // namespace muster::ctl
