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
      "c.example\ndnsAddresses: [169.254.1.1]\nserviceRules: false\nnetwork: bridge\n"
      "cniConfigDir: /cni\nallowedUnsafeSysctls: "
      "[\"kernel.msg*\"]\nmaxPods: 9\n"
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
  expected.dns_addresses = {"169.254.1.1"};
  expected.service_rules = false;
  expected.network_kind = "bridge";
  expected.cni_config_dir = "/cni";
  expected.allowed_sysctls = {"kernel.msg*"};
  expected.max_pods = 9;
  expected.max_parallel_image_pulls = 2;
  expected.relist_period = std::chrono::milliseconds(500);
  expected.runtime_unhealthy_after = std::chrono::minutes(3);
  expected.log_level = "debug";
  EXPECT_EQ(*settings, expected);
  EXPECT_TRUE(CheckSettings(*settings).ok());
}

TEST(Settings, RulesOfTheHostAreRead) {
  const auto settings = ParseSettings(
      "hostRules:\n  privileged: forbid\n  hostNetwork: forbid\n  hostPID: allow\n"
      "  hostPaths: [/var/log]\n  registries: []\n  capabilities: [NET_ADMIN]\n",
      "agent.yaml");
  ASSERT_TRUE(settings.ok()) << settings.status();
  HostRules expected;
  expected.forbid_privileged = expected.forbid_host_network = true;
  expected.host_paths = {"/var/log"};
  expected.registries.emplace();
  expected.capabilities = {"NET_ADMIN"};
  EXPECT_EQ(settings->host_rules, expected);
  for (const char* bad : {"hostRules: {privileged: true}\n", "hostRules: {hostPaths: [var]}\n",
                          "hostRules: {registries: [\"https://x\"]}\n",
                          "hostRules: {capabilities: [FLYING]}\n", "hostRules: {unknown: 1}\n"}) {
    EXPECT_FALSE(ParseSettings(bad, "agent.yaml").ok()) << bad;
  }
  EXPECT_EQ(NeedRestart(Settings(), *settings), std::vector<std::string>{"hostRules"});
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
                                          "dnsAddresses: []",
                                          "serviceRules: false",
                                          "network: bridge",
                                          "cniConfigDir: /cni",
                                          "allowedUnsafeSysctls: [net.core.somaxconn]",
                                          "maxPods: 9",
                                          "maxParallelImagePulls: 2",
                                          "relistPeriod: 500ms",
                                          "runtimeUnhealthyAfter: 3m",
                                          "staticPodDir: /p",
                                          "containerLogMaxSize: 64Ki",
                                          "containerLogMaxFiles: 3",
                                          "containerLogMonitorInterval: 2s",
                                          "imageGCHighThresholdPercent: 90",
                                          "imageGCLowThresholdPercent: 60",
                                          "imageMinimumGCAge: 1s",
                                          "imageMaximumGCAge: 24h",
                                          "imageGCPeriod: 10s",
                                          "evictionHard: {memory.available: 200Mi}",
                                          "evictionMinimumReclaim: {nodefs.available: 1Gi}",
                                          "evictionMaxPodGracePeriod: 20",
                                          "evictionPressureTransitionPeriod: 30s",
                                          "evictionMonitorPeriod: 1s",
                                          "shutdownGracePeriod: 30s"};
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

TEST(Settings, MetricsAreForThisHostOnly) {
  const auto with = [](const std::string& address) {
    Settings settings;
    settings.coordinator = "control:7440";
    settings.metrics_listen = address;
    return CheckSettings(settings);
  };
  for (const char* fine : {"", "127.0.0.1:7442", "127.9.9.9:1", "[::1]:65535"}) {
    EXPECT_TRUE(with(fine).ok()) << fine << ": " << with(fine);
  }
  for (const char* wrong : {"0.0.0.0:7442", "10.0.0.1:7442", ":7442", "127.0.0.1", "127.0.0.1:0",
                            "127.0.0.1:65536", "[::]:7442", "localhost:7442", "::1:7442"}) {
    EXPECT_THAT(Message(with(wrong)), HasSubstr("metricsListen")) << wrong;
  }
}

