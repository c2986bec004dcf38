#include "agent/checkpoint/file_checkpoint.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

v1::Object Pod(const std::string& name) {
  v1::Object object;
  object.mutable_pod()->mutable_metadata()->set_name(name);
  return object;
}

class FileCheckpointTest : public testing::Test {
 protected:
  FileCheckpointTest() {
    std::string pattern = fs::temp_directory_path() / "muster-checkpoint-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~FileCheckpointTest() override { fs::remove_all(directory_); }

  CheckpointState Load() {
    checkpoint_.emplace(directory_);
    absl::StatusOr<CheckpointState> state = checkpoint_->Load(&problem_);
    EXPECT_TRUE(state.ok()) << state.status();
    return *std::move(state);
  }
  std::string Content() const {
    std::ifstream file(Log(), std::ios::binary);
    std::stringstream content;
    content << file.rdbuf();
    return content.str();
  }
  void SetContent(const std::string& content) const {
    std::ofstream(Log(), std::ios::binary) << content;
  }
  fs::path Log() const { return directory_ / "assignment.log"; }

  fs::path directory_;
  std::optional<FileCheckpoint> checkpoint_;
  std::string problem_;
};

// Spec 23: what was acknowledged survives, whatever was there before it.
TEST_F(FileCheckpointTest, AnEmptyFileIsNoCheckpointAndGetsAWholeOne) {
  Load();
  SetContent("");
  EXPECT_TRUE(Load().objects.empty());
  CheckpointChange change;
  change.upserted.emplace_back("/pods/default/web", Pod("web"));
  ASSERT_TRUE(checkpoint_->Save(change).ok());
  EXPECT_EQ(Load().objects.count("/pods/default/web"), 1u);
  EXPECT_EQ(problem_, "");
}

TEST_F(FileCheckpointTest, ATimeThatNoClockShowsIsNone) {
  Load();
  // ContainerMemoryFile: one with id "a", ready, since the last millisecond there is, and since -1.
  using std::string_literals::operator""s;
  for (const std::string& content :
       {"\x0a\x0f\x0a\x01\x61\x18\x01\x20\xff\xff\xff\xff\xff\xff\xff\xff\x7f"s,
        "\x0a\x10\x0a\x01\x61\x18\x01\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s}) {
    std::ofstream(directory_ / "containers", std::ios::binary) << content;
    const CheckpointState state = Load();
    ASSERT_EQ(state.containers.count("a"), 1u) << problem_;
    EXPECT_TRUE(state.containers.at("a").ready);
    EXPECT_EQ(state.containers.at("a").ready_since, WallTime());
  }
}

// Spec: pod/23/checkpoint
TEST_F(FileCheckpointTest, IsForItsOwnerOnly) {
  Load();
  struct stat info {};
  ASSERT_EQ(::stat(Log().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

// Killed in the middle of a write, at every byte: the changes before are there, and half of one
// never is.
// Spec: pod/23/checkpoint
TEST_F(FileCheckpointTest, WriteThatWasCutShortIsAsIfItHadNotBeen) {
  Load();
  ASSERT_TRUE(checkpoint_->Save({.upserted = {{"a", Pod("a")}}, .complete = true}).ok());
  const std::string before = Content();
  ASSERT_TRUE(checkpoint_->Save({.upserted = {{"b", Pod("b")}}, .removed = {"a"}}).ok());
  const std::string after = Content();
  ASSERT_GT(after.size(), before.size());
  for (size_t size = before.size(); size < after.size(); ++size) {
    SetContent(after.substr(0, size));
    const CheckpointState state = Load();
    EXPECT_TRUE(state.objects.contains("a")) << size;
    EXPECT_FALSE(state.objects.contains("b")) << size;
    // The agent cannot tell it from a lost acknowledged write, so it takes nothing down.
    EXPECT_EQ(state.complete, size == before.size()) << size;
    EXPECT_EQ(problem_.empty(), size == before.size()) << size;
  }
  SetContent(after);
  EXPECT_TRUE(Load().objects.contains("b"));
}

TEST_F(FileCheckpointTest, EveryDamagedByteIsNoticed) {
  Load();
  ASSERT_TRUE(checkpoint_->Save({.upserted = {{"a", Pod("a")}}, .complete = true}).ok());
  ASSERT_TRUE(checkpoint_->Save({.upserted = {{"b", Pod("b")}}}).ok());
  const std::string good = Content();
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x40);
    SetContent(bad);
    const CheckpointState state = Load();
    EXPECT_NE(problem_, "") << at;
    EXPECT_FALSE(state.complete) << at;
  }
}

// Spec: pod/23/checkpoint
TEST_F(FileCheckpointTest, DamagedFileIsKeptAside) {
  Load();
  ASSERT_TRUE(checkpoint_->Save({.upserted = {{"a", Pod("a")}}, .complete = true}).ok());
  SetContent("this is no checkpoint at all");
  EXPECT_TRUE(Load().objects.empty());
  EXPECT_TRUE(fs::exists(directory_ / "assignment.log.damaged"));
}

TEST_F(FileCheckpointTest, GrowsNoMoreThanTwiceWhatItHolds) {
  Load();
  for (int i = 0; i < 1000; ++i) {
    v1::Object pod = Pod("a");
    (*pod.mutable_pod()->mutable_metadata()->mutable_annotations())["k"] = std::string(1000, 'x');
    ASSERT_TRUE(checkpoint_->Save({.upserted = {{"a", pod}}}).ok());
  }
  EXPECT_LT(fs::file_size(Log()), 600u * 1024);
  EXPECT_EQ(Load().objects.size(), 1u);
}

// For as long as it lives no file gets larger than `bytes`, as on a full disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
    rlimit tight = before_;
    tight.rlim_cur = bytes;
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  }
  ~FullDisk() { EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &before_), 0); }

 private:
  rlimit before_{};
};

