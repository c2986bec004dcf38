#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <thread>

#include "common/base/mutex.h"
#include "ctl/commands/forward_spec.h"
#include "ctl/commands/forwarded_connection.h"

namespace muster::ctl {
namespace {

using admin::v1::PortForwardInput;
using admin::v1::PortForwardOutput;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::Pod WebPod() {
  v1::Pod pod;
  pod.mutable_metadata()->set_name("web-1");
  v1::ContainerPort* port = pod.mutable_spec()->add_containers()->add_ports();
  port->set_name("http");
  port->set_container_port(8000);
  return pod;
}

TEST(ForwardedPort, IsWhatKubectlTakes) {
  const v1::Pod pod = WebPod();
  EXPECT_EQ(*ParseForwardedPort("80", pod), (ForwardedPort{80, 80}));
  EXPECT_EQ(*ParseForwardedPort("8080:80", pod), (ForwardedPort{8080, 80}));
  EXPECT_EQ(*ParseForwardedPort(":80", pod), (ForwardedPort{0, 80}));
  EXPECT_EQ(*ParseForwardedPort("0:80", pod), (ForwardedPort{0, 80}));
  EXPECT_EQ(*ParseForwardedPort("8080:http", pod), (ForwardedPort{8080, 8000}));
  EXPECT_EQ(*ParseForwardedPort("http", pod), (ForwardedPort{8000, 8000}));
  for (const char* wrong : {"", ":", "80:", "0", "80:0", "x:80", "65536", "80:65536", "1:2:3", "-1",
                            "80:-1", "https", "99999999999:1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseForwardedPort(wrong, pod).status())) << wrong;
  }
  EXPECT_THAT(std::string(ParseForwardedPort("https", pod).status().message()),
              HasSubstr("pod 'web-1' does not have a named port 'https'"));
}

TEST(ListenAddresses, LocalhostIsBothAndOneOfThemIsEnough) {
  EXPECT_THAT(*ParseListenAddresses("localhost,10.0.0.1"),
              ElementsAre(ListenAddress{"127.0.0.1", true}, ListenAddress{"::1", true},
                          ListenAddress{"10.0.0.1", false}));
  EXPECT_FALSE(ParseListenAddresses("").ok());
  EXPECT_FALSE(ParseListenAddresses("example.test").ok());
  EXPECT_EQ(HostAndPort("127.0.0.1", 80), "127.0.0.1:80");
  EXPECT_EQ(HostAndPort("::1", 80), "[::1]:80");
}

// The far end as a test wants it: says what it is told to, keeps what it hears, up to a limit.
class FarEnd final : public AdminClient::ForwardStream {
 public:
  bool Write(const PortForwardInput& input) override {
    MutexLock lock(&mutex_);
    const auto room = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return over_ || heard_.size() < limit_;
    };
    mutex_.Await(room);
    if (over_) return false;
    heard_ += input.data();
    closed_ |= input.closed();
    return true;
  }
  bool Read(PortForwardOutput& output) override {
    MutexLock lock(&mutex_);
    const auto something = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return over_ || said_; };
    mutex_.Await(something);
    if (!said_) return false;
    output = *said_;
    said_.reset();
    return true;
  }
  absl::Status Finish() override {
    MutexLock lock(&mutex_);
    return end_;
  }
  void Cancel() override { End(absl::CancelledError("cancelled")); }

  // False: not taken in time.
  bool Say(const PortForwardOutput& output,
           std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    MutexLock lock(&mutex_);
    const auto free = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return over_ || !said_; };
    if (!mutex_.AwaitFor(free, limit) || over_) return false;
    said_ = output;
    return true;
  }
  bool SayData(const std::string& data,
               std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    PortForwardOutput output;
    output.set_data(data);
    return Say(output, limit);
  }
  bool SayClosed() {
    PortForwardOutput output;
    output.set_closed(true);
    return Say(output);
  }
  void End(absl::Status status) {
    MutexLock lock(&mutex_);
    const auto read = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return over_ || !said_; };
    if (status.ok()) mutex_.Await(read);
    if (!over_) end_ = std::move(status);
    over_ = true;
  }
  void set_limit(size_t bytes) {
    MutexLock lock(&mutex_);
    limit_ = bytes;
  }
  bool AwaitClosed() {
    MutexLock lock(&mutex_);
    const auto closed = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return closed_; };
    return mutex_.AwaitFor(closed, std::chrono::seconds(20));
  }
  bool AwaitHeard(size_t bytes) {
    MutexLock lock(&mutex_);
    const auto heard = [this, bytes]()
                           ABSL_NO_THREAD_SAFETY_ANALYSIS { return heard_.size() >= bytes; };
    return mutex_.AwaitFor(heard, std::chrono::seconds(20));
  }
  std::string heard() {
    MutexLock lock(&mutex_);
    return heard_;
  }

 private:
  Mutex mutex_;
  std::optional<PortForwardOutput> said_;
  std::string heard_;
  size_t limit_ = SIZE_MAX;
  bool closed_ = false, over_ = false;
  absl::Status end_;
};

class CarryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    program_ = ends[0];
    carried_ = ends[1];
    carry_ = std::thread([this] {
      status_ = CarryConnection(carried_, far_);
      ::close(carried_);
    });
  }
  void TearDown() override {
    far_.Cancel();
    ::shutdown(program_, SHUT_RDWR);
    if (carry_.joinable()) carry_.join();
    ::close(program_);
  }
  absl::Status AwaitEnd() {
    carry_.join();
    return status_;
  }
  std::string ReadAll() const {
    std::string all;
    char buffer[4096];
    for (;;) {
      const ssize_t got = ::recv(program_, buffer, sizeof buffer, 0);
      if (got <= 0) return all;
      all.append(buffer, static_cast<size_t>(got));
    }
  }

  FarEnd far_;
  int program_ = -1, carried_ = -1;
  std::thread carry_;
  absl::Status status_;
};

TEST_F(CarryTest, TheProgramMayEndFirstAndStillHear) {
  ASSERT_EQ(::send(program_, "question", 8, 0), 8);
  ::shutdown(program_, SHUT_WR);
  EXPECT_TRUE(far_.AwaitClosed());
  EXPECT_EQ(far_.heard(), "question");
  EXPECT_TRUE(far_.SayData("answer"));
  EXPECT_TRUE(far_.SayClosed());
  far_.End(absl::OkStatus());
  EXPECT_EQ(ReadAll(), "answer");
  EXPECT_EQ(AwaitEnd(), absl::OkStatus());
}

TEST_F(CarryTest, ThePodMayEndFirstAndStillHear) {
  EXPECT_TRUE(far_.SayData("greeting"));
  EXPECT_TRUE(far_.SayClosed());
  EXPECT_EQ(ReadAll(), "greeting");
  ASSERT_EQ(::send(program_, "late", 4, 0), 4);
  EXPECT_TRUE(far_.AwaitHeard(4));
  ::shutdown(program_, SHUT_WR);
  EXPECT_TRUE(far_.AwaitClosed());
  far_.End(absl::OkStatus());
  EXPECT_EQ(AwaitEnd(), absl::OkStatus());
}

TEST_F(CarryTest, AnErrorOfTheFarEndIsToldAndEndsTheConnection) {
  far_.End(absl::FailedPreconditionError("Connection refused"));
  EXPECT_EQ(ReadAll(), "");
  EXPECT_EQ(AwaitEnd(), absl::FailedPreconditionError("Connection refused"));
}

TEST_F(CarryTest, AProgramThatDoesNotReadHoldsThePodBack) {
  const std::string piece(32 << 10, 'x');
  size_t said = 0;
  while (said < 64 << 20 && far_.SayData(piece, std::chrono::milliseconds(300))) {
    said += piece.size();
  }
  EXPECT_LT(said, size_t{4} << 20);
  // The other way goes on meanwhile.
  ASSERT_EQ(::send(program_, "still here", 10, 0), 10);
  EXPECT_TRUE(far_.AwaitHeard(10));
  // Whoever wants to end does not wait for such a program.
  far_.Cancel();
  ::shutdown(carried_, SHUT_RDWR);
  EXPECT_EQ(AwaitEnd(), absl::OkStatus());
}

TEST_F(CarryTest, APodThatDoesNotReadHoldsTheProgramBack) {
  far_.set_limit(1);
  const std::string piece(32 << 10, 'x');
  size_t sent = 0;
  for (;;) {
    pollfd wait{program_, POLLOUT, 0};
    if (sent > 64 << 20 || ::poll(&wait, 1, 300) == 0) break;
    const ssize_t now = ::send(program_, piece.data(), piece.size(), MSG_DONTWAIT);
    if (now > 0) sent += static_cast<size_t>(now);
  }
  EXPECT_LT(sent, size_t{4} << 20);
  EXPECT_TRUE(far_.SayData("still here"));
  char buffer[10];
  EXPECT_EQ(::recv(program_, buffer, sizeof buffer, MSG_WAITALL), 10);
  far_.End(absl::AbortedError("broke"));
  EXPECT_EQ(AwaitEnd(), absl::AbortedError("broke"));
}

}  // namespace
}  // namespace muster::ctl
