#include "agent/runtime/cri/messages.h"

#include <grpcpp/support/status.h>

#include "cri/api.pb.h"
#include "gtest/gtest.h"

namespace muster::agent::cri {
namespace {

namespace v1 = ::runtime::v1;

// Spec: pod/17.2/driver
TEST(CriMessages, CgroupDriverIsReadFromContainerdsConfiguration) {
  struct Case {
    const char* config;
    const char* expected;
  };
  for (const Case& c : std::initializer_list<Case>{
           {R"({"containerd":{"defaultRuntimeName":"runc","runtimes":
                {"runc":{"options":{"SystemdCgroup":true}}}}})",
            "systemd"},
           {R"({"containerd":{"defaultRuntimeName":"runc","runtimes":
                {"runc":{"options":{"SystemdCgroup":false}}}}})",
            "cgroupfs"},
           // Another runtime's setting is not ours.
           {R"({"containerd":{"defaultRuntimeName":"runc","runtimes":
                {"crun":{"options":{"SystemdCgroup":true}},"runc":{"options":{}}}}})",
            "cgroupfs"},
           {R"({"containerd":{"defaultRuntimeName":"runc","runtimes":{"runc":{"options":null}}}})",
            "cgroupfs"},
           {R"({"containerd":{"defaultRuntimeName":"runc","runtimes":{}}})", ""},
           {R"({"containerd":{"defaultRuntimeName":7,"runtimes":{}}})", ""},
           {R"({"containerd":[]})", ""},
           {R"([1,2])", ""},
           {R"({"cut off)", ""},
           {"", ""},
       }) {
    v1::StatusResponse status;
    (*status.mutable_info())["config"] = c.config;
    EXPECT_EQ(CgroupDriverFromStatus(status), c.expected) << c.config;
  }
  EXPECT_EQ(CgroupDriverFromStatus(v1::StatusResponse()), "");
}

TEST(CriMessages, ImageOfSandboxesIsReadFromContainerdsConfiguration) {
  for (const auto& [config, expected] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"({"sandboxImage":"registry.k8s.io/pause:3.6"})", "registry.k8s.io/pause:3.6"},
           {R"({"sandboxImage":7})", ""},
           {R"({})", ""},
           {R"([])", ""},
           {R"({"cut)", ""},
       }) {
    v1::StatusResponse status;
    (*status.mutable_info())["config"] = config;
    EXPECT_EQ(SandboxImageFromStatus(status), expected) << config;
  }
  EXPECT_EQ(SandboxImageFromStatus(v1::StatusResponse()), "");
}

TEST(CriMessages, StatsAreTakenOverAndWhatIsMissingIsZero) {
  v1::ContainerStats message;
  message.mutable_attributes()->set_id("c");
  EXPECT_EQ(FromMessage(message).memory_working_set_bytes, 0u);
  message.mutable_cpu()->mutable_usage_core_nano_seconds()->set_value(1);
  message.mutable_memory()->mutable_working_set_bytes()->set_value(2);
  message.mutable_writable_layer()->mutable_used_bytes()->set_value(3);
  message.mutable_writable_layer()->mutable_inodes_used()->set_value(4);
  const ContainerStats stats = FromMessage(message);
  EXPECT_EQ(stats.id, "c");
  EXPECT_EQ(stats.cpu_usage_ns, 1u);
  EXPECT_EQ(stats.memory_working_set_bytes, 2u);
  EXPECT_EQ(stats.writable_layer_bytes, 3u);
  EXPECT_EQ(stats.writable_layer_inodes, 4u);
}

TEST(CriMessages, ConditionsOfTheRuntimeBecomeItsReadiness) {
  v1::VersionResponse version;
  version.set_runtime_name("containerd");
  version.set_runtime_version("1.6.20");
  version.set_runtime_api_version("v1");
  v1::StatusResponse status;
  v1::RuntimeCondition* runtime = status.mutable_status()->add_conditions();
  runtime->set_type("RuntimeReady");
  runtime->set_status(true);
  v1::RuntimeCondition* network = status.mutable_status()->add_conditions();
  network->set_type("NetworkReady");
  network->set_message("cni plugin not initialized");
  const RuntimeInfo info = InfoFrom(version, status);
  EXPECT_EQ(info.name, "containerd");
  EXPECT_EQ(info.version, "1.6.20");
  EXPECT_EQ(info.api_version, "v1");
  EXPECT_TRUE(info.runtime_ready);
  EXPECT_FALSE(info.network_ready);
  EXPECT_EQ(info.network_message, "cni plugin not initialized");
}

TEST(CriMessages, StatusKeepsCodeAndMessage) {
  const absl::Status status =
      FromGrpc(grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "wrong digest"));
  EXPECT_EQ(status, absl::FailedPreconditionError("wrong digest"));
  EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok());
}

// Spec: pod/5/away, pod/26/restart-starting
TEST(CriMessages, RuntimeThatIsStillStartingIsUnavailable) {
  EXPECT_TRUE(absl::IsUnavailable(
      FromGrpc(grpc::Status(grpc::StatusCode::UNKNOWN, "server is not initialized yet"))));
  EXPECT_TRUE(absl::IsUnknown(FromGrpc(grpc::Status(grpc::StatusCode::UNKNOWN, "other"))));
}

