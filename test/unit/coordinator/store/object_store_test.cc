#include "coordinator/store/object_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "coordinator/store/memory/memory_store.h"
#include "google/protobuf/util/message_differencer.h"

namespace muster::coordinator {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = model::Kind;

v1::Object NewObject(Kind kind, const std::string& ns, const std::string& name) {
  v1::Object object = model::NewObject(*model::FindKind(kind));
  model::MutableMetadataOf(object).set_name(name);
  model::MutableMetadataOf(object).set_namespace_(ns);
  return object;
}
v1::Object NewPod(const std::string& ns, const std::string& name) {
  return NewObject(Kind::kPod, ns, name);
}

std::vector<std::string> Names(const std::vector<v1::Object>& objects) {
  std::vector<std::string> names;
  for (const v1::Object& object : objects) names.push_back(KeyOf(object));
  return names;
}

class ObjectStoreTest : public ::testing::Test {
 protected:
  v1::Object Create(v1::Object object) {
    ObjectTransaction transaction;
    transaction.Create(std::move(object));
    auto committed = objects_.Commit(std::move(transaction));
    EXPECT_TRUE(committed.ok()) << committed.status();
    return committed->objects.at(0);
  }
  absl::StatusOr<v1::Object> Update(v1::Object object) {
    ObjectTransaction transaction;
    transaction.Update(std::move(object));
    auto committed = objects_.Commit(std::move(transaction));
    if (!committed.ok()) return committed.status();
    return committed->objects.at(0);
  }
  absl::Status Delete(v1::Object object) {
    ObjectTransaction transaction;
    transaction.Delete(std::move(object));
    return objects_.Commit(std::move(transaction)).status();
  }

