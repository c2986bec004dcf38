#pragma once

#include <string>
#include <vector>

namespace muster::agent {

// Which parts of its network a node keeps, and where. Plain value.
struct NetworkOptions {
  std::string node;
  std::string domain = "cluster.local";
  std::vector<std::string> dns_addresses;  // Empty: no name server.
  bool service_rules = true;               // Whether Services' addresses work here.
  std::string path;                        // Where the table is kept.
  bool bridge = false;                     // The network of pods is the agent's business.
  std::string cni_config_dir = "/etc/cni/net.d";
};

}  // namespace muster::agent
