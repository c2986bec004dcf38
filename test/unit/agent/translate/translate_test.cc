#include "agent/translate/translate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/translate/resources.h"
#include "test/unit/agent/translate/fixtures.h"

namespace muster::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

ContainerConfig Make(const v1::Pod& pod, const ResolvedImage& image = {"sha256:1", {}, ""},
                     ContainerFiles files = {}) {
  PodContext context;
  context.pod_ips = {"10.9.8.7"};
  files.mount_paths.resize(pod.spec().containers(0).volume_mounts_size(), "/host/path");
  context.files = std::move(files);
  auto config = MakeContainerConfig(pod, pod.spec().containers(0), false, 3, image, context,
                                    MakeNode(), MapConfigSource());
  EXPECT_TRUE(config.ok()) << config.status();
  return config.value_or(ContainerConfig());
}

// Spec: pod/12/sandbox, pod/12/log-paths, pod/24/sandbox-metadata, pod/24/sandbox-labels
TEST(Sandbox, CarriesKubeletsLabelsAndOurMark) {
  v1::Pod pod = MakePod();
  (*pod.mutable_metadata()->mutable_labels())["tier"] = "front";
  const SandboxConfig config = *MakeSandboxConfig(pod, 2, MakeNode());
  EXPECT_EQ(config.attempt, 2u);
  EXPECT_THAT(config.labels, Contains(Pair("tier", "front")));
  EXPECT_THAT(config.labels, Contains(Pair("io.kubernetes.pod.name", "web-x7k2q")));
  EXPECT_THAT(config.labels, Contains(Pair("io.kubernetes.pod.namespace", "shop")));
  EXPECT_THAT(config.labels, Contains(Pair("io.kubernetes.pod.uid", "0f3c-77")));
  EXPECT_THAT(config.labels, Contains(Pair("muster.dev/node-uid", "node-uid-1")));
  EXPECT_EQ(config.log_directory, "/var/log/pods/shop_web-x7k2q_0f3c-77");
}

// Spec: pod/16/namespaces, pod/16/hostname
TEST(Sandbox, HasNoHostNameOnTheHostNetworkBecauseRuncRefusesOne) {
  v1::Pod pod = MakePod();
  EXPECT_EQ(MakeSandboxConfig(pod, 0, MakeNode())->hostname, "web-x7k2q");
  pod.mutable_spec()->set_host_network(true);
  const SandboxConfig config = *MakeSandboxConfig(pod, 0, MakeNode());
  EXPECT_EQ(config.hostname, "");
  EXPECT_EQ(config.network, NamespaceMode::kNode);
}

// Spec: pod/16/hostname
TEST(Sandbox, HostNameIsCutWithoutATrailingDash) {
  const v1::Pod pod = MakePod(std::string(62, 'a') + "-b");
  EXPECT_EQ(MakeSandboxConfig(pod, 0, MakeNode())->hostname, std::string(62, 'a'));
}

// Spec: pod/16/ports
TEST(Sandbox, MapsHostPortsOnceAndNeverOnTheHostNetwork) {
  v1::Pod pod = MakePod();
  for (int i = 0; i < 2; ++i) {
    v1::ContainerPort* port = pod.mutable_spec()->mutable_containers(0)->add_ports();
    port->set_container_port(80);
    port->set_host_port(8080);
  }
  pod.mutable_spec()->mutable_containers(0)->add_ports()->set_container_port(81);
  EXPECT_THAT(MakeSandboxConfig(pod, 0, MakeNode())->port_mappings,
              ElementsAre(PortMapping{"TCP", 80, 8080, ""}));
  // What the agent leads there itself is not the runtime's business, where it can do that.
  (*pod.mutable_metadata()->mutable_annotations())["muster.dev/zero-gap"] = "true";
  NodeContext node = MakeNode();
  EXPECT_EQ(MakeSandboxConfig(pod, 0, node)->port_mappings.size(), 1u);
  node.leads_host_ports = true;
  EXPECT_THAT(MakeSandboxConfig(pod, 0, node)->port_mappings, IsEmpty());
  pod.mutable_metadata()->clear_annotations();
  pod.mutable_spec()->set_host_network(true);
  EXPECT_THAT(MakeSandboxConfig(pod, 0, MakeNode())->port_mappings, IsEmpty());
}

