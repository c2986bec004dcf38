#include "coordinator/controllers/followed_store.h"

#include <chrono>
#include <string>
#include <vector>

#include "common/model/kinds.h"
#include "coordinator/store/memory/memory_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class FollowedStoreTest : public testing::Test {
 protected:
  FollowedStoreTest() { EXPECT_TRUE(followed_.Follow(*store_.CurrentRevision()).ok()); }

  absl::Status Create(const std::string& name) {
    v1::Object object;
    object.mutable_config_map()->mutable_metadata()->set_name(name);
    object.mutable_config_map()->mutable_metadata()->set_namespace_("default");
    ObjectTransaction transaction;
    transaction.Create(std::move(object));
    return followed_.Commit(std::move(transaction)).status();
  }
  std::vector<std::string> Taken() {
    std::vector<std::string> names;
    followed_.TakeChanges(
        [&](const v1::Object& object, bool) { names.push_back(model::MetadataOf(object).name()); });
    return names;
  }
  std::optional<MonoTime> Behind() { return followed_.BehindUntil(clock_.Mono()); }

  ManualClock clock_;
  MemoryStore store_{{.delivery = WatchHub::Delivery::kOnDemand}};
  ObjectStore objects_{store_, clock_};
  FollowedStore followed_{objects_, "tests", 5s, [] {}};
};

TEST_F(FollowedStoreTest, IsBehindUntilTheWatchHasShownWhatWasWritten) {
  EXPECT_EQ(Behind(), std::nullopt);
  ASSERT_TRUE(Create("a").ok());
  EXPECT_EQ(Behind(), clock_.Mono() + 5s);
  EXPECT_THAT(Taken(), IsEmpty());
  store_.Deliver();
  EXPECT_NE(Behind(), std::nullopt) << "it was not taken";
  EXPECT_THAT(Taken(), ElementsAre("a"));
  EXPECT_EQ(Behind(), std::nullopt);
}

TEST_F(FollowedStoreTest, AWriteThatFailedMayHaveBeenDoneButNotAConflict) {
  store_.InjectFault({.status = absl::UnavailableError("timed out"), .committed = true});
  EXPECT_FALSE(Create("a").ok());
  EXPECT_NE(Behind(), std::nullopt);
  store_.Deliver();
  EXPECT_THAT(Taken(), ElementsAre("a"));
  EXPECT_EQ(Behind(), std::nullopt);
  EXPECT_TRUE(absl::IsAlreadyExists(Create("a")));
  EXPECT_EQ(Behind(), std::nullopt);
}

TEST_F(FollowedStoreTest, OutOfPatienceItIsLostAndWhatTheOldWatchBringsIsPassedOver) {
  ASSERT_TRUE(Create("a").ok());
  const MonoTime until = *Behind();
  clock_.Advance(4s);
  EXPECT_EQ(Behind(), until) << "since it was first behind";
  EXPECT_TRUE(followed_.following());
  clock_.Advance(1s);
  EXPECT_EQ(Behind(), clock_.Mono());
  EXPECT_FALSE(followed_.following());
  ASSERT_TRUE(followed_.Follow(*store_.CurrentRevision()).ok());
  EXPECT_EQ(Behind(), std::nullopt);
  store_.Deliver();
  EXPECT_THAT(Taken(), IsEmpty());
  ASSERT_TRUE(Create("b").ok());
  store_.Deliver();
  EXPECT_THAT(Taken(), ElementsAre("b"));
}

}  // namespace
}  // namespace muster::coordinator
