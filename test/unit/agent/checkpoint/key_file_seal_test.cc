#include "agent/checkpoint/key_file_seal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "common/base/text_file.h"
#include "test/support/temp_dir.h"

namespace muster::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kPassword[] = "hunter2-hunter2";

class KeyFileSealTest : public ::testing::Test {
 protected:
  // As the agent does it when it starts.
  void Start() {
    checkpoint_.reset();
    auto seal = KeyFileSeal::Open(source_);
    ASSERT_TRUE(seal.ok()) << seal.status();
    seal_ = *std::move(seal);
    checkpoint_ = std::make_unique<FileCheckpoint>(dir_ / "checkpoint", &seal_->ring());
    std::string problem;
    const auto loaded = checkpoint_->Load(&problem);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(problem, "");
    state_ = *loaded;
    ASSERT_TRUE(seal_->Settle(*checkpoint_).ok());
  }
  void SaveSecret() {
    v1::Object object;
    object.mutable_secret()->mutable_metadata()->set_name("db");
    (*object.mutable_secret()->mutable_data())["password"] = kPassword;
    CheckpointChange change;
    change.upserted.emplace_back("secrets/ns/db", object);
    ASSERT_TRUE(checkpoint_->Save(change).ok());
  }
  std::string File() { return ReadFile(dir_ / "checkpoint/assignment.log").value(); }
  size_t KeysInFile() { return seal::LoadKeys(source_).value().size(); }

  TempDir dir_;
  seal::KeySource source_{dir_ / "sealing.key"};
  std::unique_ptr<KeyFileSeal> seal_;
  std::unique_ptr<FileCheckpoint> checkpoint_;
  CheckpointState state_;
};

TEST_F(KeyFileSealTest, EverythingIsSealedWithTheNewKeyAndTheOldOneIsForgotten) {
  Start();
  SaveSecret();
  const std::string old_id = seal_->KeyId();
  EXPECT_THAT(File(), HasSubstr(old_id));
  ASSERT_TRUE(seal_->Replace(old_id).ok());
  const std::string new_id = seal_->KeyId();
  EXPECT_NE(new_id, old_id);
  EXPECT_THAT(File(), HasSubstr(new_id));
  EXPECT_THAT(File(), Not(HasSubstr(old_id)));
  EXPECT_THAT(File(), Not(HasSubstr(kPassword)));
  EXPECT_EQ(KeysInFile(), 1u);
  EXPECT_THAT(*seal_->ring().keys(), SizeIs(1));
  // What is saved from now on, too; and the next agent reads all of it.
  SaveSecret();
  EXPECT_THAT(File(), Not(HasSubstr(old_id)));
  Start();
  EXPECT_EQ(state_.objects.at("secrets/ns/db").secret().data().at("password"), kPassword);
  EXPECT_EQ(seal_->KeyId(), new_id);
}

TEST_F(KeyFileSealTest, WhoAsksTwiceGetsOneNewKey) {
  Start();
  const std::string old_id = seal_->KeyId();
  ASSERT_TRUE(seal_->Replace(old_id).ok());
  const std::string new_id = seal_->KeyId();
  ASSERT_TRUE(seal_->Replace(old_id).ok());
  EXPECT_EQ(seal_->KeyId(), new_id);
}

// Killed between any two writes: the new key is in front, and what is there is sealed with the old.
TEST_F(KeyFileSealTest, WhatWasInterruptedIsFinishedByTheNextStart) {
  Start();
  SaveSecret();
  const std::string old_id = seal_->KeyId();
  const seal::SealingKey next = seal::SealingKey::Generate().value();
  ASSERT_TRUE(seal::SaveKeys(source_, {next, seal_->ring().keys()->front()}).ok());
  Start();
  EXPECT_EQ(seal_->KeyId(), next.id());
  EXPECT_EQ(state_.objects.at("secrets/ns/db").secret().data().at("password"), kPassword);
  EXPECT_THAT(File(), Not(HasSubstr(old_id)));
  EXPECT_EQ(KeysInFile(), 1u);
}

TEST_F(KeyFileSealTest, ACredentialIsNotChanged) {
  ASSERT_TRUE(seal::SaveKeys(source_, {seal::SealingKey::Generate().value()}).ok());
  source_.is_credential = true;
  Start();
  SaveSecret();
  const std::string id = seal_->KeyId();
  const absl::Status refused = seal_->Replace(id);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("credential"));
  EXPECT_EQ(seal_->KeyId(), id);
}

TEST_F(KeyFileSealTest, WhenTheKeyCannotBeSavedEverythingStaysAsItIs) {
  Start();
  SaveSecret();
  const std::string id = seal_->KeyId(), file = File();
  // No file can take the place of a directory.
  ASSERT_EQ(::remove(source_.path.c_str()), 0);
  ASSERT_TRUE(MakeDirectories(source_.path + "/in-the-way", 0700).ok());
  EXPECT_FALSE(seal_->Replace(id).ok());
  EXPECT_EQ(seal_->KeyId(), id);
  EXPECT_EQ(File(), file);
}

}  // namespace
}  // namespace muster::agent
