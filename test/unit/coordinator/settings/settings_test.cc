#include "coordinator/settings/settings.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<CommandLine> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "muster-coordinator");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
}

class SettingsFileTest : public ::testing::Test {
 protected:
  void SetUp() override { std::ofstream(path_) << "listen: 10.0.0.1:9000\nlogLevel: debug\n"; }
  void TearDown() override { std::remove(path_.c_str()); }

  const std::string path_ = ::testing::TempDir() + "/coordinator-settings-test.yaml";
};

TEST(ParseSettings, AnEmptyFileGivesTheDefaults) {
  const absl::StatusOr<Settings> settings = ParseSettings("", "f");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(*settings, Settings());
}

TEST(ParseSettings, TheExampleInThePackageIsTheDefaultsAndEveryKeyInItIsKnown) {
  std::ifstream file(std::string(MUSTER_SOURCE_DIR) + "/packaging/coordinator.yaml");
  std::string text, uncommented, line;
  while (std::getline(file, line)) {
    text += line + "\n";
    const bool is_key = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    if (is_key) uncommented += line.substr(1) + "\n";
  }
  ASSERT_FALSE(uncommented.empty());
  EXPECT_EQ(*ParseSettings(text, "f"), Settings());
  absl::StatusOr<Settings> all = ParseSettings(uncommented, "f");
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->advertise_addresses.size(), 2u);
  all->advertise_addresses.clear();
  EXPECT_EQ(*all, Settings());
}

TEST(ParseSettings, WhatGuardsTheCoordinatorHasSectionsOfItsOwn) {
  const absl::StatusOr<Settings> settings = ParseSettings(
      "audit: {enabled: false, directory: /a, maxSizeMiB: 1, maxFiles: 2, requests: changes,\n"
      "  whenFull: refuse}\n"
      "mayRun:\n  podSecurity: {enforce: baseline, warn: restricted, audit: restricted}\n"
      "  hostPaths: [/var/log]\n  registries: []\n"
      "limits: {requestsPerSecond: 1, requestBurst: 2, openCalls: 3, messageMiB: 4}\n",
      "f");
  ASSERT_TRUE(settings.ok()) << settings.status();
  GuardSettings expected;
  expected.audit = {false, "/a", 1, 2, "changes", "refuse"};
  expected.may_run = {"baseline", "restricted", "restricted", {{"/var/log"}}, {{}}};
  expected.may_run.registries = std::vector<std::string>();
  expected.limits = {1, 2, 3, 4};
  EXPECT_EQ(settings->guards, expected);
  EXPECT_THAT(NeedRestart(Settings(), *settings), ElementsAre("audit", "mayRun", "limits"));
  for (const char* bad :
       {"audit: {maxFiles: 1}", "audit: {whenFull: wait}", "mayRun: {podSecurity: {enforce: x}}",
        "mayRun: {hostPaths: [var]}", "mayRun: {registries: [docker.io/UPPER]}",
        "limits: {openCalls: 0}", "limits: {unknown: 1}"}) {
    EXPECT_FALSE(ParseSettings(bad, "f").ok()) << bad;
  }
  Settings relative;
  relative.guards.audit.directory = "a";
  EXPECT_THAT(CheckSettings(relative).ToString(), HasSubstr("audit.directory"));
}

TEST(NeedRestart, NamesEveryChangedKeyButTheLogLevel) {
  const std::vector<std::string> lines = {"stateDir: /s",
                                          "listen: 127.0.0.1:1",
                                          "adminSocket: /a",
                                          "metricsListen: \"\"",
                                          "advertiseAddresses: [a]",
                                          "heartbeatInterval: 3s",
                                          "nodeLostAfter: 11s",
                                          "reconnectGrace: 2s",
                                          "podGcQuarantine: 1s",
                                          "prePullLimit: 3",
                                          "viewerGroup: ops",
                                          "remoteAdmin: true",
                                          "serviceClusterIPRange: 10.0.0.0/16",
                                          "serviceNodePortRange: 1-2",
                                          "clusterCIDR: 10.9.0.0/16",
                                          "nodeCIDRMaskSizeIPv4: 25",
                                          "nodeCIDRMaskSizeIPv6: 66",
                                          "nodeCertificateLifetime: 24h",
                                          "nodeReturnWindow: 0s"};
  for (const std::string& line : lines) {
    const absl::StatusOr<Settings> read = ParseSettings(line + "\n", "f");
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_THAT(NeedRestart(Settings(), *read), ElementsAre(line.substr(0, line.find(':'))));
  }
  EXPECT_TRUE(NeedRestart(Settings(), *ParseSettings("logLevel: debug\n", "f")).empty());
}

