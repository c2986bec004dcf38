// What every Store promises, on every implementation.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <latch>
#include <map>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "common/seal/seal_ring.h"
#include "coordinator/store/memory/memory_store.h"
#include "coordinator/store/sealed/sealed_store.h"
#include "coordinator/store/sqlite/sqlite_store.h"
#include "coordinator/store/store.h"
#include "test/contract/store/recorder.h"
#include "test/support/temp_dir.h"

namespace muster::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Implementation {
  std::string name;
  std::unique_ptr<Store> (*make)(const TempDir& dir, int64_t history_revisions);
};

void PrintTo(const Implementation& implementation, std::ostream* out) {
  *out << implementation.name;
}

std::unique_ptr<Store> MakeMemory(const TempDir&, int64_t history_revisions) {
  return std::make_unique<MemoryStore>(MemoryStore::Options{history_revisions});
}

std::unique_ptr<Store> MakeSqlite(const TempDir& dir, int64_t history_revisions) {
  auto store = SqliteStore::Open({dir / "store.db", history_revisions});
  MUSTER_CHECK(store.ok());
  return *std::move(store);
}

// A sealed store with what it needs, which sees every key of these tests as one of a Secret.
class OwnSealedStore final : public Store {
 public:
  explicit OwnSealedStore(std::unique_ptr<Store> below)
      : ring_({*seal::SealingKey::Generate()}), below_(std::move(below)), store_(*below_, ring_) {}

  absl::StatusOr<std::optional<KeyValue>> Get(const std::string& key) override {
    return Plain(store_.Get(Sealed(key)));
  }
  absl::StatusOr<Listing> List(const std::string& prefix) override {
    absl::StatusOr<Listing> listing = store_.List(Sealed(prefix));
    if (listing.ok()) {
      for (KeyValue& item : listing->items) item = Plain(std::move(item));
    }
    return listing;
  }
  absl::StatusOr<int64_t> Scan(const std::string& prefix,
                               const std::function<void(const KeyValue&)>& each) override {
    return store_.Scan(Sealed(prefix), [&](const KeyValue& item) { each(Plain(item)); });
  }
  absl::StatusOr<int64_t> Transact(const Transaction& transaction) override {
    Transaction sealed = transaction;
    // A key that is missing is still missing.
    const auto seal = [](std::string& key) {
      if (!key.empty()) key = Sealed(key);
    };
    for (Condition& condition : sealed.conditions) seal(condition.key);
    for (Write& write : sealed.writes) seal(write.key);
    return store_.Transact(sealed);
  }
  absl::StatusOr<std::unique_ptr<Watch>> WatchFrom(const std::string& prefix,
                                                   int64_t after_revision,
                                                   OnChanges on_changes) override {
    return store_.WatchFrom(Sealed(prefix), after_revision,
                            [on_changes](absl::StatusOr<std::vector<Change>> changes) {
                              if (changes.ok()) {
                                for (Change& change : *changes) {
                                  change.kv = Plain(std::move(change.kv));
                                  if (change.previous) {
                                    change.previous = Plain(*std::move(change.previous));
                                  }
                                }
                              }
                              on_changes(std::move(changes));
                            });
  }
  absl::Status Compact(int64_t revision) override { return store_.Compact(revision); }
  absl::StatusOr<int64_t> CurrentRevision() override { return store_.CurrentRevision(); }

 private:
  // In there, so that every value of the contract is sealed.
  static constexpr char kSecrets[] = "/secrets/";
  static std::string Sealed(const std::string& key) { return kSecrets + key; }
  static KeyValue Plain(KeyValue item) {
    item.key.erase(0, std::string(kSecrets).size());
    return item;
  }
  static absl::StatusOr<std::optional<KeyValue>> Plain(
      absl::StatusOr<std::optional<KeyValue>> found) {
    if (found.ok() && found->has_value()) found = Plain(**std::move(found));
    return found;
  }

  const seal::SealRing ring_;
  const std::unique_ptr<Store> below_;
  SealedStore store_;
};

