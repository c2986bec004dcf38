// A DaemonSet with every field set, from the file of a user through the store and back into a file.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/base/text_file.h"
#include "common/manifest/decode.h"
#include "common/manifest/encode.h"
#include "coordinator/store/memory/memory_store.h"
#include "coordinator/store/object_store.h"
#include "coordinator/store/sqlite/sqlite_store.h"
#include "google/protobuf/util/message_differencer.h"
#include "test/support/temp_dir.h"

namespace muster::coordinator {
namespace {

using google::protobuf::util::MessageDifferencer;

v1::Object ReadObject(const std::string& name, const std::string& text) {
  const manifest::Decoded decoded = manifest::DecodeManifest(name, text);
  for (const manifest::Diagnostic& found : decoded.diagnostics) {
    ADD_FAILURE() << manifest::ToString(found);
  }
  if (decoded.documents.size() != 1) {
    ADD_FAILURE() << name << " has " << decoded.documents.size() << " documents";
    return {};
  }
  return decoded.documents[0].object;
}

class EveryField : public ::testing::TestWithParam<bool> {
 protected:
  std::unique_ptr<Store> Open() {
    auto store = SqliteStore::Open({dir_ / "store.db", 10'000});
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

  TempDir dir_;
  SystemClock clock_;
};

TEST_P(EveryField, SurvivesTheStoreUnchanged) {
  const bool on_disk = GetParam();
  const std::string path = std::string(MUSTER_TEST_DATA) + "/manifests/every_field.yaml";
  v1::Object written = ReadObject(path, ReadFile(path).value_or(""));
  std::unique_ptr<Store> store = on_disk ? Open() : std::make_unique<MemoryStore>();
  ASSERT_NE(store, nullptr);
  const auto created = [&] {
    ObjectTransaction transaction;
    transaction.Create(written);
    return ObjectStore(*store, clock_).Commit(std::move(transaction));
  }();
  ASSERT_TRUE(created.ok()) << created.status();
  if (on_disk) {
    store.reset();
    store = Open();
    ASSERT_NE(store, nullptr);
  }
  const auto stored =
      ObjectStore(*store, clock_)
          .Get(model::Kind::kDaemonSet, written.daemon_set().metadata().namespace_(),
               written.daemon_set().metadata().name());
  ASSERT_TRUE(stored.ok()) << stored.status();
  const v1::Object read = ReadObject("printed", manifest::EncodeYaml(*stored));
  // The one field that is the store's own.
  written.mutable_daemon_set()->mutable_metadata()->set_resource_version(
      std::to_string(created->revision));
  MessageDifferencer differencer;
  std::string differences;
  differencer.ReportDifferencesToString(&differences);
  EXPECT_TRUE(differencer.Compare(written, read)) << differences;
}

INSTANTIATE_TEST_SUITE_P(Stores, EveryField, ::testing::Bool(),
                         [](const auto& param) { return param.param ? "Sqlite" : "Memory"; });

}  // namespace
}  // namespace muster::coordinator
