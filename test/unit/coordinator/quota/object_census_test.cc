#include "coordinator/quota/object_census.h"

#include <memory>
#include <string>

#include "coordinator/store/memory/memory_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class ObjectCensusTest : public ::testing::Test {
 protected:
  void Open(const ObjectCensus::Limits& limits) {
    auto census = ObjectCensus::Open(objects_, clock_, limits);
    ASSERT_TRUE(census.ok()) << census.status();
    census_ = *std::move(census);
  }
  static v1::Object Map(const std::string& ns, const std::string& name, size_t bytes = 10) {
    v1::Object object = model::NewObject(*model::FindKind(v1::Object::kConfigMap));
    model::MutableMetadataOf(object).set_namespace_(ns);
    model::MutableMetadataOf(object).set_name(name);
    (*object.mutable_config_map()->mutable_data())["key"] = std::string(bytes, 'x');
    return object;
  }
  static v1::Object OwnedPod(const std::string& ns, const std::string& name,
                             const std::string& uid) {
    v1::Object pod = model::NewObject(*model::FindKind(v1::Object::kPod));
    model::MutableMetadataOf(pod).set_namespace_(ns);
    model::MutableMetadataOf(pod).set_name(name);
    v1::OwnerReference& owner = *model::MutableMetadataOf(pod).add_owner_references();
    owner.set_api_version("apps/v1");
    owner.set_kind("DaemonSet");
    owner.set_name("web");
    owner.set_uid(uid);
    owner.set_controller(true);
    return pod;
  }
  // Its uid.
  std::string PutDaemonSet(const std::string& ns, const std::string& name,
                           bool through_census = false) {
    v1::Object object = model::NewObject(*model::FindKind(v1::Object::kDaemonSet));
    model::MutableMetadataOf(object).set_namespace_(ns);
    model::MutableMetadataOf(object).set_name(name);
    ObjectTransaction transaction;
    transaction.Create(std::move(object));
    const auto committed = through_census ? census_->Commit(std::move(transaction))
                                          : objects_.Commit(std::move(transaction));
    EXPECT_TRUE(committed.ok()) << committed.status();
    return committed.ok() ? model::MetadataOf(committed->objects[0]).uid() : "";
  }
  absl::Status Create(v1::Object object) {
    ObjectTransaction transaction;
    transaction.Create(std::move(object));
    return census_->Commit(std::move(transaction)).status();
  }
  absl::Status Update(v1::Object object) {
    const v1::ObjectMeta& metadata = model::MetadataOf(object);
    const auto stored = objects_.Get(object.object_case(), metadata.namespace_(), metadata.name());
    model::MutableMetadataOf(object).set_resource_version(
        model::MetadataOf(*stored).resource_version());
    ObjectTransaction transaction;
    transaction.Update(std::move(object));
    return census_->Commit(std::move(transaction)).status();
  }
  absl::Status Delete(const std::string& ns, const std::string& name) {
    ObjectTransaction transaction;
    transaction.Delete(*objects_.Get(v1::Object::kConfigMap, ns, name));
    return census_->Commit(std::move(transaction)).status();
  }

  ManualClock clock_;
  MemoryStore store_;
  ObjectStore objects_{store_, clock_};
  std::unique_ptr<ObjectCensus> census_;
};

TEST_F(ObjectCensusTest, OneKindInOneNamespaceHasALimit) {
  Open({.objects_per_namespace = 2});
  EXPECT_TRUE(Create(Map("a", "1")).ok());
  EXPECT_TRUE(Create(Map("a", "2")).ok());
  const absl::Status refused = Create(Map("a", "3"));
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("configmaps \"3\" is forbidden: exceeded quota: namespace \"a\" has 2 "
                        "configmaps, and may have 2 (limits.objectsPerNamespace of"));
  // Others have their own, and so have other kinds.
  EXPECT_TRUE(Create(Map("b", "3")).ok());
  v1::Object secret = model::NewObject(*model::FindKind(v1::Object::kSecret));
  model::MutableMetadataOf(secret).set_namespace_("a");
  model::MutableMetadataOf(secret).set_name("3");
  EXPECT_TRUE(Create(secret).ok());
  // What is there may be changed, and removed, which makes room.
  EXPECT_TRUE(Update(Map("a", "1", 20)).ok());
  EXPECT_TRUE(Delete("a", "1").ok());
  EXPECT_TRUE(Create(Map("a", "3")).ok());
}

TEST_F(ObjectCensusTest, AllTogetherHaveALimit) {
  Open({.objects = 3});
  for (const char* ns : {"a", "b", "c"}) EXPECT_TRUE(Create(Map(ns, "1")).ok());
  const absl::Status refused = Create(Map("d", "1"));
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("there are 3 objects, and may be 3 (limits.objects of"));
}

TEST_F(ObjectCensusTest, AnUpdateThatGrowsBeyondTheRoomIsRefusedAndOneThatShrinksIsNot) {
  Open({.bytes_per_namespace = 3 << 10});
  EXPECT_TRUE(Create(Map("a", "1", 1 << 10)).ok());
  EXPECT_TRUE(Create(Map("a", "2", 1 << 10)).ok());
  const absl::Status refused = Update(Map("a", "1", 3 << 10));
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("(limits.dataPerNamespaceMiB of"));
  EXPECT_TRUE(Update(Map("a", "1", 1 << 9)).ok());
  EXPECT_TRUE(Create(Map("b", "1", 2 << 10)).ok());
  // Made smaller from beyond, as after a restart with smaller limits.
  Open({.bytes_per_namespace = 100});
  EXPECT_TRUE(Update(Map("a", "1", 1 << 8)).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(Update(Map("a", "1", 1 << 9))));
}

