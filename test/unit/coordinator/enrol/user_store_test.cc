#include "coordinator/enrol/user_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "coordinator/store/memory/memory_store.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class UserStoreTest : public ::testing::Test {
 protected:
  UserStore::User Anna() const {
    UserStore::User user;
    user.identity = {"anna", {}, Role::kOperator, {"a", "b"}, {Right::kExec, Right::kCopy}};
    user.key_hash = "sha256:01";
    user.created_at = clock_.Wall();
    user.expires_at = clock_.Wall() + 24h;
    return user;
  }

  MemoryStore store_{{.delivery = WatchHub::Delivery::kOnDemand}};
  ManualClock clock_;
  UserStore users_{store_};
};

TEST_F(UserStoreTest, AUserIsFoundByNameAndKeyWithItsPowers) {
  ASSERT_TRUE(users_.Put(Anna(), false).ok());
  const auto found = users_.Find("anna", "sha256:01", clock_.Wall());
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->name, "anna");
  EXPECT_EQ(found->role, Role::kOperator);
  EXPECT_THAT(found->namespaces, ElementsAre("a", "b"));
  EXPECT_THAT(found->rights, ElementsAre(Right::kExec, Right::kCopy));
}

TEST_F(UserStoreTest, AnotherKeyAnotherNameAndAnotherTimeAreRefused) {
  ASSERT_TRUE(users_.Put(Anna(), false).ok());
  for (const auto& found :
       {users_.Find("anna", "sha256:02", clock_.Wall()), users_.Find("anna", "", clock_.Wall()),
        users_.Find("ann", "sha256:01", clock_.Wall()), users_.Find("", "sha256:01", clock_.Wall()),
        users_.Find("../tokens/abcdef", "sha256:01", clock_.Wall()),
        users_.Find("anna", "sha256:01", clock_.Wall() + 24h + 1s)}) {
    EXPECT_TRUE(absl::IsUnauthenticated(found.status())) << found.status();
  }
  EXPECT_TRUE(users_.Find("anna", "sha256:01", clock_.Wall() + 24h).ok());
}

TEST_F(UserStoreTest, ANameIsTakenOnceUnlessItIsReplaced) {
  ASSERT_TRUE(users_.Put(Anna(), false).ok());
  UserStore::User again = Anna();
  again.key_hash = "sha256:02";
  again.identity.role = Role::kViewer;
  EXPECT_TRUE(absl::IsAlreadyExists(users_.Put(again, false)));
  EXPECT_TRUE(users_.Find("anna", "sha256:01", clock_.Wall()).ok());
  ASSERT_TRUE(users_.Put(again, true).ok());
  EXPECT_FALSE(users_.Find("anna", "sha256:01", clock_.Wall()).ok());
  EXPECT_EQ(users_.Find("anna", "sha256:02", clock_.Wall())->role, Role::kViewer);
}

TEST_F(UserStoreTest, AUserThatIsDeletedIsGone) {
  ASSERT_TRUE(users_.Put(Anna(), false).ok());
  ASSERT_TRUE(users_.Delete("anna").ok());
  EXPECT_FALSE(users_.Find("anna", "sha256:01", clock_.Wall()).ok());
  EXPECT_TRUE(absl::IsNotFound(users_.Delete("anna")));
  EXPECT_TRUE(absl::IsNotFound(users_.Delete("../tokens/abcdef")));
}

TEST_F(UserStoreTest, ListsByName) {
  UserStore::User berta = Anna();
  berta.identity.name = "berta";
  ASSERT_TRUE(users_.Put(berta, false).ok());
  ASSERT_TRUE(users_.Put(Anna(), false).ok());
  const auto users = users_.List();
  ASSERT_TRUE(users.ok()) << users.status();
  ASSERT_EQ(users->size(), 2u);
  EXPECT_EQ((*users)[0].identity.name, "anna");
  EXPECT_EQ((*users)[0].expires_at, clock_.Wall() + 24h);
  EXPECT_EQ((*users)[1].identity.name, "berta");
}

TEST_F(UserStoreTest, WhatIsDamagedGivesNoPowers) {
  ASSERT_TRUE(users_.Put(Anna(), false).ok());
  for (const char* value :
       {"", "{}", "null", R"({"role":"god","namespaces":[],"rights":[],"keyHash":"sha256:01"})",
        R"({"role":"admin","namespaces":[],"rights":["fly"],"keyHash":"sha256:01",)"
        R"("createdAt":0,"expiresAt":99999999999})"}) {
    ASSERT_TRUE(store_.Transact({{}, {{"/muster.dev/users/anna", value}}}).ok());
    EXPECT_EQ(users_.Find("anna", "sha256:01", clock_.Wall()).status().code(),
              absl::StatusCode::kDataLoss)
        << value;
  }
}

TEST(CheckUserName, TakesNamesThatAreNobodyElses) {
  for (const char* name : {"anna", "Anna.B", "a", "anna@example.com", "ci_runner-1"}) {
    EXPECT_TRUE(CheckUserName(name).ok()) << name;
  }
  for (const std::string& name :
       {std::string(), std::string("root"), std::string("system:node:n1"), std::string("local:a"),
        std::string("a/b"), std::string(".."), std::string("-a"), std::string("a b"),
        std::string("a\nb"), std::string("\xc3\xa4"), std::string(65, 'a')}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckUserName(name))) << name;
  }
  // What is shown of it cannot harm a terminal.
  EXPECT_THAT(std::string(CheckUserName("a\x1b[1m").message()), HasSubstr("a\\x1b[1m"));
}

}  // namespace
}  // namespace muster::coordinator
