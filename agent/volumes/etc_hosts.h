#pragma once

#include <string>
#include <vector>

#include "muster/v1/pod.pb.h"

namespace muster::agent {

// The /etc/hosts of a pod's containers, with the headers and the order that kubelet gives it.
// `host_file` is the node's own, shown to pods with the host's network.
std::string EtcHosts(const v1::PodSpec& spec, const std::string& hostname,
                     const std::vector<std::string>& pod_ips, const std::string& host_file);

}  // namespace muster::agent
