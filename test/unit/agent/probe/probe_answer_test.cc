#include "agent/probe/probe_answer.h"

#include <gtest/gtest.h>

#include <optional>

namespace muster::agent {
namespace {

using std::chrono::seconds;
using Kind = ProbeAnswer::Kind;

HttpCall Call(bool tls = false, const std::string& target = "/a/b?q=1") {
  HttpCall call;
  call.tls = tls;
  call.host = "web.example";
  call.port = 8080;
  call.target = target;
  return call;
}

TEST(CleanText, IsShortAndOfCharacters) {
  struct Row {
    std::string in, out;
  };
  for (const Row& row : {Row{"plain\n\ttext", "plain\n\ttext"},
                         {"\xc3\xa4", "\xc3\xa4"},
                         {"a\xc3", "a?"},
                         {"\xff\xfe", "??"},
                         {std::string("a\0b", 3), "a?b"},
                         {"\x1b[31m", "?[31m"},
                         {"\xed\xa0\x80", "???"},
                         {"\xc0\xaf", "??"},
                         {"\xf4\x90\x80\x80", "????"},
                         {"\xe2\x82\xac", "\xe2\x82\xac"}}) {
    EXPECT_EQ(CleanText(row.in), row.out);
  }
  EXPECT_EQ(CleanText(std::string(20'000, 'x')).size(), kProbeOutputMax);
  // Not through the middle of a character.
  EXPECT_EQ(CleanText("ab\xe2\x82\xac", 4), "ab");
}

// Spec 8: exec.
// Spec: pod/8/exec
TEST(AnswerOfExec, GoesByTheExitCode) {
  const std::vector<std::string> command = {"cat", "/x"};
  EXPECT_EQ(AnswerOfExec(command, seconds(1), ExecResult{"out", "err", 0}),
            (ProbeAnswer{Kind::kSuccess, "outerr"}));
  EXPECT_EQ(AnswerOfExec(command, seconds(1), ExecResult{"", "no such file\n", 1}),
            (ProbeAnswer{Kind::kFailure, "no such file\n"}));
  EXPECT_EQ(AnswerOfExec(command, seconds(1), absl::DeadlineExceededError("timeout 1s exceeded")),
            (ProbeAnswer{Kind::kFailure, "command timed out: \"cat /x\" timed out after 1s"}));
  EXPECT_EQ(AnswerOfExec(command, seconds(1), absl::UnknownError("failed to exec")),
            (ProbeAnswer{Kind::kError, "failed to exec"}));
  const ExecResult loud{std::string(9'000, 'a'), std::string(9'000, 'b'), 1};
  EXPECT_EQ(AnswerOfExec(command, seconds(1), loud).output.size(), kProbeOutputMax);
}

// Spec 8: 200-399 success; hooks take any status (spec 9).
// Spec: pod/8/http, pod/9/handlers
TEST(AnswerOfHttp, GoesByTheStatus) {
  for (const int good : {200, 204, 301, 399}) {
    EXPECT_EQ(AnswerOfHttp(Call(), good).kind, Kind::kSuccess) << good;
  }
  for (const int bad : {100, 199, 400, 404, 500, 0}) {
    EXPECT_EQ(AnswerOfHttp(Call(), bad).kind, Kind::kFailure) << bad;
  }
  EXPECT_EQ(AnswerOfHttp(Call(), 500).output, "HTTP probe failed with statuscode: 500");
  HttpCall hook = Call();
  hook.any_status = true;
  EXPECT_EQ(AnswerOfHttp(hook, 500).kind, Kind::kSuccess);
  EXPECT_EQ(AnswerOfBrokenHttp(Call(), "connection refused").output,
            "Get \"http://web.example:8080/a/b?q=1\": connection refused");
  EXPECT_EQ(AnswerOfTooManyRedirects(Call()).kind, Kind::kFailure);
  EXPECT_EQ(AnswerOfForeignRedirect("gone").output,
            "Probe terminated redirects, Response body: gone");
}

// Spec 8: redirects to the same hostname are followed, others end with a warning.
// Spec: pod/8/http
TEST(RedirectOf, FollowsWithinTheHostOnly) {
  struct Row {
    const char* location;
    const char* url;  // Null: to another host. "": none at all.
  };
  for (const Row& row : {Row{"/x", "http://web.example:8080/x"},
                         {"c", "http://web.example:8080/a/c"},
                         {"?z", "http://web.example:8080/a/b?z"},
                         {"#top", "http://web.example:8080/a/b"},
                         {"https://WEB.example/y#z", "https://WEB.example:443/y"},
                         {"//web.example:81", "http://web.example:81/"},
                         {"http://u:p@web.example:82?q", "http://web.example:82/?q"},
                         {"http://other.example/", nullptr},
                         {"http://web.example.evil/", nullptr},
                         {"http://evil@other/", nullptr},
                         {"file:///etc/passwd", nullptr},
                         {"http://web.example:99999/", nullptr},
                         {"http://web.example:8x/", nullptr},
                         {"http://[web.example/", nullptr},
                         {"http://", nullptr},
                         {"http:", nullptr},
                         {"https:", nullptr},
                         {"", ""},
                         {"/a b", ""},
                         {"/a\r\nX: y", ""}}) {
    const std::optional<Redirect> found = RedirectOf(Call(), 302, row.location);
    if (row.url != nullptr && *row.url == '\0') {
      EXPECT_FALSE(found) << row.location;
      continue;
    }
    ASSERT_TRUE(found) << row.location;
    EXPECT_EQ(found->same_host, row.url != nullptr) << row.location;
    if (found->same_host) {
      EXPECT_EQ(UrlOf(found->call), row.url) << row.location;
    }
  }
  EXPECT_FALSE(RedirectOf(Call(), 200, "/x"));
  EXPECT_FALSE(RedirectOf(Call(), 304, "/x"));
}

// Spec 8: texts of grpc.
// Spec: pod/8/grpc
TEST(AnswerOfGrpc, OnlyServingIsWell) {
  const GrpcCall call{"10.1.0.7", 5000, ""};
  const absl::Status ok;
  EXPECT_EQ(AnswerOfGrpc(call, seconds(1), ok, true, 1).kind, Kind::kSuccess);
  struct Row {
    absl::Status status;
    bool connected;
    int serving;
    const char* text;
  };
  for (const Row& row :
       {Row{ok, true, 2, "service unhealthy (responded with \"NOT_SERVING\")"},
        {ok, true, 0, "service unhealthy (responded with \"UNKNOWN\")"},
        {ok, true, 77, "service unhealthy (responded with \"77\")"},
        {absl::DeadlineExceededError(""), false, 0,
         "timeout: failed to connect service \"10.1.0.7:5000\" within 1s: context deadline "
         "exceeded"},
        {absl::DeadlineExceededError(""), true, 0,
         "timeout: health rpc did not complete within 1s"},
        {absl::UnimplementedError("unknown service"), true, 0,
         "error: this server does not implement the grpc health protocol "
         "(grpc.health.v1.Health): unknown service"},
        {absl::NotFoundError("unknown\x01"), true, 0, "error: health rpc failed: unknown?"}}) {
    const ProbeAnswer answer =
        AnswerOfGrpc(call, seconds(1), row.status, row.connected, row.serving);
    EXPECT_EQ(answer.kind, Kind::kFailure) << row.text;
    EXPECT_EQ(answer.output, row.text);
  }
}

}  // namespace
}  // namespace muster::agent
