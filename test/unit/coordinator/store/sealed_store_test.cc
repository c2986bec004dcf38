#include "coordinator/store/sealed/sealed_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/base/text_file.h"
#include "coordinator/store/memory/memory_store.h"
#include "coordinator/store/sealed/seal_keeper.h"
#include "coordinator/store/sqlite/sqlite_store.h"
#include "test/support/temp_dir.h"

namespace muster::coordinator {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kSecret[] = "/secrets/default/db";
constexpr char kValue[] = "password=hunter2";

class SealedStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<SealKeeper>> Open() {
    return SealKeeper::Open(store_, source_, [this] {
      ++forgotten_;
      return absl::OkStatus();
    });
  }
  void Put(Store& store, const std::string& key, const std::string& value) {
    ASSERT_TRUE(store.Transact({{}, {{key, value}}}).ok());
  }
  std::string Stored(const std::string& key) { return (*store_.Get(key))->value; }

  TempDir dir_;
  MemoryStore store_{{.delivery = WatchHub::Delivery::kOnDemand}};
  const seal::KeySource source_{dir_ / "sealing.key"};
  int forgotten_ = 0;
};

TEST_F(SealedStoreTest, SecretsAreSealedOnTheirWayInAndOpenedOnTheirWayOut) {
  const auto seals = Open().value();
  SealedStore sealed(store_, seals->ring());
  Put(sealed, kSecret, kValue);
  Put(sealed, "/configmaps/default/db", kValue);
  EXPECT_THAT(Stored(kSecret), Not(HasSubstr("hunter2")));
  EXPECT_EQ(Stored("/configmaps/default/db"), kValue);
  EXPECT_EQ((*sealed.Get(kSecret))->value, kValue);
  EXPECT_EQ(sealed.List("/secrets/")->items.at(0).value, kValue);
  std::string scanned;
  ASSERT_TRUE(sealed.Scan("/", [&](const KeyValue& item) { scanned += item.value; }).ok());
  EXPECT_EQ(scanned, absl::StrCat(kValue, kValue));
  EXPECT_FALSE((*sealed.Get("/secrets/default/none")).has_value());
  ASSERT_TRUE(sealed.Transact({{}, {{kSecret, std::nullopt}}}).ok());
  EXPECT_FALSE((*sealed.Get(kSecret)).has_value());
}

TEST_F(SealedStoreTest, WatchersSeeThemOpenBothWays) {
  const auto seals = Open().value();
  SealedStore sealed(store_, seals->ring());
  std::vector<Change> seen;
  const auto watch = sealed.WatchFrom("/", 0, [&](absl::StatusOr<std::vector<Change>> changes) {
    ASSERT_TRUE(changes.ok()) << changes.status();
    for (Change& change : *changes) seen.push_back(std::move(change));
  });
  ASSERT_TRUE(watch.ok());
  Put(sealed, kSecret, kValue);
  Put(sealed, kSecret, "other");
  store_.Deliver();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].kv.value, kValue);
  EXPECT_EQ(seen[1].kv.value, "other");
  EXPECT_EQ(seen[1].previous->value, kValue);
}

TEST_F(SealedStoreTest, WhatWasThereInTheClearIsReadAndSealedAtTheStart) {
  Put(store_, kSecret, kValue);
  const seal::SealRing ring({seal::SealingKey::Generate().value()});
  SealedStore unsealed(store_, ring);
  EXPECT_EQ((*unsealed.Get(kSecret))->value, kValue);

  const auto seals = Open().value();
  EXPECT_THAT(Stored(kSecret), Not(HasSubstr("hunter2")));
  EXPECT_EQ(forgotten_, 1);
  EXPECT_EQ(seals->Look()->plain, 0);
  SealedStore sealed(store_, seals->ring());
  EXPECT_EQ((*sealed.Get(kSecret))->value, kValue);
  // What it was before is not to be had either.
  EXPECT_TRUE(absl::IsOutOfRange(store_.WatchFrom("/", 0, [](auto) {}).status()));
  // And once is enough.
  const int64_t revision = store_.CurrentRevision().value();
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(store_.CurrentRevision().value(), revision);
  EXPECT_EQ(forgotten_, 1);
}

TEST_F(SealedStoreTest, AnotherKeyIsOneClearErrorAndChangesNothing) {
  {
    const auto seals = Open().value();
    SealedStore sealed(store_, seals->ring());
    Put(sealed, kSecret, kValue);
    Put(sealed, "/secrets/default/second", kValue);
  }
  Put(store_, "/secrets/default/plain", kValue);
  const std::string right = ReadFile(source_.path).value();
  ASSERT_TRUE(seal::SaveKeys(source_, {seal::SealingKey::Generate().value()}).ok());
  const int64_t revision = store_.CurrentRevision().value();
  const absl::Status refused = Open().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("2 Secrets"), HasSubstr(source_.path), HasSubstr(kSecret),
                    HasSubstr("nothing was changed"), Not(HasSubstr("hunter2"))));
  EXPECT_EQ(store_.CurrentRevision().value(), revision);
  // The right one makes all good.
  ASSERT_TRUE(WriteFileAtomically(source_.path, right, 0600).ok());
  const auto seals = Open().value();
  SealedStore sealed(store_, seals->ring());
  EXPECT_EQ((*sealed.Get(kSecret))->value, kValue);
}

