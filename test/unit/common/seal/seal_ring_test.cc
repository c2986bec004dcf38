#include "common/seal/seal_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/text_file.h"
#include "common/seal/key_file.h"
#include "test/support/temp_dir.h"

namespace muster::seal {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

SealingKey NewKey() { return SealingKey::Generate().value(); }

TEST(SealRing, OpensWhatItSealed) {
  const SealRing ring({NewKey()});
  for (const std::string& plain : {std::string(), std::string("x"), std::string(100'000, 's')}) {
    const std::string sealed = ring.Seal(plain, "/secrets/a/b").value();
    EXPECT_TRUE(IsSealed(sealed));
    EXPECT_EQ(KeyIdOf(sealed), ring.current_id());
    EXPECT_EQ(ring.Open(sealed, "/secrets/a/b").value(), plain);
  }
}

TEST(SealRing, NothingOfTheSecretIsSeenAndNoTwoRecordsAreAlike) {
  const SealRing ring({NewKey()});
  const std::string plain = "the password is hunter2";
  const std::string sealed = ring.Seal(plain, "n").value();
  EXPECT_THAT(sealed, Not(HasSubstr("hunter2")));
  EXPECT_NE(ring.Seal(plain, "n").value(), sealed);
}

TEST(SealRing, EveryChangedByteAndEveryCutIsNoticed) {
  const SealRing ring({NewKey()});
  const std::string sealed = ring.Seal("secret", "name").value();
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(ring.Open(changed, "name").ok()) << i;
    EXPECT_FALSE(ring.Open(sealed.substr(0, i), "name").ok()) << i;
  }
  EXPECT_FALSE(ring.Open(sealed + "x", "name").ok());
}

TEST(SealRing, ARecordIsThatOfItsNameOnly) {
  const SealRing ring({NewKey()});
  const std::string sealed = ring.Seal("secret", "/secrets/a/b").value();
  EXPECT_TRUE(absl::IsDataLoss(ring.Open(sealed, "/secrets/a/c").status()));
}

TEST(SealRing, AnotherKeyIsNamed) {
  const SealRing ring({NewKey()}), other({NewKey()});
  const absl::Status refused = other.Open(ring.Seal("secret", "n").value(), "n").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()),
              ::testing::AllOf(HasSubstr(ring.current_id()), HasSubstr(other.current_id())));
}

TEST(SealRing, AfterAnotherKeyWasAddedBothOpenAndTheNewOneSeals) {
  SealRing ring({NewKey()});
  const std::string before = ring.Seal("secret", "n").value();
  const SealingKey key = NewKey();
  ring.Add(key);
  EXPECT_EQ(ring.Open(before, "n").value(), "secret");
  EXPECT_EQ(KeyIdOf(ring.Seal("secret", "n").value()), key.id());
}

TEST(SealRing, MessagesOfProtobufAreNotTakenForSealedOnes) {
  EXPECT_FALSE(IsSealed(""));
  EXPECT_FALSE(
      IsSealed("\x0a\x03"
               "abc"));
  EXPECT_FALSE(IsSealed("MSEAL1"));
}

TEST(SealingKey, IsTheSameAfterItWasWritten) {
  const SealingKey key = NewKey();
  const SealingKey again = SealingKey::FromBase64(key.ToBase64()).value();
  EXPECT_EQ(again.id(), key.id());
  EXPECT_EQ(SealRing({again}).Open(SealRing({key}).Seal("x", "n").value(), "n").value(), "x");
  EXPECT_NE(NewKey().id(), key.id());
  for (const char* bad : {"", "short", "!!!", "AAAA"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(SealingKey::FromBase64(bad).status())) << bad;
  }
}

