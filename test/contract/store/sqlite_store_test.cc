// What only a store on disk can promise: it outlives its process, whatever happens to that.

#include "coordinator/store/sqlite/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <random>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/text_file.h"
#include "coordinator/store/sqlite/schema.h"
#include "test/contract/store/faulty_disk.h"
#include "test/contract/store/recorder.h"
#include "test/support/temp_dir.h"

namespace muster::coordinator {
namespace {

using ::testing::HasSubstr;

class SqliteStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<SqliteStore>> TryOpen(int64_t history_revisions = 10'000) {
    return SqliteStore::Open({path_, history_revisions});
  }
  std::unique_ptr<SqliteStore> Open(int64_t history_revisions = 10'000) {
    auto store = TryOpen(history_revisions);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  // Statements on the file as any SQLite program would run them.
  void RunSql(const std::string& sql) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &connection), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(connection);
    sqlite3_close(connection);
  }
  std::string Content() { return ReadFile(path_).value(); }

  TempDir dir_;
  const std::string path_ = dir_ / "store.db";
};

// The n-th transaction of the scripts below: a counter, a key that stays and one that goes.
Transaction Numbered(int64_t n) {
  return {{},
          {{"/counter", absl::StrCat(n)},
           {absl::StrCat("/stays/", n), std::string(static_cast<size_t>(n * 37 % 3000), 'x')},
           {absl::StrCat("/goes/", n), "x"},
           {absl::StrCat("/goes/", n - 1), std::nullopt}}};
}

// How many of the numbered transactions are in `store`; fails the test when one is there in part.
int64_t CountNumbered(SqliteStore& store) {
  const int64_t count = store.CurrentRevision().value();
  if (count == 0) return 0;
  EXPECT_EQ(store.Get("/counter").value()->value, absl::StrCat(count));
  EXPECT_EQ(store.List("/stays/")->items.size(), static_cast<size_t>(count));
  const Listing goes = store.List("/goes/").value();
  EXPECT_EQ(goes.items.size(), 1U);
  EXPECT_EQ(goes.items.at(0).key, absl::StrCat("/goes/", count));
  Recorder recorder;
  const auto watch = store.WatchFrom("/", 0, recorder.Callback());
  EXPECT_TRUE(watch.ok()) << watch.status();
  EXPECT_TRUE(recorder.WaitForRevision(count));
  const auto calls = recorder.calls();
  EXPECT_EQ(calls.size(), static_cast<size_t>(count));
  for (size_t i = 0; i < calls.size(); ++i) EXPECT_EQ(calls[i].size(), i == 0 ? 3U : 4U);
  return count;
}

struct ChildResult {
  bool killed = false;
  int64_t acknowledged = 0;  // The number of the last acknowledged transaction.
};

// Runs `body` in a process of its own; `acknowledge` tells the parent a number. With
// `kill_at` > 0 the parent kills it as soon as that many numbers have come.
ChildResult RunChild(const std::function<void(const std::function<void(int64_t)>&)>& body,
                     int kill_at = 0) {
  int pipe_fds[2];
  MUSTER_CHECK(::pipe(pipe_fds) == 0);
  const pid_t child = ::fork();
  MUSTER_CHECK(child >= 0);
  if (child == 0) {
    ::close(pipe_fds[0]);
    body([&](int64_t n) { MUSTER_CHECK(::write(pipe_fds[1], &n, sizeof n) == sizeof n); });
    ::_exit(0);
  }
  ::close(pipe_fds[1]);
  ChildResult result;
  int seen = 0;
  for (int64_t n; ::read(pipe_fds[0], &n, sizeof n) == sizeof n;) {
    result.acknowledged = n;
    if (++seen == kill_at) ::kill(child, SIGKILL);
  }
  ::close(pipe_fds[0]);
  int status = 0;
  MUSTER_CHECK(::waitpid(child, &status, 0) == child);
  result.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  return result;
}

