#include <gmock/gmock.h>

#include "ctl/commands/get.h"
#include "test/unit/ctl/commands/command_test.h"

namespace muster::ctl {
namespace {

using ::testing::HasSubstr;

class GetFormsTest : public CommandsTest {
 protected:
  void SetUp() override {
    for (const auto& [name, node] : {std::pair{"p-2", "node-10"}, {"p-10", "node-9"}}) {
      v1::Object pod = Pod(name);
      pod.mutable_pod()->mutable_spec()->set_node_name(node);
      (*model::MutableMetadataOf(pod).mutable_labels())["example.com/tier"] = "front";
      client_.Put(pod);
    }
    client_.Put(Pod("waits"));
  }
  std::string Get(GetOptions options, int exit_code = kExitDone) {
    Context context = MakeContext();
    out_.str("");
    err_.str("");
    EXPECT_EQ(RunGet(context, options), exit_code) << err_.str();
    return out_.str();
  }
};

TEST_F(GetFormsTest, ATemplateSeesTheListOrTheOneObject) {
  EXPECT_EQ(Get({.arguments = {"pods"},
                 .output = "jsonpath={range .items[*]}{.metadata.name}={.spec.nodeName}{\"\\n\"}"
                           "{end}"}),
            "p-10=node-9\np-2=node-10\nwaits=\n");
  EXPECT_EQ(Get({.arguments = {"pod", "p-2"}, .output = "jsonpath={.spec.nodeName}"}), "node-10");
  EXPECT_EQ(Get({.arguments = {"pod", "p-2"}, .output = "jsonpath-as-json={.spec.nodeName}"}),
            "[\n    \"node-10\"\n]\n");
}

TEST_F(GetFormsTest, AMistakeInATemplateIsAUsageErrorThatSaysWhat) {
  Get({.arguments = {"pods"}, .output = "jsonpath={.items[}"}, kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("-o jsonpath: "));
  Get({.arguments = {"pods"}, .output = "jsonpath"}, kExitUsage);
  EXPECT_EQ(err_.str(), "error: -o jsonpath: expected jsonpath=TEMPLATE\n");
  Get({.arguments = {"pods"}, .output = "xml"}, kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("found \"xml\""));
  Get({.arguments = {"pods"}, .output = "jsonpath={.items[7].metadata}"}, kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("array index out of bounds: index 7, length 3"));
}

TEST_F(GetFormsTest, CustomColumnsHaveAHeaderAndNoneForWhatIsMissing) {
  EXPECT_EQ(Get({.arguments = {"pods"},
                 .output = "custom-columns=NAME:.metadata.name,WHERE:{.spec.nodeName},"
                           "LABELS:metadata.labels"}),
            "NAME    WHERE     LABELS\n"
            "p-10    node-9    map[example.com/tier:front]\n"
            "p-2     node-10   map[example.com/tier:front]\n"
            "waits   <none>    <none>\n");
  EXPECT_EQ(Get({.arguments = {"pod", "p-2"},
                 .output = "custom-columns=A:.metadata.name,B:.spec.nodeName",
                 .headers = false}),
            "p-2   node-10\n");
}

TEST_F(GetFormsTest, SortsByAFieldWithNumbersByTheirValue) {
  EXPECT_EQ(Get({.arguments = {"pods"}, .output = "name", .sort_by = ".metadata.name"}),
            "pod/p-2\npod/p-10\npod/waits\n");
  // Those without the field come first.
  EXPECT_EQ(Get({.arguments = {"pods"}, .sort_by = "{.spec.nodeName}"}),
            "NAME    AGE\nwaits   5s\np-10    5s\np-2     5s\n");
  Get({.arguments = {"pods"}, .sort_by = ".spec.nosuch"}, kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("--sort-by: no object has a field \".spec.nosuch\""));
}

TEST_F(GetFormsTest, LabelsAsColumnsAreNamedByTheirLastPart) {
  EXPECT_EQ(Get({.arguments = {"pods"}, .label_columns = {"example.com/tier"}}),
            "NAME    AGE   TIER\n"
            "p-10    5s    front\n"
            "p-2     5s    front\n"
            "waits   5s    <none>\n");
  EXPECT_EQ(Get({.arguments = {"pod", "p-2"}, .headers = false, .show_labels = true}),
            "p-2   5s   example.com/tier=front\n");
}

TEST_F(GetFormsTest, AllIsWhatRuns) {
  client_.Put(DaemonSet("web"));
  client_.Put(Node("n"));
  EXPECT_EQ(Get({.arguments = {"all"}, .output = "name"}),
            "pod/p-10\npod/p-2\npod/waits\ndaemonset.apps/web\n");
}

}  // namespace
}  // namespace muster::ctl
