#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace muster::agent {

// A request to the kernel about links, addresses and routes of this network namespace (rtnetlink).
// Put together in order: what kind, its header, its attributes. Not thread-safe.
class NetlinkRequest {
 public:
  // `flags` beside NLM_F_REQUEST.
  NetlinkRequest(uint16_t type, uint16_t flags);

  // The one header that each type has, such as rtmsg.
  template <typename Header>
  NetlinkRequest& With(const Header& header) {
    Append(&header, sizeof header);
    return *this;
  }
  NetlinkRequest& Attribute(uint16_t type, std::string_view bytes);

  // Has it done. The errno that the kernel answers; 0 when it is done.
  int Do();
  // Asks for a list; the kernel may be told to leave out what the header does not match.
  int List(const std::function<void(const nlmsghdr&)>& each);

 private:
  void Append(const void* bytes, size_t count);
  int Send(int fd);

  std::vector<char> message_;
};

// The attributes of a message, which stand behind a header of so many bytes.
void ForEachAttribute(const nlmsghdr& message, size_t header_bytes,
                      const std::function<void(uint16_t type, std::string_view bytes)>& each);

}  // namespace muster::agent
