#include "coordinator/enrol/token_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/store/memory/memory_store.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

class TokenStoreTest : public ::testing::Test {
 protected:
  TokenStore::Token Create(std::chrono::seconds ttl, int64_t uses) {
    auto token = tokens_.Create(ttl, uses);
    EXPECT_TRUE(token.ok()) << token.status();
    return *token;
  }
  absl::Status Spend(const std::string& text) {
    auto use = tokens_.Check(text);
    if (!use.ok()) return use.status();
    return store_.Transact({{use->condition}, {use->write}}).status();
  }
  std::vector<KeyValue> Stored() { return store_.List("/muster.dev/tokens/")->items; }

  MemoryStore store_{{.delivery = WatchHub::Delivery::kOnDemand}};
  ManualClock clock_;
  TokenStore tokens_{store_, clock_};
};

TEST_F(TokenStoreTest, ATokenIsIdAndSecretAndLivesForAnHour) {
  const TokenStore::Token token = Create(0s, 0);
  EXPECT_THAT(token.text, MatchesRegex("[a-z0-9]{6}\\.[a-z0-9]{24}"));
  EXPECT_EQ(token.text.substr(0, 6), token.id);
  EXPECT_EQ(token.expires_at, clock_.Wall() + 1h);
  EXPECT_TRUE(tokens_.Check(token.text).ok());
}

TEST_F(TokenStoreTest, TheSecretIsNotInTheStore) {
  const TokenStore::Token token = Create(0s, 0);
  ASSERT_THAT(Stored(), SizeIs(1));
  EXPECT_EQ(Stored()[0].key, "/muster.dev/tokens/" + token.id);
  EXPECT_THAT(Stored()[0].value, Not(HasSubstr(token.text.substr(7))));
}

TEST_F(TokenStoreTest, OnlyTheWholeRightTextIsTaken) {
  const std::string text = Create(0s, 0).text;
  std::string wrong_last = text, wrong_first = text;
  wrong_last.back() = wrong_last.back() == 'a' ? 'b' : 'a';
  wrong_first.front() = wrong_first.front() == 'a' ? 'b' : 'a';
  for (const std::string& wrong :
       {wrong_last, wrong_first, text + "a", text.substr(0, text.size() - 1), text.substr(0, 7),
        text.substr(0, 6), text.substr(7), std::string(), std::string("."), "x" + text,
        text.substr(0, 6) + "." + text, std::string("../../.aaaaaaaaaaaaaaaaaaaaaaaa")}) {
    EXPECT_TRUE(absl::IsUnauthenticated(tokens_.Check(wrong).status())) << wrong;
  }
  EXPECT_TRUE(tokens_.Check(text).ok());
}