TEST(KeyFile, IsMadeOnceForItsOwnerAlone) {
  const TempDir dir;
  const KeySource source{dir / "sealing.key"};
  EXPECT_TRUE(absl::IsNotFound(LoadKeys(source).status()));
  const auto made = LoadOrCreateKeys(source).value();
  ASSERT_EQ(made.size(), 1U);
  struct stat info;
  ASSERT_EQ(::stat(source.path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_EQ(LoadOrCreateKeys(source)->front().id(), made.front().id());
}

TEST(KeyFile, HoldsSeveralOfWhichTheFirstSeals) {
  const TempDir dir;
  const KeySource source{dir / "sealing.key"};
  const SealingKey first = NewKey(), second = NewKey();
  ASSERT_TRUE(SaveKeys(source, {first, second}).ok());
  const auto keys = LoadKeys(source).value();
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0].id(), first.id());
  EXPECT_EQ(keys[1].id(), second.id());
}

TEST(KeyFile, WhatIsNoKeyIsSaidWithItsLineAndNotShown) {
  const TempDir dir;
  const KeySource source{dir / "sealing.key"};
  ASSERT_TRUE(WriteFileAtomically(source.path, "# a comment\n\nhunter2\n", 0600).ok());
  const absl::Status refused = LoadOrCreateKeys(source).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("sealing.key:3"));
  EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("hunter2")));
  ASSERT_TRUE(WriteFileAtomically(source.path, "# nothing\n", 0600).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(LoadOrCreateKeys(source).status()));
}

TEST(KeyFile, ACredentialGoesBeforeTheFileAndIsNotWritten) {
  const TempDir dir;
  const std::string file = dir / "sealing.key";
  EXPECT_EQ(FindKeySource(nullptr, "sealing-key", file).path, file);
  EXPECT_EQ(FindKeySource(dir.path().c_str(), "sealing-key", file).path, file);
  const std::string credential = dir / "sealing-key";
  ASSERT_TRUE(WriteFileAtomically(credential, NewKey().ToBase64(), 0400).ok());
  const KeySource source = FindKeySource(dir.path().c_str(), "sealing-key", file);
  EXPECT_EQ(source.path, credential);
  EXPECT_TRUE(LoadKeys(source).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(SaveKeys(source, {NewKey()})));
}

TEST(SealRing, WhatANewerVersionSealedIsRefusedAndNotTakenForDamaged) {
  const SealRing ring({SealingKey::Generate().value()});
  std::string record = ring.Seal("secret", "name").value();
  record[6] = '2';  // Behind the mark: the way of sealing.
  EXPECT_TRUE(IsSealed(record));
  const absl::Status refused = ring.Open(record, "name").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_NE(refused.message().find("newer version"), absl::string_view::npos);
}

TEST(SealRing, KeysThatAreForgottenOpenNothing) {
  const SealingKey old_key = SealingKey::Generate().value();
  SealRing ring({old_key});
  const std::string record = ring.Seal("secret", "name").value();
  ring.Add(SealingKey::Generate().value());
  EXPECT_EQ(ring.Open(record, "name").value(), "secret");
  ring.KeepFirst();
  EXPECT_TRUE(absl::IsFailedPrecondition(ring.Open(record, "name").status()));
}

// As the kernel says of the page that the key is in: "dd" is out of core dumps.
TEST(SealingKey, IsInNoCoreDump) {
  const SealingKey key = SealingKey::Generate().value();
  const auto address = reinterpret_cast<uintptr_t>(key.bytes());
  std::ifstream maps("/proc/self/smaps");
  std::string line, flags;
  bool here = false;
  while (std::getline(maps, line)) {
    unsigned long long begin = 0, end = 0;
    if (std::sscanf(line.c_str(), "%llx-%llx ", &begin, &end) == 2) {
      here = begin <= address && address < end;
    } else if (here && line.rfind("VmFlags:", 0) == 0) {
      flags = line;
    }
  }
  ASSERT_NE(flags, "") << "the page is not in smaps";
  EXPECT_NE(flags.find(" dd"), std::string::npos) << flags;
}

}  // namespace
}  // namespace muster::seal
