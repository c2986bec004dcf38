#include "coordinator/services/allocation.h"

#include <algorithm>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace muster::coordinator {
namespace {

constexpr char kHeadless[] = "None";
constexpr int kPrefixMinV4 = 12, kPrefixMaxV4 = 30, kPrefixMinV6 = 64, kPrefixMaxV6 = 126;
constexpr int kRandomTries = 64;
constexpr uint64_t kLookedAtMax = 1 << 21;  // More than the largest IPv4 range has.

const FieldPath kSpec("spec");

bool HasNodePorts(const v1::ServiceSpec& spec) {
  if (spec.type() == "NodePort") return true;
  return spec.type() == "LoadBalancer" && (!spec.has_allocate_load_balancer_node_ports() ||
                                           spec.allocate_load_balancer_node_ports());
}

const IpRange* RangeOf(const ServiceRanges& ranges, bool v6) {
  for (const IpRange& range : ranges.cluster_ips) {
    if (range.base.v6 == v6) return &range;
  }
  return nullptr;
}

// The first address is that of the network, and the last one of IPv4 that of everybody.
uint64_t First() { return 1; }
uint64_t End(const IpRange& range) { return range.base.v6 ? range.size() : range.size() - 1; }

std::optional<IpAddress> FreeAddress(const IpRange& range, const TakenByServices& taken,
                                     const std::vector<IpAddress>& also_taken,
                                     const RandomBits& random) {
  const auto is_free = [&](const IpAddress& address) {
    return !taken.Has(address) &&
           std::find(also_taken.begin(), also_taken.end(), address) == also_taken.end();
  };
  const uint64_t count = End(range) - First();
  uint64_t index = 0;
  for (int i = 0; i < kRandomTries; ++i) {
    index = First() + random() % count;
    if (is_free(range.At(index))) return range.At(index);
  }
  for (uint64_t i = 0; i < std::min(count, kLookedAtMax); ++i) {
    const IpAddress address = range.At(First() + (index - First() + i) % count);
    if (is_free(address)) return address;
  }
  return std::nullopt;
}

void ChooseFamilies(const ServiceRanges& ranges, v1::ServiceSpec& spec, Problems& problems) {
  const bool headless = spec.cluster_ip() == kHeadless;
  const bool families_are_free = headless && spec.selector().empty();
  const std::string primary = FamilyName(ranges.cluster_ips.front().base.v6);
  const std::string secondary = FamilyName(!ranges.cluster_ips.front().base.v6);
  if (spec.ip_families().empty()) {
    for (const std::string& text : spec.cluster_ips()) {
      if (const std::optional<IpAddress> address = ParseIp(text)) {
        spec.add_ip_families(FamilyName(address->v6));
      }
    }
  }
  if (!spec.has_ip_family_policy()) {
    if (families_are_free) {
      spec.set_ip_family_policy("RequireDualStack");
    } else {
      spec.set_ip_family_policy(spec.ip_families_size() > 1 ? "RequireDualStack" : "SingleStack");
    }
  }
  if (spec.ip_families().empty()) spec.add_ip_families(primary);
  const bool dual = spec.ip_family_policy() != "SingleStack";
  const bool has_both = ranges.cluster_ips.size() > 1;
  if (spec.ip_family_policy() == "RequireDualStack" && !has_both && !families_are_free) {
    problems.InvalidText(kSpec.Child("ipFamilyPolicy"), spec.ip_family_policy(),
                         "this cluster is not configured for dual-stack services");
  }
  if (dual && spec.ip_families_size() == 1 && (has_both || families_are_free)) {
    spec.add_ip_families(spec.ip_families(0) == primary ? secondary : primary);
  }
  if (!dual && spec.ip_families_size() > 1) {
    problems.InvalidText(kSpec.Child("ipFamilyPolicy"), spec.ip_family_policy(),
                         "must be RequireDualStack or PreferDualStack when multiple `ipFamilies` "
                         "are specified");
  }
  for (int i = 0; i < spec.ip_families_size(); ++i) {
    const std::string& family = spec.ip_families(i);
    if (families_are_free || RangeOf(ranges, family == "IPv6") != nullptr) continue;
    problems.InvalidText(kSpec.Child("ipFamilies").Index(i), family,
                         "not configured on this cluster");
  }
}

void GiveAddresses(const ServiceRanges& ranges, const TakenByServices& taken,
                   const RandomBits& random, v1::ServiceSpec& spec, Problems& problems) {
  const FieldPath path = kSpec.Child("clusterIPs");
  std::vector<IpAddress> given;
  for (int i = 0; i < spec.ip_families_size(); ++i) {
    const IpRange& range = *RangeOf(ranges, spec.ip_families(i) == "IPv6");
    if (i < spec.cluster_ips_size()) {
      const std::optional<IpAddress> address = ParseIp(spec.cluster_ips(i));
      if (!address) continue;  // Validation has said so.
      const std::string text = absl::StrCat("[\"", spec.cluster_ips(i), "\"]");
      if (!range.Contains(*address)) {
        problems.Invalid(
            path, text,
            absl::StrCat("failed to allocate IP ", spec.cluster_ips(i), ": the provided IP (",
                         spec.cluster_ips(i),
                         ") is not in the valid range. The range of valid IPs is ", ToText(range)));
      } else if (taken.Has(*address)) {
        problems.Invalid(path, text,
                         absl::StrCat("failed to allocate IP ", spec.cluster_ips(i),
                                      ": provided IP is already allocated"));
      }
      given.push_back(*address);
      continue;
    }
    const std::optional<IpAddress> address = FreeAddress(range, taken, given, random);
    if (!address) {
      problems.Invalid(
          path, "[]",
          absl::StrCat("failed to allocate a serviceIP: range ", ToText(range), " is full"));
      return;
    }
    spec.add_cluster_ips(ToText(*address));
    given.push_back(*address);
  }
  if (!spec.cluster_ips().empty()) spec.set_cluster_ip(spec.cluster_ips(0));
}

std::optional<int> FreePort(const ServiceRanges& ranges, const TakenByServices& taken,
                            const std::set<int>& given, const RandomBits& random) {
  const int count = ranges.node_port_max - ranges.node_port_min + 1;
  const int start = static_cast<int>(random() % static_cast<uint64_t>(count));
  for (int i = 0; i < count; ++i) {
    const int port = ranges.node_port_min + (start + i) % count;
    if (!taken.HasPort(port) && !given.contains(port)) return port;
  }
  return std::nullopt;
}

void GivePorts(const ServiceRanges& ranges, const TakenByServices& taken, const RandomBits& random,
               v1::ServiceSpec& spec, Problems& problems) {
  std::set<int> given;
  for (const v1::ServicePort& port : spec.ports()) given.insert(port.node_port());
  // Two protocols of one port (a name server's, say) share their node port.
  std::map<int, int> by_port;
  for (int i = 0; i < spec.ports_size(); ++i) {
    v1::ServicePort& port = *spec.mutable_ports(i);
    const FieldPath path = kSpec.Child("ports").Index(i).Child("nodePort");
    if (port.node_port() != 0) {
      if (port.node_port() < ranges.node_port_min || port.node_port() > ranges.node_port_max) {
        problems.InvalidNumber(
            path, port.node_port(),
            absl::StrCat("provided port is not in the valid range. The range of valid ports is ",
                         ranges.node_port_min, "-", ranges.node_port_max));
      } else if (taken.HasPort(port.node_port(), port.protocol())) {
        problems.InvalidNumber(path, port.node_port(), "provided port is already allocated");
      }
      continue;
    }
    const auto same = by_port.find(port.port());
    const std::optional<int> free =
        same != by_port.end() ? same->second : FreePort(ranges, taken, given, random);
    if (!free) {
      problems.InvalidNumber(path, 0, "failed to allocate a nodePort: range is full");
      return;
    }
    port.set_node_port(*free);
    given.insert(*free);
    by_port.emplace(port.port(), *free);
  }
}

absl::Status BadRange(const std::string& what) { return absl::InvalidArgumentError(what); }

}  // namespace

