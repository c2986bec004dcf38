// What a pod may ask for and this version does not give: refused by name, or said to be without
// effect.

#include <string>
#include <vector>

#include "coordinator/admission/support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/admission/objects.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

SupportReport ReportOf(const std::string& container, const std::string& spec,
                       const std::string& annotations = "{}") {
  return CheckSupport(FromYaml(R"(
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: )" +
                               annotations + R"(}
    spec: {containers: [{name: a, image: x)" +
                               container + "}]" + spec + "}\n"));
}

// Paths are given without that of the pod's spec in front.
struct Case {
  std::string text;
  const char* path;
};

template <typename Found>
std::vector<std::string> Paths(const std::vector<Found>& found) {
  const std::string prefix = "spec.template.spec.";
  std::vector<std::string> paths;
  for (const Found& each : found) {
    paths.push_back(each.path.starts_with(prefix) ? each.path.substr(prefix.size()) : each.path);
  }
  return paths;
}

void ExpectRefused(const SupportReport& report, const Case& c) {
  EXPECT_THAT(Paths(report.problems), ElementsAre(c.path)) << c.text;
  EXPECT_THAT(report.warnings, IsEmpty()) << c.text;
}
void ExpectWarned(const SupportReport& report, const Case& c) {
  EXPECT_THAT(report.problems, IsEmpty()) << c.text;
  EXPECT_THAT(Paths(report.warnings), ElementsAre(c.path)) << c.text;
}

// Spec: pod/14.4/refused, pod/14.2/huge-pages, pod/14.3/token, pod/25/image-volumes
TEST(Unsupported, VolumesThatNeedACluster) {
  for (const char* source : {"gcePersistentDisk: {pdName: x}",
                             "awsElasticBlockStore: {volumeID: x}",
                             "gitRepo: {repository: x}",
                             "nfs: {server: x, path: /x}",
                             "iscsi: {targetPortal: x}",
                             "glusterfs: {path: x}",
                             "persistentVolumeClaim: {claimName: x}",
                             "rbd: {image: x}",
                             "flexVolume: {driver: x}",
                             "cinder: {volumeID: x}",
                             "cephfs: {monitors: [x]}",
                             "flocker: {datasetName: x}",
                             "fc: {lun: 1}",
                             "azureFile: {shareName: x}",
                             "vsphereVolume: {volumePath: x}",
                             "quobyte: {volume: x}",
                             "azureDisk: {diskName: x}",
                             "photonPersistentDisk: {pdID: x}",
                             "portworxVolume: {volumeID: x}",
                             "scaleIO: {volumeName: x}",
                             "storageos: {volumeName: x}",
                             "csi: {driver: x}",
                             "ephemeral: {}",
                             "image: {reference: x}"}) {
    const std::string text = std::string(", volumes: [{name: v, ") + source + "}]";
    const std::string kind(source, std::string(source).find(':'));
    ExpectRefused(ReportOf("", text), {text, ("volumes[0]." + kind).c_str()});
  }
  for (const Case& c : {
           Case{"emptyDir: {medium: HugePages}", "volumes[0].emptyDir.medium"},
           Case{"emptyDir: {medium: HugePages-2Mi}", "volumes[0].emptyDir.medium"},
           Case{"projected: {sources: [{serviceAccountToken: {path: t}}]}",
                "volumes[0].projected.sources[0].serviceAccountToken"},
           Case{"projected: {sources: [{clusterTrustBundle: {path: t}}]}",
                "volumes[0].projected.sources[0].clusterTrustBundle"},
       }) {
    ExpectRefused(ReportOf("", ", volumes: [{name: v, " + c.text + "}]"), c);
  }
  EXPECT_THAT(ReportOf("", ", volumes: [{name: v, emptyDir: {medium: Memory}}]").problems,
              IsEmpty());
}

// Spec: pod/14.4/volume-devices, pod/14.4/recursive-read-only, pod/25/recursive-read-only
TEST(Unsupported, MountsThatCannotBeMade) {
  for (const Case& c : {
           Case{", volumeDevices: [{name: v, devicePath: /x}]", "containers[0].volumeDevices"},
           Case{", volumeMounts: [{name: v, mountPath: /x, recursiveReadOnly: Enabled}]",
                "containers[0].volumeMounts[0].recursiveReadOnly"},
       }) {
    ExpectRefused(ReportOf(c.text, ""), c);
  }
  for (const char* how : {"Disabled", "IfPossible"}) {
    const SupportReport report = ReportOf(
        std::string(", volumeMounts: [{name: v, mountPath: /x, recursiveReadOnly: ") + how + "}]",
        "");
    EXPECT_THAT(report.problems, IsEmpty()) << how;
    EXPECT_THAT(report.warnings, IsEmpty()) << how;
  }
}

// Spec: pod/3/os-name, pod/15/groups-policy, pod/15/host-users
// Spec: pod/11.2/readiness-gates, pod/25/groups-policy
TEST(Unsupported, RightsAndPromisesThatCannotBeKept) {
  for (const Case& c : {
           Case{", securityContext: {supplementalGroupsPolicy: Strict}",
                "securityContext.supplementalGroupsPolicy"},
           Case{", hostUsers: false", "hostUsers"},
           Case{", os: {name: windows}", "os.name"},
           Case{", readinessGates: [{conditionType: x}]", "readinessGates"},
       }) {
    ExpectRefused(ReportOf("", c.text), c);
  }
  const SupportReport fine = ReportOf(
      ", securityContext: {appArmorProfile: {type: Unconfined}, seLinuxOptions: {level: s0}}",
      ", securityContext: {supplementalGroupsPolicy: Merge, seLinuxOptions: {type: t}, "
      "seLinuxChangePolicy: Recursive, appArmorProfile: {type: Localhost, localhostProfile: p}}, "
      "hostUsers: true, os: {name: linux}");
  EXPECT_THAT(fine.problems, IsEmpty());
  EXPECT_THAT(fine.warnings, IsEmpty());
}

// Spec: pod/15/windows, pod/16/fqdn, pod/24/stop-signal
TEST(Unsupported, WhatIsWithoutEffectIsSaidToBe) {
  for (const Case& c : {
           Case{", securityContext: {seLinuxChangePolicy: MountOption}",
                "securityContext.seLinuxChangePolicy"},
           Case{", securityContext: {windowsOptions: {runAsUserName: x}}",
                "securityContext.windowsOptions"},
           Case{", setHostnameAsFQDN: true", "setHostnameAsFQDN"},
           Case{", serviceAccountName: robot", "serviceAccountName"},
       }) {
    ExpectWarned(ReportOf("", c.text), c);
  }
  for (const Case& c : {
           Case{", securityContext: {windowsOptions: {runAsUserName: x}}",
                "containers[0].securityContext.windowsOptions"},
           Case{", securityContext: {capabilities: {drop: ['*']}}",
                "containers[0].securityContext.capabilities.drop[0]"},
           Case{", lifecycle: {stopSignal: SIGUSR1}", "containers[0].lifecycle.stopSignal"},
       }) {
    ExpectWarned(ReportOf(c.text, ""), c);
  }
}

// Spec: pod/14.3/no-default-token
TEST(Unsupported, VolumeOfAServiceAccountIsEmptyOrNone) {
  EXPECT_THAT(ReportOf("", "", "{muster.dev/service-account-volume: empty}").problems, IsEmpty());
  EXPECT_THAT(Texts(ReportOf("", "", "{muster.dev/service-account-volume: token}").problems),
              ElementsAre("spec.template.metadata.annotations[muster.dev/service-account-volume]: "
                          "Unsupported value: \"token\": supported values: \"empty\""));
}

TEST(Unsupported, ZeroGapIsOnOrOff) {
  EXPECT_THAT(ReportOf("", "", "{muster.dev/zero-gap: \"false\"}").problems, IsEmpty());
  EXPECT_THAT(Texts(ReportOf("", "", "{muster.dev/zero-gap: \"yes\"}").problems),
              ElementsAre("spec.template.metadata.annotations[muster.dev/zero-gap]: Unsupported "
                          "value: \"yes\": supported values: \"true\", \"false\""));
}

}  // namespace
}  // namespace muster::coordinator
