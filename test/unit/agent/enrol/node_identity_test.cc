#include "agent/enrol/node_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/text_file.h"
#include "common/pki/pki.h"
#include "test/support/temp_dir.h"

namespace muster::agent {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;

const WallTime kNow = WallTime(std::chrono::seconds(1'700'000'000));

class NodeIdentityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ca_ = pki::MakeCa("fleet", kNow, hours(24)).value();
    const pki::PrivateKey key = pki::PrivateKey::Generate().value();
    ASSERT_TRUE(MakeDirectories(dir_ / "pki", 0700).ok());
    Write(NodeKeyPath(dir_.path()), key.ToPem().value());
    Write(CaPath(dir_.path()), ca_.certificate_pem);
    Write(NodeCertificatePath(dir_.path()), Certificate(key, "system:nodes"));
  }
  std::string Certificate(const pki::PrivateKey& key, const std::string& organization) {
    const std::string request = pki::MakeRequest(key, "x").value();
    return pki::SignClientRequest(ca_, request, "system:node:n1", organization, kNow, hours(1))
        .value();
  }
  void Write(const std::string& path, const std::string& content) {
    ASSERT_TRUE(WriteFileAtomically(path, content, 0600).ok());
  }

  TempDir dir_;
  pki::KeyAndCertificate ca_;
};

TEST_F(NodeIdentityTest, IsReadAsItWasWritten) {
  const auto identity = LoadNodeIdentity(dir_.path());
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->node_name, "n1");
  EXPECT_EQ(identity->ca_pem, ca_.certificate_pem);
  EXPECT_EQ(identity->key_pem, ReadFile(NodeKeyPath(dir_.path())).value());
}

TEST_F(NodeIdentityTest, WithoutOneOfItsFilesTheHostHasNotJoined) {
  for (const std::string& path :
       {NodeKeyPath(dir_.path()), NodeCertificatePath(dir_.path()), CaPath(dir_.path())}) {
    const std::string content = ReadFile(path).value();
    std::filesystem::remove(path);
    const auto missing = LoadNodeIdentity(dir_.path());
    EXPECT_TRUE(absl::IsNotFound(missing.status())) << missing.status();
    EXPECT_THAT(std::string(missing.status().message()), HasSubstr("muster-agent join"));
    Write(path, content);
  }
}

TEST_F(NodeIdentityTest, FilesThatDoNotBelongTogetherAreRefused) {
  const pki::PrivateKey other = pki::PrivateKey::Generate().value();
  const struct {
    std::string path, content;
  } cases[] = {
      {NodeKeyPath(dir_.path()), other.ToPem().value()},
      {NodeKeyPath(dir_.path()), "rubbish"},
      {NodeCertificatePath(dir_.path()), Certificate(other, "system:nodes")},
      {NodeCertificatePath(dir_.path()), "rubbish"},
      {NodeCertificatePath(dir_.path()),
       Certificate(pki::PrivateKey::FromPem(ReadFile(NodeKeyPath(dir_.path())).value()).value(),
                   "muster:admins")},
      {CaPath(dir_.path()), pki::MakeCa("other", kNow, hours(24))->certificate_pem},
  };
  for (const auto& test : cases) {
    const std::string good = ReadFile(test.path).value();
    Write(test.path, test.content);
    const auto refused = LoadNodeIdentity(dir_.path());
    EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("muster-agent join"));
    Write(test.path, good);
  }
  EXPECT_TRUE(LoadNodeIdentity(dir_.path()).ok());
}

}  // namespace
}  // namespace muster::agent
