#include "coordinator/admission/support.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/admission/objects.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

SupportReport Report(const std::string& spec, const std::string& rest = "") {
  return CheckSupport(FromYaml(R"(
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: x, ports: [{containerPort: 80}]}], )" +
                               spec + "}\n" + rest));
}

TEST(Support, SaysNothingOfWhatIsHonoured) {
  const SupportReport report = CheckSupport(MinimalDaemonSet());
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_THAT(report.warnings, IsEmpty());
}

// Spec: pod/3/unsupported, pod/15/host-users, pod/25/host-users, pod/28/loudly
// Spec: pod/26/user-namespaces
TEST(Support, RefusesWhatWouldBreakSilently) {
  const SupportReport report =
      Report("volumes: [{name: v, persistentVolumeClaim: {claimName: c}}], hostUsers: false");
  ASSERT_EQ(report.problems.size(), 2u);
  EXPECT_EQ(report.problems[0].path, "spec.template.spec.volumes[0].persistentVolumeClaim");
  EXPECT_EQ(report.problems[0].type, "Forbidden");
  EXPECT_NE(report.problems[0].detail, "");
  EXPECT_EQ(report.problems[1].path, "spec.template.spec.hostUsers");
}

TEST(Support, RefusesRestartPoliciesOfContainersButForSidecars) {
  const SupportReport sidecar =
      Report("initContainers: [{name: b, image: x, restartPolicy: Always}]");
  EXPECT_THAT(sidecar.problems, IsEmpty());
  EXPECT_THAT(sidecar.warnings, IsEmpty());
  const SupportReport report =
      Report("initContainers: [{name: b, image: x, restartPolicy: OnFailure}]");
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_EQ(report.problems[0].path, "spec.template.spec.initContainers[0].restartPolicy");
}

// Spec: pod/16/fqdn
TEST(Support, WarnsOfWhatIsHarmless) {
  const SupportReport report = Report("setHostnameAsFQDN: true");
  EXPECT_THAT(report.problems, IsEmpty());
  ASSERT_EQ(report.warnings.size(), 1u);
  EXPECT_EQ(report.warnings[0].path, "spec.template.spec.setHostnameAsFQDN");
}

TEST(Support, KnowsLabelsThatNodesHereDoNotHave) {
  EXPECT_THAT(
      Texts(Report("nodeSelector: {beta.kubernetes.io/os: linux}").warnings),
      ElementsAre("spec.template.spec.nodeSelector[beta.kubernetes.io/os]: nodes have this label "
                  "only if you give it to them; use kubernetes.io/os"));
  EXPECT_THAT(Texts(Report("nodeSelector: {kubernetes.io/os: windows}").warnings),
              ElementsAre("spec.template.spec.nodeSelector[kubernetes.io/os]: Muster runs Linux "
                          "hosts only, so no node matches"));
  EXPECT_THAT(Report("nodeSelector: {kubernetes.io/os: linux}").warnings, IsEmpty());
  EXPECT_THAT(
      Texts(Report("affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
                   "{nodeSelectorTerms: [{matchExpressions: [{key: beta.kubernetes.io/arch, "
                   "operator: In, values: [amd64]}]}]}}}")
                .warnings),
      ElementsAre("spec.template.spec.affinity.nodeAffinity."
                  "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]."
                  "matchExpressions[0].key: nodes have this label only if you give it to them; "
                  "use kubernetes.io/arch"));
}

// Spec: 9.4/memory-below-a-byte
TEST(Support, AsksAboutFractionsOfBytes) {
  auto warnings = [](const std::string& limits) {
    return Texts(
        Report("initContainers: [{name: b, image: x, resources: {limits: " + limits + "}}]")
            .warnings);
  };
  const std::string at = "spec.template.spec.initContainers[0].resources.limits[memory]: ";
  EXPECT_THAT(warnings("{memory: 100m}"),
              ElementsAre(at + "fractional byte value \"100m\" counts as 1 byte; did you mean "
                               "100Mi?"));
  EXPECT_THAT(warnings("{memory: 1.5}"),
              ElementsAre(at + "fractional byte value \"1.5\" counts as 2 bytes"));
  EXPECT_THAT(warnings("{memory: 100Mi, cpu: 100m}"), IsEmpty());
}

TEST(Support, WarnsOfASurgeThatCannotEnd) {
  const std::string surge = "  updateStrategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}\n";
  EXPECT_THAT(Report("", surge).warnings, IsEmpty());
  EXPECT_THAT(
      Texts(Report("hostNetwork: true", surge).warnings),
      ElementsAre("spec.updateStrategy.rollingUpdate.maxSurge: the pods use a port of the host "
                  "(spec.template.spec.containers[0].ports[0]), so old and new cannot run beside "
                  "each other and a rollout would wait for ever; use maxUnavailable instead"));
  EXPECT_THAT(Report("hostNetwork: true").warnings, IsEmpty());
}

