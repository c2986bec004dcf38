#include "ctl/commands/top.h"

#include <gmock/gmock.h>

#include "ctl/commands/all.h"
#include "ctl/commands/command_line.h"
#include "test/unit/ctl/commands/command_test.h"

namespace muster::ctl {
namespace {

using ::testing::HasSubstr;

class TopTest : public CommandsTest {
 protected:
  int Run(const std::vector<std::string>& words) {
    CommandLine line;
    AddAllCommands(line);
    const auto parsed = line.Parse(words, out_, err_);
    if (const int* code = std::get_if<int>(&parsed)) return *code;
    Context context = MakeContext();
    context.ns = line.ns();
    context.all_namespaces = line.all_namespaces();
    return std::get<CommandLine::Action>(parsed)(context);
  }
};

TEST_F(TopTest, AsksForWhatIsMeant) {
  auto* pod = client_.top_response.add_pods();
  pod->set_namespace_("infra");
  pod->set_name("web-1");
  client_.top_response.add_problems("node \"n\": did not answer within 4 s");
  EXPECT_EQ(Run({"top", "pods", "-A", "-l", "a=b", "--no-headers"}), kExitDone);
  EXPECT_EQ(out_.str(), "infra   web-1   <unknown>   <unknown>\n");
  EXPECT_EQ(err_.str(), "Warning: node \"n\": did not answer within 4 s\n");
  EXPECT_EQ(client_.tops.back().resource(), "pods");
  EXPECT_TRUE(client_.tops.back().all_namespaces());
  EXPECT_EQ(client_.tops.back().label_selector(), "a=b");
  EXPECT_EQ(Run({"top", "pod", "web-1", "-n", "infra", "--containers"}), kExitDone);
  EXPECT_EQ(client_.tops.back().name(), "web-1");
  EXPECT_EQ(client_.tops.back().namespace_(), "infra");
  EXPECT_THAT(out_.str(), HasSubstr("POD     NAME        CPU(cores)   MEMORY(bytes)\n"));
}

TEST_F(TopTest, NodesHaveNoNamespace) {
  client_.top_response.add_nodes()->set_name("n1");
  EXPECT_EQ(Run({"top", "node", "-n", "infra"}), kExitDone);
  EXPECT_EQ(client_.tops.back().resource(), "nodes");
  EXPECT_EQ(client_.tops.back().namespace_(), "");
  EXPECT_THAT(out_.str(), HasSubstr("NAME   CPU(cores)   CPU%        MEMORY(bytes)   MEMORY%\n"));
}

TEST_F(TopTest, WhatMakesNoSenseIsUsage) {
  EXPECT_EQ(Run({"top", "pods", "--sort-by=age"}), kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("--sort-by accepts only cpu or memory"));
  EXPECT_EQ(Run({"top", "pods", "web", "-l", "a=b"}), kExitUsage);
  EXPECT_EQ(Run({"top", "pods"}), kExitNothingMatched);
}

}  // namespace
}  // namespace muster::ctl
