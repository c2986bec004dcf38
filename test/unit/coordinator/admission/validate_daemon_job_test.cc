#include <functional>
#include <string>
#include <vector>

#include "coordinator/admission/admit.h"
#include "coordinator/admission/defaults.h"
#include "coordinator/admission/support.h"
#include "coordinator/admission/validate.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/admission/objects.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;

constexpr char kMinimal[] = R"(
apiVersion: muster.dev/v1
kind: DaemonJob
metadata: {name: once}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: "busybox:1"}
)";
constexpr WallTime kNow{std::chrono::hours(24 * 365 * 50)};

v1::Object Minimal() { return FromYaml(kMinimal); }

v1::PodSpec& Pod(v1::DaemonJob& job) {
  return *job.mutable_spec()->mutable_template_()->mutable_spec();
}

TEST(DaemonJobDefaults, AllNodesAtOnceAndTheRetriesOfAJob) {
  v1::Object object = Minimal();
  SetDefaults(object);
  const v1::DaemonJobSpec& spec = object.daemon_job().spec();
  EXPECT_EQ(object.daemon_job().metadata().namespace_(), "default");
  EXPECT_EQ(spec.parallelism().string_value(), "100%");
  EXPECT_EQ(spec.backoff_limit(), 6);
  EXPECT_TRUE(spec.has_suspend());
  EXPECT_FALSE(spec.suspend());
  EXPECT_FALSE(spec.has_ttl_seconds_after_finished());
  EXPECT_EQ(spec.template_().spec().dns_policy(), "ClusterFirst");
  EXPECT_EQ(spec.template_().spec().containers(0).image_pull_policy(), "IfNotPresent");
}

TEST(DaemonJobDefaults, WhatIsSetStays) {
  v1::Object object = Minimal();
  v1::DaemonJobSpec& spec = *object.mutable_daemon_job()->mutable_spec();
  spec.mutable_parallelism()->set_int_value(0);
  spec.set_backoff_limit(0);
  spec.set_suspend(true);
  SetDefaults(object);
  EXPECT_EQ(spec.parallelism().int_value(), 0);
  EXPECT_EQ(spec.backoff_limit(), 0);
  EXPECT_TRUE(spec.suspend());
}

TEST(ValidateDaemonJob, OneRuleEach) {
  const struct {
    const char* rule;
    std::function<void(v1::DaemonJob&)> change;
    std::vector<std::string> problems;
  } cases[] = {
      {"nothing", [](auto&) {}, {}},
      {"restart policy OnFailure",
       [](v1::DaemonJob& j) { Pod(j).set_restart_policy("OnFailure"); },
       {}},
      {"restart policy Always",
       [](v1::DaemonJob& j) { Pod(j).set_restart_policy("Always"); },
       {"spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", "
        "\"Never\""}},
      {"no restart policy",
       [](v1::DaemonJob& j) { Pod(j).clear_restart_policy(); },
       {"spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", "
        "\"Never\""}},
      {"unknown restart policy",
       [](v1::DaemonJob& j) { Pod(j).set_restart_policy("Sometimes"); },
       {"spec.template.spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: "
        "\"Always\", \"OnFailure\", \"Never\""}},
      {"active deadline",
       [](v1::DaemonJob& j) { Pod(j).set_active_deadline_seconds(5); },
       {"spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in DaemonJob "
        "is not supported"}},
      {"a share of the nodes",
       [](v1::DaemonJob& j) { j.mutable_spec()->mutable_parallelism()->set_string_value("7%"); },
       {}},
      {"more than all nodes",
       [](v1::DaemonJob& j) { j.mutable_spec()->mutable_parallelism()->set_string_value("101%"); },
       {"spec.parallelism: Invalid value: \"101%\": must not be greater than 100%"}},
      {"no share",
       [](v1::DaemonJob& j) { j.mutable_spec()->mutable_parallelism()->set_string_value("many"); },
       {"spec.parallelism: Invalid value: \"many\": a valid percent string must be a numeric "
        "string followed by an ending '%' (e.g. '1%', or '93%', regex used for validation is "
        "'[0-9]+%')"}},
      {"below zero",
       [](v1::DaemonJob& j) {
         j.mutable_spec()->mutable_parallelism()->set_int_value(-1);
         j.mutable_spec()->set_backoff_limit(-2);
         j.mutable_spec()->set_ttl_seconds_after_finished(-3);
       },
       {"spec.parallelism: Invalid value: -1: must be greater than or equal to 0",
        "spec.backoffLimit: Invalid value: -2: must be greater than or equal to 0",
        "spec.ttlSecondsAfterFinished: Invalid value: -3: must be greater than or equal to 0"}},
      {"a name that is no label",
       [](v1::DaemonJob& j) { j.mutable_metadata()->set_name(std::string(64, 'a')); },
       {"metadata.name: Invalid value: \"" + std::string(64, 'a') +
        "\": must be no more than 63 characters"}},
      {"the template is looked at",
       [](v1::DaemonJob& j) { Pod(j).mutable_containers(0)->clear_image(); },
       {"spec.template.spec.containers[0].image: Required value"}},
  };
  for (const auto& c : cases) {
    v1::Object object = Minimal();
    c.change(*object.mutable_daemon_job());
    SetDefaults(object);
    EXPECT_THAT(Texts(Validate(object)), ElementsAreArray(c.problems)) << c.rule;
  }
}

