#pragma once

#include <string>
#include <vector>

namespace muster {

// The sockets of a path that systemd hands to this service.
//
// A .socket unit makes one, but where it stops with its service (PartOf=) it also makes another one
// whenever that is started anew, and who was waiting at the one before would be cut off. So a
// daemon gives what it was handed into the service's file descriptor store
// (FileDescriptorStoreMax=), which systemd empties when the service is stopped for good.
struct KeptSockets {
  int current = -1;  // Listens at the path, for whoever connects from now on; -1: there is none.
  // Of before: nobody finds them any more, but somebody may be waiting at them.
  std::vector<int> earlier;
};

// All of them are the caller's. What is left in the environment is not changed.
KeptSockets FindKeptSockets(const std::string& path, const std::string& what);

// Has systemd hold `fd` in place of those that it held. Nothing happens when this process is not a
// service of systemd, or one without such a store.
void KeepSocket(int fd);

}  // namespace muster