// A full disk: nothing of the change is there, what was there still is, and it recovers.
TEST_F(FileCheckpointTest, FailedWriteLeavesWhatWasThere) {
  Load();
  ASSERT_TRUE(checkpoint_->Save({.upserted = {{"a", Pod("a")}}, .complete = true}).ok());
  const rlim_t size = fs::file_size(Log());
  {
    const FullDisk full(size + 10);
    EXPECT_FALSE(checkpoint_->Save({.upserted = {{"b", Pod("b")}}}).ok());
  }
  EXPECT_EQ(fs::file_size(Log()), size);
  ASSERT_TRUE(checkpoint_->Save({.upserted = {{"c", Pod("c")}}}).ok());
  const CheckpointState state = Load();
  EXPECT_EQ(problem_, "");
  EXPECT_TRUE(state.complete);
  EXPECT_TRUE(state.objects.contains("a"));
  EXPECT_FALSE(state.objects.contains("b"));
  EXPECT_TRUE(state.objects.contains("c"));
}

// The last write before the machine died is torn, or the disk damaged what was there, and there is
// no room to write what is left of it: the agent goes on with that, now and whenever it starts.
TEST_F(FileCheckpointTest, OnAFullDiskWhatIsDamagedIsUsedAndWrittenLater) {
  Load();
  ASSERT_TRUE(checkpoint_->Save({.upserted = {{"a", Pod("a")}}, .complete = true}).ok());
  const std::string before = Content();
  ASSERT_TRUE(checkpoint_->Save({.upserted = {{"b", Pod("b")}}}).ok());
  const std::string torn = Content().substr(0, Content().size() - 3);
  std::string damaged = before;
  damaged[before.size() / 2] ^= 0x40;
  for (const bool is_torn : {true, false}) {
    SetContent(is_torn ? torn : damaged);
    {
      const FullDisk full(10);
      for (int start = 0; start < 2; ++start) {
        const CheckpointState state = Load();
        EXPECT_EQ(state.objects.contains("a"), is_torn);
        EXPECT_FALSE(state.objects.contains("b"));
        EXPECT_FALSE(state.complete);
        EXPECT_FALSE(checkpoint_->Save({.upserted = {{"c", Pod("c")}}}).ok());
      }
    }
    ASSERT_TRUE(checkpoint_->Save({.upserted = {{"d", Pod("d")}}}).ok());
    const CheckpointState state = Load();
    EXPECT_EQ(problem_, "");
    EXPECT_FALSE(state.complete) << "the coordinator has not spoken yet";
    EXPECT_EQ(state.objects.contains("a"), is_torn);
    EXPECT_FALSE(state.objects.contains("c"));
    EXPECT_TRUE(state.objects.contains("d"));
  }
}

