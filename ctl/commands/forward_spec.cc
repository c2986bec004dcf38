#include "ctl/commands/forward_spec.h"

#include <arpa/inet.h>

#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/macros.h"

namespace muster::ctl {
namespace {

std::optional<uint16_t> Number(const std::string& text) {
  uint32_t port = 0;
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  if (!absl::SimpleAtoi(text, &port) || port > 65535) return std::nullopt;
  return static_cast<uint16_t>(port);
}

absl::StatusOr<uint16_t> Remote(const std::string& text, const v1::Pod& pod) {
  if (const std::optional<uint16_t> number = Number(text)) {
    if (*number > 0) return *number;
    return absl::InvalidArgumentError("remote port must be > 0");
  }
  for (const v1::Container& container : pod.spec().containers()) {
    for (const v1::ContainerPort& port : container.ports()) {
      if (!text.empty() && port.name() == text) return static_cast<uint16_t>(port.container_port());
    }
  }
  const bool number = text.find_first_not_of("0123456789") == std::string::npos;
  return absl::InvalidArgumentError(
      number ? absl::StrCat("error parsing remote port \"", text, "\": expected 1 to 65535")
             : absl::StrCat("pod '", pod.metadata().name(), "' does not have a named port '", text,
                            "'"));
}

}  // namespace

absl::StatusOr<ForwardedPort> ParseForwardedPort(const std::string& text, const v1::Pod& pod) {
  ForwardedPort port;
  const size_t colon = text.find(':');
  if (colon == std::string::npos) {
    MUSTER_ASSIGN_OR_RETURN(port.remote, Remote(text, pod));
    port.local = port.remote;
    return port;
  }
  if (text.find(':', colon + 1) != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("invalid port format '", text, "': expected [LOCAL:]REMOTE"));
  }
  const std::string local = text.substr(0, colon);
  if (!local.empty()) {
    const std::optional<uint16_t> number = Number(local);
    if (!number) {
      return absl::InvalidArgumentError(
          absl::StrCat("error parsing local port \"", local, "\": expected 0 to 65535"));
    }
    port.local = *number;
  }
  MUSTER_ASSIGN_OR_RETURN(port.remote, Remote(text.substr(colon + 1), pod));
  return port;
}

absl::StatusOr<std::vector<ListenAddress>> ParseListenAddresses(const std::string& text) {
  std::vector<ListenAddress> addresses;
  for (const absl::string_view each : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    const std::string address(each);
    in6_addr any;
    if (address == "localhost") {
      addresses.push_back({"127.0.0.1", true});
      addresses.push_back({"::1", true});
    } else if (::inet_pton(AF_INET, address.c_str(), &any) == 1 ||
               ::inet_pton(AF_INET6, address.c_str(), &any) == 1) {
      addresses.push_back({address, false});
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("--address: \"", address, "\" is not a valid IP or \"localhost\""));
    }
  }
  if (addresses.empty()) return absl::InvalidArgumentError("--address: expected an IP");
  return addresses;
}

std::string HostAndPort(const std::string& ip, uint16_t port) {
  const bool six = ip.find(':') != std::string::npos;
  return absl::StrCat(six ? "[" : "", ip, six ? "]:" : ":", port);
}

}  // namespace muster::ctl