// From where the store is up to `last`.
void WriteNumbered(const std::string& path, int64_t last,
                   const std::function<void(int64_t)>& acknowledge) {
  auto store = SqliteStore::Open({path});
  MUSTER_CHECK(store.ok());
  for (int64_t n = (*store)->CurrentRevision().value() + 1; n <= last; ++n) {
    MUSTER_CHECK((*store)->Transact(Numbered(n)).ok());
    acknowledge(n);
  }
}

TEST_F(SqliteStoreTest, ReopeningKeepsValuesRevisionsAndHistory) {
  {
    const auto store = Open();
    ASSERT_TRUE(store->Transact({{}, {{"/a", "1"}, {"/b", "1"}}}).ok());
    ASSERT_TRUE(store->Transact({{}, {{"/a", "2"}}}).ok());
    ASSERT_TRUE(store->Transact({{}, {{"/b", std::nullopt}}}).ok());
    ASSERT_TRUE(store->Transact({}).ok());
    ASSERT_TRUE(store->Compact(1).ok());
  }
  const auto store = Open();
  EXPECT_EQ(store->CurrentRevision().value(), 4);
  const KeyValue a = *store->Get("/a").value();
  EXPECT_EQ(a.value, "2");
  EXPECT_EQ(a.create_revision, 1);
  EXPECT_EQ(a.mod_revision, 2);
  Recorder recorder;
  EXPECT_TRUE(absl::IsOutOfRange(store->WatchFrom("/", 0, recorder.Callback()).status()));
  const auto watch = store->WatchFrom("/", 1, recorder.Callback()).value();
  EXPECT_EQ(store->Transact({{}, {{"/c", "5"}}}).value(), 5);
  ASSERT_TRUE(recorder.WaitForRevision(5));
  EXPECT_THAT(recorder.Lines(),
              ::testing::ElementsAre("2 put /a=2 created 1 was 1@1", "3 delete /b was 1@1",
                                     "5 put /c=5 created 5"));
}