// Spec: pod/16/namespaces
TEST(Sandbox, NamespacesFollowTheSpec) {
  v1::Pod pod = MakePod();
  EXPECT_EQ(MakeSandboxConfig(pod, 0, MakeNode())->pid, NamespaceMode::kContainer);
  pod.mutable_spec()->set_share_process_namespace(true);
  EXPECT_EQ(MakeSandboxConfig(pod, 0, MakeNode())->pid, NamespaceMode::kPod);
  pod.mutable_spec()->set_host_pid(true);
  pod.mutable_spec()->set_host_ipc(true);
  EXPECT_EQ(MakeSandboxConfig(pod, 0, MakeNode())->pid, NamespaceMode::kNode);
  EXPECT_EQ(MakeSandboxConfig(pod, 0, MakeNode())->ipc, NamespaceMode::kNode);
}

// Spec: pod/15/privileged
TEST(Sandbox, IsPrivilegedWhenAnyContainerIs) {
  v1::Pod pod = MakePod();
  EXPECT_FALSE(MakeSandboxConfig(pod, 0, MakeNode())->privileged);
  pod.mutable_spec()->add_init_containers()->mutable_security_context()->set_privileged(true);
  EXPECT_TRUE(MakeSandboxConfig(pod, 0, MakeNode())->privileged);
}

