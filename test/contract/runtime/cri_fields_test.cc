// Every field that CriRuntime sends is read back from a real containerd: from the configuration as
// containerd decoded it with its own schema, and from the specification it made for the container.

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <sys/stat.h>

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "agent/runtime/cri/cri_runtime.h"
#include "common/base/text_file.h"
#include "cri/api.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/contract/runtime/private_containerd.h"

namespace muster::agent {
namespace {

namespace v1 = ::runtime::v1;
using nlohmann::json;

template <typename T, typename Start>
T Await(Start start) {
  std::mutex mutex;
  std::condition_variable ready;
  std::optional<T> result;
  start([&](T value) {
    std::lock_guard lock(mutex);
    result.emplace(std::move(value));
    ready.notify_one();
  });
  std::unique_lock lock(mutex);
  ready.wait(lock, [&] { return result.has_value(); });
  return *std::move(result);
}

SandboxConfig FullSandbox(const PrivateContainerd& containerd) {
  SandboxConfig config;
  config.name = "pod-name";
  config.namespace_ = "pod-namespace";
  config.uid = "pod-uid";
  config.attempt = 3;
  config.hostname = "pod-host";
  config.log_directory = containerd.directory() + "/pods/pod";
  config.dns = DnsConfig{{"10.0.0.10"}, {"example.test"}, {"ndots:5"}};
  config.port_mappings = {{"UDP", 53, 5353, "127.0.0.1"}};
  config.labels = {{"label", "1"}};
  config.annotations = {{"annotation", "2"}};
  config.cgroup_parent = containerd.cgroup_parent();
  config.sysctls = {{"net.ipv4.ip_local_port_range", "2000 3000"}};
  config.network = containerd.has_pod_network() ? NamespaceMode::kPod : NamespaceMode::kNode;
  if (config.network == NamespaceMode::kNode) {
    config.hostname.clear();
    config.sysctls.clear();
  }
  config.pid = NamespaceMode::kContainer;
  config.ipc = NamespaceMode::kNode;
  config.privileged = true;
  config.run_as_user = 11;
  config.run_as_group = 12;
  config.supplemental_groups = {13, 14};
  config.seccomp = {SeccompProfile::Type::kUnconfined, ""};
  config.selinux = SelinuxOptions{"su", "sr", "st", "s0:c1,c2"};
  return config;
}

ContainerConfig FullContainer(const PrivateContainerd& containerd) {
  ContainerConfig config;
  config.name = "container-name";
  config.attempt = 5;
  config.image_id = "docker.io/library/busybox:latest";
  config.image_name = "busybox:user";
  config.command = {"sleep"};
  config.args = {"1000"};
  config.working_dir = "/work";
  config.envs = {{"KEY", "value=1"}, {"RAW", "\xff\xfe"}};
  config.mounts = {
      {"/ro", containerd.directory() + "/mount", true, false, MountPropagation::kHostToContainer},
      {"/rw", containerd.directory() + "/mount", false, false, MountPropagation::kBidirectional}};
  config.labels = {{"clabel", "1"}};
  config.annotations = {{"cannotation", "2"}};
  config.log_path = "container/5.log";
  config.stdin = true;
  config.stdin_once = true;
  config.tty = true;
  config.resources.cpu_period_us = 100'000;
  config.resources.cpu_quota_us = 20'000;
  config.resources.cpu_shares = 204;
  config.resources.memory_limit_bytes = 64 << 20;
  config.resources.oom_score_adj = 999;
  config.add_capabilities = {"NET_ADMIN"};
  config.drop_capabilities = {"CHOWN"};
  config.network = NamespaceMode::kPod;
  config.pid = NamespaceMode::kNode;
  config.ipc = NamespaceMode::kNode;
  config.run_as_user = 1001;
  config.run_as_group = 1002;
  config.supplemental_groups = {1003};
  config.readonly_rootfs = true;
  config.no_new_privs = true;
  config.masked_paths = {"/proc/kcore"};
  config.readonly_paths = {"/proc/sys"};
  config.seccomp = {SeccompProfile::Type::kRuntimeDefault, ""};
  config.selinux = SelinuxOptions{"cu", "cr", "ct", "s0:c3"};
  return config;
}

class CriFields : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    containerd_ = new PrivateContainerd;
    runtime_ = new CriRuntime(containerd_->socket());
    ASSERT_EQ(::mkdir((containerd_->directory() + "/mount").c_str(), 0755), 0);
  }
  static void TearDownTestSuite() {
    delete runtime_;
    delete containerd_;
  }

