#include "coordinator/templates/node_overrides.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

model::LabelMap Labels(const std::vector<std::pair<std::string, std::string>>& entries) {
  model::LabelMap labels;
  for (const auto& [key, value] : entries) labels[key] = value;
  return labels;
}

NodeOverrides Parse(const std::string& text) {
  std::vector<OverrideProblem> problems;
  NodeOverrides overrides = NodeOverrides::Parse(text, problems);
  EXPECT_THAT(problems, IsEmpty()) << problems.front().path << ": " << problems.front().detail;
  return overrides;
}

TEST(NodeOverrides, TheFirstClassThatMatchesCounts) {
  const NodeOverrides overrides = Parse(R"(
- selector: {matchLabels: {tier: big}}
  containers: [{name: main, image: "i:big"}]
- selector: {tier: big, gpu: "yes"}
  containers: [{name: main, image: "i:gpu"}]
- selector: "tier in (small,tiny),!spot"
  containers: [{name: main, image: "i:small"}]
)");
  EXPECT_EQ(overrides.ClassOf(Labels({{"tier", "big"}, {"gpu", "yes"}})), 0);
  EXPECT_EQ(overrides.ClassOf(Labels({{"tier", "tiny"}})), 2);
  EXPECT_EQ(overrides.ClassOf(Labels({{"tier", "tiny"}, {"spot", ""}})), NodeOverrides::kNoClass);
  EXPECT_EQ(overrides.ClassOf({}), NodeOverrides::kNoClass);
}

TEST(NodeOverrides, ChangeWhatTheySetAndNothingElse) {
  v1::PodSpec spec;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "containers { name: 'main' image: 'i:1' args: 'a' args: 'b'"
      " env { name: 'KEPT' value: '1' } env { name: 'LEVEL' value: 'info' }"
      " resources { limits { key: 'cpu' value { text: '1' } }"
      "             limits { key: 'memory' value { text: '64Mi' } } } }"
      "containers { name: 'side' image: 's:1' }"
      "init_containers { name: 'prepare' image: 'p:1' }",
      &spec));
  const NodeOverrides overrides = Parse(R"(
- selector: {tier: big}
  containers:
  - name: main
    args: ["c"]
    env: [{name: LEVEL, value: debug}, {name: NEW, value: "2"}]
    resources: {limits: {memory: 1Gi}, requests: {cpu: 500m}}
  initContainers: [{name: prepare, image: "p:2"}]
)");
  NodeOverrides::Patch(overrides.classes()[0].patch, spec);
  v1::PodSpec expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "containers { name: 'main' image: 'i:1' args: 'c'"
      " env { name: 'KEPT' value: '1' } env { name: 'LEVEL' value: 'debug' }"
      " env { name: 'NEW' value: '2' }"
      " resources { limits { key: 'cpu' value { text: '1' } }"
      "             limits { key: 'memory' value { text: '1Gi' } }"
      "             requests { key: 'cpu' value { text: '500m' } } } }"
      "containers { name: 'side' image: 's:1' }"
      "init_containers { name: 'prepare' image: 'p:2' }",
      &expected));
  EXPECT_EQ(spec.DebugString(), expected.DebugString());
}

TEST(NodeOverrides, SayWhereWhatIsWrong) {
  struct Case {
    const char* text;
    const char* path;
    const char* detail;
  };
  for (const Case& each : {
           Case{"{a: b}", "", "expected a list of"},
           Case{"- [", "", "line "},
           Case{"- 5", "[0]", "expected a mapping"},
           Case{"- containers: [{name: a}]", "[0].selector", "expected the labels"},
           Case{"- {selector: {}, containers: [{name: a}]}", "[0].selector", "at least one label"},
           Case{"- {selector: 'a in b', containers: [{name: a}]}", "[0].selector", ""},
           Case{"- {selector: {a: 5}, containers: [{name: a}]}", "[0].selector",
                "label a to be a text in quotes"},
           Case{"- {selector: {a: b}}", "[0].containers", "at least one container"},
           Case{"- {selector: {a: b}, containers: [{name: a, imagee: x}]}",
                "[0].containers[0].imagee", "image"},
           Case{"- {selector: {a: b}, containers: [{name: a}]}\n"
                "- {selector: {a: b}, containers: [{name: a, resources: {limits: {cpu: x}}}]}",
                "[1].containers[0].resources.limits", ""},
       }) {
    std::vector<OverrideProblem> problems;
    const NodeOverrides overrides = NodeOverrides::Parse(each.text, problems);
    ASSERT_FALSE(problems.empty()) << each.text;
    EXPECT_THAT(problems[0].path, HasSubstr(each.path)) << each.text;
    EXPECT_THAT(problems[0].detail, HasSubstr(each.detail)) << each.text;
    EXPECT_TRUE(overrides.empty()) << each.text;
  }
}

}  // namespace
}  // namespace muster::coordinator
