#include "common/manifest/encode.h"

#include <gtest/gtest.h>

#include <string>

#include "common/manifest/decode.h"
#include "common/manifest/json_writer.h"
#include "common/manifest/reader.h"
#include "common/manifest/yaml_writer.h"
#include "muster/v1/config.pb.h"
#include "muster/v1/object.pb.h"
#include "muster/v1/workload.pb.h"

namespace muster::manifest {
namespace {

v1::Object SampleSet() {
  v1::Object object;
  v1::DaemonSet& set = *object.mutable_daemon_set();
  set.set_api_version("apps/v1");
  set.set_kind("DaemonSet");
  set.mutable_metadata()->set_name("web");
  set.mutable_metadata()->mutable_creation_timestamp()->set_seconds(0);
  (*set.mutable_metadata()->mutable_labels())["b"] = "2";
  (*set.mutable_metadata()->mutable_labels())["a"] = "x";
  v1::PodSpec& pod = *set.mutable_spec()->mutable_template_()->mutable_spec();
  pod.mutable_security_context();
  pod.set_termination_grace_period_seconds(0);
  v1::Container& container = *pod.add_containers();
  container.set_image("example/web");
  container.add_args("--listen=:80");
  (*container.mutable_resources()->mutable_limits())["cpu"].set_text("1");
  set.mutable_status()->set_number_ready(1);
  return object;
}

// Kubernetes prints the counts of a status also when they are zero.
TEST(Encode, JsonIsSortedCompactAndLeavesOutWhatIsUnset) {
  EXPECT_EQ(
      EncodeJson(SampleSet()),
      R"({"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"creationTimestamp":"1970-01-01T00:00:00Z","labels":{"a":"x","b":"2"},"name":"web"},"spec":{"template":{"spec":{"containers":[{"args":["--listen=:80"],"image":"example/web","name":"","resources":{"limits":{"cpu":"1"}}}],"securityContext":{},"terminationGracePeriodSeconds":0}}},"status":{"currentNumberScheduled":0,"desiredNumberScheduled":0,"numberMisscheduled":0,"numberReady":1}})");
}

TEST(Encode, YamlHasTheLayoutOfKubectl) {
  EXPECT_EQ(EncodeYaml(SampleSet()), R"(apiVersion: apps/v1
kind: DaemonSet
metadata:
  creationTimestamp: "1970-01-01T00:00:00Z"
  labels:
    a: x
    b: "2"
  name: web
spec:
  template:
    spec:
      containers:
      - args:
        - --listen=:80
        image: example/web
        name: ""
        resources:
          limits:
            cpu: "1"
      securityContext: {}
      terminationGracePeriodSeconds: 0
status:
  currentNumberScheduled: 0
  desiredNumberScheduled: 0
  numberMisscheduled: 0
  numberReady: 1
)");
}

TEST(Encode, PrettyJsonIsIndentedByFour) {
  v1::ConfigMap map;
  (*map.mutable_data())["a"] = "b";
  map.mutable_metadata();
  EXPECT_EQ(EncodeJson(map, JsonForm::kPretty),
            "{\n    \"data\": {\n        \"a\": \"b\"\n    },\n    \"metadata\": {}\n}");
}

TEST(Encode, SpecialTypesHaveTheirTextForms) {
  v1::Secret secret;
  (*secret.mutable_data())["k"] = std::string("\0\xff", 2);
  EXPECT_EQ(EncodeJson(secret), R"({"data":{"k":"AP8="}})");

  v1::RollingUpdateDaemonSet update;
  update.mutable_max_unavailable()->set_string_value("10%");
  update.mutable_max_surge()->set_int_value(0);
  EXPECT_EQ(EncodeJson(update), R"({"maxSurge":0,"maxUnavailable":"10%"})");

  v1::ControllerRevision revision;
  revision.mutable_data()->set_json(R"({"b": 1, "a": [true, null]})");
  EXPECT_EQ(EncodeJson(revision), R"({"data":{"a":[true,null],"b":1},"revision":0})");
  EXPECT_EQ(EncodeYaml(revision), "data:\n  a:\n  - true\n  - null\n  b: 1\nrevision: 0\n");

  v1::Event event;
  event.mutable_event_time()->set_seconds(1);
  event.mutable_event_time()->set_nanos(500'000'000);
  EXPECT_EQ(EncodeJson(event), R"({"eventTime":"1970-01-01T00:00:01.500000Z",)"
                               R"("reportingComponent":"","reportingInstance":""})");
}

TEST(Encode, ListsAreWrittenAsClustersAnswerThem) {
  v1::Object object;
  object.mutable_namespace_object()->set_kind("Namespace");
  EXPECT_EQ(EncodeYamlList({&object}),
            "apiVersion: v1\nitems:\n- kind: Namespace\nkind: List\nmetadata:\n"
            "  resourceVersion: \"\"\n");
  EXPECT_EQ(EncodeJsonList({}, JsonForm::kCompact),
            R"({"apiVersion":"v1","items":[],"kind":"List","metadata":{"resourceVersion":""}})");
}

TEST(Encode, BytesThatAreNoTextDoNotBreakTheOutput) {
  v1::ConfigMap map;
  (*map.mutable_data())["a"] = "x\xff";
  EXPECT_EQ(EncodeJson(map), "{\"data\":{\"a\":\"x\uFFFD\"}}");
}