TEST(ParseSettings, ReadsEveryKey) {
  const absl::StatusOr<Settings> settings = ParseSettings(R"(
stateDir: /s
listen: 127.0.0.1:1
adminSocket: /a
viewerGroup: ops
remoteAdmin: true
metricsListen: ""
advertiseAddresses: [a, "b:5"]
heartbeatInterval: 2s
nodeLostAfter: 20s
reconnectGrace: 2500ms
podGcQuarantine: 1m
prePullLimit: 3
serviceClusterIPRange: fd00:1::/112,10.5.0.0/16
serviceNodePortRange: 20000-20100
clusterCIDR: 10.6.0.0/16
nodeCIDRMaskSizeIPv4: 26
nodeCIDRMaskSizeIPv6: 80
logLevel: warning
)",
                                                          "f");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->state_dir, "/s");
  EXPECT_EQ(settings->listen, "127.0.0.1:1");
  EXPECT_EQ(settings->admin_socket, "/a");
  EXPECT_EQ(settings->viewer_group, "ops");
  EXPECT_TRUE(settings->remote_admin);
  EXPECT_EQ(settings->metrics_listen, "");
  EXPECT_THAT(settings->advertise_addresses, ElementsAre("a", "b:5"));
  EXPECT_EQ(settings->heartbeat_interval, 2s);
  EXPECT_EQ(settings->node_lost_after, 20s);
  EXPECT_EQ(settings->reconnect_grace, 2500ms);
  EXPECT_EQ(settings->pod_gc_quarantine, 60s);
  EXPECT_EQ(settings->pre_pull_limit, 3);
  const absl::StatusOr<ServiceRanges> ranges = RangesOf(*settings);
  ASSERT_TRUE(ranges.ok()) << ranges.status();
  ASSERT_EQ(ranges->cluster_ips.size(), 2u);
  EXPECT_EQ(ToText(ranges->cluster_ips[0]), "fd00:1::/112");
  EXPECT_EQ(ToText(ranges->cluster_ips[1]), "10.5.0.0/16");
  EXPECT_EQ(ranges->node_port_min, 20000);
  EXPECT_EQ(ranges->node_port_max, 20100);
  const absl::StatusOr<PodRanges> pods = PodRangesOf(*settings);
  ASSERT_TRUE(pods.ok()) << pods.status();
  ASSERT_EQ(pods->clusters.size(), 1u);
  EXPECT_EQ(ToText(pods->clusters[0]), "10.6.0.0/16");
  EXPECT_EQ(pods->NodePrefix(false), 26);
  EXPECT_EQ(pods->NodePrefix(true), 80);
  EXPECT_EQ(settings->log_level, "warning");
}

TEST(ParseSettings, NamesTheLineOfWhatItDoesNotKnow) {
  EXPECT_THAT(ParseSettings("logLevel: info\nlisten_on: x\n", "f.yaml").status().message(),
              HasSubstr("f.yaml:2"));
  EXPECT_THAT(ParseSettings("nodeLostAfter: soon\n", "f.yaml").status().message(),
              HasSubstr("f.yaml:1"));
}

