#include "agent/link/outbox.h"

#include "gtest/gtest.h"

namespace muster::agent {
namespace {

using session::v1::FromAgent;

v1::NodeStatus StatusWithBoot(const std::string& boot_id) {
  v1::NodeStatus status;
  status.mutable_node_info()->set_boot_id(boot_id);
  return status;
}

PodReport ReportOf(const std::string& uid, const std::string& phase) {
  PodReport report;
  report.namespace_ = "ns";
  report.name = "pod-" + uid;
  report.uid = uid;
  report.status.set_phase(phase);
  return report;
}

v1::Event EventWith(const std::string& reason) {
  v1::Event event;
  event.set_reason(reason);
  return event;
}

TEST(Outbox, NewerListOfStaticPodsTakesThePlaceOfOneThatWaits) {
  Outbox outbox;
  outbox.SetStaticPods(std::vector<v1::Pod>(2));
  outbox.AddHeartbeat();
  outbox.SetStaticPods(std::vector<v1::Pod>(3));
  EXPECT_EQ(outbox.Next()->static_pods().pods_size(), 3);
  EXPECT_EQ(outbox.Next()->message_case(), FromAgent::kHeartbeat);
  EXPECT_TRUE(outbox.empty());
  outbox.SetStaticPods({});
  EXPECT_EQ(outbox.Next()->message_case(), FromAgent::kStaticPods);
  outbox.SetStaticPods({});
  outbox.Clear();
  EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, KeepsTheOrderOfDifferentThings) {
  Outbox outbox;
  outbox.AddEvent(EventWith("first"));
  outbox.AddPodReport(ReportOf("1", "Running"));
  outbox.AddHeartbeat();
  outbox.AddNodeStatus(StatusWithBoot("b"));
  EXPECT_EQ(outbox.Next()->event().reason(), "first");
  EXPECT_EQ(outbox.Next()->pod_reports().reports(0).uid(), "1");
  EXPECT_EQ(outbox.Next()->message_case(), FromAgent::kHeartbeat);
  EXPECT_EQ(outbox.Next()->node_status().node_info().boot_id(), "b");
  EXPECT_FALSE(outbox.Next().has_value());
  EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, NewerReportOfAPodTakesThePlaceOfTheOneThatWaits) {
  Outbox outbox;
  outbox.AddPodReport(ReportOf("1", "Pending"));
  outbox.AddPodReport(ReportOf("2", "Pending"));
  outbox.AddPodReport(ReportOf("1", "Running"));
  const FromAgent message = *outbox.Next();
  ASSERT_EQ(message.pod_reports().reports_size(), 2);
  EXPECT_EQ(message.pod_reports().reports(0).uid(), "1");
  EXPECT_EQ(message.pod_reports().reports(0).status().phase(), "Running");
  EXPECT_EQ(message.pod_reports().reports(1).uid(), "2");
}

TEST(Outbox, ReportKeepsAllItSays) {
  Outbox outbox;
  PodReport report = ReportOf("1", "Failed");
  report.gone = true;
  outbox.AddPodReport(report);
  const FromAgent message = *outbox.Next();
  const session::v1::PodReport& sent = message.pod_reports().reports(0);
  EXPECT_EQ(sent.namespace_(), "ns");
  EXPECT_EQ(sent.name(), "pod-1");
  EXPECT_EQ(sent.status().phase(), "Failed");
  EXPECT_TRUE(sent.gone());
}

TEST(Outbox, ReportAfterTheOldOneWasSentIsSentAgain) {
  Outbox outbox;
  outbox.AddPodReport(ReportOf("1", "Pending"));
  (void)outbox.Next();
  outbox.AddPodReport(ReportOf("1", "Running"));
  EXPECT_EQ(outbox.Next()->pod_reports().reports(0).status().phase(), "Running");
}

TEST(Outbox, OnlyTheNewestNodeStatusAndOneHeartbeatWait) {
  Outbox outbox;
  outbox.AddNodeStatus(StatusWithBoot("old"));
  outbox.AddHeartbeat();
  outbox.AddNodeStatus(StatusWithBoot("new"));
  outbox.AddHeartbeat();
  EXPECT_EQ(outbox.Next()->node_status().node_info().boot_id(), "new");
  EXPECT_EQ(outbox.Next()->message_case(), FromAgent::kHeartbeat);
  EXPECT_TRUE(outbox.empty());
  outbox.AddNodeStatus(StatusWithBoot("later"));
  outbox.AddHeartbeat();
  EXPECT_EQ(outbox.Next()->node_status().node_info().boot_id(), "later");
  EXPECT_EQ(outbox.Next()->message_case(), FromAgent::kHeartbeat);
}

TEST(Outbox, OldestEventsAreDroppedBeyondTheLimit) {
  Outbox outbox({.events = 2});
  outbox.AddEvent(EventWith("1"));
  outbox.AddHeartbeat();
  outbox.AddEvent(EventWith("2"));
  outbox.AddEvent(EventWith("3"));
  EXPECT_EQ(outbox.Next()->message_case(), FromAgent::kHeartbeat);
  EXPECT_EQ(outbox.Next()->event().reason(), "2");
  outbox.AddEvent(EventWith("4"));
  EXPECT_EQ(outbox.Next()->event().reason(), "3");
  EXPECT_EQ(outbox.Next()->event().reason(), "4");
  EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, ReportsAreBatchedUpToTheLimit) {
  Outbox outbox({.reports_per_message = 2});
  for (const char* uid : {"1", "2", "3"}) outbox.AddPodReport(ReportOf(uid, "Running"));
  EXPECT_EQ(outbox.Next()->pod_reports().reports_size(), 2);
  EXPECT_EQ(outbox.Next()->pod_reports().reports_size(), 1);
}

TEST(Outbox, EventsBetweenReportsKeepTheirPlace) {
  Outbox outbox;
  outbox.AddPodReport(ReportOf("1", "Running"));
  outbox.AddEvent(EventWith("between"));
  outbox.AddPodReport(ReportOf("2", "Running"));
  EXPECT_EQ(outbox.Next()->pod_reports().reports_size(), 1);
  EXPECT_EQ(outbox.Next()->event().reason(), "between");
  EXPECT_EQ(outbox.Next()->pod_reports().reports(0).uid(), "2");
}

TEST(Outbox, ClearForgetsEverything) {
  Outbox outbox;
  outbox.AddNodeStatus(StatusWithBoot("b"));
  outbox.AddPodReport(ReportOf("1", "Running"));
  outbox.AddEvent(EventWith("e"));
  outbox.AddHeartbeat();
  outbox.Clear();
  EXPECT_TRUE(outbox.empty());
  outbox.AddPodReport(ReportOf("1", "Failed"));
  EXPECT_EQ(outbox.Next()->pod_reports().reports(0).status().phase(), "Failed");
}

}  // namespace
}  // namespace muster::agent
