#include "common/model/labels.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::model {
namespace {

using testing::HasSubstr;

LabelMap Labels(std::vector<std::pair<std::string, std::string>> entries) {
  LabelMap labels;
  for (auto& [key, value] : entries) labels[key] = value;
  return labels;
}

v1::LabelSelector Expression(std::string key, std::string op, std::vector<std::string> values) {
  v1::LabelSelector selector;
  v1::LabelSelectorRequirement& expression = *selector.add_match_expressions();
  expression.set_key(key);
  expression.set_operator_(op);
  for (const std::string& value : values) expression.add_values(value);
  return selector;
}

TEST(LabelQuery, TextFormMatchesLikeKubectl) {
  const LabelMap labels = Labels({{"app", "web"}, {"tier", ""}, {"size", "10"}});
  struct Case {
    const char* text;
    bool matches;
  };
  for (const Case& c : std::vector<Case>{
           {"", true},
           {"  ", true},
           {"app=web", true},
           {"app==web", true},
           {"app = web", true},
           {"app=db", false},
           {"app!=web", false},
           {"app!=db", true},
           {"none!=x", true},
           {"app in (web,db)", true},
           {"app in ( db , web )", true},
           {"app in (db)", false},
           {"app notin (db)", true},
           {"app notin (web)", false},
           {"none notin (web)", true},
           {"none in (web)", false},
           {"app", true},
           {"none", false},
           {"!app", false},
           {"!none", true},
           {"! none", true},
           {"tier=", true},
           {"tier in ()", true},
           {"tier in (,a)", true},
           {"app=", false},
           {"none=", false},
           {"size>9", true},
           {"size>10", false},
           {"size<11", true},
           {"size<10", false},
           {"app>1", false},
           {"none<1", false},
           {"app=web,size=10,!none", true},
           {"app=web,size=11", false},
           {"in=x", false},
           {"in in (x)", false},
       }) {
    absl::StatusOr<LabelQuery> query = LabelQuery::Parse(c.text);
    ASSERT_TRUE(query.ok()) << c.text << ": " << query.status();
    EXPECT_EQ(query->Matches(labels), c.matches) << c.text;
  }
}

TEST(LabelQuery, BadTextSaysWhatWasExpected) {
  struct Case {
    const char* text;
    const char* message;
  };
  for (const Case& c : std::vector<Case>{
           {",", "expected a label key before \",\""},
           {"a,", "expected a label key at the end"},
           {"a,,b", "expected a label key before \",b\""},
           {"a in", "expected \"(\" at the end"},
           {"a in (b", "expected \",\" or \")\" at the end"},
           {"a in (b c)", "expected \",\" or \")\" before \"c)\""},
           {"a on (b)", "found \"on\""},
           {"a=b=c", "expected \",\" or the end before \"=c\""},
           {"a=b)", "expected \",\" or the end before \")\""},
           {"a=-b", "is no label value"},
           {"a/b/c=d", "is no label key"},
           {"a>x", "exactly one integer"},
           {"!a=b", "expected \",\" or the end before \"=b\""},
       }) {
    absl::StatusOr<LabelQuery> query = LabelQuery::Parse(c.text);
    ASSERT_FALSE(query.ok()) << c.text;
    EXPECT_EQ(query.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(query.status().message()), HasSubstr(c.message)) << c.text;
  }
}

TEST(LabelQuery, TextIsSortedByKeyWithSortedSets) {
  absl::StatusOr<LabelQuery> query =
      LabelQuery::Parse("z,app==web,b notin (y,x,y),!a,c in (d),n!=m,k>3,l<4");
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_EQ(query->Text(), "!a,app=web,b notin (x,y),c in (d),k>3,l<4,n!=m,z");
}

TEST(LabelQuery, TextReadBackIsTheSameQuery) {
  for (const char* text : {"", "a=b", "a", "!a", "a in (b,c),d notin (e)", "a!=", "a<5"}) {
    absl::StatusOr<LabelQuery> query = LabelQuery::Parse(text);
    ASSERT_TRUE(query.ok());
    EXPECT_EQ(query->Text(), text);
  }
}

TEST(Selector, ExpressionsAreAndedWithLabels) {
  v1::LabelSelector selector = Expression("tier", "In", {"a", "b"});
  (*selector.mutable_match_labels())["app"] = "web";
  EXPECT_TRUE(SelectorMatches(selector, Labels({{"app", "web"}, {"tier", "b"}})));
  EXPECT_FALSE(SelectorMatches(selector, Labels({{"app", "web"}, {"tier", "c"}})));
  EXPECT_FALSE(SelectorMatches(selector, Labels({{"tier", "b"}})));
}

TEST(Selector, EmptySelectorMatchesEverything) {
  EXPECT_TRUE(SelectorMatches({}, Labels({{"a", "b"}})));
  EXPECT_TRUE(SelectorMatches({}, {}));
}

TEST(Selector, UnparsableSelectorMatchesNothing) {
  const LabelMap labels = Labels({{"a", "b"}});
  EXPECT_FALSE(SelectorMatches(Expression("a", "Gt", {"1"}), labels));
  EXPECT_FALSE(SelectorMatches(Expression("a", "In", {}), labels));
  EXPECT_FALSE(SelectorMatches(Expression("x", "NotIn", {}), labels));
  EXPECT_FALSE(SelectorMatches(Expression("a", "Exists", {"b"}), labels));
  EXPECT_FALSE(SelectorMatches(Expression("", "Exists", {}), labels));
}

// Spec: 12.1/cells
TEST(Selector, PrintsAsKubectlsSelectorCell) {
  v1::LabelSelector selector = Expression("b", "NotIn", {"y", "x"});
  (*selector.mutable_match_labels())["z"] = "1";
  (*selector.mutable_match_labels())["app"] = "web";
  *selector.add_match_expressions() = Expression("a", "Exists", {}).match_expressions(0);
  *selector.add_match_expressions() = Expression("c", "DoesNotExist", {}).match_expressions(0);
  EXPECT_EQ(FormatLabelSelector(selector), "a,app=web,b notin (x,y),!c,z=1");
  EXPECT_EQ(FormatLabelSelector({}), "<none>");
  EXPECT_EQ(FormatLabelSelector(Expression("a", "Is", {})), "<error>");
}

TEST(Labels, PrintSortedByKey) {
  EXPECT_EQ(FormatLabels(Labels({{"b", "2"}, {"a", ""}})), "a=,b=2");
  EXPECT_EQ(FormatLabels({}), "<none>");
}

TEST(Labels, IntegersAreBaseTenOfTheWholeText) {
  EXPECT_EQ(ParseLabelInteger("010"), 10);
  EXPECT_EQ(ParseLabelInteger("-5"), -5);
  EXPECT_EQ(ParseLabelInteger("9223372036854775807"), 9223372036854775807);
  for (const char* text : {"", "9223372036854775808", "1.5", "1 ", " 1", "0x10", "+1", "ten"}) {
    EXPECT_EQ(ParseLabelInteger(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace muster::model
