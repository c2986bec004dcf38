#include "ctl/jsonpath/template.h"

#include "common/manifest/reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::ctl::jsonpath {
namespace {

using ::testing::HasSubstr;

constexpr char kObject[] = R"({
  "kind": "List",
  "items": [
    {"kind": "Pod", "metadata": {"name": "a", "labels": {"app.kubernetes.io/name": "x"}},
     "status": {"phase": "Running", "ready": true, "restarts": 3,
                "conditions": [{"type": "Ready", "status": "True"},
                               {"type": "Other", "status": "False"}]}},
    {"kind": "Pod", "metadata": {"name": "b"}, "status": {"phase": "Pending", "restarts": 10}},
    {"kind": "Node", "metadata": {"name": "c"}, "spec": {"cidrs": ["1", "2"], "nothing": null}}
  ]
})";

manifest::Value Object() { return manifest::ReadJson(kObject, {}).documents.at(0); }

std::string Render(const std::string& text) {
  const auto parsed = Template::Parse(text);
  if (!parsed.ok()) return "parsing: " + std::string(parsed.status().message());
  const auto rendered = parsed->Render(Object());
  return rendered.ok() ? *rendered : "evaluating: " + std::string(rendered.status().message());
}

TEST(JsonPath, MeansWhatKubectlMeans) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"", ""},
      {"plain {.kind} text", "plain List text"},
      {"{.kind}{.kind}", "ListList"},
      {"{ .kind }", "List"},
      {"{$.kind} {@.kind}", "List List"},
      {"{.nothing}", ""},
      {"{.kind.nothing}", ""},
      // Items.
      {"{.items[0].metadata.name}", "a"},
      {"{.items[-1].metadata.name}", "c"},
      {"{.items[*].metadata.name}", "a b c"},
      {"{.items.*.metadata.name}", "a b c"},
      {"{.items[0:2].metadata.name}", "a b"},
      {"{.items[1:].metadata.name}", "b c"},
      {"{.items[:-1].metadata.name}", "a b"},
      {"{.items[::2].metadata.name}", "a c"},
      {"{.items[0,2].metadata.name}", "a c"},
      {"{.items[1:1].metadata.name}", ""},
      {"{.items[*]['metadata.name', 'kind']}", "Pod Pod Node"},
      {"{.items[0]['metadata','kind']}",
       R"({"labels":{"app.kubernetes.io/name":"x"},"name":"a"} Pod)"},
      // Names with dots in them.
      {R"({.items[0].metadata.labels.app\.kubernetes\.io/name})", "x"},
      {R"({.items[0].metadata.labels['app\.kubernetes\.io/name']})", "x"},
      {R"({.items[0].metadata.labels['app.kubernetes.io/name']})", "x"},
      // At any depth.
      {"{..name}", "a b c"},
      {"{.items[0]..status}",
       R"({"conditions":[{"status":"True","type":"Ready"},{"status":"False","type":"Other"}],)"
       R"("phase":"Running","ready":true,"restarts":3} True False)"},
      // Filters.
      {R"({.items[?(@.kind=="Pod")].metadata.name})", "a b"},
      {R"({.items[?(@.kind=='Node')].metadata.name})", "c"},
      {R"({.items[?(@.kind != "Pod")].metadata.name})", "c"},
      {"{.items[?(@.status.restarts>3)].metadata.name}", "b"},
      {"{.items[?(@.status.restarts>=3)].metadata.name}", "a b"},
      {"{.items[?(@.status.restarts<=3.0)].metadata.name}", "a"},
      {"{.items[?(@.status.ready)].metadata.name}", "a"},
      {"{.items[?(@.status.ready==true)].metadata.name}", "a"},
      {R"({.items[0].status.conditions[?(@.type=="Ready")].status})", "True"},
      {R"({.items[?(@.status.conditions[0].type=="Ready")].metadata.name})", "a"},
      {R"({.items[?(@.metadata.name==")]")].kind})", ""},
      // Ranges and literals.
      {R"({range .items[*]}{.metadata.name}:{.status.phase}{"\n"}{end}.)",
       "a:Running\nb:Pending\nc:\n."},
      {R"({range .items[0:2]}{.metadata.name}({range .status.conditions[*]}{.type},{end}){end})",
       "a(Ready,Other,)b()"},
      {"{range .items[*]}{$.kind} {end}", "Pod Pod Node "},
      {R"({"a\tb"}{'}'}{"\"q\""})", "a\tb}\"q\""},
      {"{5}{-1.5}{true}", "5-1.5true"},
      // Values as text.
      {"{.items[2].spec.cidrs}", R"(["1","2"])"},
      {"{.items[2].spec.nothing}", "null"},
      {"{.items[0].status.restarts} {.items[0].status.ready}", "3 true"},
  };
  for (const auto& [text, expected] : table) EXPECT_EQ(Render(text), expected) << text;
}

