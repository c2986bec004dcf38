// What may run where, as apply, update and undo ask it.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/api/admin_api.h"
#include "coordinator/store/memory/memory_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MayRunTest : public ::testing::Test {
 protected:
  static v1::Object Namespace(const std::string& name, const std::string& enforce,
                              const std::string& mode = "enforce") {
    v1::Object object = model::NewObject(*model::FindKind(v1::Object::kNamespaceObject));
    model::MutableMetadataOf(object).set_name(name);
    if (!enforce.empty()) {
      (*model::MutableMetadataOf(object)
            .mutable_labels())[absl::StrCat(kPodSecurityLabelPrefix, mode)] = enforce;
    }
    return object;
  }
  static v1::PodTemplateSpec* TemplateOf(v1::Object& object) {
    return object.has_daemon_job()
               ? object.mutable_daemon_job()->mutable_spec()->mutable_template_()
               : object.mutable_daemon_set()->mutable_spec()->mutable_template_();
  }
  // A DaemonSet, a DaemonJob or a Pod that has the host's network.
  static v1::Object Workload(v1::Object::ObjectCase kind, const std::string& ns = "team") {
    v1::Object object = model::NewObject(*model::FindKind(kind));
    model::MutableMetadataOf(object).set_name("web");
    model::MutableMetadataOf(object).set_namespace_(ns);
    v1::PodSpec* spec = nullptr;
    if (object.has_pod()) {
      spec = object.mutable_pod()->mutable_spec();
    } else {
      spec = TemplateOf(object)->mutable_spec();
      (*TemplateOf(object)->mutable_metadata()->mutable_labels())["app"] = "web";
    }
    if (object.has_daemon_set()) {
      (*object.mutable_daemon_set()
            ->mutable_spec()
            ->mutable_selector()
            ->mutable_match_labels())["app"] = "web";
    }
    if (object.has_daemon_job()) spec->set_restart_policy("OnFailure");
    spec->set_host_network(true);
    v1::Container& container = *spec->add_containers();
    container.set_name("main");
    container.set_image("registry.example.com/team/web:1");
    return object;
  }
  absl::StatusOr<admin::v1::ApplyResponse> Apply(const std::vector<v1::Object>& objects,
                                                 CallNotes* notes = nullptr) {
    admin::v1::ApplyRequest request;
    for (const v1::Object& object : objects) *request.add_objects() = object;
    return api().Apply(request, notes);
  }
  AdminApi& api() {
    if (api_ == nullptr)
      api_ = std::make_unique<AdminApi>(objects_, clock_, ServiceRanges{}, rules_);
    return *api_;
  }

  ManualClock clock_;
  MemoryStore store_;
  ObjectStore objects_{store_, clock_};
  RunRules rules_;
  std::unique_ptr<AdminApi> api_;
};

