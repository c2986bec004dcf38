// One row for every control of the standard, with a pod that meets it just so and one that does
// not.
#include "coordinator/podsecurity/pod_security.h"

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "common/manifest/decode.h"
#include "coordinator/podsecurity/namespace_levels.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Level = PodSecurityLevel;

// A pod that meets everything; `spec` and `container` are merged into it.
v1::Pod PodWith(const std::string& spec, const std::string& container,
                const std::string& annotations = "{}") {
  v1::Pod pod;
  pod.mutable_metadata()->set_name("p");
  v1::ObjectMeta more;
  EXPECT_TRUE(manifest::DecodeJson("{\"annotations\": " + annotations + "}", more).ok());
  pod.mutable_metadata()->MergeFrom(more);
  v1::PodSpec merged;
  EXPECT_TRUE(manifest::DecodeJson("{" + spec + "}", merged).ok()) << spec;
  *pod.mutable_spec() = merged;
  v1::Container& main = *pod.mutable_spec()->add_containers();
  EXPECT_TRUE(manifest::DecodeJson("{\"name\": \"main\"" + container + "}", main).ok())
      << container;
  return pod;
}

std::vector<std::string> ControlsOf(Level level, const v1::Pod& pod) {
  std::vector<std::string> controls;
  for (const auto& each : CheckPodSecurity(level, pod.metadata(), pod.spec())) {
    controls.push_back(each.control);
  }
  return controls;
}

std::string Security(const std::string& fields) {
  return ", \"securityContext\": {" + fields + "}";
}

struct Row {
  const char* control;
  std::string spec, container;
  const char* detail;  // Empty: it is met.
  std::string annotations = "{}";
};