TEST(JsonPath, SaysWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"{.kind", "parsing: a brace is not closed"},
      {"{.items[0}", "parsing: a bracket is not closed"},
      {"{.items[x]}", "parsing: [x] is neither an index"},
      {"{.items[1:2:3:4]}", "parsing: [1:2:3:4] is neither"},
      {"{.items[]}", "parsing: [] is neither"},
      {R"({.items[?(@.kind=="Pod"]})", "parsing: a filter is not closed with )]"},
      {"{.items[?(@.kind==)]}", "parsing: there is nothing to compare with after =="},
      {"{.items[?(@.kind=~1)]}", "parsing: a comparison is one of"},
      {"{kind}", R"(parsing: unexpected word "kind" (a member is .kind))"},
      {"{#}", "parsing: unexpected character '#'"},
      {"{\"open}", "parsing: a brace is not closed"},
      {"{range .items[*]}{.kind}", "parsing: {range ...} without an {end}"},
      {"{end}", "parsing: {end} without a {range ...}"},
      {"{1.2.3}", "parsing: \"1.2.3\" is no number"},
      {"{.items[3]}", "evaluating: array index out of bounds: index 3, length 3"},
      {"{.items[-4]}", "evaluating: array index out of bounds: index -1, length 3"},
      {"{.items[2:1]}", "evaluating: a slice starts at 2, after its end at 1"},
      {"{.items[::0]}", "evaluating: the step of a slice has to be above 0"},
      {"{.kind[0]}", "evaluating: List is no list and has no items"},
      {"{.kind[?(@.a)]}", "evaluating: List is no list and cannot be filtered"},
      {R"({.items[?(@.kind < 3)]})", "evaluating: cannot tell which is less, Pod or 3"},
  };
  for (const auto& [text, expected] : table) EXPECT_THAT(Render(text), HasSubstr(expected)) << text;
}

TEST(JsonPath, OnePathNeedsNoBraces) {
  for (const char* text : {"kind", ".kind", "{.kind}", "$.kind", "['kind']"}) {
    const auto parsed = Template::ParsePath(text);
    ASSERT_TRUE(parsed.ok()) << text << parsed.status();
    const manifest::Value object = Object();
    const auto found = parsed->Find(object);
    ASSERT_TRUE(found.ok());
    ASSERT_EQ(found->size(), 1u) << text;
    EXPECT_EQ((*found)[0]->text, "List");
  }
  for (const char* text : {"", "{.a}{.b}", "{.a} x", "x{.a}", ".a}", "{range .a}{.b}{end}"}) {
    EXPECT_FALSE(Template::ParsePath(text).ok()) << text;
  }
}

TEST(JsonPath, DepthHasALimit) {
  std::string filters;
  std::string ranges;
  for (int i = 0; i < 1000; ++i) filters += ".a[?(@";
  for (int i = 0; i < 1000; ++i) ranges += "{range .a}";
  for (int i = 0; i < 1000; ++i) filters += ")]";
  for (int i = 0; i < 1000; ++i) ranges += "{end}";
  EXPECT_FALSE(Template::Parse("{" + filters + "}").ok());
  EXPECT_FALSE(Template::Parse(ranges).ok());
}

}  // namespace
}  // namespace muster::ctl::jsonpath