TEST(ValidateDaemonJob, AllThatIsWrongIsSaidAtOnce) {
  const v1::Object object = FromYaml(R"(
apiVersion: muster.dev/v1
kind: DaemonJob
metadata: {name: Once}
spec:
  parallelism: 200%
  backoffLimit: -1
  template: {spec: {containers: [{name: main, image: x}]}}
)");
  EXPECT_EQ(Admit(object, nullptr, kNow).problems.size(), 4u);
}

v1::Object Stored() {
  v1::Object stored = Admit(Minimal(), nullptr, kNow).object;
  stored.mutable_daemon_job()->mutable_metadata()->set_uid("u1");
  stored.mutable_daemon_job()->mutable_status()->set_succeeded(2);
  return stored;
}

TEST(AdmitDaemonJob, TheTemplateNeverChanges) {
  const v1::Object stored = Stored();
  v1::Object changed = Minimal();
  Pod(*changed.mutable_daemon_job()).mutable_containers(0)->set_image("busybox:2");
  const AdmitResult result = Admit(changed, &stored, kNow);
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_EQ(result.problems[0].path, "spec.template");
  EXPECT_EQ(result.problems[0].detail, "field is immutable");
}

TEST(AdmitDaemonJob, AllElseMayChangeAndCountsAGeneration) {
  const v1::Object stored = Stored();
  EXPECT_EQ(stored.daemon_job().metadata().generation(), 1);
  EXPECT_FALSE(Admit(Minimal(), &stored, kNow).changed);
  v1::Object changed = Minimal();
  v1::DaemonJobSpec& spec = *changed.mutable_daemon_job()->mutable_spec();
  spec.mutable_parallelism()->set_int_value(1);
  spec.set_backoff_limit(9);
  spec.set_suspend(true);
  spec.set_ttl_seconds_after_finished(60);
  changed.mutable_daemon_job()->mutable_status()->set_succeeded(7);
  const AdmitResult result = Admit(changed, &stored, kNow);
  EXPECT_THAT(result.problems, IsEmpty());
  EXPECT_TRUE(result.changed);
  EXPECT_EQ(result.object.daemon_job().metadata().generation(), 2);
  EXPECT_EQ(result.object.daemon_job().status().succeeded(), 2);
}

TEST(DaemonJobSupport, AnnotationsOfDaemonSetsMeanNothing) {
  v1::Object object = Minimal();
  auto& annotations = *object.mutable_daemon_job()->mutable_metadata()->mutable_annotations();
  annotations["muster.dev/suspend"] = "true";
  annotations["muster.dev/canary"] = "1";
  annotations["example.com/mine"] = "1";
  EXPECT_THAT(Texts(CheckSupport(object).warnings),
              ElementsAre("metadata.annotations[muster.dev/canary]: has no effect on a DaemonJob",
                          "metadata.annotations[muster.dev/suspend]: has no effect on a DaemonJob; "
                          "use spec.suspend"));
}

TEST(DaemonJobSupport, TheTemplateIsLookedAt) {
  v1::Object object = Minimal();
  (*Pod(*object.mutable_daemon_job()).mutable_node_selector())["beta.kubernetes.io/os"] = "linux";
  EXPECT_EQ(CheckSupport(object).warnings.size(), 1u);
}

}  // namespace
}  // namespace muster::coordinator
