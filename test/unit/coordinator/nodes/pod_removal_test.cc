#include "coordinator/nodes/pod_removal.h"

#include <chrono>

#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;

v1::Pod Running() { return ReadyPodOn(DaemonSetNamed("web"), "a", "h", "web-1"); }

TEST(StartRemoval, ARunningPodGetsItsOwnGrace) {
  v1::Pod pod = Running();
  EXPECT_EQ(StartRemoval(pod, kWall), RemovalStep::kMark);
  EXPECT_EQ(ToWallTime(pod.metadata().deletion_timestamp()), kWall + 30s);
  EXPECT_EQ(pod.metadata().deletion_grace_period_seconds(), 30);
  EXPECT_EQ(StartRemoval(pod, kWall), RemovalStep::kNone);
}

TEST(StartRemoval, WhatNobodyHasToStopGoesAtOnceUnlessAFinalizerHoldsIt) {
  v1::Pod unbound = Running();
  unbound.mutable_spec()->clear_node_name();
  v1::Pod ended = Running();
  ended.mutable_status()->set_phase("Failed");
  for (v1::Pod pod : {unbound, ended}) {
    EXPECT_EQ(StartRemoval(pod, kWall), RemovalStep::kRemove);
    pod.mutable_metadata()->add_finalizers("a/b");
    EXPECT_EQ(StartRemoval(pod, kWall), RemovalStep::kMark);
    EXPECT_EQ(ToWallTime(pod.metadata().deletion_timestamp()), kWall);
    EXPECT_EQ(StartRemoval(pod, kWall), RemovalStep::kNone);
  }
}

// Spec: 11.4/quarantine
TEST(StartCollection, APodOfAGoneNodeFailsFirst) {
  v1::Pod pod = Running();
  Terminate(pod);
  EXPECT_EQ(StartCollection("its node is gone", pod, kWall), RemovalStep::kMark);
  EXPECT_EQ(pod.status().phase(), "Failed");
  const v1::PodCondition& condition = pod.status().conditions(1);
  EXPECT_EQ(condition.type(), "DisruptionTarget");
  EXPECT_EQ(condition.status(), "True");
  EXPECT_EQ(condition.reason(), "DeletionByPodGC");
  EXPECT_EQ(ToWallTime(condition.last_transition_time()), kWall);
  EXPECT_EQ(StartCollection("its node is gone", pod, kWall), RemovalStep::kRemove);
}

TEST(StartCollection, AFinalizerIsWaitedFor) {
  v1::Pod pod = Running();
  pod.mutable_metadata()->add_finalizers("a/b");
  EXPECT_EQ(StartCollection("its node is gone", pod, kWall), RemovalStep::kMark);
  EXPECT_FALSE(pod.metadata().has_deletion_timestamp());
  EXPECT_EQ(StartCollection("its node is gone", pod, kWall), RemovalStep::kMark);
  EXPECT_TRUE(pod.metadata().has_deletion_timestamp());
  EXPECT_EQ(StartCollection("its node is gone", pod, kWall), RemovalStep::kNone);
  pod.mutable_metadata()->clear_finalizers();
  EXPECT_EQ(StartCollection("its node is gone", pod, kWall), RemovalStep::kRemove);
}

}  // namespace
}  // namespace muster::coordinator