// How a string is written, and that it reads back as the same.
TEST(YamlWriter, StringsAreQuotedWhenAReaderWouldTakeThemForSomethingElse) {
  const struct {
    std::string text;
    std::string yaml;
  } cases[] = {
      {"plain", "plain"},
      {"two words", "two words"},
      {"--flag=x", "--flag=x"},
      {"-c", "-c"},
      {"a:b", "a:b"},
      {"a#b", "a#b"},
      {"http://x:80/", "http://x:80/"},
      {"10%", "10%"},
      {"1.2.3", "1.2.3"},
      {"$(VAR)", "$(VAR)"},
      {"\u00e9", "\u00e9"},
      {"", "\"\""},
      {"true", "\"true\""},
      {"no", "\"no\""},
      {"N", "\"N\""},
      {"8080", "\"8080\""},
      {"0644", "\"0644\""},
      {"1e3", "\"1e3\""},
      {"1_000", "\"1_000\""},
      {"null", "\"null\""},
      {"~", "\"~\""},
      {"2026-01-31", "\"2026-01-31\""},
      {"12:30", "\"12:30\""},
      {"=", "\"=\""},
      {"<<", "\"<<\""},
      {".inf", "\".inf\""},
      {"a: b", "'a: b'"},
      {"a #b", "'a #b'"},
      {"a:", "'a:'"},
      {" a", "' a'"},
      {"a ", "'a '"},
      {"- a", "'- a'"},
      {"-", "'-'"},
      {"*", "'*'"},
      {"&a", "'&a'"},
      {"!a", "'!a'"},
      {"%a", "'%a'"},
      {"@a", "'@a'"},
      {"`a", "'`a'"},
      {"{a", "'{a'"},
      {"[a", "'[a'"},
      {"#a", "'#a'"},
      {"'a'", "'''a'''"},
      {"\"a\"", "'\"a\"'"},
      {":80", "':80'"},
      {"?a", "'?a'"},
      {"---", "'---'"},
      {"...", "'...'"},
      {"a\tb", "\"a\\tb\""},
      {"a\rb", "\"a\\rb\""},
      {std::string("a\0b", 3), "\"a\\x00b\""},
      {"a\x1b", "\"a\\x1b\""},
      {"\u0085", "\"\\x85\""},
      {"\u2028", "\"\\u2028\""},
      {"\uFEFF", "\"\\ufeff\""},
      {"back\\slash\x01", "\"back\\\\slash\\x01\""},
      {"x\ny", "|-\n  x\n  y"},
      {"x\ny\n", "|\n  x\n  y"},
      {"x\n\n  y\n", "|\n  x\n\n    y"},
      {"x: y\n# z\n", "|\n  x: y\n  # z"},
      {"\nx", "\"\\nx\""},
      {" x\ny", "\" x\\ny\""},
      {"x\n\n", "\"x\\n\\n\""},
      {"x\n ", "\"x\\n \""},
      {"x\n\ty", "\"x\\n\\ty\""},
      {"\n", "\"\\n\""},
  };
  for (const auto& c : cases) {
    Value mapping;
    mapping.type = Value::Type::kMapping;
    mapping.members.push_back({"k", {}, MakeString(c.text)});
    const std::string yaml = WriteYaml(mapping);
    EXPECT_EQ(yaml, "k: " + c.yaml + "\n");
    const ReadResult read = ReadYaml(yaml, {});
    ASSERT_EQ(read.documents.size(), 1U) << yaml;
    ASSERT_NE(read.documents[0].Find("k"), nullptr) << yaml;
    EXPECT_EQ(read.documents[0].Find("k")->type, Value::Type::kString) << yaml;
    EXPECT_EQ(read.documents[0].Find("k")->text, c.text) << yaml;

    // The same text as a key and as an item of a list inside a list.
    Value keyed;
    keyed.type = Value::Type::kMapping;
    Value inner;
    inner.type = Value::Type::kList;
    inner.items = {MakeString(c.text), MakeString("end")};
    Value outer;
    outer.type = Value::Type::kList;
    outer.items = {inner, MakeString(c.text)};
    keyed.members.push_back({c.text, {}, outer});
    const ReadResult again = ReadYaml(WriteYaml(keyed), {});
    ASSERT_EQ(again.documents.size(), 1U) << WriteYaml(keyed);
    EXPECT_EQ(WriteYaml(again.documents[0]), WriteYaml(keyed));
  }
}

TEST(Writers, OfEqualKeysTheFirstIsWritten) {
  Value mapping;
  mapping.type = Value::Type::kMapping;
  mapping.members.push_back({"b", {}, MakeInteger(1)});
  mapping.members.push_back({"a", {}, MakeInteger(2)});
  mapping.members.push_back({"b", {}, MakeInteger(3)});
  EXPECT_EQ(WriteJson(mapping, JsonForm::kCompact), R"({"a":2,"b":1})");
  EXPECT_EQ(WriteYaml(mapping), "a: 2\nb: 1\n");
}

TEST(YamlWriter, LongKeysAreReadBack) {
  Value mapping;
  mapping.type = Value::Type::kMapping;
  mapping.members.push_back({std::string(3000, 'k'), {}, MakeString("v")});
  mapping.members.push_back({"x", {}, MakeString("y")});
  const ReadResult read = ReadYaml(WriteYaml(mapping), {});
  ASSERT_EQ(read.documents.size(), 1U);
  EXPECT_EQ(read.documents[0].members.size(), 2U);
  EXPECT_EQ(read.documents[0].members[0].value.text, "v");
}

}  // namespace
}  // namespace muster::manifest