// Spec: pod/16/dns-policies, pod/16/dns-limits
TEST(Sandbox, DnsPolicyNoneTakesOnlyDnsConfigAndLimitsIt) {
  v1::Pod pod = MakePod();
  NodeContext node = MakeNode();
  node.host_dns = {{"1.1.1.1"}, {"lan"}, {"timeout:1"}};
  EXPECT_EQ(*MakeSandboxConfig(pod, 0, node)->dns, node.host_dns);
  node.cluster_dns = {"169.254.20.10"};
  const DnsConfig cluster = *MakeSandboxConfig(pod, 0, node)->dns;
  EXPECT_THAT(cluster.servers, ElementsAre("169.254.20.10"));
  EXPECT_THAT(cluster.searches,
              ElementsAre("shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "lan"));
  EXPECT_THAT(cluster.options, ElementsAre("ndots:5"));
  pod.mutable_spec()->set_dns_policy("None");
  for (const char* server : {"9.9.9.9", "9.9.9.9", "8.8.8.8", "7.7.7.7", "6.6.6.6"}) {
    pod.mutable_spec()->mutable_dns_config()->add_nameservers(server);
  }
  EXPECT_THAT(MakeSandboxConfig(pod, 0, node)->dns->servers,
              ElementsAre("9.9.9.9", "8.8.8.8", "7.7.7.7"));
}

// Spec: pod/13/command
TEST(ContainerConfigs, ExpandCommandAndArgumentsWithTheFinalEnvironment) {
  v1::Pod pod = MakePod();
  v1::Container* container = pod.mutable_spec()->mutable_containers(0);
  container->add_command("/bin/$(TOOL)");
  container->add_args("--on=$(NODE)");
  container->add_args("$(UNKNOWN)");
  v1::EnvVar* tool = container->add_env();
  tool->set_name("TOOL");
  tool->set_value("probe");
  v1::EnvVar* node = container->add_env();
  node->set_name("NODE");
  node->mutable_value_from()->mutable_field_ref()->set_field_path("spec.nodeName");
  const ContainerConfig config = Make(pod);
  EXPECT_THAT(config.command, ElementsAre("/bin/probe"));
  EXPECT_THAT(config.args, ElementsAre("--on=node-1", "$(UNKNOWN)"));
}

// Spec: pod/4.5/attempt, pod/11.3/count-recovered, pod/12/container, pod/12/log-paths
TEST(ContainerConfigs, RecordWhatARestartedAgentHasToKnow) {
  const ContainerConfig config = Make(MakePod());
  EXPECT_EQ(config.attempt, 3u);
  EXPECT_EQ(config.log_path, "main/3.log");
  EXPECT_THAT(config.annotations, Contains(Pair("io.kubernetes.container.restartCount", "3")));
  EXPECT_THAT(config.annotations, Contains(Pair("io.kubernetes.pod.terminationGracePeriod", "30")));
  EXPECT_THAT(config.labels, Contains(Pair("io.kubernetes.container.name", "main")));
  EXPECT_THAT(config.labels, Contains(Pair("muster.dev/node-uid", "node-uid-1")));
}

// Spec: pod/11.4/file, pod/14.4/absolute, pod/14.4/read-only, pod/14.4/propagation
// Spec: pod/16/hosts-mount, pod/24/mounts
TEST(ContainerConfigs, MountVolumesThenHostsThenTheTerminationLog) {
  v1::Pod pod = MakePod();
  v1::Container* container = pod.mutable_spec()->mutable_containers(0);
  container->set_termination_message_path("/dev/termination-log");
  v1::VolumeMount* mount = container->add_volume_mounts();
  mount->set_name("v");
  mount->set_mount_path("data");
  mount->set_read_only(true);
  mount->set_mount_propagation("HostToContainer");
  const ContainerConfig config = Make(pod, {"id", {}, ""}, {{}, "/pods/hosts", "/pods/term"});
  EXPECT_THAT(
      config.mounts,
      ElementsAre(Mount{"/data", "/host/path", true, false, MountPropagation::kHostToContainer},
                  Mount{"/etc/hosts", "/pods/hosts"}, Mount{"/dev/termination-log", "/pods/term"}));
  mount->set_mount_path("/etc/hosts");
  EXPECT_THAT(Make(pod, {"id", {}, ""}, {{}, "/pods/hosts", ""}).mounts,
              ElementsAre(Mount{"/etc/hosts", "/host/path", true, false,
                                MountPropagation::kHostToContainer}));
}

// Spec: pod/15/proc-mount
TEST(ContainerConfigs, AlwaysMaskTheKernelsFilesUnlessPrivilegedOrUnmasked) {
  v1::Pod pod = MakePod();
  v1::SecurityContext* security =
      pod.mutable_spec()->mutable_containers(0)->mutable_security_context();
  EXPECT_THAT(Make(pod).readonly_paths, Contains("/proc/sys"));
  EXPECT_THAT(Make(pod).masked_paths, Contains("/proc/kcore"));
  security->set_proc_mount("Unmasked");
  EXPECT_THAT(Make(pod).readonly_paths, IsEmpty());
  security->clear_proc_mount();
  security->set_privileged(true);
  EXPECT_THAT(Make(pod).masked_paths, IsEmpty());
  EXPECT_TRUE(Make(pod).privileged);
}

// Spec: pod/15/capabilities
TEST(ContainerConfigs, NameCapabilitiesAsTheRuntimeKnowsThem) {
  v1::Pod pod = MakePod();
  v1::Capabilities* capabilities =
      pod.mutable_spec()->mutable_containers(0)->mutable_security_context()->mutable_capabilities();
  capabilities->add_add("CAP_NET_ADMIN");
  capabilities->add_add("sys_time");
  capabilities->add_drop("all");
  EXPECT_THAT(Make(pod).add_capabilities, ElementsAre("NET_ADMIN", "SYS_TIME"));
  EXPECT_THAT(Make(pod).drop_capabilities, ElementsAre("ALL"));
}

// Spec: pod/15/run-as-user
TEST(ContainerConfigs, AlwaysSayWhichUserRuns) {
  v1::Pod pod = MakePod();
  EXPECT_EQ(Make(pod).run_as_user, 0);
  EXPECT_EQ(Make(pod, {"id", 65534, ""}).run_as_user, 65534);
  EXPECT_EQ(Make(pod, {"id", {}, "nobody"}).run_as_username, "nobody");
  pod.mutable_spec()->mutable_security_context()->set_run_as_user(7);
  EXPECT_EQ(Make(pod, {"id", {}, "nobody"}).run_as_user, 7);
  pod.mutable_spec()->mutable_containers(0)->mutable_security_context()->set_run_as_user(0);
  EXPECT_EQ(Make(pod).run_as_user, 0);
}

// Spec: pod/15/run-as-non-root
TEST(ContainerConfigs, AContainerThatMustNotRunAsRootIsRefusedWhenItWould) {
  v1::Pod pod = MakePod();
  pod.mutable_spec()->mutable_security_context()->set_run_as_non_root(true);
  const auto message = [&](const ResolvedImage& image) {
    return std::string(MakeContainerConfig(pod, pod.spec().containers(0), false, 0, image, {},
                                           MakeNode(), MapConfigSource())
                           .status()
                           .message());
  };
  EXPECT_THAT(message({"id", {}, ""}),
              ::testing::StartsWith("container has runAsNonRoot and image will run as root"));
  EXPECT_THAT(message({"id", {}, "app"}),
              ::testing::StartsWith("container has runAsNonRoot and "
                                    "image has non-numeric user (app)"));
  EXPECT_EQ(message({"id", 5, ""}), "");
  pod.mutable_spec()->mutable_containers(0)->mutable_security_context()->set_run_as_user(0);
  EXPECT_THAT(message({"id", 5, ""}),
              ::testing::StartsWith("container's runAsUser breaks non-root policy"));
}

// Spec: pod/15/no-new-privileges
TEST(ContainerConfigs, NoNewPrivilegesOnlyWhenEscalationIsForbiddenExplicitly) {
  v1::Pod pod = MakePod();
  v1::SecurityContext* security =
      pod.mutable_spec()->mutable_containers(0)->mutable_security_context();
  EXPECT_FALSE(Make(pod).no_new_privs);
  security->set_allow_privilege_escalation(true);
  EXPECT_FALSE(Make(pod).no_new_privs);
  security->set_allow_privilege_escalation(false);
  EXPECT_TRUE(Make(pod).no_new_privs);
}

// Spec: pod/17.1/cpu, pod/26/cpu-quota-too-small
TEST(Resources, CpuNumbersAreKubelets) {
  EXPECT_EQ(CpuShares(0), 2);
  EXPECT_EQ(CpuShares(100), 102);
  EXPECT_EQ(CpuShares(1000), 1024);
  EXPECT_EQ(CpuShares(1'000'000), 262144);
  EXPECT_EQ(CpuQuotaUs(0), 0);
  EXPECT_EQ(CpuQuotaUs(1), 1000);
  EXPECT_EQ(CpuQuotaUs(500), 50'000);
}

// Spec: pod/2/requests, pod/17.1/requests
TEST(Resources, AnAbsentRequestCountsAsItsLimitAndZeroIsZero) {
  v1::Pod pod = MakePod();
  auto* resources = pod.mutable_spec()->mutable_containers(0)->mutable_resources();
  (*resources->mutable_limits())["cpu"].set_text("1");
  EXPECT_EQ(Make(pod).resources.cpu_shares, 1024);
  EXPECT_EQ(Make(pod).resources.cpu_quota_us, 100'000);
  (*resources->mutable_requests())["cpu"].set_text("0");
  EXPECT_EQ(Make(pod).resources.cpu_shares, 2);
}

// Spec: pod/17.1/oom-score
TEST(Resources, OomScoreFollowsTheQualityOfService) {
  v1::Pod pod = MakePod();
  NodeContext node = MakeNode();
  const auto score = [&] {
    return MakeResources(pod, pod.spec().containers(0), node)->oom_score_adj;
  };
  EXPECT_EQ(score(), 1000);
  auto* resources = pod.mutable_spec()->mutable_containers(0)->mutable_resources();
  (*resources->mutable_requests())["memory"].set_text("64Mi");
  EXPECT_EQ(score(), 993);
  (*resources->mutable_requests())["memory"].set_text("1Gi");
  EXPECT_EQ(score(), 875);
  (*resources->mutable_requests())["memory"].set_text("64Gi");
  EXPECT_EQ(score(), 3);
  (*resources->mutable_limits())["memory"].set_text("64Gi");
  (*resources->mutable_requests())["cpu"].set_text("1");
  (*resources->mutable_limits())["cpu"].set_text("1");
  EXPECT_EQ(score(), -997);
  node.may_lower_oom_score = false;
  EXPECT_EQ(score(), 0);
}

// Spec: pod/17.2/place
TEST(Resources, ControlGroupsAreWhereKubeletPutsThem) {
  v1::Pod pod = MakePod();
  NodeContext node = MakeNode();
  EXPECT_EQ(CgroupParent(pod, node), "/kubepods/besteffort/pod0f3c-77");
  node.systemd_cgroups = true;
  EXPECT_EQ(CgroupParent(pod, node), "kubepods-besteffort-pod0f3c_77.slice");
}

// Spec: pod/23/hash
TEST(DefinitionHashes, ChangeWithTheImageAndNothingThatMayNotChange) {
  v1::Container container;
  container.set_name("a");
  container.set_image("x:1");
  const std::string first = DefinitionHash(container);
  container.add_args("more");
  EXPECT_EQ(DefinitionHash(container), first);
  container.set_image("x:2");
  EXPECT_NE(DefinitionHash(container), first);
  EXPECT_EQ(first, "m1-fe9786fcf0d523e1") << "a new algorithm needs a new prefix";
}

// Spec: pod/12/links
TEST(LogLinks, AreCutToAFileNameAndKeepTheContainerId) {
  const std::string id(64, 'f');
  EXPECT_EQ(ContainerLogLinkName(MakePod(), "main", id), "web-x7k2q_shop_main-" + id + ".log");
  const std::string name = ContainerLogLinkName(MakePod(std::string(250, 'p')), "main", id);
  EXPECT_EQ(name.size(), 255u);
  EXPECT_TRUE(name.ends_with("-" + id + ".log"));
}

}  // namespace
}  // namespace muster::agent
