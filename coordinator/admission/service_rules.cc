#include "coordinator/admission/service_rules.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/ip_address.h"
#include "common/model/int_or_string.h"
#include "common/model/names.h"
#include "coordinator/admission/validate_common.h"

namespace muster::coordinator {
namespace {

constexpr char kHeadless[] = "None";
constexpr char kPortRange[] = "must be between 1 and 65535, inclusive";
constexpr int32_t kAffinitySeconds = 10800;
constexpr int32_t kAffinitySecondsMax = 86400;
constexpr int kSliceEndpointsMax = 1000;

bool HasNodePorts(const v1::ServiceSpec& spec) {
  return spec.type() == "NodePort" || spec.type() == "LoadBalancer";
}

bool IsHeadless(const v1::ServiceSpec& spec) { return spec.cluster_ip() == kHeadless; }

std::string ListText(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  return absl::StrCat("[",
                      absl::StrJoin(texts, ",",
                                    [](std::string* out, const std::string& text) {
                                      absl::StrAppend(out, "\"", text, "\"");
                                    }),
                      "]");
}

void CheckPort(const FieldPath& at, const v1::ServicePort& port, bool needs_name,
               std::set<std::string>& names, Problems& problems) {
  if (port.name().empty()) {
    if (needs_name) problems.Required(at.Child("name"));
  } else {
    problems.InvalidTexts(at.Child("name"), port.name(), model::CheckDnsLabel(port.name()));
    if (!names.insert(port.name()).second) problems.Duplicate(at.Child("name"), port.name());
  }
  if (!model::IsLegalPortNumber(port.port())) {
    problems.InvalidNumber(at.Child("port"), port.port(), kPortRange);
  }
  CheckOneOf(at.Child("protocol"), port.protocol(), {"SCTP", "TCP", "UDP"}, true, problems);
  const FieldPath target = at.Child("targetPort");
  if (port.target_port().has_string_value()) {
    problems.InvalidTexts(target, port.target_port().string_value(),
                          model::CheckPortName(port.target_port().string_value()));
  } else if (!model::IsLegalPortNumber(port.target_port().int_value())) {
    problems.InvalidNumber(target, port.target_port().int_value(), kPortRange);
  }
}

void CheckPorts(const FieldPath& path, const v1::ServiceSpec& spec, Problems& problems) {
  const FieldPath ports = path.Child("ports");
  const bool needs_ports = !IsHeadless(spec) && spec.type() != "ExternalName";
  if (needs_ports && spec.ports().empty()) problems.Required(ports);
  std::set<std::string> names;
  std::set<std::pair<int, std::string>> numbers, node_ports;
  for (int i = 0; i < spec.ports_size(); ++i) {
    const v1::ServicePort& port = spec.ports(i);
    const FieldPath at = ports.Index(i);
    CheckPort(at, port, spec.ports_size() > 1, names, problems);
    if (!numbers.insert({port.port(), port.protocol()}).second) {
      problems.Duplicate(at, absl::StrCat(port.protocol(), "/", port.port()));
    }
    if (port.node_port() == 0) continue;
    if (!HasNodePorts(spec)) {
      problems.Forbidden(at.Child("nodePort"),
                         absl::StrCat("may not be used when `type` is '", spec.type(), "'"));
    } else if (!node_ports.insert({port.node_port(), port.protocol()}).second) {
      problems.Duplicate(at.Child("nodePort"), absl::StrCat(port.node_port()));
    }
  }
}

void CheckAffinity(const FieldPath& path, const v1::ServiceSpec& spec, Problems& problems) {
  CheckOneOf(path.Child("sessionAffinity"), spec.session_affinity(), {"ClientIP", "None"}, true,
             problems);
  const FieldPath config = path.Child("sessionAffinityConfig");
  if (spec.session_affinity() == "None" && spec.has_session_affinity_config()) {
    problems.Forbidden(config, "must not be set when session affinity is None");
  } else if (spec.session_affinity() == "ClientIP") {
    const int32_t seconds = spec.session_affinity_config().client_ip().timeout_seconds();
    if (seconds <= 0 || seconds > kAffinitySecondsMax) {
      problems.InvalidNumber(
          config.Child("clientIP").Child("timeoutSeconds"), seconds,
          absl::StrCat("must be greater than 0 and less than ", kAffinitySecondsMax));
    }
  }
}

void CheckAddresses(const FieldPath& path, const v1::ServiceSpec& spec, Problems& problems) {
  const FieldPath at = path.Child("clusterIPs");
  if (spec.type() == "ExternalName") {
    if (!spec.cluster_ips().empty()) {
      problems.Forbidden(at, "may not be set for ExternalName services");
    }
    return;
  }
  if (IsHeadless(spec) && HasNodePorts(spec)) {
    problems.InvalidText(at.Index(0), spec.cluster_ip(),
                         absl::StrCat("may not be set to 'None' for ", spec.type(), " services"));
  }
  if (!spec.cluster_ips().empty() && spec.cluster_ips(0) != spec.cluster_ip()) {
    problems.Invalid(at, ListText(spec.cluster_ips()), "first value must match `clusterIP`");
  }
  if (spec.cluster_ips_size() > 2) {
    problems.Invalid(at, ListText(spec.cluster_ips()), "may only hold up to 2 values");
  }
  std::set<bool> families;
  for (int i = 0; i < spec.cluster_ips_size(); ++i) {
    const std::string& text = spec.cluster_ips(i);
    if (text == kHeadless && spec.cluster_ips_size() == 1) continue;
    CheckIpAddress(at.Index(i), text, problems);
    const std::optional<IpAddress> address = ParseIp(text);
    if (address && !families.insert(address->v6).second) {
      problems.Invalid(at, ListText(spec.cluster_ips()),
                       "may specify no more than one IP for each IP family, i.e "
                       "[\"IPv4\",\"IPv6\"]");
    }
    if (address && i < spec.ip_families_size() && spec.ip_families(i) != FamilyName(address->v6)) {
      problems.InvalidText(at.Index(i), text,
                           absl::StrCat("expected an ", spec.ip_families(i),
                                        " value as indicated by `ipFamilies[", i, "]`"));
    }
  }
}

void CheckFamilies(const FieldPath& path, const v1::ServiceSpec& spec, Problems& problems) {
  if (spec.has_ip_family_policy()) {
    CheckOneOf(path.Child("ipFamilyPolicy"), spec.ip_family_policy(),
               {"PreferDualStack", "RequireDualStack", "SingleStack"}, false, problems);
  }
  std::set<std::string> seen;
  for (int i = 0; i < spec.ip_families_size(); ++i) {
    const FieldPath at = path.Child("ipFamilies").Index(i);
    CheckOneOf(at, spec.ip_families(i), {"IPv4", "IPv6"}, true, problems);
    if (!seen.insert(spec.ip_families(i)).second) problems.Duplicate(at, spec.ip_families(i));
  }
}

void CheckTrafficPolicies(const FieldPath& path, const v1::ServiceSpec& spec, Problems& problems) {
  if (spec.has_internal_traffic_policy()) {
    CheckOneOf(path.Child("internalTrafficPolicy"), spec.internal_traffic_policy(),
               {"Cluster", "Local"}, true, problems);
  }
  const FieldPath external = path.Child("externalTrafficPolicy");
  if (HasNodePorts(spec)) {
    CheckOneOf(external, spec.external_traffic_policy(), {"Cluster", "Local"}, true, problems);
  } else if (!spec.external_traffic_policy().empty()) {
    problems.InvalidText(external, spec.external_traffic_policy(),
                         "may only be set for externally-accessible services");
  }
  if (spec.has_traffic_distribution()) {
    CheckOneOf(path.Child("trafficDistribution"), spec.traffic_distribution(),
               {"PreferClose", "PreferSameNode", "PreferSameZone"}, false, problems);
  }
}

void CheckEndpointIp(const FieldPath& path, const std::string& text, Problems& problems) {
  CheckIpAddress(path, text, problems);
  const std::optional<IpAddress> address = ParseIp(text);
  if (!address) return;
  const auto& bytes = address->bytes;
  const bool is_zero = std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b == 0; });
  const bool is_loopback =
      address->v6 ? std::all_of(bytes.begin(), bytes.end() - 1, [](uint8_t b) { return b == 0; }) &&
                        bytes[15] == 1
                  : bytes[0] == 127;
  const bool is_link_local = address->v6 ? bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80
                                         : bytes[0] == 169 && bytes[1] == 254;
  // Otherwise who may write Endpoints could send others to what only the host should reach.
  if (is_zero || is_loopback || is_link_local) {
    problems.InvalidText(path, text,
                         "may not be unspecified, loopback (127.0.0.0/8, ::1) or link-local "
                         "(169.254.0.0/16, fe80::/10)");
  }
}

}  // namespace

