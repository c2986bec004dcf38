#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/metrics/metrics.h"

namespace muster::coordinator {
namespace {

using std::chrono::milliseconds;

int FreePort() {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

// An upgrade of the coordinator waits for it.
TEST(HealthServer, IsGoneAtOnceAlsoWhenNobodyAsks) {
  for (const char* host : {"127.0.0.1:", "0.0.0.0:"}) {
    auto server = HealthServer::Start(
        absl::StrCat(host, FreePort()), [] { return absl::OkStatus(); }, [] { return ""; });
    ASSERT_TRUE(server.ok()) << server.status();
    const auto began = std::chrono::steady_clock::now();
    server->reset();
    EXPECT_LT(std::chrono::steady_clock::now() - began, milliseconds(1'000)) << host;
  }
}

}  // namespace
}  // namespace muster::coordinator
