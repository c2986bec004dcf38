#include "ctl/output/usage_table.h"

#include <gmock/gmock.h>

#include <sstream>

#include "ctl/output/table.h"

namespace muster::ctl {
namespace {

std::string Printed(const admin::v1::Table& table) {
  std::ostringstream out;
  TablePrinter({}).Print(table, out);
  return out.str();
}

void AddContainer(admin::v1::PodUsage& pod, const std::string& name, uint64_t cpu,
                  uint64_t memory) {
  auto* container = pod.add_containers();
  container->set_name(name);
  container->mutable_usage()->set_cpu_nano_cores(cpu);
  container->mutable_usage()->set_memory_bytes(memory);
}

class UsageTableTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto* a = usage_.add_pods();
    a->set_name("a");
    a->set_known(true);
    AddContainer(*a, "main", 1'500'000, 3 << 20);
    AddContainer(*a, "side", 2'000'000, (1 << 20) - 1);
    auto* b = usage_.add_pods();
    b->set_name("b");
    b->set_known(true);
    AddContainer(*b, "main", 1, 900 << 20);
    usage_.add_pods()->set_name("silent");
    auto* half = usage_.add_pods();
    half->set_name("half");
    half->set_known(true);
    half->add_containers()->set_name("main");
    half->mutable_containers(0)->mutable_usage()->set_memory_bytes(2 << 20);
  }

  admin::v1::TopResponse usage_;
};

TEST_F(UsageTableTest, OfPodsIsTheSumOfTheirContainers) {
  EXPECT_EQ(Printed(PodUsageTable(usage_, UsageOrder::kName, false)),
            "NAME     CPU(cores)   MEMORY(bytes)\n"
            "a        4m           3Mi\n"
            "b        1m           900Mi\n"
            "silent   <unknown>    <unknown>\n"
            "half     <unknown>    2Mi\n");
}

TEST_F(UsageTableTest, TheLargestComesFirstAndTheUnknownLast) {
  EXPECT_EQ(Printed(PodUsageTable(usage_, UsageOrder::kMemory, false)),
            "NAME     CPU(cores)   MEMORY(bytes)\n"
            "b        1m           900Mi\n"
            "a        4m           3Mi\n"
            "half     <unknown>    2Mi\n"
            "silent   <unknown>    <unknown>\n");
  EXPECT_EQ(Printed(PodUsageTable(usage_, UsageOrder::kCpu, true)),
            "POD      NAME        CPU(cores)   MEMORY(bytes)\n"
            "a        side        2m           0Mi\n"
            "a        main        2m           3Mi\n"
            "b        main        1m           900Mi\n"
            "silent   <unknown>   <unknown>    <unknown>\n"
            "half     main        <unknown>    2Mi\n");
}

TEST_F(UsageTableTest, OfNodesHasShares) {
  auto* one = usage_.add_nodes();
  one->set_name("node-1");
  one->mutable_usage()->set_cpu_nano_cores(250'000'000);
  one->mutable_usage()->set_memory_bytes(512 << 20);
  one->set_allocatable_cpu_nano_cores(2'000'000'000);
  one->set_allocatable_memory_bytes(uint64_t{2} << 30);
  usage_.add_nodes()->set_name("node-2");
  EXPECT_EQ(Printed(NodeUsageTable(usage_, UsageOrder::kCpu)),
            "NAME     CPU(cores)   CPU%        MEMORY(bytes)   MEMORY%\n"
            "node-1   250m         12%         512Mi           25%\n"
            "node-2   <unknown>    <unknown>   <unknown>       <unknown>\n");
}

}  // namespace
}  // namespace muster::ctl