TEST_F(MayRunTest, EveryKindThatMakesPodsIsRefusedWhereItsNamespaceEnforcesALevel) {
  ASSERT_TRUE(Apply({Namespace("team", "baseline")}).ok());
  for (const v1::Object::ObjectCase kind :
       {v1::Object::kDaemonSet, v1::Object::kDaemonJob, v1::Object::kPod}) {
    const absl::Status status = Apply({Workload(kind)}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(
        std::string(status.message()),
        HasSubstr(absl::StrCat(kind == v1::Object::kPod ? "spec" : "spec.template.spec",
                               ": Forbidden: violates PodSecurity \"baseline:latest\": host "
                               "namespaces (hostNetwork=true)")));
    EXPECT_TRUE(Apply({Workload(kind, "other")}).ok());
    EXPECT_TRUE(objects_.Get(kind, "team", "web").status().code() == absl::StatusCode::kNotFound);
  }
}

TEST_F(MayRunTest, ANamespaceOfTheSameRequestCounts) {
  EXPECT_FALSE(Apply({Workload(v1::Object::kDaemonSet), Namespace("team", "baseline")}).ok());
  EXPECT_TRUE(Apply({Workload(v1::Object::kDaemonSet), Namespace("team", "privileged")}).ok());
}

TEST_F(MayRunTest, WarnAndAuditSayWhatWouldBeAndRefuseNothing) {
  v1::Object ns = Namespace("team", "baseline", "warn");
  (*model::MutableMetadataOf(ns).mutable_labels())["pod-security.kubernetes.io/audit"] = "baseline";
  ASSERT_TRUE(Apply({ns}).ok());
  CallNotes notes;
  const auto response = Apply({Workload(v1::Object::kDaemonSet)}, &notes);
  ASSERT_TRUE(response.ok()) << response.status();
  const std::string text =
      "would violate PodSecurity \"baseline:latest\": host namespaces (hostNetwork=true)";
  ASSERT_EQ(response->warnings_size(), 1);
  EXPECT_EQ(response->warnings(0).path(), "spec.template.spec");
  EXPECT_EQ(response->warnings(0).text(), text);
  EXPECT_THAT(notes.remarks, ElementsAre(text));
}

TEST_F(MayRunTest, TheLevelOfTheSettingsHoldsWhereTheNamespaceSaysNothing) {
  rules_.pod_security.enforce = PodSecurityLevel::kBaseline;
  EXPECT_FALSE(Apply({Workload(v1::Object::kDaemonSet)}).ok());
  ASSERT_TRUE(Apply({Namespace("team", "privileged")}).ok());
  EXPECT_TRUE(Apply({Workload(v1::Object::kDaemonSet)}).ok());
}

TEST_F(MayRunTest, ANamespaceThatBecomesStricterNamesWhatIsThereAndLetsItBe) {
  ASSERT_TRUE(Apply({Workload(v1::Object::kDaemonSet)}).ok());
  const auto stricter = Apply({Namespace("team", "baseline")});
  ASSERT_TRUE(stricter.ok());
  std::vector<std::string> warnings;
  for (const auto& warning : stricter->warnings()) {
    if (warning.path() == "metadata.labels") warnings.push_back(warning.text());
  }
  EXPECT_THAT(
      warnings,
      ElementsAre("daemonset/web stays as it is, and is refused when it is changed: violates "
                  "PodSecurity \"baseline:latest\": host namespaces (hostNetwork=true)"));
  // What does not touch the pods may be changed.
  v1::Object labelled = Workload(v1::Object::kDaemonSet);
  (*model::MutableMetadataOf(labelled).mutable_labels())["a"] = "b";
  EXPECT_TRUE(Apply({labelled}).ok());
  v1::Object restarted = labelled;
  (*TemplateOf(restarted)
        ->mutable_metadata()
        ->mutable_annotations())["kubectl.kubernetes.io/restartedAt"] = "now";
  EXPECT_TRUE(Apply({restarted}).ok());
  v1::Object changed = labelled;
  TemplateOf(changed)->mutable_spec()->mutable_containers(0)->set_image("registry.example.com/x:2");
  EXPECT_FALSE(Apply({changed}).ok());
}

TEST_F(MayRunTest, LabelsThatAreNoLevelsAreRefused) {
  EXPECT_THAT(Apply({Namespace("team", "strict")}).status().ToString(),
              HasSubstr("metadata.labels[pod-security.kubernetes.io/enforce]: Unsupported value: "
                        "\"strict\""));
  EXPECT_THAT(Apply({Namespace("team", "v2", "enforce-version")}).status().ToString(),
              HasSubstr("must be \"latest\" or \"v1.x\""));
}

TEST_F(MayRunTest, PathsOfHostsAndRegistriesAreThoseOfTheSettings) {
  rules_.host_paths = {"/var/log"};
  rules_.registries = {"registry.example.com/team"};
  v1::Object set = Workload(v1::Object::kDaemonSet);
  v1::PodSpec& spec = *TemplateOf(set)->mutable_spec();
  v1::Volume& volume = *spec.add_volumes();
  volume.set_name("logs");
  volume.mutable_host_path()->set_path("/var/log/pods");
  EXPECT_TRUE(Apply({set}).ok());
  volume.mutable_host_path()->set_path("/var/logs");
  EXPECT_THAT(Apply({set}).status().ToString(),
              HasSubstr("spec.template.spec.volumes[0].hostPath.path: Forbidden: \"/var/logs\" is "
                        "not below what the coordinator allows (/var/log)"));
  volume.mutable_host_path()->set_path("/var/log");
  spec.mutable_containers(0)->set_image("nginx");
  EXPECT_THAT(
      Apply({set}).status().ToString(),
      HasSubstr("spec.template.spec.containers[0].image: Forbidden: \"nginx\" is not from"));
  // Nor by the way of an annotation.
  spec.mutable_containers(0)->set_image("registry.example.com/team/web:1");
  (*model::MutableMetadataOf(set).mutable_annotations())["muster.dev/overrides"] =
      R"([{"selector": "a=b", "containers": [{"name": "main", "image": "evil.org/x"}]}])";
  EXPECT_THAT(Apply({set}).status().ToString(),
              HasSubstr("metadata.annotations[muster.dev/overrides]: Forbidden: \"evil.org/x\""));
}

TEST_F(MayRunTest, AnEmptyListAllowsNothing) {
  rules_.registries.emplace();
  EXPECT_THAT(Apply({Workload(v1::Object::kPod)}).status().ToString(), HasSubstr("(nowhere)"));
}

TEST_F(MayRunTest, NotesSayWhatWasWritten) {
  CallNotes notes;
  ASSERT_TRUE(Apply({Workload(v1::Object::kDaemonSet)}, &notes).ok());
  EXPECT_THAT(notes.changes, ElementsAre(ChangedObject{"daemonsets", "team", "web", 0, 1},
                                         ChangedObject{"namespaces", "", "team", 0, 1}));
  v1::Object changed = Workload(v1::Object::kDaemonSet);
  (*model::MutableMetadataOf(changed).mutable_labels())["a"] = "b";
  ASSERT_TRUE(Apply({changed}, &notes).ok());
  EXPECT_THAT(notes.changes, ElementsAre(ChangedObject{"daemonsets", "team", "web", 1, 2}));
  ASSERT_TRUE(Apply({changed}, &notes).ok());
  EXPECT_THAT(notes.changes, IsEmpty()) << "nothing changed";
}

}  // namespace
}  // namespace muster::coordinator
