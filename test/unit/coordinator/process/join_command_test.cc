#include "coordinator/process/join_command.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using ::testing::ElementsAre;

Settings Advertising(const std::vector<std::string>& addresses) {
  Settings settings;
  settings.advertise_addresses = addresses;
  return settings;
}

TEST(AgentAddress, IsTheFirstAdvertisedOneOrTheHost) {
  EXPECT_EQ(AgentAddress(Advertising({}), "host", 7440), "host:7440");
  EXPECT_EQ(AgentAddress(Advertising({"a", "b"}), "host", 7440), "a:7440");
  EXPECT_EQ(AgentAddress(Advertising({"a:99"}), "host", 7440), "a:99");
  EXPECT_EQ(AgentAddress(Advertising({"fd00::1"}), "host", 7440), "[fd00::1]:7440");
  EXPECT_EQ(AgentAddress(Advertising({"[fd00::1]:99"}), "host", 7440), "[fd00::1]:99");
}

TEST(ServerNames, AreAllNamesWithoutPortsEachOnce) {
  EXPECT_THAT(ServerNames(Advertising({"a:99", "10.0.0.1", "host"}), "host"),
              ElementsAre("a", "10.0.0.1", "host", "localhost", "127.0.0.1", "::1"));
}

TEST(JoinCommand, CanBePastedIntoAShell) {
  EXPECT_EQ(JoinCommand("a:7440", "id.secret", "sha256:00"),
            "muster-agent join a:7440 --token id.secret --ca-hash sha256:00");
}

}  // namespace
}  // namespace muster::coordinator
