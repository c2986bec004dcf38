#include "coordinator/backup/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/base/text_file.h"
#include "coordinator/enrol/certificate_authority.h"
#include "coordinator/store/sqlite/schema.h"
#include "coordinator/store/sqlite/sqlite_store.h"
#include "test/support/temp_dir.h"

namespace muster::coordinator {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const WallTime kNow{std::chrono::hours(24 * 365 * 56)};

std::string Message(const absl::Status& status) { return std::string(status.message()); }

class BackupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(from_);
    ca_hash_ = Authority(from_);
    store_ = Open(from_);
  }

  static std::string Authority(const std::string& state_dir) {
    const auto ca = CertificateAuthority::LoadOrCreate(state_dir + "/pki", kNow);
    EXPECT_TRUE(ca.ok()) << ca.status();
    return ca.ok() ? ca->hash() : "";
  }
  static std::unique_ptr<SqliteStore> Open(const std::string& state_dir) {
    auto store = SqliteStore::Open({.path = state_dir + "/muster.db"});
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  static void Put(Store& store, const std::string& key, const std::string& value) {
    ASSERT_TRUE(store.Transact({{}, {{key, value}}}).ok());
  }
  static std::string Get(Store& store, const std::string& key) {
    const auto value = store.Get(key);
    return value.ok() && value->has_value() ? (*value)->value : "(none)";
  }
  static void RunSql(const std::string& path, const std::string& sql) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &connection), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(connection);
    sqlite3_close(connection);
  }
  absl::Status Restore(bool replace = false) {
    return RestoreBackup(file_, to_, replace, kNow).status();
  }

  TempDir dir_;
  const std::string from_ = dir_ / "from", to_ = dir_ / "to", file_ = dir_ / "it's a backup";
  std::string ca_hash_;
  std::unique_ptr<SqliteStore> store_;
};