std::unique_ptr<Store> MakeSealedMemory(const TempDir& dir, int64_t history_revisions) {
  return std::make_unique<OwnSealedStore>(MakeMemory(dir, history_revisions));
}

std::unique_ptr<Store> MakeSealedSqlite(const TempDir& dir, int64_t history_revisions) {
  return std::make_unique<OwnSealedStore>(MakeSqlite(dir, history_revisions));
}

class StoreContract : public ::testing::TestWithParam<Implementation> {
 protected:
  void SetUp() override { Make(10'000); }
  void Make(int64_t history_revisions) {
    store_.reset();
    dir_ = std::make_unique<TempDir>();
    store_ = GetParam().make(*dir_, history_revisions);
  }

  int64_t Put(const std::string& key, const std::string& value) {
    const auto revision = store_->Transact({{}, {{key, value}}});
    EXPECT_TRUE(revision.ok()) << revision.status();
    return revision.value_or(-1);
  }
  int64_t Delete(const std::string& key) {
    const auto revision = store_->Transact({{}, {{key, std::nullopt}}});
    EXPECT_TRUE(revision.ok()) << revision.status();
    return revision.value_or(-1);
  }
  std::optional<KeyValue> Get(const std::string& key) {
    const auto found = store_->Get(key);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.value_or(std::nullopt);
  }
  std::vector<std::string> Keys(const std::string& prefix) {
    const auto listing = store_->List(prefix);
    EXPECT_TRUE(listing.ok()) << listing.status();
    std::vector<std::string> keys;
    if (listing.ok()) {
      for (const KeyValue& item : listing->items) keys.push_back(item.key);
    }
    return keys;
  }
  std::unique_ptr<Watch> WatchAll(Recorder& recorder, int64_t after_revision,
                                  const std::string& prefix = "/") {
    auto watch = store_->WatchFrom(prefix, after_revision, recorder.Callback());
    EXPECT_TRUE(watch.ok()) << watch.status();
    return watch.ok() ? *std::move(watch) : nullptr;
  }

  std::unique_ptr<TempDir> dir_;
  std::unique_ptr<Store> store_;
};

TEST_P(StoreContract, StartsEmptyAtRevisionZero) {
  EXPECT_EQ(store_->CurrentRevision().value(), 0);
  EXPECT_EQ(Get("/a"), std::nullopt);
  const Listing listing = store_->List("").value();
  EXPECT_EQ(listing.revision, 0);
  EXPECT_THAT(listing.items, IsEmpty());
}

TEST_P(StoreContract, EachTransactionTakesTheNextRevision) {
  EXPECT_EQ(Put("/a", "1"), 1);
  EXPECT_EQ(Put("/b", "2"), 2);
  EXPECT_EQ(Delete("/a"), 3);
  EXPECT_EQ(store_->Transact({}).value(), 4);
  EXPECT_EQ(store_->CurrentRevision().value(), 4);
}

TEST_P(StoreContract, KeepsTheCreateRevisionUntilTheKeyIsDeleted) {
  Put("/a", "1");
  Put("/a", "2");
  std::optional<KeyValue> found = Get("/a");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->value, "2");
  EXPECT_EQ(found->create_revision, 1);
  EXPECT_EQ(found->mod_revision, 2);

  Delete("/a");
  EXPECT_EQ(Get("/a"), std::nullopt);
  Put("/a", "3");
  found = Get("/a");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->create_revision, 4);
  EXPECT_EQ(found->mod_revision, 4);
}

TEST_P(StoreContract, KeepsAnyBytesInKeysAndValues) {
  const std::string key("/a\0\xff'\"%_", 8);
  const std::string value("\0\n\xff\xc3(", 5);
  Put(key, value);
  ASSERT_TRUE(Get(key));
  EXPECT_EQ(Get(key)->value, value);
  EXPECT_EQ(Get(key)->key, key);
  Put("/empty", "");
  ASSERT_TRUE(Get("/empty"));
  EXPECT_EQ(Get("/empty")->value, "");
  const std::string large(3'000'000, 'x');
  Put("/large", large);
  ASSERT_TRUE(Get("/large"));
  EXPECT_TRUE(Get("/large")->value == large);
}

