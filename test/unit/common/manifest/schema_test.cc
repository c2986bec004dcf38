// What holds for the schema as a whole: the fixture with every field, the options on fields, and
// the types that decoding and encoding know.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/base/text_file.h"
#include "common/manifest/decode.h"
#include "common/manifest/encode.h"
#include "common/manifest/text_form.h"
#include "common/manifest/unsupported.h"
#include "common/model/kinds.h"
#include "google/protobuf/util/message_differencer.h"
#include "muster/v1/options.pb.h"
#include "test/unit/common/manifest/helpers.h"

namespace muster::manifest {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string Fixture() {
  return ReadFile(std::string(MUSTER_TEST_DATA) + "/manifests/every_field.yaml").value_or("");
}

void CollectReachable(const Descriptor& type, std::set<std::string>& fields,
                      std::set<const Descriptor*>& seen) {
  if (FormOf(type) != TextForm::kMessage || !seen.insert(&type).second) return;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    fields.insert(field.full_name());
    const Descriptor* inner =
        field.is_map() ? field.message_type()->map_value()->message_type() : field.message_type();
    if (inner != nullptr) CollectReachable(*inner, fields, seen);
  }
}

void CollectSet(const Message& message, std::set<std::string>& fields) {
  if (FormOf(*message.GetDescriptor()) != TextForm::kMessage) return;
  std::vector<const FieldDescriptor*> set;
  message.GetReflection()->ListFields(message, &set);
  for (const FieldDescriptor* field : set) {
    fields.insert(field->full_name());
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_map()) continue;
    if (!field->is_repeated()) {
      CollectSet(message.GetReflection()->GetMessage(message, field), fields);
      continue;
    }
    for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
      CollectSet(message.GetReflection()->GetRepeatedMessage(message, field, i), fields);
    }
  }
}

TEST(EveryField, TheFixtureSetsEachFieldThatADaemonSetCanReach) {
  const Decoded decoded = DecodeManifest("every_field.yaml", Fixture());
  for (const Diagnostic& found : decoded.diagnostics) ADD_FAILURE() << ToString(found);
  ASSERT_EQ(decoded.documents.size(), 1U);
  std::set<std::string> reachable;
  std::set<const Descriptor*> seen;
  CollectReachable(*v1::DaemonSet::descriptor(), reachable, seen);
  EXPECT_GT(reachable.size(), 400U);
  std::set<std::string> set;
  CollectSet(decoded.documents[0].object.daemon_set(), set);
  for (const std::string& field : reachable) {
    EXPECT_TRUE(set.count(field)) << field << " is not in the fixture";
  }
}

TEST(EveryField, SurvivesStoringAndPrintingUnchanged) {
  const Decoded first = DecodeManifest("every_field.yaml", Fixture());
  ASSERT_EQ(first.documents.size(), 1U);
  v1::Object stored;
  ASSERT_TRUE(stored.ParseFromString(first.documents[0].object.SerializeAsString()));
  for (const std::string& printed :
       {EncodeYaml(stored), EncodeJson(stored), EncodeJson(stored, JsonForm::kPretty)}) {
    const Decoded second = DecodeManifest("printed", printed);
    for (const Diagnostic& found : second.diagnostics) ADD_FAILURE() << ToString(found);
    ASSERT_EQ(second.documents.size(), 1U);
    google::protobuf::util::MessageDifferencer differencer;
    std::string differences;
    differencer.ReportDifferencesToString(&differences);
    EXPECT_TRUE(differencer.Compare(first.documents[0].object, second.documents[0].object))
        << differences;
    EXPECT_EQ(EncodeYaml(second.documents[0].object), EncodeYaml(stored));
  }
}

TEST(Schema, EveryTypeOfFieldIsOneThatCanBeReadAndPrinted) {
  std::set<std::string> fields;
  std::set<const Descriptor*> seen;
  CollectReachable(*v1::Object::descriptor(), fields, seen);
  for (const Descriptor* type : seen) {
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor& field = *type->field(i);
      const FieldDescriptor& value = field.is_map() ? *field.message_type()->map_value() : field;
      if (field.is_map()) {
        EXPECT_EQ(field.message_type()->map_key()->type(), FieldDescriptor::TYPE_STRING)
            << field.full_name();
      }
      const bool known = value.type() == FieldDescriptor::TYPE_STRING ||
                         value.type() == FieldDescriptor::TYPE_BYTES ||
                         value.type() == FieldDescriptor::TYPE_BOOL ||
                         value.type() == FieldDescriptor::TYPE_INT32 ||
                         value.type() == FieldDescriptor::TYPE_INT64 ||
                         value.type() == FieldDescriptor::TYPE_MESSAGE;
      EXPECT_TRUE(known) << field.full_name();
    }
  }
}

TEST(Schema, TopLevelKindsShareTheFirstThreeFields) {
  for (const model::KindInfo& info : model::AllKinds()) {
    const v1::Object object = model::NewObject(info);
    const Descriptor& type = *model::MessageOf(object).GetDescriptor();
    EXPECT_EQ(type.FindFieldByNumber(1)->json_name(), "apiVersion") << info.name;
    EXPECT_EQ(type.FindFieldByNumber(2)->json_name(), "kind") << info.name;
    EXPECT_EQ(type.FindFieldByNumber(3)->json_name(), "metadata") << info.name;
  }
}

