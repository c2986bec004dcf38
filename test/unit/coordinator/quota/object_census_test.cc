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
  for (int i = 0; i < 5; ++i) {
    v1::Object pod = model::NewObject(*model::FindKind(v1::Object::kPod));
    model::MutableMetadataOf(pod).set_namespace_("a");
    model::MutableMetadataOf(pod).set_name("owned-" + std::to_string(i));
    model::MutableMetadataOf(pod).add_owner_references()->set_controller(true);
    EXPECT_TRUE(Create(std::move(pod)).ok());
  }
  v1::Object own = model::NewObject(*model::FindKind(v1::Object::kPod));
  model::MutableMetadataOf(own).set_namespace_("a");
  model::MutableMetadataOf(own).set_name("1");
  EXPECT_TRUE(Create(own).ok());
  model::MutableMetadataOf(own).set_name("2");
  EXPECT_TRUE(absl::IsResourceExhausted(Create(own)));
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
