#include "common/config/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "common/base/text_file.h"
#include "test/support/temp_dir.h"

namespace muster {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

ConfigFile Parse(const std::string& text) {
  auto file = ConfigFile::Parse(text, "x.yaml");
  EXPECT_TRUE(file.ok()) << file.status();
  return *std::move(file);
}

struct Settings {
  std::string name = "default";
  bool flag = false;
  int64_t number = 7;
  Duration wait = 5s;
  std::vector<std::string> list = {"default"};
  std::map<std::string, std::string> labels;
  std::string level = "info";
  std::string ca = "default-ca";
};

Settings ReadAll(ConfigFile& file) {
  Settings settings;
  ConfigSection& root = file.root();
  root.Read("name", settings.name);
  root.Read("flag", settings.flag);
  root.Read("number", settings.number, 1, 100);
  root.Read("wait", settings.wait, 1s, 1h);
  root.Read("list", settings.list);
  root.Read("labels", settings.labels);
  root.ReadChoice("level", {"debug", "info"}, settings.level);
  root.Section("tls").Read("ca", settings.ca);
  return settings;
}

TEST(ConfigFile, ReadsEveryType) {
  ConfigFile file = Parse(R"(
# How it looks.
name: node-1
flag: true
number: 42
wait: 1m30s
list: [a, "b c"]
labels:
  tier: web
  rack: "7"
level: debug
tls:
  ca: /etc/ca.pem
)");
  const Settings settings = ReadAll(file);
  EXPECT_TRUE(file.Finish().ok()) << file.Finish();
  EXPECT_EQ(settings.name, "node-1");
  EXPECT_TRUE(settings.flag);
  EXPECT_EQ(settings.number, 42);
  EXPECT_EQ(settings.wait, 90s);
  EXPECT_THAT(settings.list, ElementsAre("a", "b c"));
  EXPECT_THAT(settings.labels, ElementsAre(Pair("rack", "7"), Pair("tier", "web")));
  EXPECT_EQ(settings.level, "debug");
  EXPECT_EQ(settings.ca, "/etc/ca.pem");
}

TEST(ConfigFile, WhatIsNotThereKeepsItsDefault) {
  for (const char* text : {"", "# nothing\n", "---\n", "tls:\n", "tls: {}\n"}) {
    ConfigFile file = Parse(text);
    const Settings settings = ReadAll(file);
    EXPECT_TRUE(file.Finish().ok()) << text << file.Finish();
    EXPECT_EQ(settings.name, "default");
    EXPECT_EQ(settings.number, 7);
    EXPECT_EQ(settings.wait, 5s);
    EXPECT_THAT(settings.list, ElementsAre("default"));
    EXPECT_EQ(settings.ca, "default-ca");
  }
}

TEST(ConfigFile, EveryWrongValueIsNamedWithItsLine) {
  struct Case {
    const char* text;
    const char* message;
  };
  for (const Case& test : std::initializer_list<Case>{
           {"name: [a]", "x.yaml:1: \"name\": expected a text, found a list"},
           {"name: {a: b}", "x.yaml:1: \"name\": expected a text, found a mapping"},
           {"\nname:\n", "x.yaml:2: \"name\": expected a text, found nothing"},
           {"flag: yes", "x.yaml:1: \"flag\": expected true or false, found \"yes\""},
           {"flag: 1", "x.yaml:1: \"flag\": expected true or false, found \"1\""},
           {"number: 0", "x.yaml:1: \"number\": expected a number from 1 to 100, found \"0\""},
           {"number: 101", "expected a number from 1 to 100, found \"101\""},
           {"number: 010", "expected a number from 1 to 100, found \"010\""},
           {"number: 5.0", "expected a number from 1 to 100, found \"5.0\""},
           {"number: 5 apples", "expected a number from 1 to 100, found \"5 apples\""},
           {"wait: 10", "expected a duration from 1s to 1h, such as 90s or 1h30m, found \"10\""},
           {"wait: 999ms", "found \"999ms\""},
           {"wait: 61m", "found \"61m\""},
           {"wait: inf", "found \"inf\""},
           {"wait: -5s", "found \"-5s\""},
           {"list: a", "x.yaml:1: \"list\": expected a list of texts, found \"a\""},
           {"list: [a, [b]]", "expected a list of texts, found a list in it"},
           {"labels: [a]", "x.yaml:1: \"labels\": expected a mapping of texts, found a list"},
           {"labels: {a: [b]}", "\"labels\": expected a text for \"a\", found a list"},
           {"labels:\n  a: b\n  a: c",
            "x.yaml:3: key \"labels.a\" is there twice, first in line 2"},
           {"level: loud", "x.yaml:1: \"level\": expected one of debug, info, found \"loud\""},
           {"tls: x", "x.yaml:1: \"tls\": expected a mapping, found \"x\""},
           {"tls:\n  ca: []", "x.yaml:2: \"tls.ca\": expected a text, found a list"},
           {"name: a\nname: b", "x.yaml:2: key \"name\" is there twice, first in line 1"},
           {"[a]: b", "x.yaml:1: a key has to be a text"},
           {"\n\nnaem: x",
            "x.yaml:3: unknown key \"naem\"; known here: flag, labels, level, list, name, number, "
            "tls, wait"},
           {"tls:\n  ka: x", "x.yaml:2: unknown key \"tls.ka\"; known here: ca"},
       }) {
    ConfigFile file = Parse(test.text);
    const Settings settings = ReadAll(file);
    const absl::Status status = file.Finish();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << test.text << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(test.message)) << test.text;
    EXPECT_EQ(settings.number, 7) << test.text;
    EXPECT_EQ(settings.wait, 5s) << test.text;
    EXPECT_FALSE(settings.flag) << test.text;
  }
}