TEST(CriMessages, AllAddressesOfASandboxAreRead) {
  v1::PodSandboxStatus message;
  message.mutable_network()->set_ip("10.0.0.1");
  message.mutable_network()->add_additional_ips()->set_ip("fd00::1");
  message.mutable_linux()->mutable_namespaces()->mutable_options()->set_network(v1::NODE);
  const SandboxStatus status = FromMessage(message);
  EXPECT_EQ(status.ips, (std::vector<std::string>{"10.0.0.1", "fd00::1"}));
  EXPECT_EQ(status.network, NamespaceMode::kNode);
  EXPECT_FALSE(FromMessage(v1::PodSandboxStatus()).network.has_value());
}

TEST(CriMessages, TimesAreNanosecondsAndZeroIsNotYet) {
  v1::ContainerStatus message;
  message.set_started_at(1'700'000'000'123'456'789);
  const ContainerStatus status = FromMessage(message);
  EXPECT_EQ(status.started_at.time_since_epoch(),
            std::chrono::nanoseconds(1'700'000'000'123'456'789));
  EXPECT_EQ(status.finished_at, WallTime());
}

TEST(CriMessages, ImageUserIsANumberOrAName) {
  v1::Image image;
  image.mutable_uid()->set_value(0);
  EXPECT_EQ(FromMessage(image).user_id, 0);
  image.clear_uid();
  image.set_username("nobody");
  EXPECT_FALSE(FromMessage(image).user_id.has_value());
  EXPECT_EQ(FromMessage(image).user_name, "nobody");
}

// Spec: pod/17.1/swap, pod/17.1/oom-group
TEST(CriMessages, SwapAndFilesOfControlGroupsAreSentWhenTheyAreSet) {
  ContainerConfig config;
  v1::ContainerConfig message;
  ToMessage(config, &message);
  EXPECT_EQ(message.linux().resources().memory_swap_limit_in_bytes(), 0);
  EXPECT_TRUE(message.linux().resources().unified().empty());
  config.resources.memory_swap_limit_bytes = 7;
  config.resources.unified = {{"memory.oom.group", "1"}};
  ToMessage(config, &message);
  EXPECT_EQ(message.linux().resources().memory_swap_limit_in_bytes(), 7);
  EXPECT_EQ(message.linux().resources().unified().at("memory.oom.group"), "1");
}

// Spec: pod/15/apparmor
TEST(CriMessages, AppArmorIsOnlyMentionedWhenAsked) {
  const auto sent = [](const std::string& profile) {
    ContainerConfig config;
    config.apparmor_profile = profile;
    v1::ContainerConfig message;
    ToMessage(config, &message);
    return message.linux().security_context();
  };
  EXPECT_FALSE(sent("").has_apparmor());
  EXPECT_EQ(sent("runtime/default").apparmor().profile_type(), v1::SecurityProfile::RuntimeDefault);
  EXPECT_EQ(sent("unconfined").apparmor().profile_type(), v1::SecurityProfile::Unconfined);
  EXPECT_EQ(sent("localhost/p").apparmor().profile_type(), v1::SecurityProfile::Localhost);
  EXPECT_EQ(sent("localhost/p").apparmor().localhost_ref(), "p");
}

TEST(NetworkPathFromInfo, IsThatOfTheNetworkNamespaceAlone) {
  struct Case {
    const char* info;
    const char* path;
  };
  for (const Case& c : {
           Case{R"({"pid": 7, "runtimeSpec": {"linux": {"namespaces": [{"type": "pid"},
                    {"type": "network", "path": "/var/run/netns/cni-1"},
                    {"type": "ipc", "path": "/x"}]}}})",
                "/var/run/netns/cni-1"},
           Case{R"({"runtimeSpec": {"linux": {"namespaces": [{"type": "network"}]}}})", ""},
           Case{R"({"runtimeSpec": {"linux": {"namespaces": [{"type": "network", "path": 7}]}}})",
                ""},
           Case{R"({"runtimeSpec": {"linux": {"namespaces": [5, null, {"path": "/x"}]}}})", ""},
           Case{R"({"runtimeSpec": {"linux": {"namespaces": {}}}})", ""},
           Case{R"({"runtimeSpec": {"linux": []}})", ""},
           Case{R"({"runtimeSpec": null})", ""},
           Case{R"([])", ""},
           Case{"{", ""},
       }) {
    google::protobuf::Map<std::string, std::string> info;
    info["info"] = c.info;
    EXPECT_EQ(NetworkPathFromInfo(info), c.path) << c.info;
  }
  EXPECT_EQ(NetworkPathFromInfo({}), "") << "not verbose";
}

// Spec: pod/25/events
TEST(PidFromInfo, IsWhereBothRuntimesTellIt) {
  struct Case {
    const char* info;
    int64_t pid;
  };
  for (const Case& c : std::initializer_list<Case>{
           Case{R"({"sandboxID": "a", "pid": 4711, "removing": false})", 4711},
           Case{R"({"runtimeSpec": {"pid": 1, "process": {"pid": 2}}})", 0},
           Case{R"({"pid": "4711"})", 0}, Case{R"({"pid": 0})", 0}, Case{R"([{"pid": 5}])", 0},
           Case{"{", 0}, Case{"", 0}}) {
    google::protobuf::Map<std::string, std::string> info;
    info["info"] = c.info;
    EXPECT_EQ(PidFromInfo(info), c.pid) << c.info;
  }
  EXPECT_EQ(PidFromInfo({}), 0) << "not verbose";
}

}  // namespace
}  // namespace muster::agent::cri
