#include "coordinator/store/memory/memory_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace muster::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Transaction Put(const std::string& key) { return {{}, {{key, "x"}}}; }

// On demand: what is delivered, and when, is up to the test.
class MemoryStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<Watch> WatchAll(int64_t after_revision) {
    return store_
        .WatchFrom("/", after_revision,
                   [this](absl::StatusOr<std::vector<Change>> changes) {
                     if (!changes.ok()) {
                       told_.push_back(changes.status().ToString());
                       return;
                     }
                     for (const Change& change : *changes) told_.push_back(change.kv.key);
                   })
        .value();
  }

  MemoryStore store_{{.delivery = WatchHub::Delivery::kOnDemand}};
  std::vector<std::string> told_;
};

TEST_F(MemoryStoreTest, DeliversWhenToldTo) {
  ASSERT_TRUE(store_.Transact(Put("/past")).ok());
  const auto watch = WatchAll(0);
  ASSERT_TRUE(store_.Transact(Put("/present")).ok());
  EXPECT_THAT(told_, IsEmpty());
  store_.Deliver();
  EXPECT_THAT(told_, ElementsAre("/past", "/present"));
  store_.Deliver();
  EXPECT_EQ(told_.size(), 2U);
}

TEST_F(MemoryStoreTest, AWatchDestroyedBeforeDeliveryIsToldNothing) {
  auto watch = WatchAll(0);
  ASSERT_TRUE(store_.Transact(Put("/a")).ok());
  watch.reset();
  store_.Deliver();
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(MemoryStoreTest, AnInjectedFailureStrikesOnceAndChangesNothing) {
  store_.FailNextTransact(absl::ResourceExhaustedError("disk full"));
  EXPECT_TRUE(absl::IsResourceExhausted(store_.Transact(Put("/a")).status()));
  EXPECT_EQ(store_.CurrentRevision().value(), 0);
  EXPECT_EQ(store_.Transact(Put("/a")).value(), 1);
}

TEST_F(MemoryStoreTest, AFailureCanWaitForItsTurn) {
  store_.InjectFault({2, absl::UnavailableError("once")});
  store_.InjectFault({1, absl::InternalError("and again")});
  EXPECT_TRUE(store_.Transact(Put("/1")).ok());
  EXPECT_TRUE(store_.Transact(Put("/2")).ok());
  EXPECT_TRUE(absl::IsUnavailable(store_.Transact(Put("/3")).status()));
  EXPECT_TRUE(store_.Transact(Put("/4")).ok());
  EXPECT_TRUE(absl::IsInternal(store_.Transact(Put("/5")).status()));
  EXPECT_TRUE(store_.Transact(Put("/6")).ok());
  EXPECT_EQ(store_.CurrentRevision().value(), 4);
}

TEST_F(MemoryStoreTest, ATransactionThatIsRefusedAnywayUsesUpNoFault) {
  store_.FailNextTransact(absl::UnavailableError("later"));
  EXPECT_TRUE(absl::IsAborted(store_.Transact({{{"/a", 5}}, {}}).status()));
  EXPECT_TRUE(absl::IsUnavailable(store_.Transact(Put("/a")).status()));
}

TEST_F(MemoryStoreTest, AnAnswerCanGetLostAfterTheCommit) {
  const auto watch = WatchAll(0);
  store_.InjectFault({0, absl::UnavailableError("connection lost"), true});
  EXPECT_TRUE(absl::IsUnavailable(store_.Transact(Put("/a")).status()));
  EXPECT_EQ(store_.CurrentRevision().value(), 1);
  store_.Deliver();
  EXPECT_THAT(told_, ElementsAre("/a"));
}

TEST_F(MemoryStoreTest, ReadsFailUntilToldOtherwise) {
  store_.FailReads(absl::UnavailableError("gone"));
  EXPECT_TRUE(absl::IsUnavailable(store_.Get("/a").status()));
  EXPECT_TRUE(absl::IsUnavailable(store_.List("/").status()));
  store_.FailReads(absl::OkStatus());
  EXPECT_TRUE(store_.Get("/a").ok());
}

TEST_F(MemoryStoreTest, ABrokenWatchIsToldAndThenLeftAlone) {
  const auto watch = WatchAll(0);
  ASSERT_TRUE(store_.Transact(Put("/before")).ok());
  store_.BreakWatches(absl::OutOfRangeError("compacted"));
  ASSERT_TRUE(store_.Transact(Put("/after")).ok());
  const auto later = WatchAll(1);
  store_.Deliver();
  EXPECT_THAT(told_, ElementsAre("/before", "OUT_OF_RANGE: compacted", "/after"));
}

TEST(MemoryStoreDeathTest, DestroyingAWatchInItsOwnCallbackIsABug) {
  EXPECT_DEATH(
      {
        MemoryStore store({.delivery = WatchHub::Delivery::kOnDemand});
        std::unique_ptr<Watch> watch;
        watch = store.WatchFrom("/", 0, [&watch](const auto&) { watch.reset(); }).value();
        (void)store.Transact(Put("/a"));
        store.Deliver();
      },
      "broken invariant");
}

}  // namespace
}  // namespace muster::coordinator