// pod-lifecycle.md, 1 and 18: the defaults are Kubernetes'.
// Spec: pod/1/collection-periods, pod/1/image-gc, pod/1/log-rotation
TEST(Settings, HousekeepingDefaultsAreKubernetes) {
  const Settings settings;
  EXPECT_EQ(settings.log_limits.bytes_max, 10 << 20);
  EXPECT_EQ(settings.log_limits.files_max, 5);
  EXPECT_EQ(settings.log_monitor_period, std::chrono::seconds(10));
  EXPECT_EQ(settings.image_gc.high_percent, 85);
  EXPECT_EQ(settings.image_gc.low_percent, 80);
  EXPECT_EQ(settings.image_gc.age_min, std::chrono::minutes(2));
  EXPECT_EQ(settings.image_gc.age_max, Duration::zero());
  EXPECT_EQ(settings.image_gc_period, std::chrono::minutes(5));
  EXPECT_EQ(settings.eviction.thresholds, DefaultThresholds());
  EXPECT_EQ(settings.eviction.transition, std::chrono::minutes(5));
  EXPECT_EQ(settings.eviction_period, std::chrono::seconds(10));
}

TEST(Settings, HousekeepingIsRead) {
  const absl::StatusOr<Settings> settings = ParseSettings(
      "containerLogMaxSize: 64Ki\ncontainerLogMaxFiles: 3\ncontainerLogMonitorInterval: 2s\n"
      "imageGCHighThresholdPercent: 70\nimageGCLowThresholdPercent: 60\nimageMinimumGCAge: 1s\n"
      "imageMaximumGCAge: 24h\nimageGCPeriod: 10s\n"
      "evictionHard:\n  memory.available: 200Mi\n  nodefs.inodesFree: \"0\"\n"
      "  pid.available: 5%\n"
      "evictionSoft:\n  memory.available: 300Mi\n"
      "evictionSoftGracePeriod:\n  memory.available: 90s\n"
      "evictionMinimumReclaim:\n  nodefs.available: 1Gi\n  imagefs.available: 5%\n"
      "  memory.available: \"0\"\n"
      "evictionMaxPodGracePeriod: 20\nevictionPressureTransitionPeriod: 30s\n"
      "evictionMonitorPeriod: 1s\n",
      "agent.yaml");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->log_limits.bytes_max, 64 << 10);
  EXPECT_EQ(settings->log_limits.files_max, 3);
  EXPECT_EQ(settings->image_gc.high_percent, 70);
  EXPECT_EQ(settings->image_gc.age_max, std::chrono::hours(24));
  const std::vector<Threshold> expected = {
      {.signal = Signal::kNodeFsAvailable, .percent = 10},
      {.signal = Signal::kImageFsAvailable, .percent = 15},
      {.signal = Signal::kImageFsInodesFree, .percent = 5},
      {.signal = Signal::kMemoryAvailable, .amount = 200 << 20},
      {.signal = Signal::kPidAvailable, .percent = 5},
      {.signal = Signal::kMemoryAvailable, .amount = 300 << 20, .grace = std::chrono::seconds(90)},
  };
  EXPECT_EQ(settings->eviction.thresholds, expected);
  const std::map<Signal, Threshold> reclaim = {
      {Signal::kNodeFsAvailable, {.signal = Signal::kNodeFsAvailable, .amount = 1 << 30}},
      {Signal::kImageFsAvailable, {.signal = Signal::kImageFsAvailable, .percent = 5}}};
  EXPECT_EQ(settings->eviction.reclaim, reclaim);
  EXPECT_EQ(settings->eviction.pod_grace_max, std::chrono::seconds(20));
  EXPECT_EQ(settings->eviction_period, std::chrono::seconds(1));
}

// Spec: pod/1/log-rotation
TEST(Settings, WrongHousekeepingIsAnErrorThatNamesIt) {
  struct {
    const char *text, *said;
  } const table[] = {
      {"containerLogMaxSize: much\n", "containerLogMaxSize"},
      {"containerLogMaxFiles: 1\n", "containerLogMaxFiles"},
      {"imageGCLowThresholdPercent: 90\n", "has to be below the high one"},
      {"evictionHard:\n  memory.free: 1Mi\n", "there is no signal \"memory.free\""},
      {"evictionHard:\n  memory.available: 100%\n", "is not between"},
      {"evictionSoft:\n  memory.available: 1Gi\n", "evictionSoftGracePeriod"},
      {"evictionSoftGracePeriod:\n  memory.free: 1s\n", "memory.free"},
      {"evictionMinimumReclaim:\n  memory.free: 1Mi\n", "there is no signal \"memory.free\""},
      {"evictionMinimumReclaim:\n  memory.available: lots\n", "is no amount"},
  };
  for (const auto& [text, said] : table) {
    const absl::Status status = ParseSettings(text, "agent.yaml").status();
    EXPECT_THAT(Message(status), HasSubstr("agent.yaml:")) << text;
    EXPECT_THAT(Message(status), HasSubstr(said)) << text;
  }
}

