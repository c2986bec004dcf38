// What every Checkpoint promises, on all of them.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>

#include "agent/checkpoint/file_checkpoint.h"
#include "test/fakes/memory_checkpoint.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

class Subject {
 public:
  virtual ~Subject() = default;
  // A new agent on the same disk.
  virtual std::unique_ptr<Checkpoint> Open() = 0;
  virtual void Damage() = 0;
};

class FileSubject final : public Subject {
 public:
  FileSubject() {
    std::string pattern = fs::temp_directory_path() / "muster-checkpoint-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~FileSubject() override { fs::remove_all(directory_); }

  std::unique_ptr<Checkpoint> Open() override {
    return std::make_unique<FileCheckpoint>(directory_ / "state");
  }
  void Damage() override {
    std::fstream file(directory_ / "state" / "assignment.log",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(20);
    file.write("\xff\xfe\xfd\xfc", 4);
  }

 private:
  fs::path directory_;
};

class MemorySubject final : public Subject {
 public:
  std::unique_ptr<Checkpoint> Open() override { return std::make_unique<MemoryCheckpoint>(disk_); }
  void Damage() override { disk_->damaged = true; }

 private:
  const std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
};

v1::Object Pod(const std::string& name, const std::string& image = "img:1") {
  v1::Object object;
  object.mutable_pod()->mutable_metadata()->set_name(name);
  object.mutable_pod()->mutable_spec()->add_containers()->set_image(image);
  return object;
}

class CheckpointContract
    : public testing::TestWithParam<std::function<std::unique_ptr<Subject>()>> {
 protected:
  CheckpointState Load() {
    checkpoint_ = subject_->Open();
    absl::StatusOr<CheckpointState> state = checkpoint_->Load(&problem_);
    EXPECT_TRUE(state.ok()) << state.status();
    return *std::move(state);
  }
  void Save(const CheckpointChange& change) {
    const absl::Status saved = checkpoint_->Save(change);
    ASSERT_TRUE(saved.ok()) << saved;
  }

  const std::unique_ptr<Subject> subject_ = GetParam()();
  std::unique_ptr<Checkpoint> checkpoint_;
  std::string problem_;
};

TEST_P(CheckpointContract, EmptyAtFirst) {
  const CheckpointState state = Load();
  EXPECT_TRUE(state.objects.empty());
  EXPECT_EQ(state.node_uid, "");
  EXPECT_FALSE(state.complete);
  EXPECT_EQ(problem_, "");
}

TEST_P(CheckpointContract, WhatWasSavedIsThereAfterARestart) {
  Load();
  Save({.upserted = {{"pods/ns/a", Pod("a")}, {"pods/ns/b", Pod("b")}},
        .node_uid = "n1",
        .boot_id = "boot",
        .complete = true});
  Save({.upserted = {{"pods/ns/b", Pod("b", "img:2")}},
        .removed = {"pods/ns/a"},
        .former_node_uids = {"n0"}});
  const CheckpointState state = Load();
  EXPECT_EQ(problem_, "");
  ASSERT_EQ(state.objects.size(), 1u);
  EXPECT_EQ(state.objects.at("pods/ns/b").pod().spec().containers(0).image(), "img:2");
  EXPECT_EQ(state.node_uid, "n1");
  EXPECT_EQ(state.boot_id, "boot");
  EXPECT_TRUE(state.complete);
  EXPECT_EQ(state.former_node_uids, (std::set<std::string>{"n0"}));
}

TEST_P(CheckpointContract, ForgettingLeavesTheIdentity) {
  Load();
  Save({.upserted = {{"pods/ns/a", Pod("a")}}, .node_uid = "n1"});
  Save({.upserted = {{"pods/ns/b", Pod("b")}}, .forget_objects = true});
  const CheckpointState state = Load();
  EXPECT_EQ(state.objects.size(), 1u);
  EXPECT_TRUE(state.objects.contains("pods/ns/b"));
  EXPECT_EQ(state.node_uid, "n1");
}

TEST_P(CheckpointContract, ManyChangesAreKept) {
  Load();
  for (int i = 0; i < 495; ++i) {
    Save({.upserted = {{"pods/ns/p" + std::to_string(i % 7),
                        Pod("p", "img:" + std::to_string(i) + std::string(400, 'x'))}}});
  }
  const CheckpointState state = Load();
  ASSERT_EQ(state.objects.size(), 7u);
  EXPECT_EQ(state.objects.at("pods/ns/p4").pod().spec().containers(0).image().substr(0, 7),
            "img:494");
}

TEST_P(CheckpointContract, DamageIsToldAndNeverCountsAsComplete) {
  Load();
  Save({.upserted = {{"pods/ns/a", Pod("a")}}, .complete = true});
  Save({.upserted = {{"pods/ns/b", Pod("b")}}});
  checkpoint_.reset();
  subject_->Damage();
  const CheckpointState state = Load();
  EXPECT_NE(problem_, "");
  EXPECT_FALSE(state.complete);
  EXPECT_TRUE(state.objects.empty());
  // It goes on from there.
  Save({.upserted = {{"pods/ns/c", Pod("c")}}, .complete = true});
  const CheckpointState after = Load();
  EXPECT_EQ(problem_, "");
  EXPECT_TRUE(after.complete);
  EXPECT_TRUE(after.objects.contains("pods/ns/c"));
}

INSTANTIATE_TEST_SUITE_P(File, CheckpointContract,
                         testing::Values([]() -> std::unique_ptr<Subject> {
                           return std::make_unique<FileSubject>();
                         }));
INSTANTIATE_TEST_SUITE_P(Memory, CheckpointContract,
                         testing::Values([]() -> std::unique_ptr<Subject> {
                           return std::make_unique<MemorySubject>();
                         }));

}  // namespace
}  // namespace muster::agent
