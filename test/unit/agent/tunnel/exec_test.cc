#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "agent/tunnel/exec_outcome.h"
#include "agent/tunnel/exec_session.h"
#include "agent/tunnel/spdy.h"
#include "common/base/macros.h"
#include "gtest/gtest.h"
#include "test/unit/agent/tunnel/recording_peer.h"

namespace muster::agent {
namespace {

TEST(ExecOutcome, SuccessIsZero) {
  EXPECT_EQ(ParseExecOutcome(R"({"metadata":{},"status":"Success"})").value(), 0);
}

TEST(ExecOutcome, ExitCodeIsTheCauseOfAFailure) {
  EXPECT_EQ(ParseExecOutcome(
                R"({"metadata":{},"status":"Failure","message":"command terminated with non-zero )"
                R"(exit code: exit status 5","reason":"NonZeroExitCode","details":{"causes":[)"
                R"({"reason":"Other","message":"9"},{"reason":"ExitCode","message":"5"}]}})")
                .value(),
            5);
}

TEST(ExecOutcome, OtherFailuresKeepTheirMessage) {
  const auto outcome = ParseExecOutcome(
      R"({"status":"Failure","message":"exec: \"nope\": not found","reason":"InternalError"})");
  EXPECT_EQ(outcome.status(), absl::UnknownError("exec: \"nope\": not found"));
}

TEST(ExecOutcome, WhatCannotBeUnderstoodIsNotTakenForSuccess) {
  for (const char* text : {
           "",
           "{",
           "[]",
           "7",
           R"({"status":7})",
           R"({"status":"Failure","reason":"NonZeroExitCode"})",
           R"({"status":"Failure","reason":"NonZeroExitCode","details":{"causes":{}}})",
           R"({"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[7]}})",
           R"({"status":"Failure","reason":"NonZeroExitCode",
               "details":{"causes":[{"reason":"ExitCode","message":"5x"}]}})",
       }) {
    EXPECT_TRUE(absl::IsDataLoss(ParseExecOutcome(text).status())) << text;
  }
}

TEST(StreamingUrl, IsTakenApart) {
  const auto address = ParseStreamingUrl("http://127.0.0.1:41234/exec/To-ken");
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->host, "127.0.0.1");
  EXPECT_EQ(address->port, "41234");
  EXPECT_EQ(address->path, "/exec/To-ken");
  EXPECT_EQ(ParseStreamingUrl("http://[::1]:1/x?y=z").value().host, "::1");
  EXPECT_EQ(ParseStreamingUrl("http://[::1]:1/x?y=z").value().path, "/x?y=z");
}

TEST(StreamingUrl, OthersAreRefused) {
  EXPECT_TRUE(absl::IsUnimplemented(ParseStreamingUrl("https://127.0.0.1:1/x").status()));
  for (const char* url : {"", "ftp://127.0.0.1:1/x", "http://127.0.0.1/x", "http://127.0.0.1:1",
                          "http://:1/x", "127.0.0.1:1/x"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseStreamingUrl(url).status())) << url;
  }
}

// A streaming server that answers its one client with what the test gives it, and with `later` once
// it has got the client's streams; then it reads nothing more and keeps the connection open.
class OneAnswer {
 public:
  explicit OneAnswer(const std::string& frames, const std::string& later = "") {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    MUSTER_CHECK(::bind(listener_, any, length) == 0 && ::listen(listener_, 1) == 0);
    MUSTER_CHECK(::getsockname(listener_, any, &length) == 0);
    url_ = absl::StrCat("http://127.0.0.1:", ntohs(address.sin_port), "/exec/token");
    server_ = std::thread([this, frames, later] {
      client_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      Answer("HTTP/1.1 101 Switching Protocols\r\n\r\n" + frames);
      if (!later.empty()) Answer(later);
    });
  }
  ~OneAnswer() {
    server_.join();
    ::close(client_);
    ::close(listener_);
  }
  const std::string& url() const { return url_; }

 private:
  // Once the client has said something.
  void Answer(const std::string& bytes) const {
    std::string said(4096, 0);
    if (::recv(client_, said.data(), said.size(), 0) <= 0) return;  // The test will tell.
    MUSTER_CHECK(::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                 static_cast<ssize_t>(bytes.size()));
  }

  int listener_ = -1, client_ = -1;
  std::string url_;
  std::thread server_;
};

// The streams' numbers are ours: error 1, stdin 3, stdout 5, stderr 7.
const std::string kExitCode3 =
    spdy::Data(1,
               R"({"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[)"
               R"({"reason":"ExitCode","message":"3"}]}})",
               false);
const std::string kOutputsEnd = spdy::Data(5, "out", true) + spdy::Data(7, "err", true);
std::string Reset(char stream) {
  return std::string("\x80\x03\x00\x03\x00\x00\x00\x08\x00\x00\x00", 11) + stream +
         std::string("\x00\x00\x00\x05", 4);
}
constexpr std::chrono::hours kNever{1};

TEST(ExecSession, ServerThatResetsTheErrorStreamHasSaidAll) {
  OneAnswer server(kOutputsEnd + kExitCode3 + Reset(5) + Reset(1));
  RecordingPeer peer;
  EXPECT_EQ(RunExec(server.url(), true, false, peer, kNever).value(), 3);
  EXPECT_EQ(peer.out(), "out");
  EXPECT_EQ(peer.err(), "err");
}

TEST(ExecSession, ExitCodeThatNeverComesIsNotWaitedForForEver) {
  OneAnswer server(kOutputsEnd);
  RecordingPeer peer;
  // More than fits on the way.
  peer.Type(std::string(16 << 20, 'x'));
  const auto code = RunExec(server.url(), true, false, peer, std::chrono::milliseconds(50));
  EXPECT_TRUE(absl::IsDataLoss(code.status())) << code.status();
  EXPECT_EQ(peer.out(), "out");
}

TEST(ExecSession, CommandIsWaitedForWhileAnOutputIsOpen) {
  // An end and a reset of the same stream are one end. With no time to wait, two would be noticed
  // in the first round.
  OneAnswer server(spdy::Data(5, "", true) + Reset(5), kExitCode3 + Reset(1));
  RecordingPeer peer;
  const auto code = RunExec(server.url(), true, false, peer, std::chrono::milliseconds(0));
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 3);
}

}  // namespace
}  // namespace muster::agent