TEST(PodSecurity, Baseline) {
  const std::vector<Row> rows = {
      {"hostProcess", R"("securityContext": {"windowsOptions": {"hostProcess": false}})", "", ""},
      {"hostProcess", R"("securityContext": {"windowsOptions": {"hostProcess": true}})", "",
       "pod must not set securityContext.windowsOptions.hostProcess=true"},
      {"hostProcess", "", Security(R"("windowsOptions": {"hostProcess": true})"),
       "container \"main\" must not set securityContext.windowsOptions.hostProcess=true"},
      {"host namespaces", R"("hostNetwork": false, "hostPID": false, "hostIPC": false)", "", ""},
      {"host namespaces", R"("hostNetwork": true)", "", "hostNetwork=true"},
      {"host namespaces", R"("hostPID": true)", "", "hostPID=true"},
      {"host namespaces", R"("hostIPC": true)", "", "hostIPC=true"},
      {"host namespaces", R"("hostNetwork": true, "hostPID": true, "hostIPC": true)", "",
       "hostNetwork=true, hostPID=true, hostIPC=true"},
      {"privileged", "", Security(R"("privileged": false)"), ""},
      {"privileged", "", Security(R"("privileged": true)"),
       "container \"main\" must not set securityContext.privileged=true"},
      {"non-default capabilities", "",
       Security(R"("capabilities": {"add": ["AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER",
         "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID",
         "SYS_CHROOT"]})"),
       ""},
      {"non-default capabilities", "",
       Security(R"("capabilities": {"add": ["CHOWN", "NET_RAW", "SYS_ADMIN"]})"),
       "container \"main\" must not include \"NET_RAW\", \"SYS_ADMIN\" in "
       "securityContext.capabilities.add"},
      {"non-default capabilities", "", Security(R"("capabilities": {"add": ["ALL"]})"),
       "container \"main\" must not include \"ALL\" in securityContext.capabilities.add"},
      {"hostPath volumes", R"("volumes": [{"name": "a", "emptyDir": {}}])", "", ""},
      {"hostPath volumes", R"("volumes": [{"name": "a", "hostPath": {"path": "/"}}])", "",
       "volume \"a\""},
      {"hostPath volumes",
       R"("volumes": [{"name": "a", "hostPath": {"path": "/"}},
                      {"name": "b", "hostPath": {"path": "/var"}}])",
       "", "volumes \"a\", \"b\""},
      {"hostPort", "", R"(, "ports": [{"containerPort": 80}])", ""},
      {"hostPort", "", R"(, "ports": [{"containerPort": 80, "hostPort": 80},
                                      {"containerPort": 81, "hostPort": 81}])",
       "container \"main\" uses hostPorts 80, 81"},
      {"probe or lifecycle host", "", R"(, "livenessProbe": {"httpGet": {"port": 80}})", ""},
      {"probe or lifecycle host", "",
       R"(, "livenessProbe": {"httpGet": {"port": 80, "host": "169.254.169.254"}})",
       "container \"main\" must not set host to \"169.254.169.254\" in a probe or hook"},
      {"probe or lifecycle host", "",
       R"(, "readinessProbe": {"tcpSocket": {"port": 80, "host": "a"}},
            "startupProbe": {"tcpSocket": {"port": 80, "host": "b"}},
            "lifecycle": {"postStart": {"httpGet": {"port": 1, "host": "c"}},
                          "preStop": {"tcpSocket": {"port": 1, "host": "d"}}})",
       "container \"main\" must not set host to \"a\", \"b\", \"c\", \"d\" in a probe or hook"},
      {"forbidden AppArmor profile",
       R"("securityContext": {"appArmorProfile": {"type": "Localhost"}})",
       Security(R"("appArmorProfile": {"type": "RuntimeDefault"})"), ""},
      {"forbidden AppArmor profile",
       R"("securityContext": {"appArmorProfile": {"type": "Unconfined"}})", "",
       "pod must not set securityContext.appArmorProfile.type to \"Unconfined\""},
      {"forbidden AppArmor profile", "", Security(R"("appArmorProfile": {"type": "Unconfined"})"),
       "container \"main\" must not set securityContext.appArmorProfile.type to \"Unconfined\""},
      {"forbidden AppArmor profile", "", "", "",
       R"({"container.apparmor.security.beta.kubernetes.io/main": "runtime/default",
           "container.apparmor.security.beta.kubernetes.io/other": "localhost/mine",
           "else": "unconfined"})"},
      {"forbidden AppArmor profile", "", "",
       "annotation container.apparmor.security.beta.kubernetes.io/main=\"unconfined\"",
       R"({"container.apparmor.security.beta.kubernetes.io/main": "unconfined"})"},
      {"seLinuxOptions", R"("securityContext": {"seLinuxOptions": {"type": "container_t",
                                                                    "level": "s0:c1"}})",
       Security(R"("seLinuxOptions": {"type": "container_engine_t"})"), ""},
      {"seLinuxOptions", R"("securityContext": {"seLinuxOptions": {"type": "spc_t"}})", "",
       "pod set forbidden securityContext.seLinuxOptions: type \"spc_t\""},
      {"seLinuxOptions", "", Security(R"("seLinuxOptions": {"user": "u", "role": "r"})"),
       "container \"main\" set forbidden securityContext.seLinuxOptions: user may not be set; role "
       "may not be set"},
      {"procMount", "", Security(R"("procMount": "Default")"), ""},
      {"procMount", "", Security(R"("procMount": "Unmasked")"),
       "container \"main\" must not set securityContext.procMount to \"Unmasked\""},
      {"seccompProfile", R"("securityContext": {"seccompProfile": {"type": "Localhost"}})",
       Security(R"("seccompProfile": {"type": "RuntimeDefault"})"), ""},
      {"seccompProfile", R"("securityContext": {"seccompProfile": {"type": "Unconfined"}})", "",
       "pod must not set securityContext.seccompProfile.type to \"Unconfined\""},
      {"seccompProfile", "", Security(R"("seccompProfile": {"type": "Unconfined"})"),
       "container \"main\" must not set securityContext.seccompProfile.type to \"Unconfined\""},
      {"forbidden sysctls",
       R"("securityContext": {"sysctls": [{"name": "kernel.shm_rmid_forced", "value": "1"},
          {"name": "net.ipv4.ip_local_port_range", "value": "1"},
          {"name": "net.ipv4.ip_unprivileged_port_start", "value": "1"},
          {"name": "net.ipv4.tcp_syncookies", "value": "1"},
          {"name": "net.ipv4.ping_group_range", "value": "1"},
          {"name": "net.ipv4.ip_local_reserved_ports", "value": "1"},
          {"name": "net.ipv4.tcp_keepalive_time", "value": "1"},
          {"name": "net.ipv4.tcp_fin_timeout", "value": "1"},
          {"name": "net.ipv4.tcp_keepalive_intvl", "value": "1"},
          {"name": "net.ipv4.tcp_keepalive_probes", "value": "1"}]})",
       "", ""},
      {"forbidden sysctls",
       R"("securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"},
                                          {"name": "net.core.somaxconn", "value": "1"}]})",
       "", "kernel.msgmax, net.core.somaxconn"},
  };
  std::set<std::string> controls;
  for (const Row& row : rows) {
    const v1::Pod pod = PodWith(row.spec, row.container, row.annotations);
    const auto found = CheckPodSecurity(Level::kBaseline, pod.metadata(), pod.spec());
    if (*row.detail == '\0') {
      EXPECT_THAT(found, IsEmpty()) << row.control << ": " << found.front().detail;
    } else {
      EXPECT_THAT(found, ElementsAre(PodSecurityViolation{row.control, row.detail}));
      controls.insert(row.control);
    }
    EXPECT_THAT(CheckPodSecurity(Level::kPrivileged, pod.metadata(), pod.spec()), IsEmpty());
  }
  EXPECT_EQ(controls.size(), 12u) << "a control has no row";
}

