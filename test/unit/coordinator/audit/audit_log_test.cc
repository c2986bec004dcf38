#include "coordinator/audit/audit_log.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/audit/chain.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/support/temp_dir.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class AuditLogTest : public ::testing::Test {
 protected:
  std::unique_ptr<AuditLog> Open() {
    AuditLog::Options options;
    options.files = {folder_.path() + "/audit", bytes_max_, files_max_,
                     [this](int fd, auto... more) { return Write(fd, more...); }};
    options.refuse = refuse_;
    options.waiting_max = waiting_max_;
    options.retry_after = 5ms;
    auto log = AuditLog::Open(std::move(options), clock_, "1.2.3");
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }
  ssize_t Write(int fd, const void* bytes, size_t size) {
    if (room_ < 0) return ::write(fd, bytes, size);
    const auto part = std::min<int64_t>(room_, static_cast<int64_t>(size));
    if (part == 0) {
      errno = ENOSPC;
      return -1;
    }
    room_ -= part;
    return ::write(fd, bytes, static_cast<size_t>(part));
  }
  static AuditRecord Record(const std::string& user) {
    AuditRecord record;
    record.user = user;
    record.rpc = "Get";
    record.allowed = true;
    return record;
  }

  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path() + "/audit")) {
      names.push_back(entry.path().filename());
    }
    // audit-1, audit-2, ..., audit.log
    std::sort(names.begin(), names.end());
    return names;
  }
  std::string Content(const std::string& name = "audit.log") const {
    std::ifstream file(folder_.path() + "/audit/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void SetContent(const std::string& content) const {
    std::ofstream(folder_.path() + "/audit/audit.log", std::ios::binary) << content;
  }
  audit::ChainReader Verify() const {
    audit::ChainReader reader;
    for (const std::string& name : Files()) {
      reader.BeginFile(name);
      std::string content = Content(name), line;
      for (size_t begin = 0; begin < content.size();) {
        const size_t end = content.find('\n', begin);
        reader.Line(content.substr(begin, end - begin), end != std::string::npos);
        if (end == std::string::npos) break;
        begin = end + 1;
      }
    }
    reader.Finish();
    return reader;
  }
  std::vector<std::string> Users() const {
    std::vector<std::string> users;
    for (const std::string& name : Files()) {
      std::ifstream file(folder_.path() + "/audit/" + name);
      std::string line;
      while (std::getline(file, line)) {
        const auto json = nlohmann::json::parse(line, nullptr, false);
        if (json.is_object() && json.contains("user")) users.push_back(json["user"]);
      }
    }
    return users;
  }

  const SystemClock clock_{};
  TempDir folder_;
  int64_t bytes_max_ = 1 << 20;
  int files_max_ = 10;
  size_t waiting_max_ = 10'000;
  bool refuse_ = true;
  std::atomic<int64_t> room_ = -1;  // Of the disk, in bytes. Negative: enough.
};

TEST_F(AuditLogTest, TellsOfEachRequestInOneLine) {
  {
    const auto log = Open();
    AuditRecord record = Record("anna");
    record.groups = {"muster:users"};
    record.role = "admin";
    record.from = "ipv4:192.0.2.7:5123";
    record.rpc = "Apply";
    record.objects = {{"patch", "daemonsets", "default", "web", 3, 7}};
    log->Write(record);
    record = Record("eve");
    record.rpc = "Exec";
    record.program = "sh";
    record.stage = "start";
    record.objects = {{"create", "pods/exec", "default", "web"}};
    record.allowed = false;
    record.code = absl::StatusCode::kPermissionDenied;
    record.message = "no \x1b[31m\n\xff";
    log->Write(record);
  }
  std::ifstream file(folder_.path() + "/audit/audit.log");
  std::string started, first, second, nothing;
  std::getline(file, started);
  std::getline(file, first);
  std::getline(file, second);
  EXPECT_FALSE(std::getline(file, nothing));
  EXPECT_THAT(started, HasSubstr("\"kind\":\"started\",\"version\":\"1.2.3\""));
  EXPECT_THAT(first,
              HasSubstr("\"user\":\"anna\",\"groups\":[\"muster:users\"],\"role\":\"admin\","
                        "\"from\":\"ipv4:192.0.2.7:5123\",\"rpc\":\"Apply\",\"objects\":[{"
                        "\"verb\":\"patch\",\"resource\":\"daemonsets\",\"namespace\":"
                        "\"default\",\"name\":\"web\",\"old\":3,\"new\":7}],\"allowed\":true,"
                        "\"code\":\"OK\",\"prev\":"));
  EXPECT_THAT(second, HasSubstr("\"allowed\":false,\"code\":\"PERMISSION_DENIED\",\"message\":\"no "
                                "\\u001b[31m\\n\xef\xbf\xbd\""));
  EXPECT_THAT(second, HasSubstr("\"program\":\"sh\""));
  EXPECT_FALSE(Verify().broken());
  EXPECT_EQ(fs::status(folder_.path() + "/audit/audit.log").permissions(), fs::perms(0600));
}

