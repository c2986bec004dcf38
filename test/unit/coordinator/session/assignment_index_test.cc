#include "coordinator/session/assignment_index.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Touched = AssignmentIndex::Touched;

v1::Pod MakePod(const std::string& node, const std::vector<std::string>& config_maps = {}) {
  v1::Pod pod;
  pod.mutable_metadata()->set_namespace_("ns");
  pod.mutable_metadata()->set_uid("uid-" + node);
  pod.mutable_spec()->set_node_name(node);
  for (const std::string& name : config_maps) {
    pod.mutable_spec()->add_volumes()->mutable_config_map()->set_name(name);
  }
  return pod;
}

class AssignmentIndexTest : public ::testing::Test {
 protected:
  // The touched pairs without repetition.
  std::set<std::pair<std::string, std::string>> Set(const std::string& key, const v1::Pod& pod) {
    std::vector<Touched> touched;
    index_.SetPod(key, pod, touched);
    return Pairs(touched);
  }
  std::set<std::pair<std::string, std::string>> Remove(const std::string& key) {
    std::vector<Touched> touched;
    index_.RemovePod(key, touched);
    return Pairs(touched);
  }
  static std::set<std::pair<std::string, std::string>> Pairs(const std::vector<Touched>& touched) {
    std::set<std::pair<std::string, std::string>> pairs;
    for (const Touched& t : touched) pairs.emplace(t.node, t.key);
    return pairs;
  }

  AssignmentIndex index_;
};

TEST_F(AssignmentIndexTest, ANodeWantsItsPodsAndWhatTheyMention) {
  EXPECT_THAT(
      Set("pods/ns/a", MakePod("n1", {"c"})),
      UnorderedElementsAre(std::pair("n1", "pods/ns/a"), std::pair("n1", "configmaps/ns/c")));
  EXPECT_THAT(index_.KeysOf("n1"), ElementsAre("configmaps/ns/c", "pods/ns/a"));
  EXPECT_THAT(index_.KeysOf("n2"), IsEmpty());
  EXPECT_TRUE(index_.Wants("n1", "configmaps/ns/c"));
  EXPECT_FALSE(index_.Wants("n2", "configmaps/ns/c"));
  ASSERT_NE(index_.FindPod("pods/ns/a"), nullptr);
  EXPECT_EQ(index_.FindPod("pods/ns/a")->uid, "uid-n1");
}

TEST_F(AssignmentIndexTest, APodWithoutANodeIsNobodys) {
  EXPECT_THAT(Set("pods/ns/a", MakePod("", {"c"})), IsEmpty());
  EXPECT_EQ(index_.pod_count(), 0u);
  // Bound later, it is.
  EXPECT_THAT(Set("pods/ns/a", MakePod("n1")), ElementsAre(std::pair("n1", "pods/ns/a")));
}

TEST_F(AssignmentIndexTest, AChangedPodTouchesItselfOnlyWhenItMentionsTheSame) {
  Set("pods/ns/a", MakePod("n1", {"c"}));
  EXPECT_THAT(Set("pods/ns/a", MakePod("n1", {"c"})), ElementsAre(std::pair("n1", "pods/ns/a")));
}

TEST_F(AssignmentIndexTest, WhatAPodNoLongerMentionsIsTouchedAndUnwanted) {
  Set("pods/ns/a", MakePod("n1", {"c", "d"}));
  EXPECT_THAT(
      Set("pods/ns/a", MakePod("n1", {"d"})),
      UnorderedElementsAre(std::pair("n1", "pods/ns/a"), std::pair("n1", "configmaps/ns/c")));
  EXPECT_FALSE(index_.Wants("n1", "configmaps/ns/c"));
}

TEST_F(AssignmentIndexTest, ASharedReferenceStaysUntilItsLastPodIsGone) {
  Set("pods/ns/a", MakePod("n1", {"c"}));
  Set("pods/ns/b", MakePod("n1", {"c"}));
  EXPECT_THAT(Remove("pods/ns/a"), ElementsAre(std::pair("n1", "pods/ns/a")));
  EXPECT_TRUE(index_.Wants("n1", "configmaps/ns/c"));
  EXPECT_THAT(Remove("pods/ns/b"), UnorderedElementsAre(std::pair("n1", "pods/ns/b"),
                                                        std::pair("n1", "configmaps/ns/c")));
  EXPECT_THAT(index_.KeysOf("n1"), IsEmpty());
}

TEST_F(AssignmentIndexTest, AChangedReferenceTouchesTheNodesWhosePodsMentionIt) {
  Set("pods/ns/a", MakePod("n1", {"c"}));
  Set("pods/ns/b", MakePod("n2", {"c"}));
  Set("pods/ns/x", MakePod("n3", {"d"}));
  std::vector<Touched> touched;
  index_.ReferenceChanged("configmaps/ns/c", touched);
  EXPECT_THAT(touched, UnorderedElementsAre(Touched{"n1", "configmaps/ns/c"},
                                            Touched{"n2", "configmaps/ns/c"}));
  touched.clear();
  index_.ReferenceChanged("configmaps/other/c", touched);
  EXPECT_THAT(touched, IsEmpty());
}

TEST_F(AssignmentIndexTest, APodThatMovedIsTouchedOnBothNodes) {
  Set("pods/ns/a", MakePod("n1"));
  EXPECT_THAT(Set("pods/ns/a", MakePod("n2")),
              UnorderedElementsAre(std::pair("n1", "pods/ns/a"), std::pair("n2", "pods/ns/a")));
  EXPECT_FALSE(index_.Wants("n1", "pods/ns/a"));
}

}  // namespace
}  // namespace muster::coordinator
