#include "coordinator/api/usage.h"

#include <google/protobuf/text_format.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::Key;

v1::Object Object(const std::string& text) {
  v1::Object object;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &object)) << text;
  return object;
}

const std::vector<v1::Object> kPods = {
    Object("pod { metadata { namespace: 'a' name: 'p1' uid: 'u1' } spec { node_name: 'n1' } }"),
    Object("pod { metadata { namespace: 'a' name: 'p2' uid: 'u2' } spec { node_name: 'n2' } }"),
    Object("pod { metadata { namespace: 'a' name: 'p3' uid: 'u3' } spec { node_name: 'n1' } }"),
    Object("pod { metadata { namespace: 'a' name: 'done' uid: 'u4' } spec { node_name: 'n1' } "
           "status { phase: 'Succeeded' } }"),
    Object("pod { metadata { namespace: 'a' name: 'waits' uid: 'u5' } }"),
};

TEST(QuestionsAbout, GoToTheNodesThatRunThePods) {
  const UsageQuestions questions = QuestionsAbout(kPods);
  ASSERT_THAT(questions, ElementsAre(Key("n1"), Key("n2")));
  EXPECT_THAT(questions.at("n1").pod_uids(), ElementsAre("u1", "u3"));
  EXPECT_FALSE(questions.at("n1").node());
  EXPECT_THAT(questions.at("n2").pod_uids(), ElementsAre("u2"));
  const UsageQuestions nodes = QuestionsAbout({Object("node { metadata { name: 'n9' } }")});
  ASSERT_THAT(nodes, ElementsAre(Key("n9")));
  EXPECT_TRUE(nodes.at("n9").node());
}

TEST(UsageOf, PodsOfASilentNodeAreThereWithoutAmounts) {
  UsageAnswers answers;
  session::v1::TunnelUsage said;
  auto* container = said.add_containers();
  container->set_pod_uid("u1");
  container->set_container("main");
  container->mutable_amount()->set_memory_bytes(5);
  answers.emplace("n1", said);
  answers.emplace("n2", absl::DeadlineExceededError("did not answer within 4 s"));
  const admin::v1::TopResponse response = UsageOf(kPods, answers);
  // p3 runs nothing now.
  ASSERT_EQ(response.pods_size(), 2);
  EXPECT_EQ(response.pods(0).name(), "p1");
  EXPECT_TRUE(response.pods(0).known());
  ASSERT_EQ(response.pods(0).containers_size(), 1);
  EXPECT_EQ(response.pods(0).containers(0).name(), "main");
  EXPECT_EQ(response.pods(0).containers(0).usage().memory_bytes(), 5u);
  EXPECT_FALSE(response.pods(0).containers(0).usage().has_cpu_nano_cores());
  EXPECT_EQ(response.pods(1).name(), "p2");
  EXPECT_FALSE(response.pods(1).known());
  EXPECT_THAT(response.problems(), ElementsAre("node \"n2\": did not answer within 4 s"));
}

TEST(UsageOf, NodesComeWithWhatTheyCanGive) {
  UsageAnswers answers;
  session::v1::TunnelUsage said;
  said.mutable_node()->set_cpu_nano_cores(500);
  answers.emplace("n1", said);
  const admin::v1::TopResponse response = UsageOf(
      {Object("node { metadata { name: 'n1' } status { allocatable { key: 'cpu' value { text: "
              "'1500m' } } allocatable { key: 'memory' value { text: '2Ki' } } } }"),
       Object("node { metadata { name: 'n2' } status { allocatable { key: 'cpu' value { text: "
              "'x' } } } }")},
      answers);
  ASSERT_EQ(response.nodes_size(), 2);
  EXPECT_EQ(response.nodes(0).usage().cpu_nano_cores(), 500u);
  EXPECT_EQ(response.nodes(0).allocatable_cpu_nano_cores(), 1'500'000'000u);
  EXPECT_EQ(response.nodes(0).allocatable_memory_bytes(), 2048u);
  EXPECT_FALSE(response.nodes(1).usage().has_cpu_nano_cores());
  EXPECT_EQ(response.nodes(1).allocatable_cpu_nano_cores(), 0u);
  EXPECT_THAT(response.problems(), ElementsAre("node \"n2\": was not asked"));
}

}  // namespace
}  // namespace muster::coordinator