TEST_P(StoreContract, ListsExactlyThePrefixInByteOrder) {
  for (const char* key : {"/pods/b/1", "/pods/a/2", "/pods/a/1", "/pods", "/pods0", "/podsets/a/1",
                          "/nodes/n", "/pods/a", "/pods/A/1"}) {
    Put(key, key);
  }
  EXPECT_THAT(Keys("/pods/"),
              ElementsAre("/pods/A/1", "/pods/a", "/pods/a/1", "/pods/a/2", "/pods/b/1"));
  EXPECT_THAT(Keys("/pods/a/"), ElementsAre("/pods/a/1", "/pods/a/2"));
  EXPECT_THAT(Keys("/pods/a/1"), ElementsAre("/pods/a/1"));
  EXPECT_THAT(Keys("/pods/c/"), IsEmpty());
  EXPECT_THAT(Keys("/zzz"), IsEmpty());
  EXPECT_EQ(Keys("").size(), 9U);
}

TEST_P(StoreContract, ListsPrefixesThatEndInTheGreatestByte) {
  Put("\xff", "1");
  Put("\xff\xff", "2");
  Put("\xff\xff\x01", "3");
  Put("a\xff", "4");
  Put("a\xff\x80", "5");
  Put("b", "6");
  EXPECT_THAT(Keys("\xff"), ElementsAre("\xff", "\xff\xff", "\xff\xff\x01"));
  EXPECT_THAT(Keys("\xff\xff"), ElementsAre("\xff\xff", "\xff\xff\x01"));
  EXPECT_THAT(Keys("a\xff"), ElementsAre("a\xff", "a\xff\x80"));
}

TEST_P(StoreContract, AListingCarriesTheRevisionItWasTakenAt) {
  Put("/a", "1");
  Put("/other", "1");
  const Listing listing = store_->List("/a").value();
  EXPECT_EQ(listing.revision, 2);
  ASSERT_EQ(listing.items.size(), 1U);
  EXPECT_EQ(listing.items[0].mod_revision, 1);
  EXPECT_EQ(listing.items[0].value, "1");
}

TEST_P(StoreContract, ConditionsComparePresentRevisions) {
  struct Case {
    const char* what;
    Condition condition;
    bool holds;
  };
  Put("/old", "x");    // 1
  Put("/there", "x");  // 2
  Put("/there", "y");  // 3
  Delete("/old");      // 4
  for (const Case& test :
       std::initializer_list<Case>{{"the present revision", {"/there", 3}, true},
                                   {"an older revision", {"/there", 2}, false},
                                   {"a future revision", {"/there", 9}, false},
                                   {"absent, but it is there", {"/there", 0}, false},
                                   {"absent, and it never was there", {"/never", 0}, true},
                                   {"absent, and it is deleted", {"/old", 0}, true},
                                   {"a revision from before the deletion", {"/old", 1}, false},
                                   {"the revision of the deletion", {"/old", 4}, false}}) {
    const int64_t before = store_->CurrentRevision().value();
    const auto result = store_->Transact({{test.condition}, {{"/written", test.what}}});
    EXPECT_EQ(result.ok(), test.holds) << test.what;
    if (test.holds) {
      EXPECT_EQ(*result, before + 1) << test.what;
    } else {
      EXPECT_TRUE(absl::IsAborted(result.status())) << test.what << ": " << result.status();
      EXPECT_THAT(std::string(result.status().message()), HasSubstr(test.condition.key));
      EXPECT_EQ(store_->CurrentRevision().value(), before) << test.what;
    }
  }
}