void DefaultService(v1::Service& service) {
  v1::ServiceSpec& spec = *service.mutable_spec();
  if (spec.type().empty()) spec.set_type("ClusterIP");
  if (spec.session_affinity().empty()) spec.set_session_affinity("None");
  if (spec.session_affinity() == "None") {
    spec.clear_session_affinity_config();
  } else if (spec.session_affinity() == "ClientIP" &&
             !spec.session_affinity_config().client_ip().has_timeout_seconds()) {
    spec.mutable_session_affinity_config()->mutable_client_ip()->set_timeout_seconds(
        kAffinitySeconds);
  }
  for (v1::ServicePort& port : *spec.mutable_ports()) {
    if (port.protocol().empty()) port.set_protocol("TCP");
    const bool no_target = !port.has_target_port() || (port.target_port().string_value().empty() &&
                                                       port.target_port().int_value() == 0);
    if (no_target) *port.mutable_target_port() = model::FromInt(port.port());
  }
  if (spec.type() == "ExternalName") return;
  if (!spec.has_internal_traffic_policy()) spec.set_internal_traffic_policy("Cluster");
  if (HasNodePorts(spec) && spec.external_traffic_policy().empty()) {
    spec.set_external_traffic_policy("Cluster");
  }
  if (spec.type() == "LoadBalancer" && !spec.has_allocate_load_balancer_node_ports()) {
    spec.set_allocate_load_balancer_node_ports(true);
  }
  if (spec.cluster_ips().empty() && !spec.cluster_ip().empty()) {
    spec.add_cluster_ips(spec.cluster_ip());
  } else if (spec.cluster_ip().empty() && !spec.cluster_ips().empty()) {
    spec.set_cluster_ip(spec.cluster_ips(0));
  }
}