constexpr char kGood[] =
    R"("allowPrivilegeEscalation": false, "runAsNonRoot": true, "capabilities": {"drop": ["ALL"]},
       "seccompProfile": {"type": "RuntimeDefault"})";

TEST(PodSecurity, Restricted) {
  const std::string good = Security(kGood);
  // What a container says, with one thing of kGood in another way.
  const auto with = [](const std::string& escalation, const std::string& non_root,
                       const std::string& capabilities, const std::string& seccomp) {
    std::string fields;
    for (const std::string& field : {escalation, non_root, capabilities, seccomp}) {
      if (field.empty()) continue;
      fields += (fields.empty() ? "" : ", ") + field;
    }
    return Security(fields);
  };
  const std::string escalation = R"("allowPrivilegeEscalation": false)";
  const std::string non_root = R"("runAsNonRoot": true)";
  const std::string drop = R"("capabilities": {"drop": ["ALL"]})";
  const std::string seccomp = R"("seccompProfile": {"type": "Localhost"})";
  const std::vector<Row> rows = {
      {"all", "", good, ""},
      {"restricted volume types",
       R"("volumes": [{"name": "a", "configMap": {"name": "x"}}, {"name": "b", "emptyDir": {}},
          {"name": "c", "secret": {"secretName": "x"}}, {"name": "d", "projected": {}},
          {"name": "e", "downwardAPI": {}}, {"name": "f"},
          {"name": "g", "persistentVolumeClaim": {"claimName": "x"}},
          {"name": "h", "csi": {"driver": "x"}}, {"name": "i", "ephemeral": {}}])",
       good, ""},
      {"restricted volume types",
       R"("volumes": [{"name": "a", "nfs": {"server": "x", "path": "/"}}])", good,
       "volume \"a\" uses restricted volume type \"nfs\""},
      {"allowPrivilegeEscalation != false", "", with("", non_root, drop, seccomp),
       "container \"main\" must set securityContext.allowPrivilegeEscalation=false"},
      {"allowPrivilegeEscalation != false", "",
       with(R"("allowPrivilegeEscalation": true)", non_root, drop, seccomp),
       "container \"main\" must set securityContext.allowPrivilegeEscalation=false"},
      {"runAsNonRoot != true", R"("securityContext": {"runAsNonRoot": true})",
       with(escalation, "", drop, seccomp), ""},
      {"runAsNonRoot != true", R"("securityContext": {"runAsNonRoot": false})",
       with(escalation, non_root, drop, seccomp), ""},
      {"runAsNonRoot != true", "", with(escalation, "", drop, seccomp),
       "pod or container \"main\" must set securityContext.runAsNonRoot=true"},
      {"runAsNonRoot != true", R"("securityContext": {"runAsNonRoot": false})",
       with(escalation, "", drop, seccomp), "pod must not set securityContext.runAsNonRoot=false"},
      {"runAsNonRoot != true", R"("securityContext": {"runAsNonRoot": true})",
       with(escalation, R"("runAsNonRoot": false)", drop, seccomp),
       "container \"main\" must not set securityContext.runAsNonRoot=false"},
      {"runAsUser=0", R"("securityContext": {"runAsUser": 7})", good, ""},
      {"runAsUser=0", R"("securityContext": {"runAsUser": 0})", good,
       "pod must not set runAsUser=0"},
      {"runAsUser=0", "", with(escalation, non_root + R"(, "runAsUser": 0)", drop, seccomp),
       "container \"main\" must not set runAsUser=0"},
      {"seccompProfile", R"("securityContext": {"seccompProfile": {"type": "RuntimeDefault"}})",
       with(escalation, non_root, drop, ""), ""},
      {"seccompProfile", "", with(escalation, non_root, drop, ""),
       "pod or container \"main\" must set securityContext.seccompProfile.type to "
       "\"RuntimeDefault\" or \"Localhost\""},
      {"unrestricted capabilities", "",
       with(escalation, non_root,
            R"("capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]})", seccomp),
       ""},
      {"unrestricted capabilities", "", with(escalation, non_root, "", seccomp),
       "container \"main\" must set securityContext.capabilities.drop=[\"ALL\"]"},
      {"unrestricted capabilities", "",
       with(escalation, non_root, R"("capabilities": {"drop": ["ALL"], "add": ["CHOWN"]})",
            seccomp),
       "container \"main\" must not include \"CHOWN\" in securityContext.capabilities.add"},
  };
  std::set<std::string> controls;
  for (const Row& row : rows) {
    const v1::Pod pod = PodWith(row.spec, row.container);
    const auto found = CheckPodSecurity(Level::kRestricted, pod.metadata(), pod.spec());
    if (*row.detail == '\0') {
      EXPECT_THAT(found, IsEmpty())
          << row.control << ": " << found.front().control << " " << found.front().detail;
    } else {
      EXPECT_THAT(found, ElementsAre(PodSecurityViolation{row.control, row.detail}));
      controls.insert(row.control);
    }
    EXPECT_THAT(CheckPodSecurity(Level::kBaseline, pod.metadata(), pod.spec()), IsEmpty());
  }
  EXPECT_EQ(controls.size(), 6u) << "a control has no row";
}