TEST_F(AuditLogTest, GoesOnWhereTheLastOneEnded) {
  for (const char* user : {"a", "b", "c"}) {
    const auto log = Open();
    log->Write(Record(user));
  }
  const audit::ChainReader reader = Verify();
  EXPECT_FALSE(reader.broken());
  EXPECT_EQ(reader.lines(), 6u);
  EXPECT_THAT(reader.notes(), IsEmpty());
}

TEST_F(AuditLogTest, FullFilesArePutAsideAndTheOldestGo) {
  bytes_max_ = 2'000;
  files_max_ = 3;
  {
    const auto log = Open();
    for (int i = 0; i < 60; ++i) {
      log->Write(Record("u" + std::to_string(i)));
      ASSERT_TRUE(log->Drain(10s));
    }
  }
  EXPECT_EQ(Files().size(), 3u);
  const audit::ChainReader reader = Verify();
  EXPECT_FALSE(reader.broken()) << *reader.broken();
  EXPECT_GT(reader.first()->seq, 1u);
  EXPECT_EQ(reader.last()->seq, 61u);
  for (const std::string& name : Files()) EXPECT_LT(Content(name).size(), 2'600u) << name;
}

// Wherever a kill -9 or a power cut tears the last line.
TEST_F(AuditLogTest, ATornLineIsSeenAtTheNextStartAndTheChainGoesOn) {
  {
    const auto log = Open();
    log->Write(Record("anna"));
    log->Write(Record("torn"));
  }
  const std::string whole = Content();
  const size_t last = whole.rfind('\n', whole.size() - 2) + 1;
  for (size_t keep = last; keep <= whole.size(); keep += 7) {
    SetContent(whole.substr(0, keep));
    Open()->Write(Record("after"));
    const audit::ChainReader reader = Verify();
    ASSERT_FALSE(reader.broken()) << keep << ": " << *reader.broken();
    EXPECT_THAT(Users(), Contains("after"));
    if (keep > last && keep < whole.size()) {
      EXPECT_THAT(reader.notes(), ElementsAre(HasSubstr("torn by a crash"))) << keep;
    }
  }
}

TEST_F(AuditLogTest, ACrashBetweenTheEndOfATornLineAndTheWordAboutItIsNoBreak) {
  { Open()->Write(Record("anna")); }
  const std::string whole = Content();
  SetContent(whole + "{\"seq\":3,\"ti\n{\"se");
  Open();
  const audit::ChainReader reader = Verify();
  EXPECT_FALSE(reader.broken()) << *reader.broken();
  EXPECT_THAT(reader.notes(), ElementsAre(HasSubstr("audit.log:3: torn by a crash")));
}

TEST_F(AuditLogTest, AFirstFileThatIsTornFromTheStartBeginsAnew) {
  fs::create_directory(folder_.path() + "/audit");
  SetContent("{\"seq\":1,\"time");
  Open()->Write(Record("anna"));
  EXPECT_FALSE(Verify().broken());
  EXPECT_THAT(Users(), ElementsAre("anna"));
}

TEST_F(AuditLogTest, ACrashInTheMiddleOfPuttingAFileAsideLosesNothing) {
  { Open()->Write(Record("anna")); }
  fs::rename(folder_.path() + "/audit/audit.log",
             folder_.path() + "/audit/audit-00000000000000000001.log");
  { Open()->Write(Record("berta")); }
  const audit::ChainReader reader = Verify();
  EXPECT_FALSE(reader.broken());
  EXPECT_EQ(reader.first()->seq, 1u);
  EXPECT_EQ(reader.last()->seq, 4u);
}

TEST_F(AuditLogTest, ABreakStaysOneBreakAndTheFirstLineOfItIsNamed) {
  { Open()->Write(Record("anna")); }
  { Open()->Write(Record("berta")); }
  std::string content = Content();
  content.replace(content.find("anna"), 4, "otto");
  SetContent(content);
  { Open()->Write(Record("carla")); }
  EXPECT_EQ(Verify().broken().value_or(""),
            "audit.log:2: this line was changed after it was written");
  EXPECT_THAT(Users(), ElementsAre("otto", "berta", "carla"));
}

TEST_F(AuditLogTest, AFullDiskRefusesRequestsUntilThereIsRoomAndTearsNothing) {
  const auto log = Open();
  ASSERT_TRUE(log->Drain(10s));
  room_ = 100;  // Half a line.
  EXPECT_TRUE(log->Ready().ok());
  log->Write(Record("anna"));
  EXPECT_FALSE(log->Drain(50ms));
  const absl::Status refused = log->Ready();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.ToString(), HasSubstr("No space left on device"));
  EXPECT_THAT(Content(), Not(HasSubstr("anna")));
  EXPECT_FALSE(Verify().broken());
  EXPECT_THAT(Verify().notes(), IsEmpty());
  room_ = -1;
  ASSERT_TRUE(log->Drain(10s));
  EXPECT_TRUE(log->Ready().ok());
  EXPECT_THAT(Users(), ElementsAre("anna"));
  EXPECT_FALSE(Verify().broken());
}