TEST_F(ObjectCensusTest, TheStoreHasALimitOfBytes) {
  Open({.bytes = 3 << 10});
  EXPECT_TRUE(Create(Map("a", "1", 2 << 10)).ok());
  const absl::Status refused = Create(Map("b", "1", 2 << 10));
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("the store holds 1 MiB, and may hold 1 MiB (limits.dataMiB of"));
}

TEST_F(ObjectCensusTest, PodsOfControllersAndWhatTheyMakeDoNotCount) {
  Open({.objects_per_namespace = 1});
  const std::string uid = PutDaemonSet("a", "web");
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(Create(OwnedPod("a", "owned-" + std::to_string(i), uid)).ok());
  }
  v1::Object own = model::NewObject(*model::FindKind(v1::Object::kPod));
  model::MutableMetadataOf(own).set_namespace_("a");
  model::MutableMetadataOf(own).set_name("1");
  EXPECT_TRUE(Create(own).ok());
  model::MutableMetadataOf(own).set_name("2");
  EXPECT_TRUE(absl::IsResourceExhausted(Create(own)));
}

TEST_F(ObjectCensusTest, APodThatSaysItHasAControllerCountsUnlessThatIsThere) {
  Open({.objects_per_namespace = 3});
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Create(OwnedPod("a", "forged-" + std::to_string(i), "no-such-uid")).ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(Create(OwnedPod("a", "forged-4", "no-such-uid"))));
  PutDaemonSet("a", "web");
  clock_.Advance(10s);
  EXPECT_TRUE(absl::IsResourceExhausted(Create(OwnedPod("a", "forged-4", "another's"))));
  // Counted anew, also after a restart, they still are there.
  Open({.objects_per_namespace = 3});
  EXPECT_TRUE(absl::IsResourceExhausted(Create(OwnedPod("a", "forged-5", "no-such-uid"))));
  // To say so later makes no room either.
  Open({.objects_per_namespace = 4});
  v1::Object bare = OwnedPod("a", "bare", "");
  bare.mutable_pod()->mutable_metadata()->clear_owner_references();
  EXPECT_TRUE(Create(bare).ok());
  EXPECT_TRUE(Update(OwnedPod("a", "bare", "no-such-uid")).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(Create(OwnedPod("a", "more", "no-such-uid"))));
  clock_.Advance(10s);
  EXPECT_TRUE(absl::IsResourceExhausted(Create(OwnedPod("a", "more", "no-such-uid"))));
}

TEST_F(ObjectCensusTest, WhatControllersWriteIntoAStatusGivesNoRoomWhenItGoes) {
  Open({.bytes_per_namespace = 4 << 10});
  for (int round = 0; round < 10; ++round) {
    PutDaemonSet("a", "web", /*through_census=*/true);
    // A controller says much about it.
    v1::Object stored = *objects_.Get(v1::Object::kDaemonSet, "a", "web");
    stored.mutable_daemon_set()->mutable_status()->add_conditions()->set_message(
        std::string(2 << 10, 'x'));
    ObjectTransaction status;
    status.Update(stored);
    ASSERT_TRUE(objects_.Commit(std::move(status)).ok());
    ObjectTransaction gone;
    gone.Delete(*objects_.Get(v1::Object::kDaemonSet, "a", "web"));
    ASSERT_TRUE(census_->Commit(std::move(gone)).ok());
  }
  EXPECT_TRUE(Create(Map("a", "1", 3 << 10)).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(Create(Map("a", "2", 3 << 10))));
}

TEST_F(ObjectCensusTest, WhatIsMadeAndRemovedAgainLeavesTheCountAsItWas) {
  Open({.bytes_per_namespace = 2 << 10});
  // What the store fills in is far more than the limit in the end.
  for (int round = 0; round < 200; ++round) {
    ASSERT_TRUE(Create(Map("a", "1", 1)).ok()) << round;
    ASSERT_TRUE(Delete("a", "1").ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(Create(Map("a", "2", 3 << 10))));
}

TEST_F(ObjectCensusTest, WhatOthersRemovedIsFoundOutBeforeAnythingIsRefused) {
  Open({.objects_per_namespace = 1});
  EXPECT_TRUE(Create(Map("a", "1")).ok());
  const auto remove = [this](const std::string& name) {
    ObjectTransaction transaction;
    transaction.DeleteAny(v1::Object::kConfigMap, "a", name);
    ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  };
  remove("1");
  EXPECT_TRUE(Create(Map("a", "2")).ok());
  remove("2");
  // Counting costs the whole store, so it is not done for every refusal.
  EXPECT_FALSE(Create(Map("a", "3")).ok());
  clock_.Advance(10s);
  EXPECT_TRUE(Create(Map("a", "3")).ok());
}

TEST_F(ObjectCensusTest, ATransactionThatFailsCountsForNothing) {
  Open({.objects_per_namespace = 2});
  EXPECT_TRUE(Create(Map("a", "1")).ok());
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(absl::IsAlreadyExists(Create(Map("a", "1")))) << i;
  EXPECT_TRUE(Create(Map("a", "2")).ok());
}

}  // namespace
}  // namespace muster::coordinator
