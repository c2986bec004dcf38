#include "ctl/commands/complete.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "ctl/commands/all.h"
#include "ctl/commands/command_line.h"

namespace muster::ctl {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using Words = std::vector<std::string>;

class CompleteTest : public ::testing::Test {
 protected:
  CompleteTest() { AddAllCommands(line_); }

  Words Offered(const Words& words) {
    completion_ =
        Complete(line_.root(), words,
                 [this](const model::KindInfo& kind, const CompletionScope& scope) -> Words {
                   scope_ = scope;
                   if (kind.kind == model::Kind::kDaemonSet) return {"web", "log"};
                   if (kind.kind == model::Kind::kNode) return {"node-1", "node-2"};
                   if (kind.kind == model::Kind::kPod) return {"web-x7k2p"};
                   if (kind.kind == model::Kind::kNamespaceObject) return {"default", "infra"};
                   return {};
                 });
    Words offered;
    for (const auto& candidate : completion_.candidates) offered.push_back(candidate.word);
    return offered;
  }

  CommandLine line_;
  Completion completion_;
  CompletionScope scope_;
};

TEST_F(CompleteTest, CommandsWithWhatTheyDo) {
  EXPECT_THAT(Offered({"rollout", "pa"}), ElementsAre("pause"));
  EXPECT_FALSE(completion_.candidates.front().description.empty());
  EXPECT_THAT(Offered({""}), Contains("get"));
  EXPECT_THAT(Offered({"", ""}), Contains("get"));
  EXPECT_THAT(Offered({"nothing", ""}), Not(Contains("pause")));
  EXPECT_EQ(CompletionText(completion_).find("__"), std::string::npos);
}

TEST_F(CompleteTest, FlagsOfTheCommandAndOfAll) {
  EXPECT_THAT(Offered({"get", "--show-"}), UnorderedElementsAre("--show-labels", "--show-kind"));
  EXPECT_THAT(Offered({"get", "--name"}), ElementsAre("--namespace"));
  EXPECT_THAT(Offered({"--n"}), ElementsAre("--namespace"));
  // Behind "--" nothing is a flag.
  EXPECT_THAT(Offered({"exec", "web-x7k2p", "--", "--"}), IsEmpty());
}

TEST_F(CompleteTest, KindsAndThenTheirNames) {
  EXPECT_THAT(Offered({"get", "daemons"}), ElementsAre("daemonsets"));
  EXPECT_THAT(Offered({"get", "ds", ""}), UnorderedElementsAre("web", "log"));
  EXPECT_THAT(Offered({"get", "ds", "web", ""}), ElementsAre("log"));
  EXPECT_THAT(Offered({"describe", "node/"}), UnorderedElementsAre("node/node-1", "node/node-2"));
  EXPECT_THAT(Offered({"get", "podz", ""}), IsEmpty());
}

TEST_F(CompleteTest, WhatEachCommandWorksOn) {
  EXPECT_THAT(Offered({"rollout", "undo", "ds/w"}), ElementsAre("ds/web"));
  EXPECT_THAT(Offered({"rollout", "undo", ""}), UnorderedElementsAre("ds/web", "ds/log"));
  EXPECT_THAT(Offered({"drain", ""}), UnorderedElementsAre("node-1", "node-2"));
  EXPECT_THAT(Offered({"taint", ""}), ElementsAre("nodes"));
  EXPECT_THAT(Offered({"taint", "nodes", "node-2"}), ElementsAre("node-2"));
  EXPECT_THAT(Offered({"logs", ""}), UnorderedElementsAre("web-x7k2p", "ds/web", "ds/log"));
  EXPECT_THAT(Offered({"attach", "web"}), ElementsAre("web-x7k2p"));
  EXPECT_THAT(Offered({"port-forward", "ds/w"}), ElementsAre("ds/web"));
  EXPECT_THAT(Offered({"top", "nodes", ""}), UnorderedElementsAre("node-1", "node-2"));
  EXPECT_THAT(Offered({"top", "pods", "w"}), ElementsAre("web-x7k2p"));
  EXPECT_THAT(Offered({"top", "pods", "--sort-by", ""}), UnorderedElementsAre("cpu", "memory"));
  EXPECT_THAT(Offered({"why", "pod/"}), ElementsAre("pod/web-x7k2p"));
}

TEST_F(CompleteTest, ValuesOfFlags) {
  EXPECT_THAT(Offered({"get", "pods", "-n", "inf"}), ElementsAre("infra"));
  EXPECT_THAT(Offered({"why", "ds/web", "--node", ""}), UnorderedElementsAre("node-1", "node-2"));
  EXPECT_THAT(Offered({"get", "pods", "-o", "ya"}), ElementsAre("yaml"));
  EXPECT_THAT(Offered({"get", "pods", "--output=ya"}), ElementsAre("--output=yaml"));
  EXPECT_THAT(Offered({"apply", "-f", "x", "--dry-run=s"}), ElementsAre("--dry-run=server"));
  EXPECT_THAT(Offered({"get", "--show-labels", "ds", "w"}), ElementsAre("web"));
  EXPECT_FALSE(completion_.files);
  EXPECT_THAT(Offered({"apply", "-f", "man"}), IsEmpty());
  EXPECT_TRUE(completion_.files);
  EXPECT_EQ(CompletionText(completion_), ":files\n");
}

TEST_F(CompleteTest, NamesAreThoseOfTheNamespaceAndCoordinatorTyped) {
  Offered({"-n", "infra", "get", "--server=unix:/s", "ds", ""});
  EXPECT_EQ(scope_.ns, "infra");
  EXPECT_EQ(scope_.server, "unix:/s");
  Offered({"get", "ds", ""});
  EXPECT_EQ(scope_.ns, "default");
}

}  // namespace
}  // namespace muster::ctl