TEST_P(StoreContract, OneFailedConditionKeepsTheWholeTransactionOut) {
  Put("/a", "1");
  Recorder recorder;
  const auto watch = WatchAll(recorder, 1);
  const auto result = store_->Transact(
      {{{"/a", 1}, {"/b", 7}}, {{"/a", "changed"}, {"/c", "new"}, {"/d", std::nullopt}}});
  EXPECT_TRUE(absl::IsAborted(result.status())) << result.status();
  EXPECT_EQ(Get("/a")->value, "1");
  EXPECT_EQ(Get("/c"), std::nullopt);
  EXPECT_EQ(Put("/last", "x"), 2);
  ASSERT_TRUE(recorder.WaitForCalls(1));
  EXPECT_THAT(recorder.Lines(), ElementsAre("2 put /last=x created 2"));
}

TEST_P(StoreContract, OneTransactionIsOneRevisionForAllItsKeys) {
  Put("/b", "old");
  EXPECT_EQ(store_->Transact({{}, {{"/a", "1"}, {"/b", std::nullopt}, {"/c", "3"}}}).value(), 2);
  EXPECT_EQ(Get("/a")->mod_revision, 2);
  EXPECT_EQ(Get("/b"), std::nullopt);
  EXPECT_EQ(Get("/c")->mod_revision, 2);
}

TEST_P(StoreContract, RefusesTransactionsThatMakeNoSense) {
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Transact({{}, {{"", "x"}}}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Transact({{{"", 0}}, {}}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      store_->Transact({{}, {{"/a", "x"}, {"/a", std::nullopt}}}).status()));
  EXPECT_EQ(store_->CurrentRevision().value(), 0);
}

TEST_P(StoreContract, RemovingWhatIsNotThereIsFineAndSeenByNobody) {
  Recorder recorder;
  const auto watch = WatchAll(recorder, 0);
  EXPECT_EQ(Delete("/never"), 1);
  EXPECT_EQ(Put("/a", "x"), 2);
  ASSERT_TRUE(recorder.WaitForCalls(1));
  EXPECT_THAT(recorder.Lines(), ElementsAre("2 put /a=x created 2"));
}

TEST_P(StoreContract, AWatchFromNowSeesWhatComes) {
  Put("/a", "before");
  Recorder recorder;
  const auto watch = WatchAll(recorder, 1);
  Put("/a", "after");
  Delete("/a");
  Put("/a", "again");
  ASSERT_TRUE(recorder.WaitForCalls(3));
  EXPECT_THAT(recorder.Lines(), ElementsAre("2 put /a=after created 1 was before@1",
                                            "3 delete /a was after@2", "4 put /a=again created 4"));
}

TEST_P(StoreContract, AWatchFromThePastSeesThePastOnceAndThenThePresent) {
  Put("/a", "1");
  Put("/b", "2");
  Put("/a", "3");
  Delete("/b");
  Put("/b", "5");
  Put("/untouched", "6");
  Recorder recorder;
  const auto watch = WatchAll(recorder, 1);
  Put("/a", "7");
  ASSERT_TRUE(recorder.WaitForRevision(7));
  EXPECT_THAT(recorder.Lines(),
              ElementsAre("2 put /b=2 created 2", "3 put /a=3 created 1 was 1@1",
                          "4 delete /b was 2@2", "5 put /b=5 created 5",
                          "6 put /untouched=6 created 6", "7 put /a=7 created 1 was 3@3"));
}

TEST_P(StoreContract, AWatchSeesItsPrefixOnly) {
  Put("/pods/a", "1");
  Put("/podsets/a", "2");
  Recorder pods, all;
  const auto watch_pods = WatchAll(pods, 0, "/pods/");
  const auto watch_all = WatchAll(all, 0, "");
  EXPECT_EQ(store_->Transact({{}, {{"/pods/b", "3"}, {"/nodes/n", "3"}, {"/pods/a", std::nullopt}}})
                .value(),
            3);
  ASSERT_TRUE(all.WaitForRevision(3));
  ASSERT_TRUE(pods.WaitForRevision(3));
  EXPECT_THAT(pods.Lines(), ElementsAre("1 put /pods/a=1 created 1", "3 put /pods/b=3 created 3",
                                        "3 delete /pods/a was 1@1"));
  EXPECT_EQ(all.Lines().size(), 5U);
}

