#include "agent/metrics/metrics_page.h"

#include <chrono>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::agent {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Histogram, CountsUpToAndIncludingItsBounds) {
  static constexpr double kBounds[] = {1, 2};
  Histogram histogram(kBounds);
  EXPECT_EQ(histogram.CountAt(2), 0u);
  for (const double seconds : {0.5, 1.0, 1.5, 2.0, 2.1, 9.0}) histogram.Observe(seconds);
  EXPECT_EQ(histogram.CountAt(0), 2u);
  EXPECT_EQ(histogram.CountAt(1), 2u);
  EXPECT_EQ(histogram.CountAt(2), 2u);
  EXPECT_EQ(histogram.count(), 6u);
  EXPECT_DOUBLE_EQ(histogram.sum(), 16.1);
}

class MetricsPageTest : public ::testing::Test {
 protected:
  MetricsPageTest() {
    report.agent_version = "0.1.0";
    report.link.state = "connected";
    report.runtime.answers = true;
    report.checkpoint.objects = 3;
    NodeReport::Container container{
        .name = "web", .id = "c1", .state = "running", .ready = true, .restarts = 4};
    report.pods = {{.namespace_ = "ns",
                    .name = "a",
                    .phase = "Running",
                    .ready = true,
                    .containers = {container}}};
    stats = std::vector<ContainerStats>{{.id = "c1",
                                         .cpu_usage_ns = 2'500'000'000,
                                         .memory_working_set_bytes = 1024,
                                         .writable_layer_bytes = 4096},
                                        {.id = "somebody-elses", .cpu_usage_ns = 1}};
  }
  std::string Page() const { return MetricsPage({report, tallies, calls.Read(), stats}); }

  NodeReport report;
  NodeTallies tallies;
  CallStats calls;
  absl::StatusOr<std::vector<ContainerStats>> stats;
};

TEST_F(MetricsPageTest, TellsOfNodePodsAndContainers) {
  tallies.sessions = 2;
  tallies.pod_starts.Observe(0.3);
  tallies.probes = {{"ns", "a", "web", "Readiness", 7, 1, 0}};
  report.pressure = {"DiskPressure"};
  const std::string page = Page();
  for (const char* line :
       {"muster_agent_build_info{version=\"0.1.0\"} 1\n",
        "muster_agent_coordinator_connected 1\n",
        "muster_agent_coordinator_sessions_total 2\n",
        "muster_agent_runtime_up 1\n",
        "muster_agent_runtime_events 0\n",
        "muster_agent_checkpoint_objects 3\n",
        "muster_agent_pressure{condition=\"DiskPressure\"} 1\n",
        "muster_agent_pods{phase=\"Running\"} 1\n",
        "muster_agent_pods_ready 1\n",
        "# TYPE muster_agent_pod_start_duration_seconds histogram\n",
        "muster_agent_pod_start_duration_seconds_bucket{le=\"0.25\"} 0\n",
        "muster_agent_pod_start_duration_seconds_bucket{le=\"0.5\"} 1\n",
        "muster_agent_pod_start_duration_seconds_bucket{le=\"+Inf\"} 1\n",
        "muster_agent_container_restarts_total{namespace=\"ns\",pod=\"a\",container=\"web\"} 4\n",
        "muster_agent_probes_total{namespace=\"ns\",pod=\"a\",container=\"web\",probe="
        "\"readiness\","
        "result=\"successful\"} 7\n",
        "result=\"failed\"} 1\n",
        "container_cpu_usage_seconds_total{namespace=\"ns\",pod=\"a\",container=\"web\"} 2.5\n",
        "container_memory_working_set_bytes{namespace=\"ns\",pod=\"a\",container=\"web\"} 1024\n",
        "container_fs_usage_bytes{namespace=\"ns\",pod=\"a\",container=\"web\"} 4096\n",
        "muster_agent_container_stats_up 1\n"}) {
    EXPECT_THAT(page, HasSubstr(line));
  }
  EXPECT_THAT(page, Not(HasSubstr("somebody-elses")));
}

TEST_F(MetricsPageTest, TellsOfCallsAndHowTheyEnded) {
  calls.Observe("RunPodSandbox", milliseconds(80), absl::OkStatus());
  calls.Observe("RunPodSandbox", milliseconds(700), absl::UnavailableError("away"));
  const std::string page = Page();
  for (const char* line :
       {"muster_agent_cri_call_duration_seconds_bucket{call=\"RunPodSandbox\",le=\"0.1\"} 1\n",
        "muster_agent_cri_call_duration_seconds_bucket{call=\"RunPodSandbox\",le=\"1\"} 2\n",
        "muster_agent_cri_call_duration_seconds_count{call=\"RunPodSandbox\"} 2\n",
        "muster_agent_cri_call_errors_total{call=\"RunPodSandbox\",code=\"UNAVAILABLE\"} 1\n"}) {
    EXPECT_THAT(page, HasSubstr(line));
  }
}

TEST_F(MetricsPageTest, RuntimeThatTellsNothingIsSaidAndTheRestIsThere) {
  stats = absl::DeadlineExceededError("it hangs");
  report.runtime.answers = false;
  report.link.state = "disconnected";
  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr("muster_agent_container_stats_up 0\n"));
  EXPECT_THAT(page, HasSubstr("muster_agent_runtime_up 0\n"));
  EXPECT_THAT(page, HasSubstr("muster_agent_coordinator_connected 0\n"));
  EXPECT_THAT(page, Not(HasSubstr("container_cpu_usage_seconds_total")));
  EXPECT_THAT(page, HasSubstr("muster_agent_container_restarts_total{"));
}

}  // namespace
}  // namespace muster::agent