void DefaultEndpoints(v1::Endpoints& endpoints) {
  for (v1::EndpointSubset& subset : *endpoints.mutable_subsets()) {
    for (v1::EndpointPort& port : *subset.mutable_ports()) {
      if (port.protocol().empty()) port.set_protocol("TCP");
    }
  }
}

void DefaultEndpointSlice(v1::EndpointSlice& slice) {
  for (v1::DiscoveryEndpointPort& port : *slice.mutable_ports()) {
    if (!port.has_name()) port.set_name("");
    if (!port.has_protocol()) port.set_protocol("TCP");
  }
}

void KeepAllocatedValues(const v1::Service& stored, v1::Service& updated) {
  const v1::ServiceSpec& before = stored.spec();
  v1::ServiceSpec& spec = *updated.mutable_spec();
  if (spec.type() == "ExternalName") {
    // These went with the old type, unless somebody asks for others now.
    if (before.type() != "ExternalName" && spec.cluster_ip() == before.cluster_ip()) {
      spec.clear_cluster_ip();
      spec.clear_cluster_ips();
      spec.clear_ip_families();
      spec.clear_ip_family_policy();
    }
    return;
  }
  if (before.type() != "ExternalName") {
    if (spec.cluster_ip().empty() && spec.cluster_ips().empty()) {
      spec.set_cluster_ip(before.cluster_ip());
      *spec.mutable_cluster_ips() = before.cluster_ips();
    }
    if (spec.ip_families().empty()) *spec.mutable_ip_families() = before.ip_families();
    if (!spec.has_ip_family_policy() && before.has_ip_family_policy()) {
      spec.set_ip_family_policy(before.ip_family_policy());
    }
    // Back to one family gives the second address back.
    if (spec.ip_family_policy() == "SingleStack" && before.ip_family_policy() != "SingleStack" &&
        spec.ip_families_size() > 1) {
      spec.mutable_ip_families()->DeleteSubrange(1, spec.ip_families_size() - 1);
      if (spec.cluster_ips_size() > 1) {
        spec.mutable_cluster_ips()->DeleteSubrange(1, spec.cluster_ips_size() - 1);
      }
    }
  }
  for (v1::ServicePort& port : *spec.mutable_ports()) {
    for (const v1::ServicePort& old : before.ports()) {
      if (old.port() != port.port() || old.protocol() != port.protocol()) continue;
      if (HasNodePorts(spec) && port.node_port() == 0) port.set_node_port(old.node_port());
      const bool given_up = !HasNodePorts(spec) && HasNodePorts(before);
      if (given_up && port.node_port() == old.node_port()) port.clear_node_port();
    }
  }
  if (!HasNodePorts(spec) && HasNodePorts(before) &&
      spec.external_traffic_policy() == before.external_traffic_policy()) {
    spec.clear_external_traffic_policy();
  }
}