TEST_P(StoreContract, TheChangesOfARevisionComeTogether) {
  Recorder past, present;
  const auto watch_present = WatchAll(present, 0);
  ASSERT_TRUE(store_->Transact({{}, {{"/a", "1"}, {"/b", "1"}}}).ok());
  ASSERT_TRUE(store_->Transact({{}, {{"/a", "2"}, {"/c", "2"}, {"/b", std::nullopt}}}).ok());
  const auto watch_past = WatchAll(past, 0);
  for (Recorder* recorder : {&past, &present}) {
    ASSERT_TRUE(recorder->WaitForCalls(2));
    const auto calls = recorder->calls();
    ASSERT_EQ(calls.size(), 2U);
    EXPECT_EQ(calls[0].size(), 2U);
    EXPECT_EQ(calls[1].size(), 3U);
  }
}

TEST_P(StoreContract, AWatchFromTheFutureIsRefused) {
  Put("/a", "1");
  Recorder recorder;
  const auto watch = store_->WatchFrom("/", 2, recorder.Callback());
  EXPECT_TRUE(absl::IsOutOfRange(watch.status())) << watch.status();
}

TEST_P(StoreContract, CompactionForgetsThePastAndKeepsThePresent) {
  Put("/a", "1");
  Put("/b", "2");
  Put("/a", "3");
  Put("/a", "4");
  ASSERT_TRUE(store_->Compact(3).ok());
  EXPECT_EQ(Get("/a")->value, "4");
  EXPECT_EQ(Get("/a")->create_revision, 1);
  EXPECT_EQ(Get("/b")->value, "2");
  EXPECT_EQ(store_->CurrentRevision().value(), 4);

  Recorder recorder;
  const auto refused = store_->WatchFrom("/", 2, recorder.Callback());
  EXPECT_TRUE(absl::IsOutOfRange(refused.status())) << refused.status();
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("compacted"));
  // All that comes after the compacted revision is still known.
  const auto watch = WatchAll(recorder, 3);
  ASSERT_TRUE(recorder.WaitForCalls(1));
  EXPECT_THAT(recorder.Lines(), ElementsAre("4 put /a=4 created 1 was 3@3"));
}

TEST_P(StoreContract, CompactingAgainOrLessChangesNothingAndTheFutureIsRefused) {
  Put("/a", "1");
  Put("/a", "2");
  ASSERT_TRUE(store_->Compact(1).ok());
  EXPECT_TRUE(store_->Compact(1).ok());
  EXPECT_TRUE(store_->Compact(0).ok());
  EXPECT_TRUE(absl::IsOutOfRange(store_->Compact(3)));
  Recorder recorder;
  const auto watch = WatchAll(recorder, 1);
  ASSERT_TRUE(recorder.WaitForCalls(1));
  EXPECT_TRUE(store_->Compact(2).ok());
  EXPECT_EQ(Put("/a", "3"), 3);
  ASSERT_TRUE(recorder.WaitForCalls(2));  // Compaction does not touch a watch that keeps up.
}

TEST_P(StoreContract, HistoryIsBoundedByItself) {
  Make(16);
  for (int i = 1; i <= 100; ++i) Put("/a", std::to_string(i));
  Recorder recorder;
  const auto refused = store_->WatchFrom("/", 100 - 19, recorder.Callback());
  EXPECT_TRUE(absl::IsOutOfRange(refused.status())) << refused.status();
  const auto watch = WatchAll(recorder, 100 - 16);
  ASSERT_TRUE(recorder.WaitForRevision(100));
  EXPECT_EQ(recorder.Lines().size(), 16U);
  EXPECT_EQ(Get("/a")->create_revision, 1);
}

