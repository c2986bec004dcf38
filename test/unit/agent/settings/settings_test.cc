#include "agent/settings/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace muster::agent {
namespace {

using testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(Settings, EmptyFileIsTheDefaults) {
  const absl::StatusOr<Settings> settings = ParseSettings("", "agent.yaml");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(*settings, Settings());
  EXPECT_EQ(settings->pods_root(), "/var/lib/muster/agent");
}

TEST(Settings, EveryKeyIsRead) {
  const absl::StatusOr<Settings> settings = ParseSettings(
      "coordinator: control:7440\nnodeName: node-1\nstateDir: /s\nrootDir: /r\n"
      "runtimeEndpoint: unix:///run/x.sock\nnodeIP: 192.0.2.7\nlogDir: /l\nlogLinkDir: /k\n"
      "runDir: /run/a\ncgroupRoot: /muster\nclusterDNS: [192.0.2.53]\nclusterDomain: "
      "c.example\nmaxPods: 9\n"
      "maxParallelImagePulls: 2\n"
      "relistPeriod: 500ms\nruntimeUnhealthyAfter: 3m\nlogLevel: debug\n",
      "agent.yaml");
  ASSERT_TRUE(settings.ok()) << settings.status();
  Settings expected;
  expected.coordinator = "control:7440";
  expected.node_name = "node-1";
  expected.state_dir = "/s";
  expected.root_dir = "/r";
  expected.runtime_endpoint = "unix:///run/x.sock";
  expected.node_ip = "192.0.2.7";
  expected.log_dir = "/l";
  expected.log_link_dir = "/k";
  expected.run_dir = "/run/a";
  expected.cgroup_root = "/muster";
  expected.cluster_dns = {"192.0.2.53"};
  expected.cluster_domain = "c.example";
  expected.max_pods = 9;
  expected.max_parallel_image_pulls = 2;
  expected.relist_period = std::chrono::milliseconds(500);
  expected.runtime_unhealthy_after = std::chrono::minutes(3);
  expected.log_level = "debug";
  EXPECT_EQ(*settings, expected);
  EXPECT_TRUE(CheckSettings(*settings).ok());
}

TEST(Settings, EveryChangedKeyButTheLogLevelNeedsARestart) {
  const std::vector<std::string> lines = {"coordinator: c:1",
                                          "nodeName: n",
                                          "stateDir: /s",
                                          "rootDir: /r",
                                          "runtimeEndpoint: /x",
                                          "nodeIP: 192.0.2.7",
                                          "logDir: /l",
                                          "logLinkDir: /k",
                                          "runDir: /run/a",
                                          "cgroupRoot: /m",
                                          "clusterDNS: [192.0.2.53]",
                                          "clusterDomain: c.example",
                                          "maxPods: 9",
                                          "maxParallelImagePulls: 2",
                                          "relistPeriod: 500ms",
                                          "runtimeUnhealthyAfter: 3m"};
  const Settings running;
  std::string all;
  std::vector<std::string> keys;
  for (const std::string& line : lines) {
    const std::string key = line.substr(0, line.find(':'));
    EXPECT_THAT(NeedRestart(running, *ParseSettings(line + "\n", "f")), testing::ElementsAre(key));
    all += line + "\n";
    keys.push_back(key);
  }
  const Settings read = *ParseSettings(all + "logLevel: debug\n", "f");
  EXPECT_EQ(NeedRestart(running, read), keys);
  EXPECT_TRUE(NeedRestart(running, *ParseSettings("logLevel: debug\n", "f")).empty());
}

TEST(Settings, UnknownKeyIsAnErrorWithItsLine) {
  const absl::Status status =
      ParseSettings("coordinator: c:1\nnodename: x\n", "agent.yaml").status();
  EXPECT_THAT(Message(status), HasSubstr("agent.yaml:2:"));
  EXPECT_THAT(Message(status), HasSubstr("nodename"));
}

TEST(Settings, BadValuesAreNamed) {
  const struct {
    void (*spoil)(Settings&);
    const char* said;
  } cases[] = {
      {[](Settings& s) { s.coordinator = ""; }, "musterctl token create"},
      {[](Settings& s) { s.coordinator = "control"; }, "is not HOST:PORT"},
      {[](Settings& s) { s.coordinator = "control:99999"; }, "is not HOST:PORT"},
      {[](Settings& s) { s.node_name = "Node_1"; }, "nodeName"},
      {[](Settings& s) { s.state_dir = "state"; }, "stateDir"},
      {[](Settings& s) { s.root_dir = "root"; }, "rootDir"},
      {[](Settings& s) { s.runtime_endpoint = "tcp://host:1"; }, "runtimeEndpoint"},
      {[](Settings& s) { s.node_ip = "192.0.2"; }, "nodeIP"},
      {[](Settings& s) { s.cluster_dns = {"dns.example"}; }, "clusterDNS"},
  };
  for (const auto& c : cases) {
    Settings settings;
    settings.coordinator = "control:7440";
    ASSERT_TRUE(CheckSettings(settings).ok());
    c.spoil(settings);
    const absl::Status status = CheckSettings(settings);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.said;
    EXPECT_THAT(Message(status), HasSubstr(c.said));
  }
}

TEST(CommandLine, FlagsWinOverTheFile) {
  std::string pattern = std::filesystem::temp_directory_path() / "muster-settings-XXXXXX";
  const std::filesystem::path directory = ::mkdtemp(pattern.data());
  const std::string file = directory / "agent.yaml";
  std::ofstream(file) << "coordinator: a:1\nnodeName: node-1\n";
  const char* argv[] = {"muster-agent",  "--config", file.c_str(),
                        "--coordinator", "b:2",      "--check-config"};
  const absl::StatusOr<CommandLine> line = ParseCommandLine(6, argv);
  std::filesystem::remove_all(directory);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->task, CommandLine::Task::kCheckConfig);
  EXPECT_EQ(line->settings.coordinator, "b:2");
  EXPECT_EQ(line->settings.node_name, "node-1");
}

TEST(CommandLine, UnknownFlagIsAUsageError) {
  const char* argv[] = {"muster-agent", "--nope"};
  const absl::StatusOr<CommandLine> line = ParseCommandLine(2, argv);
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->task, CommandLine::Task::kPrintAndExit);
  EXPECT_EQ(line->exit_code, 64);
  EXPECT_THAT(line->text, HasSubstr("--nope"));
}

TEST(CommandLine, HelpAndVersionAreNoErrors) {
  for (const char* flag : {"--help", "--version"}) {
    const char* argv[] = {"muster-agent", flag};
    const absl::StatusOr<CommandLine> line = ParseCommandLine(2, argv);
    ASSERT_TRUE(line.ok());
    EXPECT_EQ(line->exit_code, 0);
    EXPECT_THAT(line->text, HasSubstr("muster-agent"));
  }
}

TEST(CommandLine, FileThatWasAskedForMustBeThere) {
  const char* argv[] = {"muster-agent", "--config", "/nonexistent.yaml"};
  EXPECT_TRUE(absl::IsNotFound(ParseCommandLine(3, argv).status()));
}

}  // namespace
}  // namespace muster::agent
