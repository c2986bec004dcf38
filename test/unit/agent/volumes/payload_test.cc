#include "agent/volumes/payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/volumes/etc_hosts.h"
#include "agent/volumes/mounts.h"
#include "agent/volumes/nested_mounts.h"
#include "test/unit/agent/translate/fixtures.h"

namespace muster::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class PayloadTest : public ::testing::Test {
 protected:
  absl::StatusOr<Payload> Make() { return MakePayload(pod_, volume_, MakeNode(), configs_); }
  static v1::KeyToPath Item(const std::string& key, const std::string& path) {
    v1::KeyToPath item;
    item.set_key(key);
    item.set_path(path);
    return item;
  }

  v1::Pod pod_ = MakePod();
  v1::Volume volume_;
  MapConfigSource configs_;
};

// Spec: pod/14.3/binary, pod/14.3/modes
TEST_F(PayloadTest, AConfigMapGivesAllItsKeysWithTheDefaultMode) {
  v1::ConfigMap& object = configs_.AddConfigMap("shop", "c");
  (*object.mutable_data())["a"] = "1";
  (*object.mutable_binary_data())["b"] = std::string("\0x", 2);
  volume_.mutable_config_map()->set_name("c");
  volume_.mutable_config_map()->set_default_mode(0400);
  EXPECT_THAT(*Make(), ElementsAre(Pair("a", PayloadFile{"1", 0400}),
                                   Pair("b", PayloadFile{std::string("\0x", 2), 0400})));
}

// Spec: pod/14.3/items, pod/14.3/modes
TEST_F(PayloadTest, ItemsPickRenameAndSetModes) {
  (*configs_.AddSecret("shop", "s").mutable_data())["a"] = "1";
  volume_.mutable_secret()->set_secret_name("s");
  v1::KeyToPath item = Item("a", "deep/er/name");
  item.set_mode(0600);
  *volume_.mutable_secret()->add_items() = item;
  EXPECT_THAT(*Make(), ElementsAre(Pair("deep/er/name", PayloadFile{"1", 0600})));
}

// Spec: pod/14.3/items, pod/14.3/optional
TEST_F(PayloadTest, WhatIsMissingIsNamedUnlessOptional) {
  volume_.mutable_config_map()->set_name("c");
  EXPECT_EQ(Make().status().message(), "configmap \"c\" not found");
  volume_.mutable_config_map()->set_optional(true);
  EXPECT_THAT(*Make(), IsEmpty());
  configs_.AddConfigMap("shop", "c");
  *volume_.mutable_config_map()->add_items() = Item("k", "k");
  EXPECT_THAT(*Make(), IsEmpty());
  volume_.mutable_config_map()->set_optional(false);
  EXPECT_EQ(Make().status().message(), "configmap references non-existent config key: k");
}

// Spec: pod/14.3/projected
TEST_F(PayloadTest, AProjectedVolumeJoinsItsSourcesAndRefusesClashes) {
  (*configs_.AddConfigMap("shop", "c").mutable_data())["a"] = "1";
  (*configs_.AddSecret("shop", "s").mutable_data())["b"] = "2";
  v1::ProjectedVolumeSource* projected = volume_.mutable_projected();
  projected->add_sources()->mutable_config_map()->set_name("c");
  projected->add_sources()->mutable_secret()->set_name("s");
  v1::DownwardAPIVolumeFile* file = projected->add_sources()->mutable_downward_api()->add_items();
  file->set_path("me");
  file->mutable_field_ref()->set_field_path("metadata.name");
  EXPECT_THAT(*Make(), ElementsAre(Pair("a", PayloadFile{"1"}), Pair("b", PayloadFile{"2"}),
                                   Pair("me", PayloadFile{"web-x7k2q"})));
  EXPECT_TRUE(IsSecretPayload(volume_));
  file->set_path("a");
  EXPECT_EQ(Make().status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(PayloadTest, NoPathLeavesTheVolume) {
  (*configs_.AddConfigMap("shop", "c").mutable_data())["a"] = "1";
  volume_.mutable_config_map()->set_name("c");
  for (const char* path : {"../x", "/x", "a/../../x", "", "a//b", "..data"}) {
    volume_.mutable_config_map()->clear_items();
    *volume_.mutable_config_map()->add_items() = Item("a", path);
    EXPECT_EQ(Make().status().code(), absl::StatusCode::kInvalidArgument) << path;
  }
}

// Spec: pod/14.4/read-only-volumes
TEST(NestedMounts, AreWhatLiesInsideAVolume) {
  v1::PodSpec spec;
  const auto mount = [](v1::Container& container, const char* volume, const char* path,
                        const char* sub_path = "") {
    v1::VolumeMount& made = *container.add_volume_mounts();
    made.set_name(volume);
    made.set_mount_path(path);
    made.set_sub_path(sub_path);
  };
  v1::Container& main = *spec.add_containers();
  mount(main, "config", "/etc/app/");
  mount(main, "more", "/etc/app/more");
  mount(main, "deep", "/etc//app/a/./b", "part");
  mount(main, "beside", "/etc/application");
  mount(main, "out", "/etc/app/../x");
  mount(main, "part", "/srv", "sub");
  mount(main, "in-part", "/srv/x");
  mount(*spec.add_init_containers(), "config", "init");
  mount(*spec.mutable_init_containers(0), "other", "/init/other");
  EXPECT_THAT(NestedMountPoints(spec, "config"), ElementsAre("a/b", "more", "other"));
  EXPECT_THAT(NestedMountPoints(spec, "part"), IsEmpty());
  EXPECT_THAT(NestedMountPoints(spec, "beside"), IsEmpty());
}

// Spec: pod/16/hosts
TEST(EtcHostsFile, OfThePodNetworkNamesThePod) {
  v1::PodSpec spec;
  v1::HostAlias* alias = spec.add_host_aliases();
  alias->set_ip("1.2.3.4");
  alias->add_hostnames("one");
  alias->add_hostnames("two");
  const std::string text = EtcHosts(spec, "web", {"10.1.1.1"}, "9.9.9.9 unseen\n");
  EXPECT_THAT(text, ::testing::HasSubstr("\n10.1.1.1\tweb\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("# Entries added by HostAliases.\n1.2.3.4\tone\ttwo\n"));
  EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("9.9.9.9")));
  spec.set_host_network(true);
  EXPECT_THAT(EtcHosts(spec, "web", {"10.1.1.1"}, "9.9.9.9 seen\n"),
              ::testing::HasSubstr("(host network).\n9.9.9.9 seen\n"));
}

TEST(MountInfo, GivesWhatIsBelowDeepestFirstAndUnescaped) {
  constexpr char kText[] =
      "22 1 0:20 / /pods/u rw - tmpfs tmpfs rw\n"
      "23 1 0:21 / /pods/u/volumes/a\\040b rw shared:5 - tmpfs tmpfs rw\n"
      "24 1 0:22 / /pods/user rw - ext4 /dev/sda rw\n"
      "25 1 0:23 / / rw - ext4 /dev/sda rw\n";
  EXPECT_THAT(MountPointsBelow(kText, "/pods/u"), ElementsAre("/pods/u/volumes/a b", "/pods/u"));
}

}  // namespace
}  // namespace muster::agent