  std::string Run(const SandboxConfig& config) {
    auto id =
        Await<absl::StatusOr<std::string>>([&](auto done) { runtime_->RunSandbox(config, done); });
    EXPECT_TRUE(id.ok()) << id.status();
    return id.value_or("");
  }
  std::string Create(const std::string& sandbox_id, const ContainerConfig& config,
                     const SandboxConfig& sandbox) {
    auto id = Await<absl::StatusOr<std::string>>(
        [&](auto done) { runtime_->CreateContainer(sandbox_id, config, sandbox, done); });
    EXPECT_TRUE(id.ok()) << id.status();
    return id.value_or("");
  }
  json SandboxInfo(const std::string& id) {
    v1::PodSandboxStatusRequest request;
    request.set_pod_sandbox_id(id);
    request.set_verbose(true);
    v1::PodSandboxStatusResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(stub_->PodSandboxStatus(&context, request, &response).ok());
    return json::parse(response.info().at("info"));
  }
  json ContainerInfo(const std::string& id) {
    v1::ContainerStatusRequest request;
    request.set_container_id(id);
    request.set_verbose(true);
    v1::ContainerStatusResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(stub_->ContainerStatus(&context, request, &response).ok());
    return json::parse(response.info().at("info"));
  }
  void Remove(const std::string& sandbox_id) {
    EXPECT_TRUE(
        Await<absl::Status>([&](auto done) { runtime_->StopSandbox(sandbox_id, done); }).ok());
    EXPECT_TRUE(
        Await<absl::Status>([&](auto done) { runtime_->RemoveSandbox(sandbox_id, done); }).ok());
  }

  static PrivateContainerd* containerd_;
  static CriRuntime* runtime_;
  const std::unique_ptr<v1::RuntimeService::Stub> stub_ = v1::RuntimeService::NewStub(
      grpc::CreateChannel("unix://" + containerd_->socket(), grpc::InsecureChannelCredentials()));
};
PrivateContainerd* CriFields::containerd_ = nullptr;
CriRuntime* CriFields::runtime_ = nullptr;

// Spec: pod/24/sandbox-metadata, pod/24/sandbox-places, pod/24/sandbox-labels
// Spec: pod/24/sandbox-linux, pod/24/sandbox-security
TEST_F(CriFields, SandboxFieldsArriveAsTheyWereMeant) {
  const SandboxConfig config = FullSandbox(*containerd_);
  const std::string id = Run(config);
  ASSERT_FALSE(id.empty());
  const json got = SandboxInfo(id).at("config");
  json expected = {
      {"metadata",
       {{"name", "pod-name"}, {"uid", "pod-uid"}, {"namespace", "pod-namespace"}, {"attempt", 3}}},
      {"log_directory", config.log_directory},
      {"dns_config",
       {{"servers", {"10.0.0.10"}}, {"searches", {"example.test"}}, {"options", {"ndots:5"}}}},
      {"port_mappings",
       {{{"protocol", 1}, {"container_port", 53}, {"host_port", 5353}, {"host_ip", "127.0.0.1"}}}},
      {"labels", {{"label", "1"}}},
      {"annotations", {{"annotation", "2"}}},
      {"linux",
       {{"cgroup_parent", config.cgroup_parent},
        {"security_context",
         {{"namespace_options", {{"pid", 1}, {"ipc", 2}}},
          {"selinux_options",
           {{"user", "su"}, {"role", "sr"}, {"type", "st"}, {"level", "s0:c1,c2"}}},
          {"run_as_user", {{"value", 11}}},
          {"run_as_group", {{"value", 12}}},
          {"supplemental_groups", {13, 14}},
          {"privileged", true},
          {"seccomp", {{"profile_type", 1}}}}}}}};
  if (config.network == NamespaceMode::kPod) {
    expected["hostname"] = "pod-host";
    expected["linux"]["sysctls"] = {{"net.ipv4.ip_local_port_range", "2000 3000"}};
  } else {
    expected["linux"]["security_context"]["namespace_options"]["network"] = 2;
  }
  EXPECT_EQ(got, expected) << "differs by " << json::diff(expected, got).dump(1);
  Remove(id);
}

