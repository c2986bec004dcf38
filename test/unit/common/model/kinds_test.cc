#include "common/model/kinds.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace muster::model {
namespace {

TEST(Kinds, EveryCaseOfTheEnvelopeIsListedOnce) {
  std::set<int> listed;
  for (const KindInfo& info : AllKinds()) {
    EXPECT_TRUE(listed.insert(static_cast<int>(info.kind)).second) << info.name;
  }
  const google::protobuf::Descriptor* envelope = v1::Object::descriptor();
  ASSERT_EQ(static_cast<int>(listed.size()), envelope->field_count());
  for (int i = 0; i < envelope->field_count(); ++i) {
    EXPECT_TRUE(listed.count(envelope->field(i)->number())) << envelope->field(i)->name();
  }
}

TEST(Kinds, NamesMatchTheMessageTypes) {
  for (const KindInfo& info : AllKinds()) {
    const v1::Object object = NewObject(info);
    EXPECT_EQ(MessageOf(object).GetDescriptor()->name(), info.name);
    EXPECT_EQ(&InfoOf(object), &info);
  }
}

TEST(Kinds, ANewObjectSaysWhatItIs) {
  const v1::Object object = NewObject(*FindKind(Kind::kDaemonSet));
  EXPECT_EQ(object.daemon_set().api_version(), "apps/v1");
  EXPECT_EQ(object.daemon_set().kind(), "DaemonSet");
}

TEST(Kinds, MetadataOfEveryKindIsReached) {
  for (const KindInfo& info : AllKinds()) {
    v1::Object object = NewObject(info);
    MutableMetadataOf(object).set_name("one");
    EXPECT_EQ(MetadataOf(object).name(), "one") << info.name;
  }
}

TEST(Kinds, AreFoundByWhatAUserTypes) {
  const struct {
    std::string text;
    std::string found;
  } cases[] = {
      {"ds", "DaemonSet"},
      {"daemonset", "DaemonSet"},
      {"DaemonSet", "DaemonSet"},
      {"daemonsets", "DaemonSet"},
      {"daemonsets.apps", "DaemonSet"},
      {"ds.apps", "DaemonSet"},
      {"dj", "DaemonJob"},
      {"daemonjobs.muster.dev", "DaemonJob"},
      {"po", "Pod"},
      {"no", "Node"},
      {"cm", "ConfigMap"},
      {"secrets", "Secret"},
      {"ev", "Event"},
      {"controllerrevisions", "ControllerRevision"},
      {"priorityclasses.scheduling.k8s.io", "PriorityClass"},
      {"daemonsets.extensions", ""},
      {"pods.apps", ""},
      {"", ""},
      {".", ""},
      {"deployments", ""},
  };
  for (const auto& c : cases) {
    const KindInfo* info = FindResource(c.text);
    EXPECT_EQ(info == nullptr ? "" : std::string(info->name), c.found) << c.text;
  }
}

TEST(Kinds, ManifestsNameAKindExactly) {
  EXPECT_NE(FindKind("apps/v1", "DaemonSet"), nullptr);
  EXPECT_EQ(FindKind("apps/v1", "daemonset"), nullptr);
  EXPECT_EQ(FindKind("v1", "DaemonSet"), nullptr);
  EXPECT_EQ(FindKind(Kind::OBJECT_NOT_SET), nullptr);
}

TEST(Kinds, QualifiedNamesCarryTheGroup) {
  EXPECT_EQ(QualifiedName(*FindResource("ds"), "web"), "daemonset.apps/web");
  v1::Object object = NewObject(*FindResource("cm"));
  object.mutable_config_map()->mutable_metadata()->set_name("settings");
  EXPECT_EQ(QualifiedName(object), "configmap/settings");
}

}  // namespace
}  // namespace muster::model