v1::Object Secret(const std::string& value) {
  v1::Object object;
  object.mutable_secret()->mutable_metadata()->set_name("db");
  (*object.mutable_secret()->mutable_data())["password"] = value;
  return object;
}

class SealedCheckpointTest : public FileCheckpointTest {
 protected:
  static constexpr char kKey[] = "secrets/default/db";

  absl::StatusOr<CheckpointState> LoadWith(const seal::SealRing* ring) {
    checkpoint_.emplace(directory_, ring);
    return checkpoint_->Load(&problem_);
  }
  void Save(const seal::SealRing* ring) {
    ASSERT_TRUE(LoadWith(ring).ok());
    CheckpointChange change;
    change.upserted.emplace_back(kKey, Secret("hunter2"));
    change.upserted.emplace_back("pods/default/web", Pod("web"));
    change.complete = true;
    ASSERT_TRUE(checkpoint_->Save(change).ok());
  }
  bool ShowsIt() const { return Content().find("hunter2") != std::string::npos; }

  const seal::SealRing ring_{{seal::SealingKey::Generate().value()}};
};

TEST_F(SealedCheckpointTest, SecretsInItAreSealed) {
  Save(&ring_);
  EXPECT_FALSE(ShowsIt());
  EXPECT_NE(Content().find("web"), std::string::npos);
  const auto state = LoadWith(&ring_);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_TRUE(state->complete);
  EXPECT_EQ(state->objects.at(kKey).secret().data().at("password"), "hunter2");
}

TEST_F(SealedCheckpointTest, WhatWasThereInTheClearIsReadAndSealed) {
  Save(nullptr);
  EXPECT_TRUE(ShowsIt());
  const auto state = LoadWith(&ring_);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->objects.at(kKey).secret().data().at("password"), "hunter2");
  EXPECT_TRUE(state->complete);
  EXPECT_FALSE(ShowsIt());
  EXPECT_TRUE(LoadWith(&ring_)->objects.contains(kKey));
}

TEST_F(SealedCheckpointTest, AnotherKeyIsOneClearErrorAndChangesNothing) {
  Save(&ring_);
  const std::string before = Content();
  const seal::SealRing other({seal::SealingKey::Generate().value()});
  const absl::Status refused = LoadWith(&other).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_NE(refused.message().find(ring_.current_id()), std::string::npos) << refused;
  EXPECT_EQ(Content(), before);
  EXPECT_TRUE(LoadWith(&ring_)->complete);
}

TEST_F(SealedCheckpointTest, WithANewKeyInFrontItIsSealedAnew) {
  const seal::SealingKey old_key = seal::SealingKey::Generate().value();
  const seal::SealingKey new_key = seal::SealingKey::Generate().value();
  const seal::SealRing before({old_key}), both({new_key, old_key}), after({new_key});
  Save(&before);
  ASSERT_TRUE(LoadWith(&both).ok());
  const auto state = LoadWith(&after);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->objects.at(kKey).secret().data().at("password"), "hunter2");
}

TEST_F(SealedCheckpointTest, WhoHasNoKeyDoesWithoutThem) {
  Save(&ring_);
  const auto state = LoadWith(nullptr);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_FALSE(state->objects.contains(kKey));
  EXPECT_TRUE(state->objects.contains("pods/default/web"));
}

}  // namespace
}  // namespace muster::agent