TEST_F(SqliteStoreTest, OnlyTheOwnerCanReadTheFiles) {
  const auto store = Open();
  ASSERT_TRUE(store->Transact({{}, {{"/secret", "x"}}}).ok());
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat info;
    ASSERT_EQ(::stat((path_ + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600U) << suffix;
  }
}

TEST_F(SqliteStoreTest, AnAcknowledgedWriteWasSyncedBefore) {
  const auto store = Open();
  for (int i = 0; i < 10; ++i) {
    const int64_t before = DiskSyncs();
    ASSERT_TRUE(store->Transact({{}, {{"/a", absl::StrCat(i)}}}).ok());
    EXPECT_GT(DiskSyncs(), before) << i;
  }
}

TEST_F(SqliteStoreTest, ReadsDoNotTouchTheDisk) {
  const auto store = Open();
  ASSERT_TRUE(store->Transact({{}, {{"/a", "x"}}}).ok());
  const int64_t before = DiskOperations();
  EXPECT_TRUE(store->Get("/a").ok());
  EXPECT_TRUE(store->List("/").ok());
  EXPECT_TRUE(store->CurrentRevision().ok());
  EXPECT_TRUE(absl::IsAborted(store->Transact({{{"/a", 0}}, {}}).status()));
  EXPECT_EQ(DiskOperations(), before);
}

TEST_F(SqliteStoreTest, KilledAtAnyDiskOperationItKeepsWhatItAcknowledged) {
  int rounds = 0;
  for (int64_t operation = 0;; ++operation, ++rounds) {
    const TempDir dir;
    const std::string path = dir / "store.db";
    const ChildResult child = RunChild([&](const auto& acknowledge) {
      ArmDisk(DiskFault::kKill, operation);
      WriteNumbered(path, 6, acknowledge);
    });
    const auto store = SqliteStore::Open({path});
    ASSERT_TRUE(store.ok()) << "killed at operation " << operation << ": " << store.status();
    const int64_t count = CountNumbered(**store);
    EXPECT_GE(count, child.acknowledged) << "killed at operation " << operation;
    EXPECT_LE(count, child.acknowledged + 1) << "killed at operation " << operation;
    // It goes on from there.
    ASSERT_TRUE((*store)->Transact(Numbered(count + 1)).ok());
    EXPECT_EQ(CountNumbered(**store), count + 1);
    if (!child.killed) break;
  }
  EXPECT_GT(rounds, 20);  // It was killed, and often.
}

TEST_F(SqliteStoreTest, KilledFromOutsideAtRandomMomentsItKeepsWhatItAcknowledged) {
  std::mt19937 random(20240607);
  int64_t known = 0;
  for (int round = 0; round < 12; ++round) {
    const int kill_at = std::uniform_int_distribution<int>(1, 15)(random);
    const ChildResult child = RunChild(
        [&](const auto& acknowledge) { WriteNumbered(path_, INT64_MAX, acknowledge); }, kill_at);
    ASSERT_TRUE(child.killed);
    EXPECT_GE(child.acknowledged, known + kill_at);
    const auto store = Open();
    ASSERT_TRUE(store);
    known = CountNumbered(*store);
    EXPECT_GE(known, child.acknowledged);
    EXPECT_LE(known, child.acknowledged + 1);
  }
}

TEST_F(SqliteStoreTest, OutOfSpaceAtAnyWriteChangesNothing) {
  int rounds = 0;
  for (int64_t operation = 0;; ++operation) {
    const TempDir dir;
    auto store = SqliteStore::Open({dir / "store.db"}).value();
    ASSERT_TRUE(store->Transact(Numbered(1)).ok());
    ASSERT_TRUE(store->Transact(Numbered(2)).ok());
    Recorder recorder;
    const auto watch = store->WatchFrom("/", 2, recorder.Callback()).value();
    ArmDisk(DiskFault::kNoSpace, operation);
    const auto refused = store->Transact(Numbered(3));
    DisarmDisk();
    if (!DiskStruck()) {
      EXPECT_TRUE(refused.ok());
      break;
    }
    ++rounds;
    EXPECT_TRUE(absl::IsResourceExhausted(refused.status())) << operation << refused.status();
    EXPECT_EQ(CountNumbered(*store), 2);
    // With space again, it works again.
    EXPECT_EQ(store->Transact(Numbered(3)).value(), 3);
    EXPECT_EQ(CountNumbered(*store), 3);
    ASSERT_TRUE(recorder.WaitForRevision(3));
    EXPECT_EQ(recorder.calls().size(), 1U);
    store.reset();
    store = SqliteStore::Open({dir / "store.db"}).value();
    EXPECT_EQ(CountNumbered(*store), 3);
  }
  EXPECT_GE(rounds, 3);
}

TEST_F(SqliteStoreTest, AFailedSyncIsNotAcknowledged) {
  const auto store = Open();
  ASSERT_TRUE(store->Transact(Numbered(1)).ok());
  Recorder recorder;
  const auto watch = store->WatchFrom("/", 1, recorder.Callback()).value();
  // Let the writes through and fail the sync, wherever it comes.
  int64_t operation = 0;
  for (;; ++operation) {
    ArmDisk(DiskFault::kSyncFails, operation);
    const auto result = store->Transact(Numbered(2));
    DisarmDisk();
    if (result.ok()) break;
    EXPECT_TRUE(absl::IsUnavailable(result.status())) << result.status();
    EXPECT_EQ(CountNumbered(*store), 1);
  }
  EXPECT_GT(operation, 0);
  EXPECT_EQ(CountNumbered(*store), 2);
  ASSERT_TRUE(recorder.WaitForRevision(2));
  EXPECT_EQ(recorder.calls().size(), 1U);
}

// No file of this process may grow over a size, as long as it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    MUSTER_CHECK(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_;
  sighandler_t handler_;
};

TEST_F(SqliteStoreTest, AFileThatMayNotGrowChangesNothing) {
  const auto store = Open();
  int64_t written = 0;
  {
    const FileSizeLimit limit(512 << 10);
    for (;;) {
      const auto result = store->Transact(Numbered(written + 1));
      if (!result.ok()) {
        EXPECT_TRUE(absl::IsResourceExhausted(result.status())) << result.status();
        break;
      }
      ++written;
    }
    EXPECT_EQ(CountNumbered(*store), written);
  }
  EXPECT_GT(written, 5);
  EXPECT_TRUE(store->Transact(Numbered(written + 1)).ok());
  EXPECT_EQ(CountNumbered(*store), written + 1);
}

