#include "coordinator/enrol/renewal_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/model/node_key.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// 2023-11-14T22:13:20Z
const WallTime kExpires = WallTime(std::chrono::seconds(1'700'000'000));

v1::Node Node(const std::string& key_hash, const std::string& expires) {
  v1::Node node;
  node.mutable_metadata()->set_name("n1");
  auto& annotations = *node.mutable_metadata()->mutable_annotations();
  if (!key_hash.empty()) annotations[model::kNodeKeyHashAnnotation] = key_hash;
  if (!expires.empty()) annotations[model::kCertificateExpiresAnnotation] = expires;
  return node;
}

TEST(RenewalRule, WhoHasTheKeyIsTheNodeUntilItWasAwayForTooLong) {
  const std::string when = "2023-11-14T22:13:20Z";
  const struct {
    const char* what;
    v1::Node node;
    const char* key;
    WallTime now;
    std::chrono::seconds window;
    absl::StatusCode code;
  } cases[] = {
      {"while it is good", Node("k", when), "k", kExpires - 24h, 1h, absl::StatusCode::kOk},
      {"just over", Node("k", when), "k", kExpires + 1s, 1h, absl::StatusCode::kOk},
      {"the last moment", Node("k", when), "k", kExpires + 1h, 1h, absl::StatusCode::kOk},
      {"too late", Node("k", when), "k", kExpires + 1h + 1s, 1h,
       absl::StatusCode::kPermissionDenied},
      {"no window", Node("k", when), "k", kExpires + 1s, 0s, absl::StatusCode::kPermissionDenied},
      {"no window, in time", Node("k", when), "k", kExpires, 0s, absl::StatusCode::kOk},
      {"from before it was noted", Node("k", ""), "k", kExpires + 9000h, 1h, absl::StatusCode::kOk},
      {"another key", Node("k", when), "other", kExpires - 24h, 1h,
       absl::StatusCode::kUnauthenticated},
      {"revoked", Node(model::kRevokedKey, when), "k", kExpires - 24h, 1h,
       absl::StatusCode::kUnauthenticated},
      {"made by a user", Node("", ""), "k", kExpires, 1h, absl::StatusCode::kUnauthenticated},
      {"no key at all", Node("", ""), "", kExpires, 1h, absl::StatusCode::kUnauthenticated},
      {"damaged", Node("k", "soon"), "k", kExpires, 1h, absl::StatusCode::kDataLoss},
  };
  for (const auto& test : cases) {
    const absl::Status status = CheckRenewal(test.node, test.key, test.now, test.window);
    EXPECT_EQ(status.code(), test.code) << test.what << ": " << status;
  }
}

TEST(RenewalRule, ItSaysWhatToDo) {
  EXPECT_THAT(
      std::string(
          CheckRenewal(Node("k", "2023-11-14T22:13:20Z"), "k", kExpires + 2h, 1h).message()),
      ::testing::AllOf(HasSubstr("2023-11-14 22:13 UTC"), HasSubstr("nodeReturnWindow"),
                       HasSubstr("muster-agent join")));
}

TEST(RenewalRule, NobodyLearnsWhichNodesThereAre) {
  EXPECT_EQ(CheckRenewal(Node("k", ""), "other", kExpires, 1h), NotThisNodesKey("n1"));
}

}  // namespace
}  // namespace muster::coordinator
