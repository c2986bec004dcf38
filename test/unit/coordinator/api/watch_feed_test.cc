#include "coordinator/api/watch_feed.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/store/memory/memory_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using admin::v1::WatchEvent;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class WatchFeedTest : public ::testing::Test {
 protected:
  void Put(const std::string& name, const std::string& color) {
    v1::Object object;
    v1::ConfigMap& map = *object.mutable_config_map();
    map.mutable_metadata()->set_name(name);
    map.mutable_metadata()->set_namespace_("ns");
    (*map.mutable_metadata()->mutable_labels())["color"] = color;
    (*map.mutable_data())["n"] = std::to_string(++puts_);
    ObjectTransaction transaction;
    absl::StatusOr<v1::Object> old = objects_.Get(v1::Object::kConfigMap, "ns", name);
    if (old.ok()) {
      map.mutable_metadata()->set_resource_version(old->config_map().metadata().resource_version());
      transaction.Update(std::move(object));
    } else {
      transaction.Create(std::move(object));
    }
    ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  }
  void Remove(const std::string& name) {
    ObjectTransaction transaction;
    transaction.DeleteAny(v1::Object::kConfigMap, "ns", name);
    ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  }

  void Start(const std::string& labels = "", int64_t from = 0,
             size_t waiting_max = WatchFeed::kWaitingMax) {
    admin::v1::ListRequest request;
    request.set_resource("cm");
    request.set_namespace_("ns");
    request.set_label_selector(labels);
    absl::StatusOr<std::unique_ptr<WatchFeed>> feed =
        WatchFeed::Start(objects_, *ObjectQuery::Parse(request), from, waiting_max);
    ASSERT_TRUE(feed.ok()) << feed.status();
    feed_ = *std::move(feed);
    Ask();
  }
  void Ask() {
    feed_->Pull([this](absl::StatusOr<WatchEvent> event) {
      if (!event.ok()) {
        end_ = event.status();
        return;
      }
      seen_.push_back(WatchEvent::Type_Name(event->type()) + " " +
                      event->object().config_map().metadata().name());
      last_revision_ = event->revision();
      asked_ = false;
    });
  }
  // Everything that has happened until now.
  std::vector<std::string> Seen() {
    store_.Deliver();
    while (!asked_ && !end_) {
      asked_ = true;
      Ask();
    }
    return std::exchange(seen_, {});
  }

  ManualClock clock_;
  MemoryStore store_{{.delivery = WatchHub::Delivery::kOnDemand}};
  ObjectStore objects_{store_, clock_};
  int puts_ = 0;
  std::vector<std::string> seen_;
  std::optional<absl::Status> end_;
  int64_t last_revision_ = 0;
  bool asked_ = false;
  std::unique_ptr<WatchFeed> feed_;
};

TEST_F(WatchFeedTest, ListsFirstAndThenTellsEveryChange) {
  Put("b", "red");
  Put("a", "red");
  Start();
  EXPECT_THAT(Seen(), ElementsAre("ADDED a", "ADDED b", "SYNCED "));
  Put("a", "blue");
  Put("c", "red");
  Remove("b");
  EXPECT_THAT(Seen(), ElementsAre("MODIFIED a", "ADDED c", "DELETED b"));
}

TEST_F(WatchFeedTest, EnteringAndLeavingASelectorAreAddedAndDeleted) {
  Put("a", "blue");
  Start("color=red");
  EXPECT_THAT(Seen(), ElementsAre("SYNCED "));
  Put("a", "red");
  Put("a", "red");
  Put("a", "green");
  Put("a", "blue");
  Put("b", "blue");
  Remove("b");
  EXPECT_THAT(Seen(), ElementsAre("ADDED a", "MODIFIED a", "DELETED a"));
}

TEST_F(WatchFeedTest, ResumesAfterARevisionWithoutTheList) {
  Put("a", "red");
  Start();
  Seen();
  const int64_t revision = last_revision_;
  Put("b", "red");
  Start("", revision);
  EXPECT_THAT(Seen(), ElementsAre("SYNCED ", "ADDED b"));
}

TEST_F(WatchFeedTest, CannotResumeFromForgottenChanges) {
  Put("a", "red");
  Put("a", "red");
  ASSERT_TRUE(store_.Compact(2).ok());
  Put("a", "red");
  admin::v1::ListRequest request;
  request.set_resource("configmaps");
  EXPECT_EQ(WatchFeed::Start(objects_, *ObjectQuery::Parse(request), 1).status().code(),
            absl::StatusCode::kOutOfRange);
}

TEST_F(WatchFeedTest, ASlowReaderIsEndedWhenTooMuchWaits) {
  for (int i = 0; i < 5; ++i) Put("initial" + std::to_string(i), "red");
  // The initial list may be longer than what may wait.
  Start("", 0, 3);
  for (int i = 0; i < 3; ++i) Put("a", "red");
  store_.Deliver();
  EXPECT_EQ(Seen().size(), 9u);
  EXPECT_FALSE(end_);
  // One is taken by the reader that waits, three may wait behind it.
  for (int i = 0; i < 5; ++i) Put("a", "red");
  asked_ = true;
  store_.Deliver();
  asked_ = false;
  Seen();
  ASSERT_TRUE(end_);
  EXPECT_EQ(end_->code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(WatchFeedTest, ABrokenWatchOfTheStoreEndsIt) {
  Start();
  Seen();
  store_.BreakWatches(absl::DataLossError("broken"));
  EXPECT_THAT(Seen(), IsEmpty());
  EXPECT_EQ(end_, absl::DataLossError("broken"));
}

TEST(ObjectQuery, RefusesWhatItCannotRead) {
  admin::v1::ListRequest request;
  request.set_resource("gizmos");
  EXPECT_EQ(ObjectQuery::Parse(request).status(),
            absl::NotFoundError("the server doesn't have a resource type \"gizmos\""));
  request.set_resource("pods");
  request.set_label_selector("a in (");
  EXPECT_EQ(ObjectQuery::Parse(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ObjectQuery, NamespacedKindsWithoutANamespaceMeanDefault) {
  admin::v1::ListRequest request;
  request.set_resource("pods");
  EXPECT_EQ(ObjectQuery::Parse(request)->scope().ns, "default");
  request.set_all_namespaces(true);
  EXPECT_EQ(ObjectQuery::Parse(request)->scope().ns, "");
  request.set_resource("nodes");
  request.set_all_namespaces(false);
  request.set_namespace_("ignored");
  EXPECT_EQ(ObjectQuery::Parse(request)->scope().ns, "");
}

}  // namespace
}  // namespace muster::coordinator