TEST_F(TokenStoreTest, ATokenEndsWithItsTime) {
  const std::string text = Create(60s, 5).text;
  clock_.Advance(59s);
  EXPECT_TRUE(tokens_.Check(text).ok());
  clock_.Advance(1s);
  const absl::Status refused = tokens_.Check(text).status();
  EXPECT_TRUE(absl::IsUnauthenticated(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("musterctl token create"));
}

TEST_F(TokenStoreTest, ATokenEndsWithItsLastUse) {
  const std::string text = Create(60s, 2).text;
  EXPECT_TRUE(Spend(text).ok());
  EXPECT_TRUE(Spend(text).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(Spend(text)));
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_F(TokenStoreTest, TwoCannotTakeTheSameUse) {
  const std::string text = Create(60s, 1).text;
  const TokenStore::Use one = tokens_.Check(text).value();
  const TokenStore::Use other = tokens_.Check(text).value();
  EXPECT_TRUE(store_.Transact({{one.condition}, {one.write}}).ok());
  EXPECT_TRUE(absl::IsAborted(store_.Transact({{other.condition}, {other.write}}).status()));
}

TEST_F(TokenStoreTest, CreatingRemovesWhatHasExpired) {
  Create(60s, 1);
  const TokenStore::Token lasting = Create(120s, 1);
  clock_.Advance(60s);
  const TokenStore::Token fresh = Create(60s, 1);
  EXPECT_THAT(Stored(), SizeIs(2));
  EXPECT_TRUE(tokens_.Check(lasting.text).ok());
  EXPECT_TRUE(tokens_.Check(fresh.text).ok());
}

TEST_F(TokenStoreTest, LimitsAreKept) {
  EXPECT_TRUE(absl::IsInvalidArgument(tokens_.Create(-1s, 1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(tokens_.Create(24h * 365 + 1s, 1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(tokens_.Create(1s, -1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(tokens_.Create(1s, 100'001).status()));
  EXPECT_TRUE(tokens_.Create(24h * 365, 100'000).ok());
}

TEST_F(TokenStoreTest, AStoredValueThatIsNoTokenIsDataLoss) {
  ASSERT_TRUE(store_.Transact({{}, {{"/muster.dev/tokens/aaaaaa", "{}"}}}).ok());
  EXPECT_TRUE(absl::IsDataLoss(tokens_.Check("aaaaaa.aaaaaaaaaaaaaaaaaaaaaaaa").status()));
  EXPECT_TRUE(tokens_.Create(0s, 0).ok());
}

TEST_F(TokenStoreTest, TroubleWithTheStoreIsPassedOn) {
  store_.FailNextTransact(absl::ResourceExhaustedError("disk full"));
  EXPECT_TRUE(absl::IsResourceExhausted(tokens_.Create(0s, 0).status()));
  const std::string text = Create(0s, 0).text;
  store_.FailReads(absl::UnavailableError("gone"));
  EXPECT_TRUE(absl::IsUnavailable(tokens_.Check(text).status()));
}

TEST_F(TokenStoreTest, WhatATokenIsForComesWithItsUse) {
  const TokenStore::Scope scope{"db-*", {{"muster.dev/class", "db"}, {"empty", ""}}, true};
  const auto token = tokens_.Create(0s, 2, scope);
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(tokens_.Check(token->text)->scope, scope);
  ASSERT_TRUE(Spend(token->text).ok());
  EXPECT_EQ(tokens_.Check(token->text)->scope, scope);  // Also for the second one.
  EXPECT_EQ(tokens_.Check(Create(0s, 0).text)->scope, TokenStore::Scope());
}

TEST_F(TokenStoreTest, AScopeThatNoNodeCanHaveIsRefused) {
  for (const TokenStore::Scope& scope :
       {TokenStore::Scope{"Db-*", {}, false}, TokenStore::Scope{"a b", {}, false},
        TokenStore::Scope{"../x", {}, false}, TokenStore::Scope{"", {{"a b", "c"}}, false},
        TokenStore::Scope{"", {{"a", "b c"}}, false}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(tokens_.Create(0s, 0, scope).status()));
  }
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_F(TokenStoreTest, ListsThoseThatCanBeUsedAndForgetsWhatIsDeleted) {
  const std::string shorter = Create(60s, 3).id;
  const TokenStore::Token longer = Create(1h, 1);
  EXPECT_THAT(*tokens_.List(), SizeIs(2));
  clock_.Advance(61s);
  auto left = *tokens_.List();
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_EQ(left[0].id, longer.id);
  EXPECT_EQ(left[0].uses_left, 1);
  EXPECT_EQ(left[0].expires_at, longer.expires_at);
  ASSERT_TRUE(tokens_.Delete(longer.id).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(tokens_.Check(longer.text).status()));
  for (const std::string& id : {longer.id, std::string("../users/anna"), std::string()}) {
    EXPECT_TRUE(absl::IsNotFound(tokens_.Delete(id))) << id;
  }
}

TEST(MatchesPattern, StarsAndQuestionMarksStandForOthers) {
  struct Case {
    const char* pattern;
    const char* name;
    bool matches;
  };
  for (const Case& c :
       {Case{"", "anything", true}, Case{"a", "a", true}, Case{"a", "ab", false},
        Case{"a", "", false}, Case{"*", "", true}, Case{"*", "abc", true},
        Case{"db-*", "db-1", true}, Case{"db-*", "db-", true}, Case{"db-*", "db", false},
        Case{"db-*", "xdb-1", false}, Case{"*-eu", "a-b-eu", true}, Case{"*-eu", "a-eu-1", false},
        Case{"a?c", "abc", true}, Case{"a?c", "ac", false}, Case{"*a*b*", "xaybz", true},
        Case{"*a*b", "aba", false}, Case{"**", "x", true}, Case{"?*", "", false},
        Case{"a.b", "axb", false}}) {
    EXPECT_EQ(MatchesPattern(c.pattern, c.name), c.matches) << c.pattern << " " << c.name;
  }
}

// Nobody can make the coordinator think for long.
TEST(MatchesPattern, IsQuickOnWhatIsMadeToBeSlow) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "*a";
  EXPECT_FALSE(MatchesPattern(pattern + "b", std::string(253, 'a')));
}

}  // namespace
}  // namespace muster::coordinator