  MemoryStore store_{{.delivery = WatchHub::Delivery::kOnDemand}};
  ManualClock clock_{WallTime(std::chrono::milliseconds(1'700'000'000'999))};
  uint64_t bits_ = 0;
  ObjectStore objects_{store_, clock_, [this] { return ++bits_; }};
};

TEST(ObjectKey, NamesPluralNamespaceAndName) {
  EXPECT_EQ(KeyFor(Kind::kDaemonSet, "web", "x"), "/daemonsets/web/x");
  EXPECT_EQ(KeyFor(Kind::kNode, "", "n1.example"), "/nodes/n1.example");
  EXPECT_EQ(KeyFor(Kind::kNode, "ignored", "n1"), "/nodes/n1");
  EXPECT_EQ(PrefixFor(Kind::kPod), "/pods/");
  EXPECT_EQ(PrefixFor(Kind::kPod, "web"), "/pods/web/");
  EXPECT_EQ(PrefixFor(Kind::kNode, "web"), "/nodes/");
}

TEST(ObjectKey, TellsTheKindOfAKey) {
  for (const model::KindInfo& info : model::AllKinds()) {
    EXPECT_EQ(KindOfKey(KeyFor(info.kind, "ns", "x")), info.kind) << info.plural;
  }
  for (const char* key :
       {"", "/", "pods/a/b", "/pods", "/pod/a/b", "/podsets/a/b", "/muster.dev/tokens/x"}) {
    EXPECT_EQ(KindOfKey(key), Kind::OBJECT_NOT_SET) << key;
  }
}

TEST(ObjectKey, SpeaksAsKubernetesDoes) {
  EXPECT_EQ(ObjectNotFound(Kind::kDaemonSet, "x").ToString(),
            "NOT_FOUND: daemonsets.apps \"x\" not found");
  EXPECT_EQ(ObjectNotFound(Kind::kPod, "x").ToString(), "NOT_FOUND: pods \"x\" not found");
  EXPECT_EQ(ObjectNotFound(Kind::kPriorityClass, "x").ToString(),
            "NOT_FOUND: priorityclasses.scheduling.k8s.io \"x\" not found");
  EXPECT_EQ(ObjectExists(Kind::kDaemonSet, "x").ToString(),
            "ALREADY_EXISTS: daemonsets.apps \"x\" already exists");
  EXPECT_EQ(ObjectConflict(Kind::kDaemonSet, "x").ToString(),
            "ABORTED: Operation cannot be fulfilled on daemonsets.apps \"x\": the object has been "
            "modified; please apply your changes to the latest version and try again");
}

TEST_F(ObjectStoreTest, CreatingSetsIdentityAndReadingTheRevision) {
  const v1::Object created = Create(NewPod("web", "a"));
  const v1::ObjectMeta& metadata = created.pod().metadata();
  EXPECT_EQ(metadata.resource_version(), "1");
  EXPECT_EQ(metadata.uid(), "00000000-0000-4001-8000-000000000002");
  EXPECT_EQ(metadata.creation_timestamp().seconds(), 1'700'000'000);
  EXPECT_EQ(metadata.creation_timestamp().nanos(), 0);

  const v1::Object read = objects_.Get(Kind::kPod, "web", "a").value();
  EXPECT_TRUE(MessageDifferencer::Equals(read, created)) << read.DebugString();
}

TEST_F(ObjectStoreTest, AStampedObjectKeepsItsIdentity) {
  v1::Object object = NewPod("web", "a");
  objects_.Stamp(object);
  const std::string uid = object.pod().metadata().uid();
  clock_.Advance(std::chrono::hours(1));
  const v1::Object created = Create(object);
  EXPECT_EQ(created.pod().metadata().uid(), uid);
  EXPECT_EQ(created.pod().metadata().creation_timestamp().seconds(), 1'700'000'000);
}

TEST_F(ObjectStoreTest, TheResourceVersionIsNotStored) {
  v1::Object object = Create(NewPod("web", "a"));
  const std::string stored = store_.Get("/pods/web/a").value()->value;
  v1::Object raw;
  ASSERT_TRUE(raw.ParseFromString(stored));
  EXPECT_EQ(raw.pod().metadata().resource_version(), "");
  ASSERT_TRUE(Update(object).ok());
  EXPECT_EQ(store_.Get("/pods/web/a").value()->value, stored);
  EXPECT_EQ(objects_.Get(Kind::kPod, "web", "a")->pod().metadata().resource_version(), "2");
}

TEST_F(ObjectStoreTest, EqualObjectsHaveEqualBytes) {
  v1::Object one = NewPod("web", "a"), other = NewPod("web", "a");
  for (int i = 0; i < 40; ++i) {
    (*one.mutable_pod()->mutable_metadata()->mutable_labels())[std::to_string(i)] = "x";
    (*other.mutable_pod()->mutable_metadata()->mutable_labels())[std::to_string(39 - i)] = "x";
  }
  EXPECT_EQ(EncodeObject(one), EncodeObject(other));
}

TEST_F(ObjectStoreTest, CreatingWhatExistsIsRefused) {
  Create(NewObject(Kind::kDaemonSet, "web", "x"));
  ObjectTransaction transaction;
  transaction.Create(NewPod("web", "a"));
  transaction.Create(NewObject(Kind::kDaemonSet, "web", "x"));
  const auto refused = objects_.Commit(transaction);
  EXPECT_EQ(refused.status(), ObjectExists(Kind::kDaemonSet, "x"));
  EXPECT_TRUE(absl::IsNotFound(objects_.Get(Kind::kPod, "web", "a").status()));
}

TEST_F(ObjectStoreTest, OnlyTheLatestVersionCanBeUpdatedOrDeleted) {
  const v1::Object first = Create(NewPod("web", "a"));
  v1::Object second = first;
  second.mutable_pod()->mutable_spec()->set_node_name("n1");
  second = Update(second).value();
  EXPECT_EQ(second.pod().metadata().resource_version(), "2");

  EXPECT_EQ(Update(first).status(), ObjectConflict(Kind::kPod, "a"));
  EXPECT_EQ(Delete(first), ObjectConflict(Kind::kPod, "a"));
  EXPECT_TRUE(Delete(second).ok());
  EXPECT_EQ(Update(second).status(), ObjectNotFound(Kind::kPod, "a"));
  EXPECT_EQ(Delete(second), ObjectNotFound(Kind::kPod, "a"));
}

TEST_F(ObjectStoreTest, AnObjectThatNobodyReadCannotBeUpdated) {
  Create(NewPod("web", "a"));
  for (const char* version : {"", "0", "-1", "x", "01", "99999999999999999999"}) {
    v1::Object object = NewPod("web", "a");
    object.mutable_pod()->mutable_metadata()->set_resource_version(version);
    EXPECT_TRUE(absl::IsInvalidArgument(RevisionOf(object).status())) << version;
    EXPECT_EQ(Update(object).status(), ObjectConflict(Kind::kPod, "a")) << version;
  }
}

TEST_F(ObjectStoreTest, ATransactionHappensWholeOrNotAtAll) {
  const v1::Object kept = Create(NewPod("web", "kept"));
  const v1::Object stale = Create(NewPod("web", "stale"));
  ASSERT_TRUE(Update(stale).ok());
  ObjectTransaction transaction;
  transaction.Delete(kept);
  transaction.Create(NewPod("web", "new"));
  transaction.ExpectUnchanged(stale);
  transaction.AddWrite({"/muster.dev/x", "1"});
  EXPECT_EQ(objects_.Commit(transaction).status(), ObjectConflict(Kind::kPod, "stale"));
  EXPECT_THAT(Names(objects_.List({Kind::kPod})->items),
              ElementsAre("/pods/web/kept", "/pods/web/stale"));
  EXPECT_EQ(store_.Get("/muster.dev/x").value(), std::nullopt);
}

TEST_F(ObjectStoreTest, ACommitAnswersWhatItWrote) {
  v1::Object changed = Create(NewPod("web", "changed"));
  const v1::Object deleted = Create(NewPod("web", "deleted"));
  const v1::Object unchanged = Create(NewPod("web", "unchanged"));
  ObjectTransaction transaction;
  transaction.Update(changed);
  transaction.Delete(deleted);
  transaction.ExpectUnchanged(unchanged);
  transaction.DeleteAny(Kind::kPod, "web", "never-there");
  transaction.Create(NewPod("web", "new"));
  const CommittedObjects committed = objects_.Commit(transaction).value();
  EXPECT_EQ(committed.revision, 4);
  EXPECT_THAT(Names(committed.objects), ElementsAre("/pods/web/changed", "/pods/web/new"));
  for (const v1::Object& object : committed.objects) {
    EXPECT_EQ(object.pod().metadata().resource_version(), "4");
  }
  EXPECT_EQ(objects_.Get(Kind::kPod, "web", "unchanged")->pod().metadata().resource_version(), "3");
}

TEST_F(ObjectStoreTest, DeletingAnyIgnoresTheRevision) {
  Create(NewPod("web", "a"));
  for (int i = 0; i < 2; ++i) {
    ObjectTransaction transaction;
    transaction.DeleteAny(Kind::kPod, "web", "a");
    EXPECT_TRUE(objects_.Commit(transaction).ok());
    EXPECT_TRUE(absl::IsNotFound(objects_.Get(Kind::kPod, "web", "a").status()));
  }
}

TEST_F(ObjectStoreTest, ARawConditionIsAnsweredAsTheStoreDoes) {
  ObjectTransaction transaction;
  transaction.Create(NewPod("web", "a"));
  transaction.AddCondition({"/muster.dev/token", 7});
  const auto refused = objects_.Commit(transaction);
  EXPECT_TRUE(absl::IsAborted(refused.status()));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("/muster.dev/token"));
}

TEST_F(ObjectStoreTest, TroubleWithTheStoreIsPassedOn) {
  store_.FailNextTransact(absl::ResourceExhaustedError("disk full"));
  ObjectTransaction transaction;
  transaction.Create(NewPod("web", "a"));
  EXPECT_TRUE(absl::IsResourceExhausted(objects_.Commit(transaction).status()));
  store_.FailReads(absl::UnavailableError("gone"));
  EXPECT_TRUE(absl::IsUnavailable(objects_.Get(Kind::kPod, "web", "a").status()));
  EXPECT_TRUE(absl::IsUnavailable(objects_.List({}).status()));
}

TEST_F(ObjectStoreTest, NamesThatWouldReachElsewhereAreRefused) {
  Create(NewPod("web", "a"));
  for (const char* name : {"", "/", "a/b"}) {
    ObjectTransaction transaction;
    transaction.Create(NewPod("web", name));
    EXPECT_TRUE(absl::IsInvalidArgument(objects_.Commit(transaction).status())) << name;
  }
  EXPECT_TRUE(absl::IsNotFound(objects_.Get(Kind::kPod, "", "web/a").status()));
  EXPECT_TRUE(absl::IsNotFound(objects_.Get(Kind::kPod, "web", "").status()));
}

TEST_F(ObjectStoreTest, AnObjectTwiceInOneTransactionIsRefused) {
  ObjectTransaction transaction;
  transaction.Create(NewPod("web", "a"));
  transaction.Create(NewPod("web", "a"));
  EXPECT_TRUE(absl::IsInvalidArgument(objects_.Commit(transaction).status()));
}

TEST_F(ObjectStoreTest, ListsByKindAndNamespaceOnly) {
  Create(NewPod("web", "a"));
  Create(NewPod("website", "b"));
  Create(NewObject(Kind::kNode, "", "n1"));
  Create(NewObject(Kind::kConfigMap, "web", "a"));
  ASSERT_TRUE(store_.Transact({{}, {{"/muster.dev/tokens/x", "not an object"}}}).ok());
  EXPECT_THAT(Names(objects_.List({Kind::kPod})->items),
              ElementsAre("/pods/web/a", "/pods/website/b"));
  EXPECT_THAT(Names(objects_.List({Kind::kPod, "web"})->items), ElementsAre("/pods/web/a"));
  EXPECT_THAT(objects_.List({Kind::kPod, "we"})->items, IsEmpty());
  const ObjectList all = objects_.List({}).value();
  EXPECT_THAT(all.items, SizeIs(4));
  EXPECT_EQ(all.revision, 5);
}

TEST_F(ObjectStoreTest, AWatchTellsWhatHappenedToObjects) {
  std::vector<std::string> told;
  const auto watch =
      objects_
          .WatchFrom({}, 0,
                     [&told](auto changes) {
                       ASSERT_TRUE(changes.ok()) << changes.status();
                       for (const ObjectChange& change : *changes) {
                         told.push_back(std::to_string(change.revision) + " " +
                                        std::to_string(static_cast<int>(change.kind)) + " " +
                                        change.object.pod().spec().node_name() + "@" +
                                        change.object.pod().metadata().resource_version() +
                                        (change.previous ? " had previous" : ""));
                       }
                     })
          .value();
  v1::Object pod = Create(NewPod("web", "a"));
  pod.mutable_pod()->mutable_spec()->set_node_name("n1");
  pod = Update(pod).value();
  ASSERT_TRUE(store_.Transact({{}, {{"/muster.dev/tokens/x", "not an object"}}}).ok());
  ASSERT_TRUE(Delete(pod).ok());
  store_.Deliver();
  EXPECT_THAT(told, ElementsAre("1 0 @1", "2 1 n1@2 had previous", "4 2 n1@4 had previous"));
}

TEST_F(ObjectStoreTest, AValueThatIsNoObjectIsDataLoss) {
  const std::string other = EncodeObject(NewPod("web", "other"));
  for (const std::string& value : {std::string("\xff\xff"), std::string(), other}) {
    ASSERT_TRUE(store_.Transact({{}, {{"/pods/web/a", value}}}).ok());
    const auto got = objects_.Get(Kind::kPod, "web", "a");
    EXPECT_TRUE(absl::IsDataLoss(got.status())) << got.status();
    EXPECT_THAT(std::string(got.status().message()), HasSubstr("/pods/web/a"));
    EXPECT_TRUE(absl::IsDataLoss(objects_.List({Kind::kPod}).status()));
  }
}

TEST_F(ObjectStoreTest, AWatchEndsAtAValueThatIsNoObject) {
  std::vector<absl::Status> told;
  const auto watch =
      objects_.WatchFrom({Kind::kPod}, 0, [&](auto changes) { told.push_back(changes.status()); })
          .value();
  ASSERT_TRUE(store_.Transact({{}, {{"/pods/web/a", "\xff"}}}).ok());
  Create(NewPod("web", "b"));
  store_.Deliver();
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_TRUE(absl::IsDataLoss(told[0]));
}

}  // namespace
}  // namespace muster::coordinator