// An option that names a list has to name one that exists, or it never applies.
TEST(Schema, ConditionsInFieldOptionsNameListsOfTheSchema) {
  std::set<std::string> fields;
  std::set<const Descriptor*> seen;
  CollectReachable(*v1::Object::descriptor(), fields, seen);
  std::set<std::string> lists;
  std::set<std::string> named;
  for (const Descriptor* type : seen) {
    for (int i = 0; i < type->field_count(); ++i) {
      if (type->field(i)->is_repeated()) lists.insert(type->field(i)->json_name());
      const v1::FieldOptions& options = type->field(i)->options().GetExtension(v1::field);
      EXPECT_TRUE(options.refuse().empty() || options.warn().empty())
          << type->field(i)->full_name() << " is refused and warned about";
      for (const std::string& exempt : options.unless()) {
        const size_t colon = exempt.find(':');
        if (colon != std::string::npos) named.insert(exempt.substr(0, colon));
      }
    }
  }
  for (const std::string& list : named) EXPECT_TRUE(lists.count(list)) << list;
}

std::vector<std::string> UnsupportedIn(const std::string& pod_spec) {
  const Decoded decoded = DecodeManifest(
      "f", "apiVersion: apps/v1\nkind: DaemonSet\nspec:\n  template:\n    spec: " + pod_spec);
  EXPECT_EQ(decoded.documents.size(), 1U) << pod_spec;
  std::vector<std::string> found;
  if (decoded.documents.empty()) return found;
  for (const UnsupportedField& field :
       FindUnsupportedFields(model::MessageOf(decoded.documents[0].object))) {
    found.push_back((field.refused ? "refuse " : "warn ") + field.path);
    EXPECT_FALSE(field.reason.empty());
  }
  return found;
}

TEST(Unsupported, WhatThisVersionHonoursIsNotMentioned) {
  const std::string honoured = R"({
    "hostNetwork": true, "hostPID": true, "terminationGracePeriodSeconds": 5,
    "nodeSelector": {"a": "b"}, "tolerations": [{"operator": "Exists"}],
    "schedulerName": "default-scheduler", "hostUsers": true, "os": {"name": "linux"},
    "automountServiceAccountToken": false, "enableServiceLinks": false,
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
      {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}}},
    "containers": [{"name": "a", "image": "b", "restartPolicy": "Always",
      "command": ["c"], "args": ["d"], "workingDir": "/", "tty": true,
      "env": [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
      "ports": [{"containerPort": 80, "hostPort": 80}],
      "resources": {"limits": {"cpu": "1"}},
      "securityContext": {"privileged": true, "capabilities": {"add": ["NET_ADMIN"]},
        "seccompProfile": {"type": "RuntimeDefault"},
        "seLinuxOptions": {"type": "spc_t"},
        "appArmorProfile": {"type": "Localhost", "localhostProfile": "p"}},
      "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "s",
        "mountPropagation": "Bidirectional", "recursiveReadOnly": "Disabled"}]}],
    "volumes": [{"name": "h", "hostPath": {"path": "/"}}, {"name": "e", "emptyDir": {"medium": "Memory"}},
      {"name": "c", "configMap": {"name": "c", "defaultMode": 420}},
      {"name": "s", "secret": {"secretName": "s"}},
      {"name": "p", "projected": {"sources": [{"configMap": {"name": "c"}}]}}]})";
  EXPECT_EQ(UnsupportedIn(honoured), std::vector<std::string>());
}

TEST(Unsupported, EachFieldIsReportedByItsPath) {
  const struct {
    std::string spec;
    std::string found;
  } cases[] = {
      {"{volumes: [{name: a}, {name: b, persistentVolumeClaim: {claimName: c}}]}",
       "refuse spec.template.spec.volumes[1].persistentVolumeClaim"},
      {"{volumes: [{name: a, projected: {sources: [{serviceAccountToken: {path: t}}]}}]}",
       "refuse spec.template.spec.volumes[0].projected.sources[0].serviceAccountToken"},
      {"{resources: {claims: [{name: a}]}}", "refuse spec.template.spec.resources"},
      {"{hostUsers: false}", "refuse spec.template.spec.hostUsers"},
      {"{os: {name: windows}}", "refuse spec.template.spec.os.name"},
      {"{schedulerName: mine}", "warn spec.template.spec.schedulerName"},
      {"{serviceAccountName: mine}", "warn spec.template.spec.serviceAccountName"},
      {"{containers: [{name: a, livenessProbe: {grpc: {port: 1, mode: TLS}}}]}",
       "warn spec.template.spec.containers[0].livenessProbe.grpc.mode"},
      {"{containers: [{name: a, restartPolicy: Never}]}",
       "refuse spec.template.spec.containers[0].restartPolicy"},
      {"{initContainers: [{name: a, restartPolicy: OnFailure}]}",
       "refuse spec.template.spec.initContainers[0].restartPolicy"},
      {"{securityContext: {seLinuxChangePolicy: MountOption}}",
       "warn spec.template.spec.securityContext.seLinuxChangePolicy"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(UnsupportedIn(c.spec), std::vector<std::string>{c.found}) << c.spec;
  }
}

}  // namespace
}  // namespace muster::manifest
