#include "agent/tunnel/exec_outcome.h"
#include "agent/tunnel/exec_session.h"
#include "gtest/gtest.h"

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

}  // namespace
}  // namespace muster::agent