TEST(ConfigFile, TheBoundsThemselvesAreAllowed) {
  for (const char* text : {"{number: 1, wait: 1s}", "{number: 100, wait: 1h}"}) {
    ConfigFile file = Parse(text);
    (void)ReadAll(file);
    EXPECT_TRUE(file.Finish().ok()) << text << file.Finish();
  }
}

TEST(ConfigFile, TellsAllProblemsInTheOrderOfTheFile) {
  ConfigFile file = Parse("typo: 1\nnumber: many\nflag: perhaps\n");
  (void)ReadAll(file);
  file.root().Refuse("flag", "not on Mondays");
  file.root().Refuse("missing", "has to be set");
  const std::string message(file.Finish().message());
  EXPECT_THAT(message, ::testing::MatchesRegex("x.yaml: \"missing\": has to be set\n"
                                               "x.yaml:1: unknown key \"typo\".*\n"
                                               "x.yaml:2: \"number\".*\n"
                                               "x.yaml:3: \"flag\": expected.*\n"
                                               "x.yaml:3: \"flag\": not on Mondays"));
}

TEST(ConfigFile, WhatIsNoMappingIsRefusedAtOnce) {
  for (const char* text :
       {"- a\n", "just text", "a: b: c", "a: [", "a: 1\n---\nb: 2\n", "\ta: b"}) {
    const auto file = ConfigFile::Parse(text, "x.yaml");
    EXPECT_TRUE(absl::IsInvalidArgument(file.status())) << text << ": " << file.status();
    EXPECT_THAT(std::string(file.status().message()), HasSubstr("x.yaml:")) << text;
  }
}

TEST(ConfigFile, LoadsFromDiskAndNamesWhatIsMissing) {
  const TempDir dir;
  ASSERT_TRUE(WriteFileAtomically(dir / "a.yaml", "typo: 1\n", 0600).ok());
  auto file = ConfigFile::Load(dir / "a.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(std::string(file->Finish().message()), HasSubstr(dir / "a.yaml:1: unknown key"));
  EXPECT_TRUE(absl::IsNotFound(ConfigFile::Load(dir / "b.yaml").status()));
}

TEST(ConfigFile, TellsWhetherAKeyIsThere) {
  ConfigFile file = Parse("a: 1\n");
  EXPECT_TRUE(file.root().Has("a"));
  EXPECT_FALSE(file.root().Has("b"));
}

}  // namespace
}  // namespace muster