absl::StatusOr<ServiceRanges> ParseServiceRanges(const std::string& cluster_ips,
                                                 const std::string& node_ports) {
  ServiceRanges ranges;
  const std::vector<std::string> parts = absl::StrSplit(cluster_ips, ',', absl::SkipWhitespace());
  for (const std::string& text : parts) {
    const std::string part(absl::StripAsciiWhitespace(text));
    const std::optional<IpRange> range = ParseIpRange(part);
    if (!range) return BadRange(absl::StrCat("\"", part, "\" is no range such as 10.96.0.0/12"));
    const int least = range->base.v6 ? kPrefixMinV6 : kPrefixMinV4;
    const int most = range->base.v6 ? kPrefixMaxV6 : kPrefixMaxV4;
    if (range->prefix < least || range->prefix > most) {
      return BadRange(absl::StrCat("\"", part, "\": an ", FamilyName(range->base.v6),
                                   " range is from /", least, " to /", most));
    }
    if (RangeOf(ranges, range->base.v6) != nullptr) {
      return BadRange(
          absl::StrCat("\"", cluster_ips, "\" has two ", FamilyName(range->base.v6), " ranges"));
    }
    ranges.cluster_ips.push_back(*range);
  }
  if (ranges.cluster_ips.empty()) return BadRange("there has to be a range");
  const std::vector<std::string> ends = absl::StrSplit(node_ports, '-');
  if (ends.size() != 2 || !absl::SimpleAtoi(ends[0], &ranges.node_port_min) ||
      !absl::SimpleAtoi(ends[1], &ranges.node_port_max) || ranges.node_port_min < 1 ||
      ranges.node_port_max > 65535 || ranges.node_port_min > ranges.node_port_max) {
    return BadRange(absl::StrCat("\"", node_ports, "\" is no range of ports such as 30000-32767"));
  }
  return ranges;
}