// Spec: pod/7/ids, pod/13/entrypoint, pod/14.4/read-only, pod/14.4/propagation
// Spec: pod/15/read-only-root, pod/24/container-metadata, pod/24/image-command, pod/24/envs
// Spec: pod/24/mounts, pod/24/log-labels, pod/24/stdin-tty, pod/24/resources, pod/24/security
TEST_F(CriFields, ContainerFieldsArriveAsTheyWereMeant) {
  SandboxConfig sandbox = FullSandbox(*containerd_);
  sandbox.attempt = 4;
  const std::string sandbox_id = Run(sandbox);
  const ContainerConfig config = FullContainer(*containerd_);
  const std::string id = Create(sandbox_id, config, sandbox);
  ASSERT_FALSE(id.empty());
  const json info = ContainerInfo(id);

  json got = info.at("config");
  // Not UTF-8, so JSON cannot say it; the specification below is looked at instead.
  ASSERT_EQ(got.at("envs").size(), 2u);
  got["envs"].erase(1);
  const std::string mount = containerd_->directory() + "/mount";
  const json expected = {
      {"metadata", {{"name", "container-name"}, {"attempt", 5}}},
      {"image", {{"image", "docker.io/library/busybox:latest"}}},
      {"command", {"sleep"}},
      {"args", {"1000"}},
      {"working_dir", "/work"},
      {"envs", {{{"key", "KEY"}, {"value", "value=1"}}}},
      {"mounts",
       {{{"container_path", "/ro"}, {"host_path", mount}, {"readonly", true}, {"propagation", 1}},
        {{"container_path", "/rw"}, {"host_path", mount}, {"propagation", 2}}}},
      {"labels", {{"clabel", "1"}}},
      {"annotations", {{"cannotation", "2"}}},
      {"log_path", "container/5.log"},
      {"stdin", true},
      {"stdin_once", true},
      {"tty", true},
      {"linux",
       {{"resources",
         {{"cpu_period", 100'000},
          {"cpu_quota", 20'000},
          {"cpu_shares", 204},
          {"memory_limit_in_bytes", 64 << 20},
          {"oom_score_adj", 999}}},
        {"security_context",
         {{"capabilities", {{"add_capabilities", {"NET_ADMIN"}}, {"drop_capabilities", {"CHOWN"}}}},
          {"namespace_options", {{"pid", 2}, {"ipc", 2}}},
          {"selinux_options", {{"user", "cu"}, {"role", "cr"}, {"type", "ct"}, {"level", "s0:c3"}}},
          {"run_as_user", {{"value", 1001}}},
          {"run_as_group", {{"value", 1002}}},
          {"readonly_rootfs", true},
          {"supplemental_groups", {1003}},
          {"no_new_privs", true},
          {"masked_paths", {"/proc/kcore"}},
          {"readonly_paths", {"/proc/sys"}},
          {"seccomp", json::object()}}}}}};
  EXPECT_EQ(got, expected) << "differs by " << json::diff(expected, got).dump(1);

  const json& spec = info.at("runtimeSpec");
  EXPECT_EQ(spec.at("process").at("args"), json({"sleep", "1000"}));
  EXPECT_EQ(spec.at("process").at("cwd"), "/work");
  EXPECT_EQ(spec.at("process").at("user").at("uid"), 1001);
  EXPECT_EQ(spec.at("process").at("user").at("gid"), 1002);
  EXPECT_EQ(spec.at("process").at("noNewPrivileges"), true);
  EXPECT_EQ(spec.at("root").at("readonly"), true);
  EXPECT_EQ(spec.at("linux").at("resources").at("memory").at("limit"), 64 << 20);
  EXPECT_EQ(spec.at("linux").at("cgroupsPath"), containerd_->cgroup_parent() + "/" + id);
  EXPECT_TRUE(spec.at("linux").contains("seccomp"));
  Remove(sandbox_id);
}

// Spec: pod/24/resize, pod/26/update-resources
TEST_F(CriFields, NewResourcesReachTheKernelAndTheOthersStay) {
  SandboxConfig sandbox = FullSandbox(*containerd_);
  sandbox.attempt = 9;
  const std::string sandbox_id = Run(sandbox);
  ContainerConfig config;
  config.name = "resized";
  config.image_id = "busybox";
  config.command = {"sleep", "1000"};
  config.resources.cpu_shares = 204;
  config.resources.cpu_period_us = 100'000;
  config.resources.cpu_quota_us = 20'000;
  config.resources.memory_limit_bytes = 32 << 20;
  const std::string id = Create(sandbox_id, config, sandbox);
  ASSERT_TRUE(Await<absl::Status>([&](auto done) { runtime_->StartContainer(id, done); }).ok());
  LinuxResources more;
  more.cpu_period_us = 100'000;
  more.cpu_quota_us = 50'000;
  more.memory_limit_bytes = 64 << 20;
  const absl::Status updated =
      Await<absl::Status>([&](auto done) { runtime_->UpdateContainer(id, more, done); });
  EXPECT_TRUE(updated.ok()) << updated;
  const auto read = [&](const std::string& controller, const std::string& name) {
    const std::string group = "/sys/fs/cgroup/" + controller + containerd_->cgroup_parent();
    return ReadFile(absl::StrCat(group, "/", id, "/", name)).value_or("none");
  };
  const bool version_2 = ReadFile("/sys/fs/cgroup/cgroup.controllers").ok();
  if (version_2) {
    EXPECT_EQ(read("", "cpu.max"), "50000 100000\n");
    EXPECT_EQ(read("", "memory.max"), "67108864\n");
  } else {
    EXPECT_EQ(read("cpu", "cpu.cfs_quota_us"), "50000\n");
    EXPECT_EQ(read("cpu", "cpu.shares"), "204\n");
    EXPECT_EQ(read("memory", "memory.limit_in_bytes"), "67108864\n");
  }
  Remove(sandbox_id);
}

// Spec: pod/17.1/hugepages-sent, pod/24/security
TEST_F(CriFields, UserByNameAndHugePagesArriveToo) {
  SandboxConfig sandbox = FullSandbox(*containerd_);
  sandbox.attempt = 6;
  const std::string sandbox_id = Run(sandbox);
  ContainerConfig config;
  config.name = "second";
  config.image_id = "busybox";
  config.command = {"true"};
  config.run_as_username = "root";
  config.privileged = true;
  config.resources.hugepage_limit_bytes = {{"2MB", 4 << 20}};
  const std::string id = Create(sandbox_id, config, sandbox);
  ASSERT_FALSE(id.empty());
  const json got = ContainerInfo(id).at("config").at("linux");
  EXPECT_EQ(got.at("security_context").at("run_as_username"), "root");
  EXPECT_EQ(got.at("security_context").at("privileged"), true);
  EXPECT_EQ(got.at("resources").at("hugepage_limits"),
            json({{{"page_size", "2MB"}, {"limit", 4 << 20}}}));
  Remove(sandbox_id);
}

// Spec: pod/15/seccomp-sent
TEST_F(CriFields, SeccompAndAppArmorProfilesReachTheRuntime) {
  SandboxConfig sandbox = FullSandbox(*containerd_);
  sandbox.attempt = 7;
  const std::string sandbox_id = Run(sandbox);
  const auto refusal = [&](const ContainerConfig& config) {
    const auto id = Await<absl::StatusOr<std::string>>(
        [&](auto done) { runtime_->CreateContainer(sandbox_id, config, sandbox, done); });
    return std::string(id.status().message());
  };
  ContainerConfig config;
  config.name = "third";
  config.image_id = "busybox";
  config.command = {"true"};
  config.seccomp = {SeccompProfile::Type::kLocalhost, "/no/profile.json"};
  // What is named there does not exist, and the runtime saying so shows that it was asked.
  EXPECT_THAT(refusal(config), ::testing::HasSubstr("/no/profile.json"));
  config.seccomp = {};
  config.apparmor_profile = "localhost/no-such-profile";
  EXPECT_THAT(refusal(config), ::testing::ContainsRegex("[aA]pp[aA]rmor"));
  Remove(sandbox_id);
}

TEST_F(CriFields, ImageFieldsAreRead) {
  const auto images = Await<absl::StatusOr<std::vector<ImageStatus>>>(
      [&](auto done) { runtime_->ListImages(done); });
  ASSERT_TRUE(images.ok()) << images.status();
  ASSERT_EQ(images->size(), 1u);
  const ImageStatus& image = images->front();
  EXPECT_EQ(image.tags, std::vector<std::string>{"docker.io/library/busybox:latest"});
  EXPECT_GT(image.size_bytes, 100'000u);
  // The image has no USER.
  EXPECT_TRUE(!image.user_id.has_value() || *image.user_id == 0);
  EXPECT_EQ(image.user_name, "");
}

}  // namespace
}  // namespace muster::agent