TEST_P(StoreContract, ADestroyedWatchIsNeverCalledAgain) {
  Recorder ended, going_on;
  auto watch = WatchAll(ended, 0);
  const auto other = WatchAll(going_on, 0);
  Put("/a", "1");
  ASSERT_TRUE(ended.WaitForCalls(1));
  watch.reset();
  Put("/a", "2");
  ASSERT_TRUE(going_on.WaitForRevision(2));
  EXPECT_EQ(ended.calls().size(), 1U);
}

TEST_P(StoreContract, DestroyingAWatchWaitsForItsRunningCallback) {
  for (int round = 0; round < 10; ++round) {
    std::latch entered(1), destroying(1);
    std::atomic<bool> finished{false};
    auto watch = store_->WatchFrom("/", round, [&](const auto&) {
      entered.count_down();
      destroying.wait();
      for (int i = 0; i < 1000; ++i) std::this_thread::yield();
      finished = true;
    });
    ASSERT_TRUE(watch.ok());
    Put("/a", "1");
    entered.wait();
    destroying.count_down();
    watch->reset();
    EXPECT_TRUE(finished);
  }
}

TEST_P(StoreContract, WatchesComeAndGoWhileOthersWrite) {
  constexpr int kWrites = 300;
  std::thread writer([this] {
    for (int i = 0; i < kWrites; ++i) Put("/k/" + std::to_string(i % 7), std::to_string(i));
  });
  std::vector<std::thread> watchers;
  for (int t = 0; t < 3; ++t) {
    watchers.emplace_back([this, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      int64_t now = 0;
      while (now < kWrites) {
        now = store_->CurrentRevision().value();
        const int64_t after = std::uniform_int_distribution<int64_t>(0, now)(random);
        std::atomic<int64_t> last{after};
        std::atomic<bool> in_order{true};
        auto watch = store_->WatchFrom("/k/", after, [&](const auto& changes) {
          if (!changes.ok() || changes->front().kv.mod_revision != last + 1) in_order = false;
          if (changes.ok()) last = changes->back().kv.mod_revision;
        });
        ASSERT_TRUE(watch.ok());
        watch->reset();
        EXPECT_TRUE(in_order);
      }
    });
  }
  writer.join();
  for (std::thread& watcher : watchers) watcher.join();
}

