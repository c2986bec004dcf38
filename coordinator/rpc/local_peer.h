#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace muster::coordinator {

// Who is at the other end of a local connection, by what the kernel says.
struct LocalPeer {
  std::string name;      // "root", or "local:USER".
  bool trusted = false;  // Root, or who the coordinator runs as. Else: let in by its group.
};
// Nobody in particular, and not trusted, for what is no local connection.
LocalPeer PeerOf(int connection);

// The group of this name, if there is one on this host and this process can give files to it. The
// log says why not. Nothing for an empty name.
std::optional<gid_t> GroupToOpenTo(const std::string& name);

}  // namespace muster::coordinator