void TakenByServices::Add(const v1::Service& service) {
  for (const std::string& text : service.spec().cluster_ips()) {
    if (const std::optional<IpAddress> address = ParseIp(text)) addresses_.insert(*address);
  }
  for (const v1::ServicePort& port : service.spec().ports()) {
    if (port.node_port() != 0) ports_.insert({port.node_port(), port.protocol()});
  }
}

bool TakenByServices::HasPort(int port) const {
  const auto found = ports_.lower_bound({port, ""});
  return found != ports_.end() && found->first == port;
}

bool NeedsAllocation(const v1::Service& service) {
  const v1::ServiceSpec& spec = service.spec();
  if (spec.type() == "ExternalName") return false;
  if (!spec.has_ip_family_policy() || spec.ip_families().empty()) return true;
  if (spec.cluster_ip() != kHeadless && spec.cluster_ips_size() < spec.ip_families_size()) {
    return true;
  }
  // A change from one family to both, where both are there.
  if (spec.ip_family_policy() != "SingleStack" && spec.ip_families_size() == 1) return true;
  return HasNodePorts(spec) &&
         std::any_of(spec.ports().begin(), spec.ports().end(),
                     [](const v1::ServicePort& port) { return port.node_port() == 0; });
}

std::vector<Problem> AllocateService(const ServiceRanges& ranges, const TakenByServices& taken,
                                     const RandomBits& random, v1::Service& service) {
  v1::ServiceSpec& spec = *service.mutable_spec();
  Problems problems;
  if (spec.type() == "ExternalName" || ranges.cluster_ips.empty()) return {};
  ChooseFamilies(ranges, spec, problems);
  if (!problems.empty()) return problems.Take();
  if (spec.cluster_ip() == kHeadless) {
    spec.clear_cluster_ips();
    spec.add_cluster_ips(kHeadless);
  } else {
    GiveAddresses(ranges, taken, random, spec, problems);
  }
  if (HasNodePorts(spec)) GivePorts(ranges, taken, random, spec, problems);
  return problems.Take();
}

}  // namespace muster::coordinator
