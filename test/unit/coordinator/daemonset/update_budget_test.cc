#include "coordinator/daemonset/update_budget.h"

#include <string>

#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"

namespace muster::coordinator {
namespace {

v1::IntOrString ValueOf(const std::string& text) {
  v1::IntOrString value;
  if (text.back() == '%') {
    value.set_string_value(text);
  } else {
    value.set_int_value(std::stoi(text));
  }
  return value;
}

// Spec: 5.1/max-unavailable, 5.1/max-surge, 5.1/both-zero
TEST(BudgetOf, RoundsPercentagesOfDesiredUp) {
  struct {
    const char* max_unavailable;
    const char* max_surge;
    int32_t desired;
    int32_t unavailable;
    int32_t surge;
  } const cases[] = {
      {"1", "0", 5, 1, 0},    {"30%", "0", 7, 3, 0},  {"50%", "0", 1, 1, 0},
      {"7%", "0", 100, 7, 0}, {"0", "10%", 15, 0, 2}, {"0", "3", 2, 0, 3},
      {"0", "0", 5, 1, 0},    {"0%", "0%", 5, 1, 0},  {"30%", "0", 0, 1, 0},
  };
  for (const auto& each : cases) {
    v1::DaemonSet daemon_set = DaemonSetNamed("web");
    v1::RollingUpdateDaemonSet& rolling =
        *daemon_set.mutable_spec()->mutable_update_strategy()->mutable_rolling_update();
    *rolling.mutable_max_unavailable() = ValueOf(each.max_unavailable);
    *rolling.mutable_max_surge() = ValueOf(each.max_surge);
    const UpdateBudget budget = BudgetOf(daemon_set, each.desired);
    EXPECT_EQ(budget.max_unavailable, each.unavailable)
        << each.max_unavailable << " of " << each.desired;
    EXPECT_EQ(budget.max_surge, each.surge) << each.max_surge << " of " << each.desired;
    EXPECT_EQ(AllowsSurge(daemon_set), each.surge > 0);
  }
}

TEST(AllowsSurge, NeverWithOnDelete) {
  v1::DaemonSet daemon_set = DaemonSetNamed("web");
  v1::DaemonSetUpdateStrategy& strategy = *daemon_set.mutable_spec()->mutable_update_strategy();
  strategy.mutable_rolling_update()->mutable_max_surge()->set_int_value(1);
  EXPECT_TRUE(AllowsSurge(daemon_set));
  strategy.set_type("OnDelete");
  EXPECT_FALSE(AllowsSurge(daemon_set));
}

}  // namespace
}  // namespace muster::coordinator