TEST_F(SettingsFileTest, FlagsWinOverTheFile) {
  const absl::StatusOr<CommandLine> line =
      Parse({"--config", path_.c_str(), "--listen", "0.0.0.0:7440", "--advertise-address", "a",
             "--advertise-address", "b", "--node-lost-after=1m", "--reconnect-grace=2s",
             "--pre-pull-limit=7", "--viewer-group", "ops", "--remote-admin"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_FALSE(line->print_and_exit);
  EXPECT_FALSE(line->check_config);
  EXPECT_EQ(line->settings.listen, "0.0.0.0:7440");
  EXPECT_EQ(line->settings.log_level, "debug");
  EXPECT_THAT(line->settings.advertise_addresses, ElementsAre("a", "b"));
  EXPECT_EQ(line->settings.node_lost_after, 60s);
  EXPECT_EQ(line->settings.reconnect_grace, 2s);
  EXPECT_EQ(line->settings.pre_pull_limit, 7);
  EXPECT_EQ(line->settings.viewer_group, "ops");
  EXPECT_TRUE(line->settings.remote_admin);
}

TEST_F(SettingsFileTest, AFlagThatIsNotGivenLeavesTheFileItsSay) {
  std::ofstream(path_) << "remoteAdmin: true\nviewerGroup: ops\n";
  EXPECT_TRUE(Parse({"--config", path_.c_str()})->settings.remote_admin);
  EXPECT_EQ(Parse({"--config", path_.c_str()})->settings.viewer_group, "ops");
  EXPECT_FALSE(Parse({"--config", path_.c_str(), "--no-remote-admin"})->settings.remote_admin);
}

TEST_F(SettingsFileTest, CheckConfigIsATaskOfItsOwn) {
  EXPECT_TRUE(Parse({"--check-config", "--config", path_.c_str()})->check_config);
}

TEST(ParseCommandLine, AFileThatWasAskedForHasToBeThere) {
  EXPECT_EQ(Parse({"--config", "/nowhere/coordinator.yaml"}).status().code(),
            absl::StatusCode::kNotFound);
}

TEST(ParseCommandLine, HelpAndVersionArePrinted) {
  for (const char* flag : {"--help", "--version"}) {
    const absl::StatusOr<CommandLine> line = Parse({flag});
    ASSERT_TRUE(line.ok());
    EXPECT_TRUE(line->print_and_exit);
    EXPECT_EQ(line->exit_code, 0);
    EXPECT_THAT(line->text, HasSubstr("muster-coordinator"));
  }
  EXPECT_THAT(Parse({"--help"})->text, HasSubstr("--advertise-address"));
}

TEST(ParseCommandLine, AnUnknownFlagIsAUsageError) {
  const absl::StatusOr<CommandLine> line = Parse({"--frobnicate"});
  ASSERT_TRUE(line.ok());
  EXPECT_TRUE(line->print_and_exit);
  EXPECT_EQ(line->exit_code, 64);
}

TEST_F(SettingsFileTest, RefusesWhatCannotWork) {
  for (const std::vector<const char*>& flags : std::vector<std::vector<const char*>>{
           {"--state-dir", "relative"},
           {"--listen", "10.0.0.1"},
           {"--listen", "10.0.0.1:99999"},
           {"--metrics-listen", "[::1"},
           {"--advertise-address", ":7440"},
           {"--node-lost-after", "7s"},
           {"--reconnect-grace", "10s"},
           {"--node-lost-after", "x"},
           {"--heartbeat-interval", "1ms"},
       }) {
    std::vector<const char*> all = {"--config", path_.c_str()};
    all.insert(all.end(), flags.begin(), flags.end());
    EXPECT_EQ(Parse(all).status().code(), absl::StatusCode::kInvalidArgument)
        << flags[0] << " " << flags[1];
  }
}

TEST(ParseNetworkAddress, KnowsNamesAndBothKindsOfAddresses) {
  struct Case {
    std::string text, host;
    int port;  // -1: none.
  };
  for (const Case& c : std::vector<Case>{{"host", "host", -1},
                                         {"host:1", "host", 1},
                                         {"10.0.0.1:65535", "10.0.0.1", 65535},
                                         {"[::1]:2", "::1", 2},
                                         {"[::1]", "::1", -1},
                                         {"fe80::1", "fe80::1", -1}}) {
    const absl::StatusOr<NetworkAddress> parts = ParseNetworkAddress(c.text);
    ASSERT_TRUE(parts.ok()) << c.text;
    EXPECT_EQ(parts->host, c.host);
    EXPECT_EQ(parts->port.value_or(-1), c.port);
  }
  for (const char* bad : {"", ":1", "host:", "host:x", "[::1", "[::1]x", "host:65536"}) {
    EXPECT_FALSE(ParseNetworkAddress(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace muster::coordinator
