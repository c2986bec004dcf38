#include "agent/local/http_server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/local/local_client.h"
#include "agent/local/loopback_listener.h"
#include "common/daemon/local_listener.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/support/temp_dir.h"

namespace muster::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(PathOfRequest, IsThatOfAGet) {
  EXPECT_EQ(*PathOfRequest("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), "/metrics");
  EXPECT_EQ(*PathOfRequest("GET /status?x=1 HTTP/1.0\n\n"), "/status");
  for (const char* other : {"POST / HTTP/1.1\r\n\r\n", "HEAD /metrics HTTP/1.1\r\n\r\n"}) {
    EXPECT_EQ(PathOfRequest(other).status().code(), absl::StatusCode::kUnimplemented) << other;
  }
  for (const char* wrong : {"", "\r\n\r\n", "GET /\r\n\r\n", "GET / SPDY/3\r\n\r\n",
                            "GET metrics HTTP/1.1\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n"}) {
    EXPECT_EQ(PathOfRequest(wrong).status().code(), absl::StatusCode::kInvalidArgument) << wrong;
  }
}

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() { Make({}); }
  void Make(HttpServer::Options options) {
    server_.reset();
    server_ = std::make_unique<HttpServer>(
        *loop_, clock_, options, [this](const std::string& path, HttpServer::Reply reply) {
          if (path == "/later") {
            later_.push_back(std::move(reply));
            if (on_later_) on_later_();
          } else {
            reply({.body = path == "/large" ? std::string(4 << 20, 'x') : "you asked " + path});
          }
        });
  }
  // Another program's end of a connection.
  int Connect() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    // Ours must not block.
    EXPECT_EQ(::fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    server_->Serve(ends[0]);
    return ends[1];
  }
  static std::string ReadAll(int fd) {
    std::string text;
    char buffer[4096];
    for (ssize_t n = 0; (n = ::read(fd, buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<size_t>(n));
    }
    ::close(fd);
    return text;
  }
  // What comes back for `request`, while the loop turns.
  std::string Ask(const std::string& request) {
    const int fd = Connect();
    std::string answer;
    std::thread client([&] {
      EXPECT_EQ(::write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
      answer = ReadAll(fd);
      loop_->Quit();
    });
    EXPECT_TRUE(loop_->Run().ok());
    client.join();
    Anew();
    return answer;
  }
  // A loop that was quit does not run again.
  void Anew() {
    server_.reset();
    loop_ = *EventLoop::Create();
    Make({});
  }

  const SystemClock clock_;
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create();
  std::vector<HttpServer::Reply> later_;
  std::function<void()> on_later_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersWithLengthAndClose) {
  EXPECT_EQ(Ask("GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 12\r\n"
            "Connection: close\r\n\r\nyou asked /a");
  EXPECT_THAT(Ask("POST /a HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_THAT(Ask("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 Bad Request\r\n"));
}

TEST_F(HttpServerTest, MoreThanTheSocketHoldsArrivesWhole) {
  const std::string answer = Ask("GET /large HTTP/1.1\r\n\r\n");
  EXPECT_THAT(answer.substr(0, 200), HasSubstr("Content-Length: 4194304\r\n"));
  EXPECT_GT(answer.size(), size_t{4} << 20);
}

TEST_F(HttpServerTest, AnswerMayComeLaterAndOnlyOnce) {
  on_later_ = [this] {
    loop_->Post([this] {
      later_.front()({.body = "first"});
      later_.front()({.body = "second"});
    });
  };
  EXPECT_THAT(Ask("GET /later HTTP/1.1\r\n\r\n"), testing::EndsWith("\r\n\r\nfirst"));
  // And may come to nobody: the server is gone.
  later_.front()({.body = "third"});
}

TEST_F(HttpServerTest, SilentOnesAreHungUpOnAndTooManyNotLetIn) {
  Make({.connections_max = 2, .patience = milliseconds(50)});
  const int first = Connect();
  const int second = Connect();
  const int third = Connect();
  EXPECT_EQ(server_->connections(), 2u);
  EXPECT_EQ(ReadAll(third), "");
  const auto check = loop_->NewTimer([&] { loop_->Quit(); });
  check->Set(clock_.Mono() + seconds(5));
  std::thread client([&] {
    EXPECT_EQ(ReadAll(first), "");
    EXPECT_EQ(ReadAll(second), "");
    loop_->Quit();
  });
  EXPECT_TRUE(loop_->Run().ok());
  client.join();
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(HttpServerTest, EndlessHeadIsHungUpOn) {
  Make({.head_bytes_max = 1000});
  const int fd = Connect();
  std::thread client([&] {
    const std::string much(5'000, 'x');
    (void)!::send(fd, much.data(), much.size(), MSG_NOSIGNAL);
    char byte;
    EXPECT_LE(::read(fd, &byte, 1), 0);
    ::close(fd);
    loop_->Quit();
  });
  EXPECT_TRUE(loop_->Run().ok());
  client.join();
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(HttpServerTest, AgentIsAskedOverItsSocketAndItsAbsenceSaidPlainly) {
  TempDir folder;
  const std::string path = AgentSocketPath(folder.path());
  EXPECT_EQ(path, folder.path() + "/agent.sock");
  const absl::Status nobody = AskAgent(path, "/status", seconds(5)).status();
  EXPECT_EQ(nobody.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(nobody.message()), HasSubstr("no agent is running on this host"));

  const auto door =
      *LocalListener::Listen({path, "test socket"}, *loop_, [this](int fd) { server_->Serve(fd); });
  absl::StatusOr<std::string> answer, missing;
  std::thread client([&] {
    answer = AskAgent(path, "/status", seconds(5));
    missing = AskAgent(path, "/later", seconds(1));
    loop_->Quit();
  });
  EXPECT_TRUE(loop_->Run().ok());
  client.join();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, "you asked /status");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kDeadlineExceeded) << "nobody answers it";
}

TEST_F(HttpServerTest, LoopbackPortIsServedAndNoOtherAddressListenedOn) {
  const auto serve = [this](int fd) { server_->Serve(fd); };
  for (const char* wrong : {"0.0.0.0:0", "192.0.2.1:80", "[::]:0", "127.0.0.1", "x:1"}) {
    EXPECT_EQ(LoopbackListener::Listen(wrong, *loop_, serve).status().code(),
              absl::StatusCode::kInvalidArgument)
        << wrong;
  }
  const auto door = *LoopbackListener::Listen("127.0.0.1:0", *loop_, serve);
  ASSERT_GT(door->port(), 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(door->port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  std::string answer;
  std::thread client([&] {
    const std::string request = "GET /tcp HTTP/1.1\r\n\r\n";
    EXPECT_EQ(::write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
    answer = ReadAll(fd);
    loop_->Quit();
  });
  EXPECT_TRUE(loop_->Run().ok());
  client.join();
  EXPECT_THAT(answer, testing::EndsWith("you asked /tcp"));
}

}  // namespace
}  // namespace muster::agent
