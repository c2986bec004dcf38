#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "ctl/client/connect.h"
#include "test/support/temp_dir.h"

namespace muster::ctl {
namespace {

using ::testing::HasSubstr;

class EndpointTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  // A file in which everything is.
  std::string Whole(const std::string& server) {
    return Write("whole.yaml", ConfigText({server, "the CA\n", "the certificate\n", "the key\n"}));
  }

  TempDir folder_;
};

TEST_F(EndpointTest, TheFileThatUserCreateWritesIsRead) {
  const auto endpoint = FindEndpoint("", nullptr, {Whole("[fd00::1]:7440"), true, true});
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->server, "[fd00::1]:7440");
  EXPECT_EQ(endpoint->ca_pem, "the CA\n");
  EXPECT_EQ(endpoint->certificate_pem, "the certificate\n");
  EXPECT_EQ(endpoint->key_pem, "the key\n");
}

TEST_F(EndpointTest, TheServerIsTheFirstThatIsSaid) {
  const std::string file = Whole("file:1");
  EXPECT_EQ(FindEndpoint("flag:1", "env:1", {file, true, true})->server, "flag:1");
  // Whoever says --config means that file, whatever a shell has set.
  EXPECT_EQ(FindEndpoint("", "env:1", {file, true, true})->server, "file:1");
  EXPECT_EQ(FindEndpoint("", "env:1", {file, true, false})->server, "env:1");
  EXPECT_EQ(FindEndpoint("", "", {file, false, false})->server, "file:1");
  EXPECT_EQ(FindEndpoint("", nullptr, {Write("empty.yaml", ""), true, true})->server, kLocalSocket);
}

TEST_F(EndpointTest, OnlyTheUsersOwnFileMayBeMissing) {
  EXPECT_EQ(FindEndpoint("", nullptr, {folder_ / "none", false, false})->server, kLocalSocket);
  EXPECT_TRUE(
      absl::IsNotFound(FindEndpoint("", nullptr, {folder_ / "none", true, false}).status()));
}

TEST_F(EndpointTest, PartsMayBeInFilesOfTheirOwn) {
  const std::string text = "certificateAuthority: " + Write("ca", "A") +
                           "\nclientCertificate: " + Write("cert", "B") +
                           "\nclientKey: " + Write("key", "C") + "\n";
  const auto endpoint = FindEndpoint("h:1", nullptr, {Write("files.yaml", text), true, true});
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->ca_pem + endpoint->certificate_pem + endpoint->key_pem, "ABC");
  // The local socket needs none of them, so it does not matter whether they can be read.
  const std::string broken = Write("broken.yaml", "clientKey: /nowhere/key\n");
  EXPECT_TRUE(FindEndpoint("unix:/s", nullptr, {broken, true, true}).ok());
  EXPECT_TRUE(absl::IsNotFound(FindEndpoint("h:1", nullptr, {broken, true, true}).status()));
}

TEST_F(EndpointTest, WhatIsWrongIsSaid) {
  const std::string bad = Write("bad.yaml", "server: h:1\nclientKeyData: \"!!\"\n");
  EXPECT_THAT(std::string(FindEndpoint("", nullptr, {bad, true, true}).status().message()),
              HasSubstr("bad.yaml:2: \"clientKeyData\": is not base64"));
  EXPECT_THAT(
      std::string(
          FindEndpoint("h:1", nullptr, {folder_ / "none", false, false}).status().message()),
      HasSubstr("musterctl user create"));
}

}  // namespace
}  // namespace muster::ctl
