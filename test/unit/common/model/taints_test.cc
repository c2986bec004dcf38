#include "common/model/taints.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace muster::model {
namespace {

v1::Taint MakeTaint(std::string key, std::string value, std::string effect) {
  v1::Taint taint;
  taint.set_key(key);
  taint.set_value(value);
  taint.set_effect(effect);
  return taint;
}

v1::Toleration MakeToleration(std::string key, std::string op, std::string value,
                              std::string effect) {
  v1::Toleration toleration;
  toleration.set_key(key);
  toleration.set_operator_(op);
  toleration.set_value(value);
  toleration.set_effect(effect);
  return toleration;
}

// Spec: 1.3/effect, 1.3/key, 1.3/operator, 1.3/exists-all
TEST(Toleration, MatchesByEffectKeyAndOperator) {
  const v1::Taint taint = MakeTaint("gpu", "yes", "NoSchedule");
  struct Case {
    const char* rule;
    v1::Toleration toleration;
    bool tolerates;
  };
  for (const Case& c : std::vector<Case>{
           {"Exists alone tolerates everything", MakeToleration("", "Exists", "", ""), true},
           {"key and Exists", MakeToleration("gpu", "Exists", "", ""), true},
           {"other key", MakeToleration("cpu", "Exists", "", ""), false},
           {"same effect", MakeToleration("gpu", "Exists", "", "NoSchedule"), true},
           {"other effect", MakeToleration("gpu", "Exists", "", "NoExecute"), false},
           {"Equal, same value", MakeToleration("gpu", "Equal", "yes", ""), true},
           {"Equal, other value", MakeToleration("gpu", "Equal", "no", ""), false},
           {"empty operator is Equal", MakeToleration("gpu", "", "yes", ""), true},
           {"empty operator, no value", MakeToleration("gpu", "", "", ""), false},
           {"values are compared bytewise", MakeToleration("gpu", "Equal", "Yes", ""), false},
           {"empty key with Equal compares values", MakeToleration("", "Equal", "yes", ""), true},
           {"unknown operator", MakeToleration("gpu", "In", "yes", ""), false},
       }) {
    EXPECT_EQ(Tolerates(c.toleration, taint), c.tolerates) << c.rule;
  }
}

// Spec: 1.3/operator
TEST(Toleration, EmptyValueEqualsEmptyValue) {
  EXPECT_TRUE(Tolerates(MakeToleration("a", "Equal", "", ""), MakeTaint("a", "", "NoExecute")));
}

// Spec: 1.3/operator
TEST(Toleration, GtAndLtCompareIntegers) {
  struct Case {
    const char* taint;
    const char* op;
    const char* bound;
    bool tolerates;
  };
  for (const Case& c : std::vector<Case>{
           {"10", "Gt", "9", true},
           {"10", "Gt", "10", false},
           {"10", "Lt", "11", true},
           {"10", "Lt", "10", false},
           {"ten", "Gt", "9", false},
           {"10", "Gt", "nine", false},
           {"", "Lt", "1", false},
       }) {
    EXPECT_EQ(Tolerates(MakeToleration("load", c.op, c.bound, ""),
                        MakeTaint("load", c.taint, "NoSchedule")),
              c.tolerates)
        << c.taint << " " << c.op << " " << c.bound;
  }
}

TEST(Toleration, TolerationSecondsPlayNoRole) {
  v1::Toleration toleration = MakeToleration("a", "Exists", "", "NoExecute");
  toleration.set_toleration_seconds(0);
  EXPECT_TRUE(Tolerates(toleration, MakeTaint("a", "", "NoExecute")));
}

// Spec: 1.3/each-taint
TEST(FindUntolerated, NamesTheFirstOfThatEffect) {
  Taints taints;
  *taints.Add() = MakeTaint("a", "", "NoSchedule");
  *taints.Add() = MakeTaint("b", "", "NoExecute");
  *taints.Add() = MakeTaint("c", "", "NoSchedule");
  *taints.Add() = MakeTaint("d", "", "PreferNoSchedule");
  Tolerations tolerations;
  EXPECT_EQ(FindUntolerated(tolerations, taints, kNoSchedule)->key(), "a");
  EXPECT_EQ(FindUntolerated(tolerations, taints, kNoExecute)->key(), "b");
  *tolerations.Add() = MakeToleration("a", "Exists", "", "");
  EXPECT_EQ(FindUntolerated(tolerations, taints, kNoSchedule)->key(), "c");
  *tolerations.Add() = MakeToleration("c", "Exists", "", "NoSchedule");
  EXPECT_EQ(FindUntolerated(tolerations, taints, kNoSchedule), nullptr);
  EXPECT_EQ(FindUntolerated(tolerations, {}, kNoExecute), nullptr);
}

std::vector<std::string> Texts(const Tolerations& tolerations) {
  std::vector<std::string> texts;
  for (const v1::Toleration& each : tolerations) {
    texts.push_back(each.key() + "|" + each.operator_() + "|" + each.effect() +
                    (each.has_toleration_seconds() ? "|seconds" : ""));
  }
  return texts;
}

TEST(DaemonTolerations, AreAppendedInKubernetesOrder) {
  const std::vector<std::string> always = {
      "mine|Exists|",
      "node.kubernetes.io/not-ready|Exists|NoExecute",
      "node.kubernetes.io/unreachable|Exists|NoExecute",
      "node.kubernetes.io/disk-pressure|Exists|NoSchedule",
      "node.kubernetes.io/memory-pressure|Exists|NoSchedule",
      "node.kubernetes.io/pid-pressure|Exists|NoSchedule",
      "node.kubernetes.io/unschedulable|Exists|NoSchedule",
  };
  Tolerations tolerations;
  *tolerations.Add() = MakeToleration("mine", "Exists", "", "");
  AddDaemonTolerations(false, tolerations);
  EXPECT_EQ(Texts(tolerations), always);
}

TEST(DaemonTolerations, HostNetworkPodsAlsoTolerateAMissingNetwork) {
  Tolerations tolerations;
  AddDaemonTolerations(true, tolerations);
  EXPECT_EQ(Texts(tolerations).back(), "node.kubernetes.io/network-unavailable|Exists|NoSchedule");
  EXPECT_EQ(tolerations.size(), 7);
}

// Spec: 1.4/replaces-in-place
TEST(DaemonTolerations, ReplaceAnEqualOneOfTheUserAndItsSeconds) {
  Tolerations tolerations;
  v1::Toleration& mine = *tolerations.Add();
  mine = MakeToleration("node.kubernetes.io/not-ready", "Exists", "", "NoExecute");
  mine.set_toleration_seconds(5);
  AddDaemonTolerations(false, tolerations);
  EXPECT_EQ(tolerations.size(), 6);
  EXPECT_EQ(Texts(tolerations).front(), "node.kubernetes.io/not-ready|Exists|NoExecute");
  // Adding twice changes nothing more.
  AddDaemonTolerations(false, tolerations);
  EXPECT_EQ(tolerations.size(), 6);
}

}  // namespace
}  // namespace muster::model