TEST(Settings, ShutdownIsOffUnlessOneOfItsFormsIsThere) {
  constexpr int32_t kCritical = 2'000'000'000;
  struct {
    const char* text;
    ShutdownTurns turns;
  } const table[] = {
      {"", {}},
      {"shutdownGracePeriod: 0s\n", {}},
      {"shutdownGracePeriod: 30s\nshutdownGracePeriodCriticalPods: 10s\n",
       {{0, std::chrono::seconds(20)}, {kCritical, std::chrono::seconds(10)}}},
      {"shutdownGracePeriodByPodPriority:\n"
       "- {priority: 100, shutdownGracePeriodSeconds: 7}\n"
       "- {priority: -5, shutdownGracePeriodSeconds: 9}\n",
       {{-5, std::chrono::seconds(9)}, {100, std::chrono::seconds(7)}}},
  };
  for (const auto& [text, turns] : table) {
    const absl::StatusOr<Settings> settings = ParseSettings(text, "agent.yaml");
    ASSERT_TRUE(settings.ok()) << settings.status();
    EXPECT_EQ(settings->shutdown, turns) << text;
  }
}

TEST(Settings, WrongShutdownIsAnErrorThatNamesIt) {
  struct {
    const char *text, *said;
  } const table[] = {
      {"shutdownGracePeriod: 10s\nshutdownGracePeriodCriticalPods: 11s\n", "cannot be longer"},
      {"shutdownGracePeriodCriticalPods: 1s\n", "cannot be longer"},
      {"shutdownGracePeriod: 2h\n", "shutdownGracePeriod"},
      {"shutdownGracePeriodByPodPriority: 10\n", "a list of mappings"},
      {"shutdownGracePeriodByPodPriority: [10]\n", "a list of mappings"},
      {"shutdownGracePeriodByPodPriority: [{priority: 1}]\n", "each entry has"},
      {"shutdownGracePeriodByPodPriority: [{priority: 1, shutdownGracePeriodSeconds: 0}]\n",
       "shutdownGracePeriodSeconds"},
      {"shutdownGracePeriodByPodPriority: [{priority: 1, shutdownGracePeriodSeconds: 1, x: 1}]\n",
       "unknown key"},
      {"shutdownGracePeriodByPodPriority:\n- {priority: 1, shutdownGracePeriodSeconds: 1}\n"
       "- {priority: 1, shutdownGracePeriodSeconds: 2}\n",
       "is there twice"},
      {"shutdownGracePeriod: 10s\n"
       "shutdownGracePeriodByPodPriority: [{priority: 1, shutdownGracePeriodSeconds: 1}]\n",
       "only one of them"},
  };
  for (const auto& [text, said] : table) {
    const absl::Status status = ParseSettings(text, "agent.yaml").status();
    EXPECT_THAT(Message(status), HasSubstr("agent.yaml:")) << text;
    EXPECT_THAT(Message(status), HasSubstr(said)) << text;
  }
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
      {[](Settings& s) { s.node_ip = "192.0.2.7,192.0.2.8"; }, "nodeIP"},
      {[](Settings& s) { s.cluster_dns = {"dns.example"}; }, "clusterDNS"},
      {[](Settings& s) { s.dns_addresses = {"dns.example"}; }, "dnsAddresses"},
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
  EXPECT_TRUE(line->check_config);
  EXPECT_EQ(line->settings.coordinator, "b:2");
  EXPECT_EQ(line->settings.node_name, "node-1");
}

TEST(CommandLine, UnknownFlagIsAUsageError) {
  const char* argv[] = {"muster-agent", "--nope"};
  const absl::StatusOr<CommandLine> line = ParseCommandLine(2, argv);
  ASSERT_TRUE(line.ok());
  EXPECT_TRUE(line->print_and_exit);
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
