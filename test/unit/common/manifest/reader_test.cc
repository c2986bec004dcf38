#include "common/manifest/reader.h"

#include <gtest/gtest.h>

#include <string>

#include "common/manifest/json_writer.h"

namespace muster::manifest {
namespace {

// All documents in JSON, or the first problem with its place.
std::string Shown(const ReadResult& result) {
  for (const ReadProblem& problem : result.problems) {
    if (problem.severity != Severity::kError) continue;
    return std::to_string(problem.position.line) + ":" + std::to_string(problem.position.column) +
           " " + problem.message;
  }
  std::string shown;
  for (const Value& document : result.documents) {
    shown += (shown.empty() ? "" : " ") + WriteJson(document, JsonForm::kCompact);
  }
  return shown;
}

std::string FromYaml(std::string_view text, const DecodeLimits& limits = {}) {
  return Shown(ReadYaml(text, limits));
}

std::string FromJson(std::string_view text, const DecodeLimits& limits = {}) {
  return Shown(ReadJson(text, limits));
}

TEST(YamlReader, ReadsTheFormsPeopleWrite) {
  const struct {
    std::string yaml;
    std::string json;
  } cases[] = {
      {"a: 1\nb: x\n", R"({"a":1,"b":"x"})"},
      {"a:\n- b\n- c: 1\n  d: 2\n", R"({"a":["b",{"c":1,"d":2}]})"},
      {"a: [1, {b: c}]\n", R"({"a":[1,{"b":"c"}]})"},
      {"a: |\n  x\n  y\n", R"({"a":"x\ny\n"})"},
      {"a: |-\n  x\n   y\n", R"({"a":"x\n y"})"},
      {"a: >\n  x\n  y\n", R"({"a":"x y\n"})"},
      {"a: 'it''s'\nb: \"\\u00e9\\t\"\n", "{\"a\":\"it's\",\"b\":\"\u00e9\\t\"}"},
      {"a: \"\\_\\N\"\n", "{\"a\":\"\u00a0\u0085\"}"},
      {"a: '1'\nb: \"yes\"\nc: !!str 1\n", R"({"a":"1","b":"yes","c":"1"})"},
      {"a:\nb: ~\n", R"({"a":null,"b":null})"},
      {"a: 1\r\nb: 2\r\n", R"({"a":1,"b":2})"},
      {"? a\n: b\n", R"({"a":"b"})"},
      {"? a\n? 'b'\nc:\n\"d\" :\n", R"({"a":null,"b":null,"c":null,"d":null})"},
      {"1_0:\n&x e:\n!!str f:\n", R"({"10":null,"e":null,"f":null})"},
      {"a: {b, c: }\n", R"({"a":{"b":null,"c":null}})"},
      {"a: 'it''s'\nb: &x \"\\\"\"\nc: \"x\n  y\"\n", R"({"a":"it's","b":"\"","c":"x y"})"},
      {"1: a\ntrue: b\n", R"({"1":"a","true":"b"})"},
      {"a: &x {b: 1}\nc: *x\n", R"({"a":{"b":1},"c":{"b":1}})"},
      {"k: &k name\n*k : v\n", R"({"k":"name","name":"v"})"},
      {"", ""},
      {"# only a comment\n", ""},
      {"--- a\n--- b\n", R"("a" "b")"},
      {"%YAML 1.1\n---\na: 1\n---\nb: 2\n...\n", R"({"a":1} {"b":2})"},
      {"a: 1\n...\nb: 2\n", R"({"a":1} {"b":2})"},
      {"---\n---\na: 1\n", R"(null {"a":1})"},
  };
  for (const auto& c : cases) EXPECT_EQ(FromYaml(c.yaml), c.json) << c.yaml;
}

TEST(YamlReader, WhatAMappingSaysItselfWinsOverWhatItMerges) {
  const std::string base = "a: &a {p: 1, q: 1}\nb: &b {p: 2, r: 2}\n";
  const std::string kept = R"({"a":{"p":1,"q":1},"b":{"p":2,"r":2},)";
  EXPECT_EQ(FromYaml(base + "c: {<<: *a, p: 3}\n"), kept + R"("c":{"p":3,"q":1}})");
  EXPECT_EQ(FromYaml(base + "c:\n  p: 3\n  <<: *a\n"), kept + R"("c":{"p":3,"q":1}})");
  EXPECT_EQ(FromYaml(base + "c: {<<: [*a, *b]}\n"), kept + R"("c":{"p":1,"q":1,"r":2}})");
  EXPECT_EQ(FromYaml(base + "c: {'<<': 1}\n"), kept + R"("c":{"<<":1}})");
  EXPECT_EQ(FromYaml("a: {<<: 1}\n"), "1:5 << merges a mapping or a list of mappings");
}

TEST(YamlReader, MistakesAreGivenWithTheirPlace) {
  const struct {
    std::string yaml;
    std::string problem;
  } cases[] = {
      {"a:\n\tb: 1\n", "2:1 a tab cannot indent YAML, use blanks"},
      {"a: b: c\n", "1:5 this is not valid YAML: illegal map value"},
      {"a: [1, 2\n", "2:1 this is not valid YAML: end of sequence flow not found"},
      {"a: *b\n", "1:4 this is not valid YAML: the referenced anchor is not defined"},
      {"a: &x [*x]\n", "1:8 an alias stands inside its own anchor"},
      {"[a]: b\n", "1:1 a key has to be a plain text"},
      {"? {a: b}\n: c\n", "1:3 a key has to be a plain text"},
      {"a: !local b\n", "1:4 the tag \"!local\" is not known"},
      {"a: !!int b\n", "1:4 the tag !!int does not fit \"b\""},
      {"a: 1\n---\n}\n", "3:1 this is not valid YAML: illegal flow end"},
      {"a: \"b\n", "1:4 the text in quotes does not end"},
      {"a: 'b''\n", "1:4 the text in quotes does not end"},
      {"a: &x \"b\\\"\n", "1:4 the text in quotes does not end"},
      {"a: 'b", "1:6 this is not valid YAML: illegal EOF in scalar"},
      {"a: b\nc\n", "2:1 expected ':' after \"c\""},
      {"a: b\nc", "2:1 expected ':' after \"c\""},
      {"a:\n  - b: c\n    0x1\n", "3:5 expected ':' after \"0x1\""},
      {"a:\n  b\"c: d\n  'e'\n", "3:3 this is not valid YAML: end of map not found"},
      {"a: b\nc\nd: e\n", "3:2 this is not valid YAML: illegal map value"},
      {"--- {a: 1},\n", "1:11 the document ended before this"},
      {"{a: 1}\nb: 2\n", "2:1 the document ended before this"},
      {"'a' b\n", "1:5 the document ended before this"},
      {"a: b\n%c: d\n", "2:1 a line cannot begin with %, put it in quotes"},
      {"a: b\nc: \x01\n", "2:4 YAML cannot hold this control character as it is"},
      {"a: 1\n---\nb: [\n---\nc: }\n",
       "4:1 this is not valid YAML: end of sequence flow not found"},
  };
  for (const auto& c : cases) EXPECT_EQ(FromYaml(c.yaml), c.problem) << c.yaml;
}

TEST(YamlReader, AMistakeInOneDocumentLeavesTheOthersReadable) {
  const ReadResult result = ReadYaml("a: 1\n---\nb: [\n---\nc: 3\n---\n{\n", {});
  EXPECT_EQ(result.documents.size(), 2U);
  ASSERT_EQ(result.problems.size(), 2U);
  EXPECT_EQ(result.problems[0].position.line, 4);
}

TEST(YamlReader, KeysThatBecomeOtherTextsAreWarnedAbout) {
  const ReadResult result = ReadYaml("0644: a\non: b\n7: c\n", {});
  ASSERT_EQ(result.problems.size(), 2U);
  EXPECT_EQ(result.problems[0].message, "the key 0644 is read as \"420\"; quote it");
  EXPECT_EQ(result.problems[1].message, "the key on is read as \"true\"; quote it");
  EXPECT_EQ(result.problems[1].severity, Severity::kWarning);
}

TEST(YamlReader, RepeatedKeysAreKeptForTheDecoderToSee) {
  const ReadResult result = ReadYaml("a: 1\na: 2\n", {});
  ASSERT_EQ(result.documents.size(), 1U);
  EXPECT_EQ(result.documents[0].members.size(), 2U);
}

TEST(YamlReader, AliasesCannotGrowWithoutBound) {
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c <= 'i'; ++c) {
    const std::string last(1, static_cast<char>(c - 1));
    bomb += std::string(1, c) + ": &" + std::string(1, c) + " [";
    for (int i = 0; i < 10; ++i) bomb += (i > 0 ? ", *" : "*") + last;
    bomb += "]\n";
  }
  EXPECT_NE(FromYaml(bomb).find("the document is too large"), std::string::npos);

  const std::string long_text(100'000, 'x');
  std::string copies = "a: &a " + long_text + "\nb: [";
  for (int i = 0; i < 1000; ++i) copies += "*a, ";
  EXPECT_NE(FromYaml(copies + "]\n").find("the document is too large"), std::string::npos);
}

TEST(YamlReader, DepthAndNumberOfValuesAreBounded) {
  DecodeLimits limits;
  limits.depth_max = 3;
  limits.values_max = 6;
  EXPECT_EQ(FromYaml("[[[a]]]", limits), R"([[["a"]]])");
  EXPECT_EQ(FromYaml("[[[[a]]]]", limits), "1:4 nested deeper than 3 levels");
  EXPECT_EQ(FromYaml("[1, 2, 3, 4, 5]", limits), "[1,2,3,4,5]");
  EXPECT_NE(FromYaml("[1, 2, 3, 4, 5, 6]", limits).find("too large"), std::string::npos);
  EXPECT_NE(FromYaml(std::string(100'000, '[')).find("1:"), std::string::npos);
}

TEST(JsonReader, ReadsJson) {
  const struct {
    std::string text;
    std::string json;
  } cases[] = {
      {R"({"a": [1, -2.5e3, true, false, null, "x"]})", R"({"a":[1,-2.5e3,true,false,null,"x"]})"},
      {R"("\u00e9\ud83d\ude00\/\b\f\n\r\t\"\\")",
       "\"\u00e9\U0001F600/\\u0008\\u000c\\n\\r\\t\\\"\\\\\""},
      {R"("\ud83d x \ude00")", "\"\uFFFD x \uFFFD\""},
      {R"("\ud83d\u0041")", "\"\uFFFDA\""},
      {"{} []", "{} []"},
      {" \n{}\n{\"a\":1}\n", R"({} {"a":1})"},
      {"", ""},
      {"0", "0"},
      {"-0", "-0"},
  };
  for (const auto& c : cases) EXPECT_EQ(FromJson(c.text), c.json) << c.text;
}

TEST(JsonReader, MistakesAreGivenWithTheirPlace) {
  const struct {
    std::string text;
    std::string problem;
  } cases[] = {
      {"{", "1:2 expected a key in double quotes"},
      {"{\"a\"}", "1:5 expected ':' after the key"},
      {"{\"a\":1,}", "1:8 expected a key in double quotes"},
      {"[1 2]", "1:4 expected ',' or ']'"},
      {"[1,]", "1:4 expected a JSON value"},
      {"{\"a\":1 \"b\"}", "1:8 expected ',' or '}'"},
      {"[\n  tru]", "2:3 expected a JSON value"},
      {"01", "1:1 expected a JSON value"},
      {"1.", "1:3 expected digits after the point"},
      {"1e", "1:3 expected digits in the exponent"},
      {"+1", "1:1 expected a JSON value"},
      {"\"a", "1:3 the string does not end"},
      {"\"a\nb\"", "1:3 a control character in a string has to be escaped"},
      {"\"\\x\"", "1:3 no such escape in a JSON string"},
      {"\"\\u12g4\"", "1:6 expected four hexadecimal digits"},
      {"NaN", "1:1 expected a JSON value"},
      {"}", "1:1 expected a JSON value"},
  };
  for (const auto& c : cases) EXPECT_EQ(FromJson(c.text), c.problem) << c.text;
}

TEST(JsonReader, DepthAndNumberOfValuesAreBounded) {
  DecodeLimits limits;
  limits.depth_max = 2;
  limits.values_max = 4;
  EXPECT_EQ(FromJson("[[1]]", limits), "[[1]]");
  EXPECT_EQ(FromJson("[[[1]]]", limits), "1:4 nested deeper than 2 levels");
  EXPECT_EQ(FromJson("[1,2,3,4]", limits), "1:8 more than 4 values");
  EXPECT_NE(FromJson(std::string(1'000'000, '[')).find("nested deeper"), std::string::npos);
}

TEST(JsonReader, ValuesKnowTheirPlace) {
  const ReadResult result = ReadJson("{\n  \"a\": [\n    true\n  ]\n}", {});
  ASSERT_EQ(result.documents.size(), 1U);
  const Member& member = result.documents[0].members[0];
  EXPECT_EQ(member.key_position.line, 2);
  EXPECT_EQ(member.key_position.column, 3);
  EXPECT_EQ(member.value.position.column, 8);
  EXPECT_EQ(member.value.items[0].position.line, 3);
  EXPECT_EQ(member.value.items[0].position.column, 5);
}

}  // namespace
}  // namespace muster::manifest
