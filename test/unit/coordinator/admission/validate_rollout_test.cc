#include "coordinator/admission/validate_rollout.h"

#include <string>

#include "coordinator/admission/admit.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/admission/objects.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

AdmitResult AdmitWith(const std::string& annotations, const std::string& spec = "") {
  return Admit(FromYaml(R"(
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: web
  annotations: )" + annotations +
                        R"(
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "nginx:1.25"}]}
)" + spec),
               nullptr, WallTime());
}

TEST(ValidateRollout, AcceptsAPolicyInFull) {
  const AdmitResult result = AdmitWith(
      "{muster.dev/progress-deadline: 10m, muster.dev/on-failure: rollback, "
      "muster.dev/max-failed: 10%, muster.dev/canary: 'count: 2', muster.dev/paused: 'false', "
      "muster.dev/suspend: 'false'}");
  EXPECT_THAT(Texts(result.problems), IsEmpty());
  EXPECT_THAT(Texts(result.warnings), IsEmpty());
}

TEST(ValidateRollout, NamesEveryAnnotationThatSaysNothing) {
  EXPECT_THAT(
      Texts(AdmitWith("{muster.dev/max-failed: few, muster.dev/suspend: 'yes'}").problems),
      ElementsAre("metadata.annotations[muster.dev/max-failed]: Invalid value: \"few\": expected a "
                  "number of nodes such as 3, or a percentage such as 10%",
                  "metadata.annotations[muster.dev/suspend]: Invalid value: \"yes\": expected "
                  "\"true\" or \"false\""));
}

TEST(ValidateRollout, ADeadlineLeavesTimeToBecomeAvailable) {
  const std::string annotations = "{muster.dev/progress-deadline: 30s}";
  EXPECT_THAT(
      Texts(AdmitWith(annotations, "  minReadySeconds: 30\n").problems),
      ElementsAre("metadata.annotations[muster.dev/progress-deadline]: Invalid value: \"30s\": "
                  "must be longer than spec.minReadySeconds, which is 30s"));
  EXPECT_THAT(Texts(AdmitWith(annotations, "  minReadySeconds: 29\n").problems), IsEmpty());
}

TEST(ValidateRollout, WarnsAboutAnnotationsNobodyReads) {
  EXPECT_THAT(
      Texts(AdmitWith("{muster.dev/max-fail: '1', muster.dev/colour: red}").warnings),
      ElementsAre("metadata.annotations[muster.dev/colour]: Muster knows no such annotation",
                  "metadata.annotations[muster.dev/max-fail]: Muster knows no such annotation; did "
                  "you mean \"muster.dev/max-failed\"?"));
}

TEST(ValidateRollout, WarnsWhenNobodyDrivesTheRollout) {
  EXPECT_THAT(Texts(AdmitWith("{muster.dev/canary: 'count: 1', muster.dev/suspend: 'true'}",
                              "  updateStrategy: {type: OnDelete}\n")
                        .warnings),
              ElementsAre("metadata.annotations[muster.dev/canary]: has no effect with the update "
                          "strategy OnDelete"));
}

}  // namespace
}  // namespace muster::coordinator
