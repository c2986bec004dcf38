#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "agent/translate/pod_group.h"
#include "agent/translate/resources.h"
#include "agent/translate/security.h"
#include "agent/translate/translate.h"
#include "common/model/host_ports.h"

namespace muster::agent {
namespace {

// What resolv.conf readers stop at.
constexpr size_t kNameserversMax = 3;
constexpr size_t kSearchesMax = 32;
constexpr size_t kSearchesLengthMax = 2048;  // With a blank between each.
constexpr size_t kHostNameMax = 63;

template <typename Range>
void AppendNew(const Range& more, std::vector<std::string>& list) {
  for (const std::string& item : more) {
    if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
  }
}

std::string OptionName(const std::string& option) { return option.substr(0, option.find(':')); }

// A later option of the same name wins and keeps the place of the first.
void SetOption(const std::string& option, std::vector<std::string>& options) {
  for (std::string& known : options) {
    if (OptionName(known) == OptionName(option)) {
      known = option;
      return;
    }
  }
  options.push_back(option);
}

// All that policy and dnsConfig ask for, also what resolvers would not read.
DnsConfig WantedDns(const v1::Pod& pod, const NodeContext& node) {
  const v1::PodSpec& spec = pod.spec();
  const bool cluster_first = (spec.dns_policy() == "ClusterFirst" && !spec.host_network()) ||
                             spec.dns_policy() == "ClusterFirstWithHostNet" ||
                             spec.dns_policy().empty();
  DnsConfig dns;
  if (spec.dns_policy() == "None") {
    // Only what dnsConfig says.
  } else if (cluster_first && !node.cluster_dns.empty()) {
    dns.servers = node.cluster_dns;
    dns.searches = {absl::StrCat(pod.metadata().namespace_(), ".svc.", node.cluster_domain),
                    absl::StrCat("svc.", node.cluster_domain), node.cluster_domain};
    AppendNew(node.host_dns.searches, dns.searches);
    dns.options = {"ndots:5"};
  } else {
    dns = node.host_dns;
  }
  AppendNew(spec.dns_config().nameservers(), dns.servers);
  AppendNew(spec.dns_config().searches(), dns.searches);
  for (const v1::PodDNSConfigOption& option : spec.dns_config().options()) {
    SetOption(
        option.value().empty() ? option.name() : absl::StrCat(option.name(), ":", option.value()),
        dns.options);
  }
  return dns;
}

size_t LengthOf(const std::vector<std::string>& searches) {
  size_t length = searches.empty() ? 0 : searches.size() - 1;
  for (const std::string& search : searches) length += search.size();
  return length;
}

DnsConfig WithinLimits(DnsConfig dns) {
  dns.servers.resize(std::min(dns.servers.size(), kNameserversMax));
  dns.searches.resize(std::min(dns.searches.size(), kSearchesMax));
  while (LengthOf(dns.searches) > kSearchesLengthMax) dns.searches.pop_back();
  return dns;
}

std::vector<PortMapping> MakePortMappings(const v1::Pod& pod, const NodeContext& node) {
  std::vector<PortMapping> mappings;
  // The ports are the host's own already, or led to the pod by us.
  if (pod.spec().host_network()) return mappings;
  if (node.leads_host_ports && model::IsZeroGap(pod)) return mappings;
  for (const model::HostPort& port : model::HostPortsOf(pod)) {
    mappings.push_back({port.protocol, port.container_port, port.port, port.ip});
  }
  return mappings;
}

}  // namespace

std::string HostNameOf(const v1::Pod& pod) {
  std::string name = pod.spec().hostname().empty() ? pod.metadata().name() : pod.spec().hostname();
  name = name.substr(0, kHostNameMax);
  while (!name.empty() && (name.back() == '-' || name.back() == '.')) name.pop_back();
  return name;
}

std::optional<std::string> DnsLeftOut(const v1::Pod& pod, const NodeContext& node) {
  const DnsConfig wanted = WantedDns(pod, node);
  const DnsConfig kept = WithinLimits(wanted);
  std::vector<std::string> sentences;
  if (kept.servers.size() < wanted.servers.size()) {
    sentences.push_back(absl::StrCat(
        "Nameserver limits were exceeded, some nameservers have been omitted, the applied "
        "nameserver line is: ",
        absl::StrJoin(kept.servers, " ")));
  }
  if (kept.searches.size() < wanted.searches.size()) {
    sentences.push_back(
        absl::StrCat("Search Line limits were exceeded, some search paths have been omitted, the "
                     "applied search line is: ",
                     absl::StrJoin(kept.searches, " ")));
  }
  if (sentences.empty()) return std::nullopt;
  return absl::StrJoin(sentences, "; ");
}

std::string PodLogDirectory(const v1::Pod& pod, const NodeContext& node) {
  const v1::ObjectMeta& meta = pod.metadata();
  return absl::StrCat(node.log_root, "/", meta.namespace_(), "_", meta.name(), "_", meta.uid());
}

absl::StatusOr<SandboxConfig> MakeSandboxConfig(const v1::Pod& pod, uint32_t attempt,
                                                const NodeContext& node) {
  const v1::ObjectMeta& meta = pod.metadata();
  const v1::PodSpec& spec = pod.spec();
  const v1::PodSecurityContext& security = spec.security_context();
  SandboxConfig config;
  config.name = meta.name();
  config.namespace_ = meta.namespace_();
  config.uid = meta.uid();
  config.attempt = attempt;
  if (!spec.host_network()) config.hostname = HostNameOf(pod);
  config.log_directory = PodLogDirectory(pod, node);
  config.dns = WithinLimits(WantedDns(pod, node));
  config.port_mappings = MakePortMappings(pod, node);
  config.labels = {meta.labels().begin(), meta.labels().end()};
  config.labels[kLabelPodName] = meta.name();
  config.labels[kLabelPodNamespace] = meta.namespace_();
  config.labels[kLabelPodUid] = meta.uid();
  config.labels[kLabelNodeUid] = node.node_uid;
  config.annotations = {meta.annotations().begin(), meta.annotations().end()};
  config.annotations[kAnnotationGrace] = absl::StrCat(spec.termination_grace_period_seconds());
  config.cgroup_parent = CgroupParent(pod, node);
  config.resources = ContainersTogether(spec);
  config.overhead = OverheadOf(spec);
  for (const v1::Sysctl& sysctl : security.sysctls()) {
    config.sysctls[absl::StrReplaceAll(sysctl.name(), {{"/", "."}})] = sysctl.value();
  }
  const Namespaces namespaces = NamespacesOf(spec);
  config.network = namespaces.network;
  config.pid = namespaces.pid;
  config.ipc = namespaces.ipc;
  config.privileged = AnyPrivileged(spec);
  if (security.has_run_as_user()) {
    config.run_as_user = security.run_as_user();
    // The runtime refuses a group without a user.
    if (security.has_run_as_group()) config.run_as_group = security.run_as_group();
  }
  config.supplemental_groups = SupplementalGroups(security);
  config.selinux = MakeSelinux(security, {});
  config.runtime_handler = spec.runtime_class_name();
  return config;
}

}  // namespace muster::agent
