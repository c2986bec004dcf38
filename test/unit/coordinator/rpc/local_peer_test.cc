#include "coordinator/rpc/local_peer.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace muster::coordinator {
namespace {

TEST(PeerOf, WeOurselvesAreTrusted) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const LocalPeer peer = PeerOf(ends[0]);
  EXPECT_TRUE(peer.trusted);
  EXPECT_EQ(peer.name.substr(0, 6), ::geteuid() == 0 ? "root" : "local:");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(PeerOf, SomebodyElseIsNot) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  // The kernel notes who makes the pair; the parent looks at it.
  int pass[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pass), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    int ends[2];
    if (::setgid(65534) != 0 || ::setuid(65534) != 0 ||
        ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
      ::_exit(1);
    }
    char byte = 0;
    iovec data{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    *reinterpret_cast<int*>(CMSG_DATA(header)) = ends[0];
    ::_exit(::sendmsg(pass[1], &message, 0) == 1 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ASSERT_EQ(::recvmsg(pass[0], &message, 0), 1);
  const int fd = *reinterpret_cast<int*>(CMSG_DATA(CMSG_FIRSTHDR(&message)));
  const LocalPeer peer = PeerOf(fd);
  EXPECT_FALSE(peer.trusted);
  EXPECT_EQ(peer.name, "local:nobody");
  for (const int each : {fd, pass[0], pass[1]}) ::close(each);
}

TEST(PeerOf, WhatIsNoConnectionIsNotTrusted) { EXPECT_FALSE(PeerOf(-1).trusted); }

TEST(GroupToOpenTo, IsOneOfThisHost) {
  EXPECT_FALSE(GroupToOpenTo(""));
  EXPECT_FALSE(GroupToOpenTo("no-such-group-here"));
  if (::geteuid() == 0) {
    EXPECT_EQ(GroupToOpenTo("games"), gid_t{60});
  }
}

}  // namespace
}  // namespace muster::coordinator