TEST_F(SealedStoreTest, ADamagedRecordIsSaidToBe) {
  const auto seals = Open().value();
  SealedStore sealed(store_, seals->ring());
  Put(sealed, kSecret, kValue);
  std::string damaged = Stored(kSecret);
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  Put(store_, kSecret, damaged);
  EXPECT_TRUE(absl::IsDataLoss(sealed.Get(kSecret).status()));
  EXPECT_TRUE(absl::IsDataLoss(sealed.List("/").status()));
  EXPECT_TRUE(absl::IsDataLoss(sealed.Scan("/", [](const KeyValue&) {}).status()));
  EXPECT_TRUE(absl::IsDataLoss(Open().status()));
}

TEST_F(SealedStoreTest, ANewKeySealsEverythingAnew) {
  const auto seals = Open().value();
  SealedStore sealed(store_, seals->ring());
  for (int i = 0; i < 5; ++i) Put(sealed, absl::StrCat(kSecret, i), kValue);
  const std::string before = seals->ring().current_id();
  const auto rotated = seals->Rotate();
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  EXPECT_EQ(rotated->resealed, 5);
  EXPECT_NE(rotated->key_id, before);
  const SealKeeper::Status status = seals->Look().value();
  EXPECT_EQ(status.records, (std::map<std::string, int64_t>{{rotated->key_id, 5}}));
  for (int i = 0; i < 5; ++i) EXPECT_EQ((*sealed.Get(absl::StrCat(kSecret, i)))->value, kValue);
  // The old key is in no file any more.
  const auto keys = seal::LoadKeys(source_).value();
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].id(), rotated->key_id);
  EXPECT_TRUE(Open().ok());
}

TEST_F(SealedStoreTest, AChangeOfTheKeyThatWasInterruptedIsFinishedAtTheNextStart) {
  const seal::SealingKey old_key = seal::SealingKey::Generate().value();
  const seal::SealingKey new_key = seal::SealingKey::Generate().value();
  const seal::SealRing old_ring({old_key}), new_ring({new_key});
  Put(store_, "/secrets/a/1", old_ring.Seal(kValue, "/secrets/a/1").value());
  Put(store_, "/secrets/a/2", new_ring.Seal(kValue, "/secrets/a/2").value());
  ASSERT_TRUE(seal::SaveKeys(source_, {new_key, old_key}).ok());
  const auto seals = Open().value();
  EXPECT_EQ(seals->Look()->records, (std::map<std::string, int64_t>{{new_key.id(), 2}}));
  EXPECT_EQ(seal::LoadKeys(source_)->size(), 1U);
}

TEST_F(SealedStoreTest, AKeyOfSystemdIsChangedByItsUnit) {
  ASSERT_TRUE(seal::SaveKeys(source_, {seal::SealingKey::Generate().value()}).ok());
  const auto seals =
      SealKeeper::Open(store_, {source_.path, /*is_credential=*/true}, nullptr).value();
  EXPECT_TRUE(absl::IsFailedPrecondition(seals->Rotate().status()));
}

// Not even in what SQLite has put aside.
TEST(SealedSqlite, NothingOfASecretFromBeforeIsLeftInTheFiles) {
  const TempDir dir;
  const std::string path = dir / "store.db";
  const auto file = SqliteStore::Open({.path = path}).value();
  for (int i = 0; i < 50; ++i) {
    const std::string key = absl::StrCat("/secrets/default/s", i % 10);
    ASSERT_TRUE(file->Transact({{}, {{key, absl::StrCat(kValue, i)}}}).ok());
  }
  ASSERT_TRUE(file->Transact({{}, {{"/secrets/default/s3", std::nullopt}}}).ok());
  const auto contents = [&] {
    return ReadFile(path).value() + ReadFile(path + "-wal").value_or("");
  };
  ASSERT_THAT(contents(), HasSubstr("hunter2"));
  const auto seals = SealKeeper::Open(*file, {dir / "sealing.key"}, [&] { return file->Scrub(); });
  ASSERT_TRUE(seals.ok()) << seals.status();
  EXPECT_THAT(contents(), Not(HasSubstr("hunter2")));
  SealedStore sealed(*file, (*seals)->ring());
  EXPECT_EQ((*sealed.Get("/secrets/default/s9"))->value, absl::StrCat(kValue, 49));
  ASSERT_TRUE(sealed.Transact({{}, {{"/secrets/default/new", kValue}}}).ok());
  EXPECT_THAT(contents(), Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace muster::coordinator
