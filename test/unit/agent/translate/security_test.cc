// Rights, identities and other fields of containers and sandboxes.

#include "agent/translate/security.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/translate/translate.h"
#include "common/model/pod_annotations.h"
#include "test/unit/agent/translate/fixtures.h"

namespace muster::agent {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

class SecurityTest : public ::testing::Test {
 protected:
  ContainerConfig Made(ContainerFiles files = {}) const {
    PodContext context;
    files.mount_paths.resize(pod_.spec().containers(0).volume_mounts_size(), "/host/path");
    context.files = std::move(files);
    auto config = MakeContainerConfig(pod_, pod_.spec().containers(0), false, 0,
                                      {"sha256:1", {}, ""}, context, node_, MapConfigSource());
    EXPECT_TRUE(config.ok()) << config.status();
    return config.value_or(ContainerConfig());
  }
  SandboxConfig MadeSandbox() const { return *MakeSandboxConfig(pod_, 0, MakeNode()); }
  v1::Container& Main() { return *pod_.mutable_spec()->mutable_containers(0); }
  v1::SecurityContext& Own() { return *Main().mutable_security_context(); }
  v1::PodSecurityContext& OfPod() { return *pod_.mutable_spec()->mutable_security_context(); }

  v1::Pod pod_ = MakePod();
  NodeContext node_ = MakeNode();
};

// Spec: pod/15/apparmor
TEST_F(SecurityTest, AppArmorProfileIsTheContainersElseTheAnnotationsElseThePods) {
  node_.apparmor = true;
  EXPECT_EQ(Made().apparmor_profile, "");
  EXPECT_FALSE(NeedsAppArmor(pod_));
  OfPod().mutable_app_armor_profile()->set_type("RuntimeDefault");
  EXPECT_EQ(Made().apparmor_profile, "runtime/default");
  EXPECT_TRUE(NeedsAppArmor(pod_));
  auto& annotations = *pod_.mutable_metadata()->mutable_annotations();
  annotations["container.apparmor.security.beta.kubernetes.io/other"] = "localhost/others";
  EXPECT_EQ(Made().apparmor_profile, "runtime/default");
  annotations["container.apparmor.security.beta.kubernetes.io/main"] = "unconfined";
  EXPECT_EQ(Made().apparmor_profile, "unconfined");
  EXPECT_FALSE(NeedsAppArmor(pod_));
  Own().mutable_app_armor_profile()->set_type("Localhost");
  Own().mutable_app_armor_profile()->set_localhost_profile("mine");
  EXPECT_EQ(Made().apparmor_profile, "localhost/mine");
  EXPECT_TRUE(NeedsAppArmor(pod_));
  Own().mutable_app_armor_profile()->set_type("Unconfined");
  EXPECT_FALSE(NeedsAppArmor(pod_));
  *pod_.mutable_spec()->add_init_containers() = Main();
  pod_.mutable_spec()->mutable_init_containers(0)->set_name("first");
  EXPECT_FALSE(NeedsAppArmor(pod_));
  annotations["container.apparmor.security.beta.kubernetes.io/first"] = "localhost/x";
  pod_.mutable_spec()->mutable_init_containers(0)->clear_security_context();
  EXPECT_TRUE(NeedsAppArmor(pod_));
  // Where there is none, to say "unconfined" is an error of the runtime.
  node_.apparmor = false;
  EXPECT_EQ(Made().apparmor_profile, "");
}

// Spec: pod/15/selinux
TEST_F(SecurityTest, LabelsAreTheContainersElseThePods) {
  EXPECT_EQ(Made().selinux, std::nullopt);
  EXPECT_EQ(MadeSandbox().selinux, std::nullopt);
  OfPod().mutable_se_linux_options()->set_level("s0:c1,c2");
  OfPod().mutable_se_linux_options()->set_user("u");
  EXPECT_EQ(Made().selinux, (SelinuxOptions{"u", "", "", "s0:c1,c2"}));
  Own().mutable_se_linux_options()->set_type("spc_t");
  Own().mutable_se_linux_options()->set_role("r");
  EXPECT_EQ(Made().selinux, (SelinuxOptions{"", "r", "spc_t", ""}));
  EXPECT_EQ(MadeSandbox().selinux, (SelinuxOptions{"u", "", "", "s0:c1,c2"}));
}

// What belongs to the host keeps its labels.
// Spec: pod/15/selinux
TEST_F(SecurityTest, OnlyWhatIsThePodsOwnIsRelabelledAndOnlyWithSELinux) {
  const auto add = [this](const std::string& name) -> v1::Volume& {
    v1::VolumeMount& mount = *Main().add_volume_mounts();
    mount.set_name(name);
    mount.set_mount_path("/" + name);
    v1::Volume& volume = *pod_.mutable_spec()->add_volumes();
    volume.set_name(name);
    return volume;
  };
  add("host").mutable_host_path()->set_path("/etc");
  add("empty").mutable_empty_dir();
  add("config").mutable_config_map()->set_name("c");
  add("secret").mutable_secret()->set_secret_name("s");
  add("pod").mutable_downward_api();
  add("all").mutable_projected();
  Main().set_termination_message_path("/dev/termination-log");
  const ContainerFiles files{.etc_hosts_path = "/hosts", .termination_log_path = "/log"};
  const auto relabelled = [&] {
    std::vector<std::string> paths;
    for (const Mount& mount : Made(files).mounts) {
      if (mount.selinux_relabel) paths.push_back(mount.container_path);
    }
    return paths;
  };
  EXPECT_THAT(relabelled(), IsEmpty());
  node_.selinux = true;
  EXPECT_THAT(relabelled(), ElementsAre("/empty", "/config", "/secret", "/pod", "/all",
                                        "/etc/hosts", "/dev/termination-log"));
}

// Spec: pod/15/run-as-group
TEST_F(SecurityTest, GroupIsTheContainersElseThePods) {
  EXPECT_EQ(Made().run_as_group, std::nullopt);
  OfPod().set_run_as_group(7);
  EXPECT_EQ(Made().run_as_group, 7);
  EXPECT_EQ(Made().run_as_user, 0) << "the runtime refuses a group alone";
  Own().set_run_as_group(8);
  EXPECT_EQ(Made().run_as_group, 8);
}

// Spec: pod/15/groups, pod/14.4/fs-group
TEST_F(SecurityTest, GroupsOfThePodAreThoseOfEveryProcess) {
  OfPod().add_supplemental_groups(20);
  OfPod().add_supplemental_groups(21);
  OfPod().set_fs_group(22);
  EXPECT_THAT(Made().supplemental_groups, ElementsAre(20, 21, 22));
  EXPECT_THAT(MadeSandbox().supplemental_groups, ElementsAre(20, 21, 22));
}

// Spec: pod/15/read-only-root-field
TEST_F(SecurityTest, RootFilesystemIsReadOnlyOnRequest) {
  EXPECT_FALSE(Made().readonly_rootfs);
  Own().set_read_only_root_filesystem(true);
  EXPECT_TRUE(Made().readonly_rootfs);
  Own().set_privileged(true);
  EXPECT_TRUE(Made().readonly_rootfs) << "also with privileged";
}

// Spec: pod/15/seccomp
TEST_F(SecurityTest, SeccompProfileIsTheContainersElseThePods) {
  using Type = SeccompProfile::Type;
  EXPECT_EQ(Made().seccomp.type, Type::kUnconfined);
  OfPod().mutable_seccomp_profile()->set_type("RuntimeDefault");
  EXPECT_EQ(Made().seccomp.type, Type::kRuntimeDefault);
  Own().mutable_seccomp_profile()->set_type("Unconfined");
  EXPECT_EQ(Made().seccomp.type, Type::kUnconfined);
  Own().mutable_seccomp_profile()->set_type("Localhost");
  Own().mutable_seccomp_profile()->set_localhost_profile("web.json");
  EXPECT_EQ(Made().seccomp,
            (SeccompProfile{Type::kLocalhost, "/var/lib/muster/agent/seccomp/web.json"}));
  Own().set_privileged(true);
  EXPECT_EQ(Made().seccomp.type, Type::kUnconfined);
}

// Spec: pod/15/sysctls
TEST_F(SecurityTest, SysctlsAreTheSandboxesWithDots) {
  v1::Sysctl& sysctl = *OfPod().add_sysctls();
  sysctl.set_name("net/ipv4/tcp_syncookies");
  sysctl.set_value("0");
  EXPECT_THAT(MadeSandbox().sysctls, ElementsAre(Pair("net.ipv4.tcp_syncookies", "0")));
}

// Spec: pod/15/sandbox
TEST_F(SecurityTest, SandboxIsConfinedAndThePodsUsers) {
  EXPECT_EQ(MadeSandbox().seccomp.type, SeccompProfile::Type::kRuntimeDefault);
  EXPECT_EQ(MadeSandbox().run_as_user, std::nullopt);
  OfPod().set_run_as_group(8);
  EXPECT_EQ(MadeSandbox().run_as_group, std::nullopt) << "the runtime refuses a group alone";
  OfPod().set_run_as_user(7);
  EXPECT_EQ(MadeSandbox().run_as_user, 7);
  EXPECT_EQ(MadeSandbox().run_as_group, 8);
  pod_.mutable_spec()->set_host_pid(true);
  EXPECT_EQ(MadeSandbox().pid, Made().pid);
  EXPECT_EQ(MadeSandbox().ipc, Made().ipc);
  EXPECT_EQ(MadeSandbox().network, Made().network);
}

// Spec: pod/24/runtime-handler
TEST_F(SecurityTest, RuntimeClassNamesTheHandler) {
  EXPECT_EQ(MadeSandbox().runtime_handler, "");
  pod_.mutable_spec()->set_runtime_class_name("gvisor");
  EXPECT_EQ(MadeSandbox().runtime_handler, "gvisor");
}

// Spec: pod/24/stdin-tty-fields
TEST_F(SecurityTest, InputAndTerminalAreAsAskedFor) {
  EXPECT_FALSE(Made().stdin || Made().stdin_once || Made().tty);
  Main().set_stdin(true);
  EXPECT_TRUE(Made().stdin);
  Main().set_stdin_once(true);
  EXPECT_TRUE(Made().stdin_once);
  Main().set_tty(true);
  EXPECT_TRUE(Made().tty);
  Main().set_working_dir("/work");
  EXPECT_EQ(Made().working_dir, "/work");
}

// Spec: pod/13/service-variables
TEST_F(SecurityTest, ThereAreNoVariablesOfServices) {
  pod_.mutable_spec()->set_enable_service_links(true);
  EXPECT_THAT(Made().envs, IsEmpty());
}

// Spec: pod/12/handlers-in-annotations
TEST_F(SecurityTest, AnnotationsTellHowToStopAContainerWhoseSpecificationIsLost) {
  EXPECT_THAT(Made().annotations, Not(Contains(Key("io.kubernetes.container.ports"))));
  EXPECT_THAT(Made().annotations, Not(Contains(Key("io.kubernetes.container.preStopHandler"))));
  v1::ContainerPort& port = *Main().add_ports();
  port.set_name("http");
  port.set_container_port(8080);
  port.set_protocol("TCP");
  Main().add_ports()->set_container_port(9);
  Main().mutable_lifecycle()->mutable_pre_stop()->mutable_exec()->add_command("drain \"me\"");
  EXPECT_THAT(Made().annotations,
              Contains(Pair("io.kubernetes.container.ports",
                            R"([{"containerPort":8080,"name":"http","protocol":"TCP"},)"
                            R"({"containerPort":9}])")));
  EXPECT_THAT(Made().annotations, Contains(Pair("io.kubernetes.container.preStopHandler",
                                                R"({"exec":{"command":["drain \"me\""]}})")));
  const v1::Container recalled = RecallHandlers("main", Made().annotations);
  EXPECT_EQ(recalled.name(), "main");
  ASSERT_EQ(recalled.ports_size(), 2);
  EXPECT_EQ(recalled.ports(0).name(), "http");
  EXPECT_EQ(recalled.ports(1).container_port(), 9);
  EXPECT_THAT(recalled.lifecycle().pre_stop().exec().command(), ElementsAre("drain \"me\""));
}

