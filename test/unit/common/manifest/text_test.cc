// The small helpers: suggestions, UTF-8, paths, findings.
#include <gtest/gtest.h>

#include <string>

#include "common/manifest/findings.h"
#include "common/manifest/source_map.h"
#include "common/manifest/suggest.h"
#include "common/manifest/utf8.h"

namespace muster::manifest {
namespace {

TEST(Suggest, FindsSlipsAndOtherSpellings) {
  const std::vector<std::string_view> names = {
      "hostPort", "hostIP", "containerPort", "name", "image", "imagePullPolicy", "env", "envFrom"};
  const struct {
    std::string text;
    std::string suggestion;
  } cases[] = {
      {"hostport", "hostPort"},
      {"host_port", "hostPort"},
      {"HOSTIP", "hostIP"},
      {"conatinerPort", "containerPort"},
      {"imagePullPolciy", "imagePullPolicy"},
      {"nam", "name"},
      {"names", "name"},
      {"envs", "env"},
      {"image-pull-policy", "imagePullPolicy"},
      {"xyz", ""},
      {"", ""},
      {"x", ""},
      {std::string(100, 'n'), ""},
  };
  for (const auto& c : cases) EXPECT_EQ(Suggest(c.text, names), c.suggestion) << c.text;
}

TEST(Utf8, OnlyShortestFormsOfRealCharactersAreValid) {
  for (const char* text : {"", "abc", "\u00e9", "\u20ac", "\U0001F600", "\u0080", "\u0800",
                           "\U00010000", "\U0010FFFF"}) {
    EXPECT_EQ(FindInvalidUtf8(text), std::string_view::npos) << text;
  }
  const struct {
    std::string text;
    size_t at;
  } cases[] = {
      {"ab\xff", 2},
      {"\x80", 0},
      {"a\xc3", 1},
      {"\xc0\xaf", 0},
      {"\xe0\x80\xaf", 0},
      {"\xed\xa0\x80", 0},
      {"\xf4\x90\x80\x80", 0},
      {"\xf0\x80\x80\xaf", 0},
      {"\xe2\x82", 0},
      {"\xf8\x88\x80\x80\x80", 0},
  };
  for (const auto& c : cases) EXPECT_EQ(FindInvalidUtf8(c.text), c.at);
}

TEST(Utf8, WhatIsNotValidIsReplacedAndTheEndIsCutBetweenCharacters) {
  const struct {
    std::string text;
    size_t bytes_max;
    std::string valid;
  } cases[] = {
      {"", 5, ""},
      {"plain\n\tand \u20ac", 100, "plain\n\tand \u20ac"},
      {"a\xff"
       "b",
       100, "a\uFFFDb"},
      {"\x82\xac end", 100, "\uFFFD\uFFFD end"},
      {"cut \xe2\x82", 100, "cut \uFFFD\uFFFD"},
      {"ab\u20ac", 4, "ab"},
      {"ab\u20ac", 5, "ab\u20ac"},
      {"ab\xff", 4, "ab"},
      {"abc", 0, ""},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ValidUtf8(c.text, c.bytes_max), c.valid) << c.text;
    EXPECT_EQ(FindInvalidUtf8(ValidUtf8(c.text, c.bytes_max)), std::string_view::npos);
  }
  EXPECT_EQ(ValidUtf8("all of it"), "all of it");
}

TEST(Utf8, WritingAndReadingAgree) {
  for (uint32_t value : {0x0U, 0x7FU, 0x80U, 0x7FFU, 0x800U, 0xFFFFU, 0x10000U, 0x10FFFFU}) {
    std::string text;
    AppendUtf8(value, text);
    const CodePoint point = ReadCodePoint(text, 0);
    EXPECT_TRUE(point.valid);
    EXPECT_EQ(point.value, value);
    EXPECT_EQ(point.size, text.size());
  }
}

TEST(SourceMap, ParentsOfPaths) {
  const struct {
    std::string path;
    std::string parent;
  } cases[] = {
      {"", ""},
      {"spec", ""},
      {"spec.a", "spec"},
      {"spec.a[0]", "spec.a"},
      {"spec.a[0].b", "spec.a[0]"},
      {"spec.a[0][1]", "spec.a[0]"},
      {"metadata.labels[app.kubernetes.io/name]", "metadata.labels"},
      {"a[b.c].d", "a[b.c]"},
      {"a]", ""},
      {"[0]", ""},
  };
  for (const auto& c : cases) EXPECT_EQ(ParentPath(c.path), c.parent) << c.path;
}

TEST(SourceMap, AnUnknownPlaceIsLineZero) { EXPECT_EQ(SourceMap().Find("spec.a").line, 0); }

TEST(Diagnostic, IsOneLineOfFilePlaceSeverityPathAndMessage) {
  EXPECT_EQ(ToString({Severity::kWarning, "a.yaml", {3, 4}, "spec.a", "odd"}),
            "a.yaml:3:4: warning: spec.a: odd");
  EXPECT_EQ(ToString({Severity::kSkipped, "a.yaml", {}, "", "odd"}), "a.yaml: skipped: odd");
  EXPECT_EQ(ToString({Severity::kError, "", {}, "", "odd"}), "error: odd");
}

TEST(Findings, AreOneLineWhateverTheyQuote) {
  Findings findings("f", 1);
  findings.Error({}, "a[\n]", "kind \"x\ty\x1b[2J\x7f\u00e9\"");
  EXPECT_EQ(ToString(findings.Finish().front()),
            "f: error: a[\\n]: kind \"x\\ty\\x1b[2J\\x7f\u00e9\"");
}

TEST(Findings, OnlyWarningsBeyondTheBoundStayAWarning) {
  Findings findings("f", 1);
  findings.Add(Severity::kWarning, {}, "", "one");
  findings.Add(Severity::kWarning, {}, "", "two");
  const Diagnostics found = findings.Finish();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found.back().severity, Severity::kWarning);
}

}  // namespace
}  // namespace muster::manifest
