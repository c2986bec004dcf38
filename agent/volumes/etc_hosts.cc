#include "agent/volumes/etc_hosts.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace muster::agent {

std::string EtcHosts(const v1::PodSpec& spec, const std::string& hostname,
                     const std::vector<std::string>& pod_ips, const std::string& host_file) {
  std::string text;
  if (spec.host_network()) {
    text = absl::StrCat("# Kubernetes-managed hosts file (host network).\n", host_file);
    if (text.back() != '\n') text += '\n';
  } else {
    text =
        "# Kubernetes-managed hosts file.\n"
        "127.0.0.1\tlocalhost\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::0\tip6-localnet\n"
        "fe00::0\tip6-mcastprefix\n"
        "fe00::1\tip6-allnodes\n"
        "fe00::2\tip6-allrouters\n";
    for (const std::string& ip : pod_ips) absl::StrAppend(&text, ip, "\t", hostname, "\n");
  }
  if (spec.host_aliases().empty()) return text;
  text += "\n# Entries added by HostAliases.\n";
  for (const v1::HostAlias& alias : spec.host_aliases()) {
    absl::StrAppend(&text, alias.ip(), "\t", absl::StrJoin(alias.hostnames(), "\t"), "\n");
  }
  return text;
}

}  // namespace muster::agent
