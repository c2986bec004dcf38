#include "ctl/output/errors.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Errors, AConnectionThatFailsIsOneLineThatSaysWhy) {
  const std::pair<const char*, const char*> table[] = {
      {"failed to connect to all addresses; last error: UNKNOWN: unix:/x: No such file or "
       "directory",
       "there is no such socket"},
      {"last error: UNKNOWN: ipv4:10.0.0.1:7440: Failed to connect to remote host: Connection "
       "refused",
       "nobody listens there"},
      {"Ssl handshake failed: SSL_ERROR_SSL: error:0A000086:SSL routines::certificate verify "
       "failed",
       "not the coordinator that certificateAuthority vouches for"},
      {"SSL routines::tlsv1 alert unknown ca", "does not accept the client certificate"},
      {"Permission denied", "may not use the socket"},
      {"Socket closed", "the connection was lost"},
      {"recvmsg:Connection reset by peer", "the connection was lost"},
  };
  for (const auto& [message, meaning] : table) {
    const std::string text = ErrorText(absl::UnavailableError(message), "unix:/x");
    EXPECT_THAT(text, HasSubstr("error: cannot reach the coordinator at unix:/x: "));
    EXPECT_THAT(text, HasSubstr(meaning));
    EXPECT_THAT(text, Not(HasSubstr("\n")));
    EXPECT_THAT(text, Not(HasSubstr("SSL")));
  }
  EXPECT_THAT(ErrorText(absl::UnavailableError("something new"), "unix:/x"),
              HasSubstr("something new"));
}

TEST(Errors, WhatTheCoordinatorSaysHasKubernetesReasonBeforeIt) {
  EXPECT_EQ(ErrorText(absl::NotFoundError("pods \"x\" not found"), "unix:/x"),
            "Error from server (NotFound): pods \"x\" not found");
  EXPECT_EQ(ErrorText(absl::AbortedError("changed"), "unix:/x"),
            "Error from server (Conflict): changed");
  EXPECT_EQ(ErrorText(absl::PermissionDeniedError("no"), "unix:/x"),
            "Error from server (Forbidden): no");
}

TEST(Errors, ACallThatTheCoordinatorDoesNotKnowIsExplained) {
  EXPECT_EQ(ErrorText(absl::UnimplementedError(""), "unix:/x"),
            "error: the coordinator at unix:/x does not know what was asked: it is older than this "
            "musterctl, or does not serve people over the network (\"remoteAdmin: true\" in its "
            "/etc/muster/coordinator.yaml)");
  EXPECT_EQ(ErrorText(absl::UnimplementedError("top is not supported by the agent on n1"), "x"),
            "Error from server (MethodNotAllowed): top is not supported by the agent on n1");
}

}  // namespace
}  // namespace muster::ctl
