#include "agent/host/netlink.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "absl/cleanup/cleanup.h"

namespace muster::agent {
namespace {

constexpr size_t kAnswerBytesMax = 64
                                   << 10;  // The kernel's parts of a list are at most half of it.

int OpenSocket(int protocol) { return ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol); }

// The errno in a message that ends an answer.
int ErrorIn(const nlmsghdr& message) {
  if (message.nlmsg_type != NLMSG_ERROR) return 0;
  return -static_cast<const nlmsgerr*>(NLMSG_DATA(&message))->error;
}

}  // namespace

NetlinkRequest::NetlinkRequest(uint16_t type, uint16_t flags, int protocol) : protocol_(protocol) {
  nlmsghdr header = {};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  Append(&header, sizeof header);
}

void NetlinkRequest::Append(const void* bytes, size_t count) {
  const auto* from = static_cast<const char*>(bytes);
  message_.insert(message_.end(), from, from + count);
  message_.resize(NLMSG_ALIGN(message_.size()));
}

NetlinkRequest& NetlinkRequest::Attribute(uint16_t type, std::string_view bytes) {
  const std::string attribute = NetlinkAttribute(type, bytes);
  Append(attribute.data(), attribute.size());
  return *this;
}

int NetlinkRequest::Send(int fd) {
  auto* header = reinterpret_cast<nlmsghdr*>(message_.data());
  header->nlmsg_len = static_cast<uint32_t>(message_.size());
  return ::send(fd, message_.data(), message_.size(), 0) < 0 ? errno : 0;
}

int NetlinkRequest::Exchange(const std::function<void(const nlmsghdr&)>& take) {
  const int fd = OpenSocket(protocol_);
  if (fd < 0) return errno;
  const absl::Cleanup close = [fd] { ::close(fd); };
  if (const int error = Send(fd); error != 0) return error;
  std::string answer(kAnswerBytesMax, '\0');
  const ssize_t length = ::recv(fd, answer.data(), answer.size(), 0);
  if (length < 0) return errno;
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer.data());
  if (!NLMSG_OK(header, static_cast<uint32_t>(length))) return EIO;
  if (header->nlmsg_type == NLMSG_ERROR) {
    return header->nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr)) ? EIO : ErrorIn(*header);
  }
  if (take == nullptr) return EIO;
  take(*header);
  return 0;
}

int NetlinkRequest::Do() {
  reinterpret_cast<nlmsghdr*>(message_.data())->nlmsg_flags |= NLM_F_ACK;
  return Exchange(nullptr);
}

int NetlinkRequest::Get(const std::function<void(const nlmsghdr&)>& take) { return Exchange(take); }

int NetlinkRequest::List(const std::function<void(const nlmsghdr&)>& each) {
  const int fd = OpenSocket(protocol_);
  if (fd < 0) return errno;
  const absl::Cleanup close = [fd] { ::close(fd); };
  // A kernel without it lists everything, which callers have to expect.
  const int on = 1;
  (void)::setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  reinterpret_cast<nlmsghdr*>(message_.data())->nlmsg_flags |= NLM_F_DUMP;
  if (const int error = Send(fd); error != 0) return error;
  std::string answer(kAnswerBytesMax, '\0');
  while (true) {
    const ssize_t length = ::recv(fd, answer.data(), answer.size(), 0);
    if (length < 0) return errno;
    auto left = static_cast<uint32_t>(length);
    for (auto* message = reinterpret_cast<const nlmsghdr*>(answer.data()); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE) return 0;
      if (message->nlmsg_type == NLMSG_ERROR) return ErrorIn(*message);
      each(*message);
    }
  }
}

std::string NetlinkAttribute(uint16_t type, std::string_view bytes) {
  rtattr attribute = {};
  attribute.rta_type = type;
  attribute.rta_len = static_cast<uint16_t>(RTA_LENGTH(bytes.size()));
  std::string text(reinterpret_cast<const char*>(&attribute), sizeof attribute);
  text += bytes;
  text.resize(RTA_ALIGN(text.size()));
  return text;
}

void ForEachNested(std::string_view attributes,
                   const std::function<void(uint16_t type, std::string_view bytes)>& each) {
  auto left = static_cast<int>(attributes.size());
  for (auto* attribute = reinterpret_cast<const rtattr*>(attributes.data());
       RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    each(attribute->rta_type & NLA_TYPE_MASK,
         {static_cast<const char*>(RTA_DATA(attribute)), RTA_PAYLOAD(attribute)});
  }
}

void ForEachAttribute(const nlmsghdr& message, size_t header_bytes,
                      const std::function<void(uint16_t type, std::string_view bytes)>& each) {
  if (message.nlmsg_len < NLMSG_LENGTH(header_bytes)) return;
  const auto* at = reinterpret_cast<const char*>(&message) + NLMSG_SPACE(header_bytes);
  ForEachNested({at, message.nlmsg_len - NLMSG_SPACE(header_bytes)}, each);
}

}  // namespace muster::agent