TEST_F(BackupTest, WhatIsRestoredElsewhereIsWhatWasThere) {
  Put(*store_, "/a", "1");
  Put(*store_, "/b", std::string("\0\xff", 2));
  const auto made = MakeBackup(from_, file_, kNow);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->objects, 2);
  EXPECT_EQ(made->revision, 2);
  EXPECT_EQ(made->made, kNow);
  struct stat info;
  ASSERT_EQ(::stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u) << "there are keys in it";
  EXPECT_FALSE(fs::exists(file_ + ".new"));

  Put(*store_, "/a", "after the backup");
  ASSERT_TRUE(Restore().ok()) << Restore();
  const auto restored = Open(to_);
  EXPECT_EQ(Get(*restored, "/a"), "1");
  EXPECT_EQ(Get(*restored, "/b"), std::string("\0\xff", 2));
  EXPECT_EQ(Authority(to_), ca_hash_) << "agents know it by that";
  ASSERT_EQ(::stat((to_ + "/muster.db").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat((to_ + "/pki/ca.pem").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_FALSE(fs::exists(to_ + "/restore.new"));
}

TEST_F(BackupTest, BothAuthoritiesAndTheSealingKeyComeAlong) {
  auto ca = CertificateAuthority::LoadOrCreate(from_ + "/pki", kNow);
  ASSERT_TRUE(ca.ok()) << ca.status();
  ASSERT_TRUE(ca->BeginRotation(kNow).ok());
  const auto plain = MakeBackup(from_, file_, kNow);
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_FALSE(plain->has_sealing_key);
  ASSERT_TRUE(WriteFileAtomically(from_ + "/pki/sealing.key", "a key", 0600).ok());
  const auto made = MakeBackup(from_, file_, kNow);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(made->has_sealing_key);
  ASSERT_TRUE(Restore().ok()) << Restore();
  EXPECT_EQ(ReadFile(to_ + "/pki/sealing.key").value(), "a key");
  const auto restored = CertificateAuthority::LoadOrCreate(to_ + "/pki", kNow);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_TRUE(restored->rotating());
  EXPECT_EQ(restored->trusted_pem(), ca->trusted_pem());
}

// Agents and watchers tell what they have seen by revisions. One they saw after the backup must not
// come again for something else.
TEST_F(BackupTest, RevisionsSeenAfterTheBackupAreNotGivenTwice) {
  Put(*store_, "/a", "1");
  ASSERT_TRUE(MakeBackup(from_, file_, kNow).ok());
  Put(*store_, "/a", "seen");
  const int64_t seen = *store_->CurrentRevision();
  ASSERT_TRUE(Restore().ok());
  const auto restored = Open(to_);
  EXPECT_GT(*restored->CurrentRevision(), seen + 1'000);
  EXPECT_EQ((*restored->Get("/a"))->mod_revision, 1) << "what is the same keeps its revision";
  EXPECT_TRUE(absl::IsOutOfRange(restored->WatchFrom("/", seen, [](const auto&) {}).status()))
      << "a watch has to list again";
  Put(*restored, "/a", "2");
  EXPECT_GT((*restored->Get("/a"))->mod_revision, seen);
}

TEST_F(BackupTest, ItIsOneMomentOfAStoreThatIsBeingWritten) {
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    // Both or none: a copy that has them differ is none of a moment.
    for (int n = 1; !stop; ++n) {
      const std::string value = absl::StrCat(n, std::string(20'000, 'x'));
      ASSERT_TRUE(store_->Transact({{}, {{"/left", value}, {"/right", value}}}).ok());
    }
  });
  for (int round = 0; round < 5; ++round) {
    const auto made = MakeBackup(from_, file_, kNow);
    ASSERT_TRUE(made.ok()) << made.status();
    fs::remove_all(to_);
    ASSERT_TRUE(Restore().ok());
    const auto restored = Open(to_);
    EXPECT_EQ(Get(*restored, "/left"), Get(*restored, "/right"));
  }
  stop = true;
  writer.join();
}

TEST_F(BackupTest, ABackupThatFailsLeavesTheOldOneAndNothingBeside) {
  Put(*store_, "/a", "1");
  ASSERT_TRUE(MakeBackup(from_, file_, kNow).ok());
  const std::string before = *ReadFile(file_);
  fs::remove(from_ + "/pki/ca.pem");
  EXPECT_FALSE(MakeBackup(from_, file_, kNow).ok());
  EXPECT_EQ(*ReadFile(file_), before);
  EXPECT_FALSE(fs::exists(file_ + ".new"));
  EXPECT_TRUE(absl::IsNotFound(MakeBackup(dir_ / "nowhere", file_, kNow).status()));
}

TEST_F(BackupTest, AStoreThatIsThereIsReplacedOnlyWhenToldSoAndKept) {
  Put(*store_, "/a", "1");
  ASSERT_TRUE(MakeBackup(from_, file_, kNow).ok());
  fs::create_directory(to_);
  const std::string other = Authority(to_);
  Put(*Open(to_), "/theirs", "2");
  const absl::Status refused = Restore();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(Message(refused), HasSubstr("--replace"));
  EXPECT_EQ(Get(*Open(to_), "/theirs"), "2");

  ASSERT_TRUE(Restore(true).ok());
  EXPECT_EQ(Get(*Open(to_), "/a"), "1");
  EXPECT_EQ(Authority(to_), ca_hash_);
  std::string aside;
  for (const fs::directory_entry& entry : fs::directory_iterator(to_)) {
    if (entry.path().filename().string().starts_with("replaced-")) aside = entry.path().string();
  }
  EXPECT_EQ(Get(*Open(aside), "/theirs"), "2");
  EXPECT_EQ(Authority(aside), other);
}

TEST_F(BackupTest, ACoordinatorThatRunsIsNotReplacedUnderItsFeet) {
  ASSERT_TRUE(MakeBackup(from_, file_, kNow).ok());
  const absl::Status refused = RestoreBackup(file_, from_, true, kNow).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(Message(refused), HasSubstr("systemctl stop muster-coordinator"));
  Put(*store_, "/a", "still works");
}

TEST_F(BackupTest, WhatIsNoGoodBackupChangesNothing) {
  Put(*store_, "/a", std::string(100'000, 'a'));
  ASSERT_TRUE(MakeBackup(from_, file_, kNow).ok());
  const std::string good = *ReadFile(file_);
  const auto refused_with = [&](const char* said) {
    const absl::Status refused = Restore();
    EXPECT_FALSE(refused.ok()) << said;
    EXPECT_THAT(Message(refused), HasSubstr(said));
    EXPECT_FALSE(fs::exists(to_ + "/muster.db"));
    EXPECT_FALSE(fs::exists(to_ + "/pki"));
    EXPECT_FALSE(fs::exists(to_ + "/restore.new"));
  };
  ASSERT_TRUE(WriteFileAtomically(file_, "no database", 0600).ok());
  refused_with("not a database");
  std::string damaged = good;
  for (size_t i = 8'192; i < 9'000; ++i) damaged[i] = '?';
  ASSERT_TRUE(WriteFileAtomically(file_, damaged, 0600).ok());
  refused_with("is damaged");
  ASSERT_TRUE(WriteFileAtomically(file_, good, 0600).ok());
  RunSql(file_, absl::StrCat("PRAGMA user_version = ", kSchemaVersion + 1));
  refused_with("newer Muster");
  RunSql(file_, "PRAGMA application_id = 7");
  refused_with("no backup of Muster");
  store_.reset();
  fs::copy_file(from_ + "/muster.db", file_, fs::copy_options::overwrite_existing);
  refused_with("store of a coordinator");
  EXPECT_TRUE(absl::IsNotFound(RestoreBackup(dir_ / "none", to_, false, kNow).status()));
}

TEST_F(BackupTest, ABackupInThePlaceOfAStoreIsNotTakenForOne) {
  ASSERT_TRUE(MakeBackup(from_, file_, kNow).ok());
  fs::create_directory(to_);
  fs::copy_file(file_, to_ + "/muster.db");
  const auto opened = SqliteStore::Open({.path = to_ + "/muster.db"});
  EXPECT_TRUE(absl::IsFailedPrecondition(opened.status())) << opened.status();
}

}  // namespace
}  // namespace muster::coordinator
