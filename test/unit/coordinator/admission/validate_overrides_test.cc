#include "coordinator/admission/validate_overrides.h"

#include <string>
#include <vector>

#include "coordinator/admission/admit.h"
#include "coordinator/admission/defaults.h"
#include "coordinator/admission/validate.h"
#include "coordinator/templates/effective.h"
#include "coordinator/templates/node_overrides.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/admission/objects.h"

namespace muster::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

v1::Object With(const char* key, const std::string& value) {
  v1::Object object = MinimalDaemonSet();
  (*object.mutable_daemon_set()->mutable_metadata()->mutable_annotations())[key] = value;
  return object;
}

std::vector<std::string> ProblemsOf(const std::string& overrides) {
  v1::Object object = With(kOverridesAnnotation, overrides);
  object.mutable_daemon_set()->mutable_metadata()->set_namespace_("default");
  SetDefaults(object);
  return Texts(Validate(object));
}

TEST(ValidateOverrides, GoodOnesAreFine) {
  EXPECT_THAT(
      ProblemsOf("- selector: {tier: big}\n"
                 "  containers:\n"
                 "  - name: main\n"
                 "    image: nginx:1.26\n"
                 "    args: [--big]\n"
                 "    env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]\n"
                 "    resources: {requests: {cpu: 1}, limits: {cpu: 2}}\n"),
      IsEmpty());
}

TEST(ValidateOverrides, NameTheExactPlace) {
  EXPECT_THAT(ProblemsOf("- selector: {tier: big}\n  containers: [{name: other, image: x}]\n"),
              ElementsAre("metadata.annotations[muster.dev/overrides][0].containers[0].name: "
                          "Not found: \"other\""));
  EXPECT_THAT(ProblemsOf("- selector: {tier: big}\n  containers: [{image: x}]\n"),
              ElementsAre(StartsWith("metadata.annotations[muster.dev/overrides][0].containers[0]"
                                     ".name: Required value")));
  EXPECT_THAT(ProblemsOf("- selector: {tier: big}\n"
                         "  containers: [{name: main, image: a}, {name: main, image: b}]\n"),
              ElementsAre("metadata.annotations[muster.dev/overrides][0].containers[1].name: "
                          "Duplicate value: \"main\""));
  EXPECT_THAT(ProblemsOf("- {selector: {tier: big}, containers: [{name: main, image: a}]}\n"
                         "- {selector: {tier: odd}, containers: [{name: main, resources: "
                         "{requests: {cpu: 2}, limits: {cpu: 1}}}]}\n"),
              ElementsAre(StartsWith("metadata.annotations[muster.dev/overrides][1].containers[0]"
                                     ".resources.requests: Invalid value: \"2\"")));
  EXPECT_THAT(ProblemsOf("- {selector: {tier: big}, containers: [{name: main, env: "
                         "[{name: GOOD, value: a}, {name: \"a=b\", value: c}]}]}\n"),
              ElementsAre(StartsWith("metadata.annotations[muster.dev/overrides][0].containers[0]"
                                     ".env[1].name: Invalid value: \"a=b\"")));
  EXPECT_THAT(ProblemsOf("- {selector: {tier: big}, containers: [{name: main, imagee: a}]}\n"),
              ElementsAre(StartsWith("metadata.annotations[muster.dev/overrides][0].containers[0]"
                                     ".imagee: Invalid value")));
}

TEST(ValidateOverrides, ASwitchIsTrueOrFalse) {
  v1::Object object = With(kRollOnConfigAnnotation, "yes");
  object.mutable_daemon_set()->mutable_metadata()->set_namespace_("default");
  SetDefaults(object);
  EXPECT_THAT(Texts(Validate(object)),
              ElementsAre(StartsWith("metadata.annotations[muster.dev/roll-on-config]: "
                                     "Unsupported value: \"yes\"")));
}

TEST(ValidateOverrides, AChangeCountsInTheGeneration) {
  v1::Object stored = MinimalDaemonSet();
  stored.mutable_daemon_set()->mutable_metadata()->set_namespace_("default");
  stored = Admit(stored, nullptr, WallTime()).object;
  EXPECT_EQ(stored.daemon_set().metadata().generation(), 1);
  v1::Object changed = stored;
  auto& annotations = *changed.mutable_daemon_set()->mutable_metadata()->mutable_annotations();
  annotations["other"] = "x";
  EXPECT_EQ(Admit(changed, &stored, WallTime()).object.daemon_set().metadata().generation(), 1);
  annotations[kOverridesAnnotation] = "- {selector: {a: b}, containers: [{name: main, image: i}]}";
  EXPECT_EQ(Admit(changed, &stored, WallTime()).object.daemon_set().metadata().generation(), 2);
}

}  // namespace
}  // namespace muster::coordinator