TEST(Support, ASurgeWithHostPortsNeedsZeroGap) {
  const auto said = [](bool host_network, int host_port, const char* on_template,
                       const char* on_daemon_set) {
    v1::Object object = MinimalDaemonSet();
    v1::DaemonSet& daemon_set = *object.mutable_daemon_set();
    v1::PodTemplateSpec& pods = *daemon_set.mutable_spec()->mutable_template_();
    v1::RollingUpdateDaemonSet& rolling =
        *daemon_set.mutable_spec()->mutable_update_strategy()->mutable_rolling_update();
    rolling.mutable_max_surge()->set_int_value(1);
    pods.mutable_spec()->set_host_network(host_network);
    pods.mutable_spec()->mutable_containers(0)->clear_ports();
    pods.mutable_spec()->mutable_containers(0)->add_ports()->set_host_port(host_port);
    const std::string key = "muster.dev/zero-gap";
    if (*on_template != '\0') {
      (*pods.mutable_metadata()->mutable_annotations())[key] = on_template;
    }
    if (*on_daemon_set != '\0') {
      (*daemon_set.mutable_metadata()->mutable_annotations())[key] = on_daemon_set;
    }
    return Texts(CheckSupport(object).warnings);
  };
  const std::string in_template = "spec.template.metadata.annotations[muster.dev/zero-gap]: ";
  EXPECT_THAT(said(false, 80, "", ""),
              ElementsAre(testing::HasSubstr("use maxUnavailable instead, or annotate the template "
                                             "with muster.dev/zero-gap: \"true\"")));
  EXPECT_THAT(said(false, 80, "true", ""), IsEmpty());
  EXPECT_THAT(said(false, 80, "", "true"), IsEmpty());
  EXPECT_EQ(said(false, 80, "false", "true").size(), 1u) << "the template counts";
  EXPECT_THAT(said(false, 0, "true", ""),
              ElementsAre(in_template + "has no effect: no container has a hostPort"));
  EXPECT_THAT(said(true, 80, "true", ""),
              ElementsAre(in_template + "has no effect with hostNetwork: the pods have the host's "
                                        "own ports",
                          testing::HasSubstr("a rollout would wait for ever")));
}

TEST(Support, NamesAnnotationsThatNoLongerConfigure) {
  v1::Object object = MinimalDaemonSet();
  auto& annotations = *object.mutable_daemon_set()
                           ->mutable_spec()
                           ->mutable_template_()
                           ->mutable_metadata()
                           ->mutable_annotations();
  annotations["scheduler.alpha.kubernetes.io/critical-pod"] = "";
  annotations["seccomp.security.alpha.kubernetes.io/pod"] = "runtime/default";
  annotations["prometheus.io/scrape"] = "true";
  EXPECT_EQ(CheckSupport(object).warnings.size(), 2u);
}

// Spec: pod/15/apparmor
TEST(Support, ProfilesOfAppArmorMayStillBeAnnotations) {
  v1::Object object = MinimalDaemonSet();
  std::string& profile =
      (*object.mutable_daemon_set()
            ->mutable_spec()
            ->mutable_template_()
            ->mutable_metadata()
            ->mutable_annotations())["container.apparmor.security.beta.kubernetes.io/main"];
  for (const char* good : {"runtime/default", "unconfined", "localhost/x"}) {
    profile = good;
    EXPECT_THAT(Texts(CheckSupport(object).warnings), IsEmpty()) << good;
    EXPECT_THAT(Texts(CheckSupport(object).problems), IsEmpty()) << good;
  }
  for (const char* bad : {"", "docker-default", "localhost/"}) {
    profile = bad;
    EXPECT_THAT(
        Texts(CheckSupport(object).problems),
        ElementsAre(absl::StrCat("spec.template.metadata.annotations[container.apparmor.security."
                                 "beta.kubernetes.io/main]: Invalid value: \"",
                                 bad, "\": invalid AppArmor profile name: \"", bad, "\"")));
  }
}

TEST(Support, PodsOnTheirOwnAreNotPlaced) {
  const std::string yaml =
      "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: "
      "[{name: a, image: x}]";
  EXPECT_THAT(Texts(CheckSupport(FromYaml(yaml + "}}")).warnings),
              ElementsAre("spec.nodeName: not set; Muster places only the pods of DaemonSets, so "
                          "this one stays Pending"));
  EXPECT_THAT(CheckSupport(FromYaml(yaml + ", nodeName: node-1}}")).warnings, IsEmpty());
}

}  // namespace
}  // namespace muster::coordinator