TEST_F(SqliteStoreTest, ASecondProcessIsToldWhoHasIt) {
  const auto store = Open();
  const ChildResult child = RunChild([this](const auto& acknowledge) {
    const auto second = TryOpen();
    const bool told = absl::IsFailedPrecondition(second.status()) &&
                      absl::StrContains(second.status().message(), "in use") &&
                      absl::StrContains(second.status().message(), absl::StrCat(::getppid()));
    acknowledge(told ? 1 : 2);
  });
  EXPECT_EQ(child.acknowledged, 1);
  EXPECT_TRUE(absl::IsFailedPrecondition(TryOpen().status()));
}

TEST_F(SqliteStoreTest, ItIsFreeAgainAfterItsEnd) {
  Open().reset();
  EXPECT_TRUE(Open());
}

TEST_F(SqliteStoreTest, ANewerSchemaIsRefusedAndNotTouched) {
  Open().reset();
  RunSql(absl::StrCat("PRAGMA user_version = ", kSchemaVersion + 1));
  const std::string before = Content();
  const auto refused = TryOpen();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("newer Muster"));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr(path_));
  EXPECT_EQ(Content(), before);
}

TEST_F(SqliteStoreTest, ADatabaseOfSomebodyElseIsRefusedAndNotTouched) {
  RunSql("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
  const std::string before = Content();
  const auto refused = TryOpen();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
  EXPECT_EQ(Content(), before);
}

TEST_F(SqliteStoreTest, AFileThatIsNoDatabaseIsDamaged) {
  ASSERT_TRUE(WriteFileAtomically(path_, std::string(10'000, 'z'), 0600).ok());
  const auto refused = TryOpen();
  EXPECT_TRUE(absl::IsDataLoss(refused.status())) << refused.status();
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("backup"));
}

TEST_F(SqliteStoreTest, ADamagedPageIsNoticedAtOpen) {
  {
    const auto store = Open();
    for (int n = 1; n <= 80; ++n) ASSERT_TRUE(store->Transact(Numbered(n)).ok());
  }
  const std::string good = Content();
  ASSERT_GT(good.size(), 10U * 4096);
  for (size_t page = 1; page < 4; ++page) {
    std::string bad = good;
    bad.replace(page * 4096, 64, std::string(64, '\xa5'));
    ASSERT_TRUE(WriteFileAtomically(path_, bad, 0600).ok());
    const auto refused = TryOpen();
    EXPECT_TRUE(absl::IsDataLoss(refused.status())) << page << refused.status();
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("damaged"));
  }
  ASSERT_TRUE(WriteFileAtomically(path_, good, 0600).ok());
  EXPECT_EQ(CountNumbered(*Open()), 80);
}

TEST_F(SqliteStoreTest, AMissingRevisionIsNoticedAtOpen) {
  Open().reset();
  RunSql("DELETE FROM state");
  EXPECT_TRUE(absl::IsDataLoss(TryOpen().status()));
}

TEST_F(SqliteStoreTest, AMissingDirectoryIsNamed) {
  const auto refused = SqliteStore::Open({dir_ / "not/there.db"});
  EXPECT_TRUE(absl::IsNotFound(refused.status())) << refused.status();
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr(dir_ / "not/there.db"));
}

TEST_F(SqliteStoreTest, ABoundedHistoryBoundsTheFile) {
  const std::string value(2000, 'x');
  int64_t size_before = 0;
  for (int round = 0; round < 3; ++round) {
    {
      const auto store = Open(50);
      for (int i = 0; i < 300; ++i) ASSERT_TRUE(store->Transact({{}, {{"/a", value}}}).ok());
    }
    const int64_t size = static_cast<int64_t>(Content().size());
    if (round > 0) {
      EXPECT_LE(size, size_before + 64 * 1024);
    }
    size_before = size;
  }
  EXPECT_LT(size_before, 400 * 1024);
}

}  // namespace
}  // namespace muster::coordinator
