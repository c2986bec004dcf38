#include "coordinator/session/status_writer.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "coordinator/store/memory/memory_store.h"
#include "coordinator/store/object_store.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

// A store in which something happens just before each transaction.
class RacingStore final : public Store {
 public:
  explicit RacingStore(Store& store) : store_(store) {}

  absl::StatusOr<std::optional<KeyValue>> Get(const std::string& key) override {
    return store_.Get(key);
  }
  absl::StatusOr<Listing> List(const std::string& prefix) override { return store_.List(prefix); }
  absl::StatusOr<int64_t> Transact(const Transaction& transaction) override {
    if (before) std::exchange(before, nullptr)();
    ++transactions;
    return store_.Transact(transaction);
  }
  absl::StatusOr<std::unique_ptr<Watch>> WatchFrom(const std::string& prefix,
                                                   int64_t after_revision,
                                                   OnChanges on_changes) override {
    return store_.WatchFrom(prefix, after_revision, std::move(on_changes));
  }
  absl::Status Compact(int64_t revision) override { return store_.Compact(revision); }
  absl::StatusOr<int64_t> CurrentRevision() override { return store_.CurrentRevision(); }

  std::function<void()> before;
  int transactions = 0;

 private:
  Store& store_;
};

class StatusWriterTest : public ::testing::Test {
 protected:
  void Put(const std::string& name, const std::string& label = "") {
    v1::Object object;
    v1::Pod& pod = *object.mutable_pod();
    pod.mutable_metadata()->set_namespace_("ns");
    pod.mutable_metadata()->set_name(name);
    pod.mutable_metadata()->set_uid("uid-" + name);
    pod.mutable_spec()->set_node_name("n1");
    if (!label.empty()) (*pod.mutable_metadata()->mutable_labels())["l"] = label;
    ASSERT_TRUE(store_.Transact({.writes = {{KeyOf(object), EncodeObject(object)}}}).ok());
  }
  v1::Pod Pod(const std::string& name) { return objects_.Get(v1::Object::kPod, "ns", name)->pod(); }
  void Report(const std::string& name, const std::string& phase) {
    session::v1::PodReport report;
    report.set_namespace_("ns");
    report.set_name(name);
    report.set_uid("uid-" + name);
    report.mutable_status()->set_phase(phase);
    writer_.ReportPod("n1", report);
  }

  ManualClock clock_;
  MemoryStore store_;
  ObjectStore objects_{store_, clock_};
  RacingStore racing_{store_};
  StatusWriter writer_{racing_, clock_, {.batch_max = 2}};
};

TEST_F(StatusWriterTest, AChangeBetweenReadingAndWritingIsKept) {
  Put("a");
  Report("a", "Running");
  racing_.before = [&] { Put("a", "new"); };
  EXPECT_EQ(writer_.Flush(), std::nullopt);
  EXPECT_EQ(Pod("a").metadata().labels().at("l"), "new");
  EXPECT_EQ(Pod("a").status().phase(), "Running");
}

TEST_F(StatusWriterTest, ManyReportsAreWrittenInBatches) {
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    Put(name);
    Report(name, "Running");
  }
  EXPECT_EQ(writer_.waiting(), 5u);
  EXPECT_EQ(writer_.Flush(), std::nullopt);
  EXPECT_EQ(writer_.waiting(), 0u);
  EXPECT_EQ(racing_.transactions, 3);
  EXPECT_EQ(Pod("e").status().phase(), "Running");
}

TEST_F(StatusWriterTest, OnlyTheNewestReportOfAPodIsWritten) {
  Put("a");
  Report("a", "Pending");
  Report("a", "Running");
  writer_.Flush();
  EXPECT_EQ(racing_.transactions, 1);
  EXPECT_EQ(Pod("a").status().phase(), "Running");
}

TEST_F(StatusWriterTest, ABrokenObjectDoesNotHoldUpTheOthers) {
  ASSERT_TRUE(store_.Transact({.writes = {{"/pods/ns/a", "\xff not an object"}}}).ok());
  Put("b");
  Report("a", "Running");
  Report("b", "Running");
  EXPECT_EQ(writer_.Flush(), std::nullopt);
  EXPECT_EQ(Pod("b").status().phase(), "Running");
}

}  // namespace
}  // namespace muster::coordinator