void ValidateService(const v1::Service& service, Problems& problems) {
  const FieldPath path("spec");
  const v1::ServiceSpec& spec = service.spec();
  CheckOneOf(path.Child("type"), spec.type(),
             {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"}, true, problems);
  CheckAffinity(path, spec, problems);
  CheckLabels(path.Child("selector"), spec.selector(), problems);
  CheckPorts(path, spec, problems);
  CheckAddresses(path, spec, problems);
  CheckFamilies(path, spec, problems);
  CheckTrafficPolicies(path, spec, problems);
  if (spec.type() == "ExternalName") {
    const FieldPath name = path.Child("externalName");
    if (spec.external_name().empty()) {
      problems.Required(name);
    } else {
      std::string plain = absl::AsciiStrToLower(spec.external_name());
      if (plain.back() == '.') plain.pop_back();
      problems.InvalidTexts(name, spec.external_name(), model::CheckDnsSubdomain(plain));
    }
  }
}

void ValidateServiceUpdate(const v1::Service& updated, const v1::Service& stored,
                           Problems& problems) {
  const v1::ServiceSpec& now = updated.spec();
  const v1::ServiceSpec& before = stored.spec();
  if (now.type() == "ExternalName" || before.type() == "ExternalName") return;
  for (int i = 0; i < before.cluster_ips_size(); ++i) {
    // The second one may go, with its family.
    if (i >= now.cluster_ips_size() || now.cluster_ips(i) == before.cluster_ips(i)) continue;
    problems.Invalid(FieldPath("spec.clusterIPs").Index(i), ListText(now.cluster_ips()),
                     "may not change once set");
  }
  if (!before.ip_families().empty() && !now.ip_families().empty() &&
      now.ip_families(0) != before.ip_families(0)) {
    problems.Invalid(FieldPath("spec.ipFamilies").Index(0), ListText(now.ip_families()),
                     "may not change once set");
  }
}

void ValidateEndpoints(const v1::Endpoints& endpoints, Problems& problems) {
  for (int i = 0; i < endpoints.subsets_size(); ++i) {
    const v1::EndpointSubset& subset = endpoints.subsets(i);
    const FieldPath path = FieldPath("subsets").Index(i);
    if (subset.addresses().empty() && subset.not_ready_addresses().empty()) {
      problems.Required(path, "must specify `addresses` or `notReadyAddresses`");
    }
    for (const bool ready : {true, false}) {
      const auto& addresses = ready ? subset.addresses() : subset.not_ready_addresses();
      const FieldPath list = path.Child(ready ? "addresses" : "notReadyAddresses");
      for (int j = 0; j < addresses.size(); ++j) {
        CheckEndpointIp(list.Index(j).Child("ip"), addresses.Get(j).ip(), problems);
        if (!addresses.Get(j).hostname().empty()) {
          problems.InvalidTexts(list.Index(j).Child("hostname"), addresses.Get(j).hostname(),
                                model::CheckDnsLabel(addresses.Get(j).hostname()));
        }
      }
    }
    for (int j = 0; j < subset.ports_size(); ++j) {
      const v1::EndpointPort& port = subset.ports(j);
      const FieldPath at = path.Child("ports").Index(j);
      if (port.name().empty()) {
        if (subset.ports_size() > 1) problems.Required(at.Child("name"));
      } else {
        problems.InvalidTexts(at.Child("name"), port.name(), model::CheckDnsLabel(port.name()));
      }
      if (!model::IsLegalPortNumber(port.port())) {
        problems.InvalidNumber(at.Child("port"), port.port(), kPortRange);
      }
      CheckOneOf(at.Child("protocol"), port.protocol(), {"SCTP", "TCP", "UDP"}, true, problems);
    }
  }
}

void ValidateEndpointSlice(const v1::EndpointSlice& slice, Problems& problems) {
  CheckOneOf(FieldPath("addressType"), slice.address_type(), {"FQDN", "IPv4", "IPv6"}, true,
             problems);
  if (slice.endpoints_size() > kSliceEndpointsMax) {
    problems.Invalid(FieldPath("endpoints"), absl::StrCat(slice.endpoints_size()),
                     absl::StrCat("must have at most ", kSliceEndpointsMax, " items"));
  }
  for (int i = 0; i < slice.endpoints_size(); ++i) {
    const v1::Endpoint& endpoint = slice.endpoints(i);
    const FieldPath path = FieldPath("endpoints").Index(i);
    if (endpoint.addresses().empty()) problems.Required(path.Child("addresses"));
    for (int j = 0; j < endpoint.addresses_size(); ++j) {
      const FieldPath at = path.Child("addresses").Index(j);
      const std::string& text = endpoint.addresses(j);
      if (slice.address_type() == "FQDN") {
        problems.InvalidTexts(at, text, model::CheckDnsSubdomain(text));
        continue;
      }
      CheckEndpointIp(at, text, problems);
      const std::optional<IpAddress> address = ParseIp(text);
      if (address && FamilyName(address->v6) != slice.address_type()) {
        problems.InvalidText(at, text,
                             absl::StrCat("must be an ", slice.address_type(), " address"));
      }
    }
    if (endpoint.has_hostname()) {
      problems.InvalidTexts(path.Child("hostname"), endpoint.hostname(),
                            model::CheckDnsLabel(endpoint.hostname()));
    }
  }
  std::set<std::string> names;
  for (int i = 0; i < slice.ports_size(); ++i) {
    const v1::DiscoveryEndpointPort& port = slice.ports(i);
    const FieldPath at = FieldPath("ports").Index(i);
    if (!names.insert(port.name()).second) problems.Duplicate(at.Child("name"), port.name());
    if (!port.name().empty()) {
      problems.InvalidTexts(at.Child("name"), port.name(), model::CheckDnsLabel(port.name()));
    }
    if (port.has_port() && !model::IsLegalPortNumber(port.port())) {
      problems.InvalidNumber(at.Child("port"), port.port(), kPortRange);
    }
    CheckOneOf(at.Child("protocol"), port.protocol(), {"SCTP", "TCP", "UDP"}, true, problems);
  }
}

void ValidateEndpointSliceUpdate(const v1::EndpointSlice& updated, const v1::EndpointSlice& stored,
                                 Problems& problems) {
  if (updated.address_type() != stored.address_type()) {
    problems.InvalidText(FieldPath("addressType"), updated.address_type(), "field is immutable");
  }
}

}  // namespace muster::coordinator