TEST(PodSecurity, RestrictedIncludesBaseline) {
  const v1::Pod pod = PodWith(R"("hostNetwork": true)", Security(kGood));
  EXPECT_THAT(ControlsOf(Level::kRestricted, pod), ElementsAre("host namespaces"));
}

TEST(PodSecurity, EveryKindOfContainerCounts) {
  v1::Pod pod = PodWith("", "");
  v1::Container& init = *pod.mutable_spec()->add_init_containers();
  init.set_name("init");
  init.mutable_security_context()->set_privileged(true);
  v1::EphemeralContainer& debug = *pod.mutable_spec()->add_ephemeral_containers();
  debug.set_name("debug");
  debug.mutable_security_context()->set_privileged(true);
  const auto found = CheckPodSecurity(Level::kBaseline, pod.metadata(), pod.spec());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].detail,
            "containers \"init\", \"debug\" must not set securityContext.privileged=true");
  EXPECT_EQ(PodSecurityText(Level::kBaseline, found),
            "violates PodSecurity \"baseline:latest\": privileged (" + found[0].detail + ")");
}

TEST(PodSecurityLevels, AreWhatTheLabelsOfTheNamespaceSay) {
  model::LabelMap labels;
  EXPECT_EQ(PodSecurityLevelsOf(labels, {}), PodSecurityLevels());
  const PodSecurityLevels otherwise{Level::kBaseline, Level::kRestricted, Level::kBaseline};
  EXPECT_EQ(PodSecurityLevelsOf(labels, otherwise), otherwise);
  labels["pod-security.kubernetes.io/enforce"] = "privileged";
  labels["pod-security.kubernetes.io/audit"] = "restricted";
  labels["pod-security.kubernetes.io/enforce-version"] = "v1.29";
  labels["pod-security.kubernetes.io/warn-version"] = "latest";
  std::vector<BadPodSecurityLabel> bad;
  EXPECT_EQ(PodSecurityLevelsOf(labels, otherwise, &bad),
            (PodSecurityLevels{Level::kPrivileged, Level::kRestricted, Level::kRestricted}));
  EXPECT_THAT(bad, IsEmpty());
  // A slip of the pen must not open anything.
  labels["pod-security.kubernetes.io/enforce"] = "restrictd";
  labels["pod-security.kubernetes.io/audit-version"] = "v2";
  EXPECT_EQ(PodSecurityLevelsOf(labels, otherwise, &bad).enforce, Level::kRestricted);
  ASSERT_EQ(bad.size(), 2u);
  EXPECT_EQ(bad[0].value, "restrictd");
  EXPECT_TRUE(bad[1].is_version);
}

}  // namespace
}  // namespace muster::coordinator
