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
};

}  // namespace muster::agent