TEST_P(StoreContract, ConcurrentWritersLoseNoUpdate) {
  constexpr int kThreads = 4, kIncrements = 50;
  Recorder recorder;
  const auto watch = WatchAll(recorder, 0, "/counter");
  Put("/counter", "0");
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this] {
      for (int done = 0; done < kIncrements;) {
        const KeyValue now = *store_->Get("/counter").value();
        const auto result =
            store_->Transact({{{"/counter", now.mod_revision}},
                              {{"/counter", std::to_string(std::stoi(now.value) + 1)}}});
        if (result.ok()) {
          ++done;
        } else {
          ASSERT_TRUE(absl::IsAborted(result.status())) << result.status();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Get("/counter")->value, std::to_string(kThreads * kIncrements));
  ASSERT_TRUE(recorder.WaitForRevision(1 + kThreads * kIncrements));
  int64_t expected = 0;
  for (const auto& call : recorder.calls()) {
    ASSERT_EQ(call.size(), 1U);
    EXPECT_EQ(call[0].kv.mod_revision, ++expected);
    EXPECT_EQ(call[0].kv.value, std::to_string(expected - 1));
  }
  EXPECT_EQ(expected, 1 + kThreads * kIncrements);
}

TEST_P(StoreContract, AScanShowsWhatAListDoes) {
  for (const char* key : {"/pods/b/1", "/pods/a/2", "/pods", "/nodes/n"}) Put(key, key);
  std::vector<std::string> seen;
  const absl::StatusOr<int64_t> revision = store_->Scan("/pods/", [&](const KeyValue& item) {
    EXPECT_EQ(item.key, item.value);
    EXPECT_GT(item.mod_revision, 0);
    seen.push_back(item.key);
  });
  ASSERT_TRUE(revision.ok()) << revision.status();
  EXPECT_EQ(*revision, *store_->CurrentRevision());
  EXPECT_THAT(seen, ElementsAre("/pods/a/2", "/pods/b/1"));
  ASSERT_TRUE(store_->Scan("/none/", [&](const KeyValue&) { ADD_FAILURE(); }).ok());
  // Afterwards everything goes on.
  Put("/pods/c", "1");
  EXPECT_EQ(Keys("/pods/").size(), 3U);
}

TEST_P(StoreContract, AListAndTheWatchFromItsRevisionMissNothing) {
  constexpr int kWrites = 200;
  std::thread writer([this] {
    for (int i = 0; i < kWrites; ++i) Put("/k/" + std::to_string(i), "x");
  });
  Listing listing;
  while (listing.items.size() < 50) listing = store_->List("/k/").value();
  EXPECT_EQ(listing.items.size(), static_cast<size_t>(listing.revision));
  Recorder recorder;
  const auto watch = WatchAll(recorder, listing.revision, "/k/");
  writer.join();
  if (listing.revision < kWrites) {
    ASSERT_TRUE(recorder.WaitForRevision(kWrites));
  }
  EXPECT_EQ(listing.items.size() + recorder.Lines().size(), static_cast<size_t>(kWrites));
}

TEST_P(StoreContract, AReadAfterAWriteSeesIt) {
  for (int i = 1; i <= 50; ++i) {
    const int64_t revision = Put("/a", std::to_string(i));
    EXPECT_EQ(Get("/a")->mod_revision, revision);
    EXPECT_EQ(store_->List("/a")->revision, revision);
    EXPECT_EQ(store_->CurrentRevision().value(), revision);
  }
}

TEST_P(StoreContract, AWatchMayOutliveItsStore) {
  Recorder recorder;
  auto watch = WatchAll(recorder, 0);
  Put("/a", "1");
  store_.reset();
  const size_t calls = recorder.calls().size();
  watch.reset();
  EXPECT_EQ(recorder.calls().size(), calls);
}

TEST_P(StoreContract, ARandomHistoryIsToldTheSameLiveAndLater) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    Make(10'000);
    std::mt19937 random(seed);
    const auto pick = [&random](int n) {
      return std::uniform_int_distribution<int>(0, n - 1)(random);
    };
    Recorder live;
    const auto watch = WatchAll(live, 0);
    for (int i = 0; i < 60; ++i) {
      Transaction transaction;
      for (int key = 0; key < 5; ++key) {
        if (pick(3) != 0) continue;
        const std::string name = "/" + std::to_string(key);
        if (pick(3) == 0) {
          transaction.writes.push_back({name, std::nullopt});
        } else {
          transaction.writes.push_back({name, std::to_string(i)});
        }
      }
      ASSERT_TRUE(store_->Transact(transaction).ok());
    }
    const int64_t last = Put("/last", "x");
    Recorder later;
    const auto watch_later = WatchAll(later, 0);
    ASSERT_TRUE(live.WaitForRevision(last));
    ASSERT_TRUE(later.WaitForRevision(last));
    EXPECT_EQ(live.Lines(), later.Lines()) << "seed " << seed;
    // And playing the history gives the present.
    std::map<std::string, std::string> played;
    for (const auto& call : live.calls()) {
      for (const Change& change : call) {
        if (change.kind == Change::Kind::kPut) {
          played[change.kv.key] = change.kv.value;
        } else {
          EXPECT_EQ(played.erase(change.kv.key), 1U);
        }
      }
    }
    const Listing present = store_->List("/").value();
    ASSERT_EQ(present.items.size(), played.size());
    for (const KeyValue& item : present.items) EXPECT_EQ(played[item.key], item.value);
  }
}

INSTANTIATE_TEST_SUITE_P(Every, StoreContract,
                         ::testing::Values(Implementation{"Memory", &MakeMemory},
                                           Implementation{"Sqlite", &MakeSqlite},
                                           Implementation{"SealedMemory", &MakeSealedMemory},
                                           Implementation{"SealedSqlite", &MakeSealedSqlite}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace muster::coordinator
