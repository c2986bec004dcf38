#include "ctl/archive/copy_path.h"

#include <gmock/gmock.h>

namespace muster::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(CopyEnd, IsAPathHereOrInAPod) {
  const CopyEnd local = *ParseCopyEnd("/tmp/x");
  EXPECT_FALSE(local.remote());
  EXPECT_EQ(local.path, "/tmp/x");
  const CopyEnd pod = *ParseCopyEnd("web-1:/etc/hosts");
  EXPECT_EQ(pod.ns + "|" + pod.pod + "|" + pod.path, "|web-1|/etc/hosts");
  const CopyEnd elsewhere = *ParseCopyEnd("infra/web-1:a:b");
  EXPECT_EQ(elsewhere.ns + "|" + elsewhere.pod + "|" + elsewhere.path, "infra|web-1|a:b");
  for (const char* wrong : {"", ":x", "pod:", "a/b/c:x", "/pod:x", "ns/:x"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseCopyEnd(wrong).status())) << wrong;
  }
}

TEST(CleanPath, HasNoDetours) {
  EXPECT_EQ(CleanPath("/a//b/./c/../d/"), "/a/b/d");
  EXPECT_EQ(CleanPath("/../a"), "/a");
  EXPECT_EQ(CleanPath("../a/../../b"), "../../b");
  EXPECT_EQ(CleanPath("/"), "/");
  EXPECT_EQ(CleanPath(""), ".");
  EXPECT_EQ(BaseName("/a/b/"), "b");
  EXPECT_EQ(BaseName("b"), "b");
  EXPECT_EQ(BaseName("/"), "");
}

TEST(PlaceBelow, IsTheRestBehindWhatWasAskedFor) {
  EXPECT_THAT(*PlaceBelow("/etc", "etc/ssl/cert.pem"), ElementsAre("ssl", "cert.pem"));
  EXPECT_THAT(*PlaceBelow("/etc/", "etc/"), IsEmpty());
  EXPECT_THAT(*PlaceBelow("/etc/hosts", "etc/hosts"), IsEmpty());
  EXPECT_THAT(*PlaceBelow("a/../b", "b/c"), ElementsAre("c"));
  EXPECT_THAT(*PlaceBelow("../up", "up/c"), ElementsAre("c"));
  EXPECT_THAT(*PlaceBelow(".", "./c"), ElementsAre("c"));
  EXPECT_THAT(*PlaceBelow("/", "etc/hosts"), ElementsAre("etc", "hosts"));
  EXPECT_THAT(*PlaceBelow("/a", "/a/b"), ElementsAre("b"));
}

TEST(PlaceBelow, WhatLeadsElsewhereHasNoPlace) {
  for (const char* name : {"etc/../../root/.ssh/authorized_keys", "etc/..", "etcetera", "passwd",
                           "../etc/x", "/root/x", "", "etc/a/../../.."}) {
    EXPECT_FALSE(PlaceBelow("/etc", name)) << name;
  }
  EXPECT_FALSE(PlaceBelow("/etc", std::string("etc/a\0b", 7)));
}

}  // namespace
}  // namespace muster::ctl
