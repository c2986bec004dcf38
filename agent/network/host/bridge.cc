#include "agent/network/host/bridge.h"

#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "agent/host/netlink.h"
#include "agent/network/host/pod_routes.h"
#include "common/base/text_file.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

// Where the plug-in host-local remembers who has which address.
constexpr char kLeasesRoot[] = "/var/lib/cni/networks/";
constexpr char kForwardV4[] = "/proc/sys/net/ipv4/ip_forward";
constexpr char kForwardV6[] = "/proc/sys/net/ipv6/conf/all/forwarding";
constexpr char kInterfacesV6[] = "/proc/sys/net/ipv6/conf";

fs::path LinkPath() { return fs::path("/sys/class/net") / kBridgeName; }

std::vector<std::string> OtherConfigs(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    const std::string ending = entry.path().extension();
    const bool is_config = ending == ".conf" || ending == ".conflist" || ending == ".json";
    if (is_config && entry.path().filename() != kCniConfigName) names.push_back(entry.path());
  }
  std::ranges::sort(names);
  return names;
}

bool IsInUse() {
  std::error_code error;
  const fs::directory_iterator ports(LinkPath() / "brif", error);
  return !error && ports != fs::directory_iterator();
}

std::optional<IpAddress> AddressOf(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
    return IpFromBytes({reinterpret_cast<const char*>(&v4), sizeof v4});
  }
  if (address->sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    return IpFromBytes({reinterpret_cast<const char*>(&v6), sizeof v6});
  }
  return std::nullopt;
}

// What goes to other nodes' pods leaves by the interface with the node's address, so packets of
// pods may be as long as its own; 0 when it is not known.
int MtuOf(const std::vector<IpAddress>& addresses) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return 0;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  int least = 0;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    const std::optional<IpAddress> address = AddressOf(entry->ifa_addr);
    if (!address || std::ranges::find(addresses, *address) == addresses.end()) continue;
    int mtu = 0;
    const auto text = ReadFile(absl::StrCat("/sys/class/net/", entry->ifa_name, "/mtu"));
    if (!text.ok() || !absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &mtu)) continue;
    least = least == 0 ? mtu : std::min(least, mtu);
  }
  return least;
}

absl::Status WriteSetting(const std::string& path, const std::string& value) {
  const std::string now(absl::StripAsciiWhitespace(ReadFile(path).value_or("")));
  if (now == value) return absl::OkStatus();
  // Not beside and renamed: these are no files.
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "we"), &std::fclose);
  if (file == nullptr || std::fputs(value.c_str(), file.get()) < 0 ||
      std::fflush(file.get()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("writing ", value, " to ", path));
  }
  return absl::OkStatus();
}

absl::Status EnableForwarding(const std::vector<IpRange>& own) {
  absl::Status status;
  for (const IpRange& subnet : own) {
    if (!subnet.base.v6) {
      status.Update(WriteSetting(kForwardV4, "1"));
      continue;
    }
    const std::string now = ReadFile(kForwardV6).value_or("");
    if (absl::StartsWith(now, "1")) continue;
    // A host that forwards takes no addresses and routes from routers' advertisements any more,
    // unless it is told to (Documentation/networking/ip-sysctl.rst of the kernel, accept_ra).
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(kInterfacesV6, error)) {
      const std::string setting = entry.path() / "accept_ra";
      const std::string name = entry.path().filename();
      const bool accepts = absl::StartsWith(ReadFile(setting).value_or(""), "1");
      if (name != "all" && name != "default" && accepts) status.Update(WriteSetting(setting, "2"));
    }
    status.Update(WriteSetting(kForwardV6, "1"));
  }
  return status;
}

absl::Status WriteConfig(const std::string& directory, const std::string& text) {
  const std::string path = absl::StrCat(directory, "/", kCniConfigName);
  if (const auto now = ReadFile(path); now.ok() && *now == text) return absl::OkStatus();
  absl::Status status = MakeDirectories(directory, 0755);
  status.Update(WriteFileAtomically(path, text, 0644));
  return status;
}

absl::Status RemoveConfig(const std::string& directory) {
  const std::string path = absl::StrCat(directory, "/", kCniConfigName);
  if (::unlink(path.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("removing ", path));
}

// Names those whose gateway cannot be reached.
absl::Status SetRoutes(const std::vector<PodRoute>& wanted, std::vector<std::string>& unreachable) {
  const absl::StatusOr<std::vector<PodRoute>> now = OwnRoutes();
  if (!now.ok()) return now.status();
  const RouteChanges changes = ChangesOf(*now, wanted);
  absl::Status status;
  for (const PodRoute& route : changes.remove) status.Update(RemoveRoute(route));
  for (const PodRoute& route : changes.add) {
    const absl::Status added = AddRoute(route);
    if (!added.ok()) unreachable.push_back(ToText(route.subnet));
    // That comes with the network's lie, and goes only with it.
    if (!added.ok() && !absl::IsUnavailable(added)) status.Update(added);
  }
  return status;
}

absl::Status RemoveLink() {
  const unsigned index = ::if_nametoindex(kBridgeName);
  if (index == 0) return absl::OkStatus();
  std::error_code error;
  if (!fs::exists(LinkPath() / "bridge", error)) return absl::OkStatus();  // Somebody else's name.
  ifinfomsg header = {};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = static_cast<int>(index);
  const int failed = NetlinkRequest(RTM_DELLINK, 0).With(header).Do();
  if (failed == 0 || failed == ENODEV) return absl::OkStatus();
  return absl::ErrnoToStatus(failed, absl::StrCat("removing ", kBridgeName));
}

}  // namespace

absl::Status RemoveBridge(const std::string& cni_config_dir) {
  absl::Status status = RemoveConfig(cni_config_dir);
  std::vector<std::string> none;
  status.Update(SetRoutes({}, none));
  status.Update(RemoveLink());
  std::error_code error;
  fs::remove_all(absl::StrCat(kLeasesRoot, kCniNetworkName), error);
  if (error) status.Update(absl::ErrnoToStatus(error.value(), kLeasesRoot));
  return status;
}

BridgeOutcome ApplyBridge(const BridgeInput& input) {
  const BridgeSituation situation{input.wanted, input.known, OtherConfigs(input.cni_config_dir),
                                  IsInUse()};
  const BridgeStep step = NextBridgeStep(situation, input.network);
  BridgeOutcome outcome;
  std::vector<std::string> unreachable;
  switch (step) {
    case BridgeStep::kLeave:
      outcome.active = situation.in_use;
      break;
    case BridgeStep::kKeep:
      outcome.active = true;
      outcome.problem.Update(EnableForwarding(input.network.own));
      outcome.problem.Update(SetRoutes(input.network.routes, unreachable));
      // Last, since pods come with it.
      outcome.problem.Update(WriteConfig(
          input.cni_config_dir, CniConfig(input.network.own, MtuOf(input.network.addresses))));
      break;
    case BridgeStep::kStepBack:
      outcome.active = true;
      outcome.problem.Update(RemoveConfig(input.cni_config_dir));
      outcome.problem.Update(SetRoutes(input.network.routes, unreachable));
      break;
    case BridgeStep::kRemove:
      outcome.problem.Update(RemoveBridge(input.cni_config_dir));
      break;
  }
  outcome.state = StateOf(situation, input.network, unreachable);
  return outcome;
}

}  // namespace muster::agent