// Spec: pod/12/handlers-in-annotations
TEST_F(SecurityTest, AnnotationsWithoutHandlersTellOfNone) {
  for (const char* hook : {"", "{", "7", "{\"exec\": 1}"}) {
    const v1::Container recalled = RecallHandlers("main", {{kAnnotationPreStop, hook}});
    EXPECT_FALSE(recalled.lifecycle().has_pre_stop()) << hook;
    EXPECT_EQ(recalled.name(), "main");
  }
  EXPECT_FALSE(RecallHandlers("main", {}).lifecycle().has_pre_stop());
}

// Spec: pod/14.4/read-only-volumes
TEST_F(SecurityTest, ConfigurationIsNeverWritable) {
  const auto add = [this](const std::string& name) {
    v1::Volume& volume = *pod_.mutable_spec()->add_volumes();
    volume.set_name(name);
    v1::VolumeMount& mount = *Main().add_volume_mounts();
    mount.set_name(name);
    mount.set_mount_path("/" + name);
    return &volume;
  };
  add("config")->mutable_config_map();
  add("secret")->mutable_secret();
  add("about")->mutable_downward_api();
  add("all")->mutable_projected();
  EXPECT_THAT(Made().mounts, Each(Field(&Mount::readonly, true)));
  add("disk")->mutable_empty_dir();
  add("host")->mutable_host_path();
  const std::vector<Mount> mounts = Made().mounts;
  ASSERT_EQ(mounts.size(), 6u);
  EXPECT_FALSE(mounts[4].readonly);
  EXPECT_FALSE(mounts[5].readonly);
}

// Spec: pod/14.3/no-default-token
TEST_F(SecurityTest, DirectoryForATokenIsReadOnlyAndGivesWayToAVolumeThere) {
  const Mount mount{model::kServiceAccountMountPath, "/pods/u/service-account", true};
  EXPECT_THAT(Made().mounts, IsEmpty());
  EXPECT_THAT(Made({{}, "", "", "/pods/u/service-account"}).mounts, ElementsAre(mount));
  v1::Volume& volume = *pod_.mutable_spec()->add_volumes();
  volume.set_name("token");
  volume.mutable_secret();
  v1::VolumeMount& own = *Main().add_volume_mounts();
  own.set_name("token");
  own.set_mount_path(model::kServiceAccountMountPath);
  EXPECT_THAT(Made({{}, "", "", "/pods/u/service-account"}).mounts,
              ElementsAre(Field(&Mount::host_path, "/host/path")));
}

}  // namespace
}  // namespace muster::agent