TEST_F(AuditLogTest, OrItGoesOnAndSaysHowManyWereNotLogged) {
  refuse_ = false;
  waiting_max_ = 3;
  const auto log = Open();
  ASSERT_TRUE(log->Drain(10s));
  room_ = 0;
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(log->Ready().ok());
    log->Write(Record("u" + std::to_string(i)));
  }
  EXPECT_FALSE(log->Drain(50ms));
  EXPECT_TRUE(log->Ready().ok());
  room_ = -1;
  ASSERT_TRUE(log->Drain(10s));
  const audit::ChainReader reader = Verify();
  EXPECT_FALSE(reader.broken());
  EXPECT_THAT(Users(), ElementsAre("u0", "u1", "u2"));
  EXPECT_THAT(reader.notes(), ElementsAre(HasSubstr("7 requests before it were not logged")));
}

TEST_F(AuditLogTest, WritersNeverWaitForTheDisk) {
  std::atomic<bool> hold = true;
  AuditLog::Options options;
  Mutex mutex;
  options.files = {folder_.path() + "/audit", 1 << 20, 10, [&](int fd, const void* b, size_t n) {
                     MutexLock lock(&mutex);
                     mutex.Await([&] { return !hold.load(); });
                     return ::write(fd, b, n);
                   }};
  auto log = AuditLog::Open(std::move(options), clock_, "1");
  ASSERT_TRUE(log.ok());
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 1'000; ++i) (*log)->Write(Record("anna"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
  EXPECT_FALSE((*log)->Drain(1ms));
  {
    MutexLock lock(&mutex);
    hold = false;
  }
  EXPECT_TRUE((*log)->Drain(10s));
}

TEST(AuditRecord, CountsWhatWouldMakeALineEndless) {
  AuditRecord record;
  record.rpc = "Apply";
  record.objects.resize(250);
  const auto json = nlohmann::json::parse(AuditObject(record));
  EXPECT_EQ(json["objects"].size(), 200u);
  EXPECT_EQ(json["moreObjects"], 50);
}

}  // namespace
}  // namespace muster::coordinator
