#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::agent {

// A request to the kernel about this network namespace: its links, addresses and routes
// (rtnetlink), or what another protocol of netlink is about. Put together in order: what kind, its
// header, its attributes. Not thread-safe.
class NetlinkRequest {
 public:
  // `flags` beside NLM_F_REQUEST; `protocol` such as NETLINK_NETFILTER.
  NetlinkRequest(uint16_t type, uint16_t flags, int protocol = NETLINK_ROUTE);

  // The one header that each type has, such as rtmsg.
  template <typename Header>
  NetlinkRequest& With(const Header& header) {
    Append(&header, sizeof header);
    return *this;
  }
  NetlinkRequest& Attribute(uint16_t type, std::string_view bytes);

  // Has it done. The errno that the kernel answers; 0 when it is done.
  int Do();
  // Asks for one thing; `take` gets it.
  int Get(const std::function<void(const nlmsghdr&)>& take);
  // Asks for a list; the kernel may be told to leave out what the header does not match.
  int List(const std::function<void(const nlmsghdr&)>& each);

 private:
  void Append(const void* bytes, size_t count);
  int Send(int fd);
  // Sends it and takes one answer.
  int Exchange(const std::function<void(const nlmsghdr&)>& take);

  const int protocol_;
  std::vector<char> message_;
};

// One attribute, to be put into another.
std::string NetlinkAttribute(uint16_t type, std::string_view bytes);

// The attributes of a message, which stand behind a header of so many bytes.
void ForEachAttribute(const nlmsghdr& message, size_t header_bytes,
                      const std::function<void(uint16_t type, std::string_view bytes)>& each);
// The same of those that stand in another one. Flags of the types are left out.
void ForEachNested(std::string_view attributes,
                   const std::function<void(uint16_t type, std::string_view bytes)>& each);

}  // namespace muster::agent
