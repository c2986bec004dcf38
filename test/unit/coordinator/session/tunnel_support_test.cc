#include "coordinator/session/tunnel_support.h"

#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

TEST(CheckTunnel, AnAgentServesWhatItSays) {
  session::v1::OpenTunnel logs, attach, forward, stats, none;
  logs.mutable_logs();
  attach.mutable_attach();
  forward.mutable_port_forward();
  stats.mutable_stats();
  const std::vector<std::string> all{"logs", "exec", "attach", "port_forward", "stats"};
  for (const auto* request : {&logs, &attach, &forward, &stats, &none}) {
    EXPECT_TRUE(CheckTunnel(*request, all, "n1", "2.0").ok()) << request->ShortDebugString();
  }
  EXPECT_TRUE(CheckTunnel(logs, {}, "n1", "1.0").ok()) << "from before they were said";
  EXPECT_FALSE(CheckTunnel(logs, {"exec"}, "n1", "1.0").ok());
}

TEST(CheckTunnel, AnOlderAgentIsNamedWithWhatItCannotDo) {
  session::v1::OpenTunnel request;
  request.mutable_attach();
  EXPECT_EQ(CheckTunnel(request, {}, "n1", "1.0"),
            absl::UnimplementedError(
                "attach is not supported by the agent on n1 (version 1.0): upgrade it"));
  request.mutable_port_forward();
  EXPECT_EQ(CheckTunnel(request, {"logs", "exec", "attach"}, "n2", "1.1"),
            absl::UnimplementedError(
                "port-forward is not supported by the agent on n2 (version 1.1): upgrade it"));
  request.mutable_stats();
  EXPECT_EQ(CheckTunnel(request, {}, "n1", "1.0"),
            absl::UnimplementedError(
                "top is not supported by the agent on n1 (version 1.0): upgrade it"));
}

}  // namespace
}  // namespace muster::coordinator
