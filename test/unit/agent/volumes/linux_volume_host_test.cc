#include "agent/volumes/linux_volume_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_format.h"
#include "agent/volumes/mounts.h"
#include "common/base/text_file.h"
#include "test/unit/agent/translate/fixtures.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class LinuxVolumeHostTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string made = ::testing::TempDir() + "volumes-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    root_ = made;
    std::ofstream(root_ + "/hosts") << "127.0.0.1 localhost\n";
    host_.emplace(LinuxVolumeHost::Options{root_, root_ + "/hosts"});
  }
  void TearDown() override { EXPECT_TRUE(RemoveTree(root_).ok()); }

  v1::Volume* AddVolume(const std::string& name) {
    v1::Volume* volume = pod_.mutable_spec()->add_volumes();
    volume->set_name(name);
    return volume;
  }
  v1::VolumeMount* AddMount(const std::string& name) {
    v1::VolumeMount* mount = pod_.mutable_spec()->mutable_containers(0)->add_volume_mounts();
    mount->set_name(name);
    mount->set_mount_path("/in/" + name);
    return mount;
  }
  absl::Status Prepare() { return host_->Prepare(pod_, MakeNode(), configs_); }
  absl::StatusOr<ContainerFiles> PrepareContainer(const Environment& environment = {}) {
    return host_->PrepareContainer(pod_, pod_.spec().containers(0), 0, {"10.1.1.1"}, environment);
  }
  std::string Volume(const std::string& kind, const std::string& name) const {
    return root_ + "/pods/0f3c-77/volumes/kubernetes.io~" + kind + "/" + name;
  }

  std::string root_;
  v1::Pod pod_ = MakePod();
  MapConfigSource configs_;
  std::optional<LinuxVolumeHost> host_;
};

// Spec: pod/14.3/atomic
TEST_F(LinuxVolumeHostTest, AConfigMapIsReplacedAsAWholeAndOnlyWhenItChanged) {
  v1::ConfigMap& object = configs_.AddConfigMap("shop", "c");
  (*object.mutable_data())["a"] = "1";
  (*object.mutable_data())["gone"] = "x";
  AddVolume("v")->mutable_config_map()->set_name("c");
  ASSERT_TRUE(Prepare().ok());
  const std::string volume = Volume("configmap", "v");
  EXPECT_EQ(*ReadFile(volume + "/a"), "1");
  const fs::path first = fs::read_symlink(volume + "/..data");
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(fs::read_symlink(volume + "/..data"), first);

  (*object.mutable_data())["a"] = "2";
  object.mutable_data()->erase("gone");
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(*ReadFile(volume + "/a"), "2");
  EXPECT_NE(fs::read_symlink(volume + "/..data"), first);
  EXPECT_FALSE(fs::exists(fs::symlink_status(volume + "/gone")));
  EXPECT_FALSE(fs::exists(volume + "/" + first.string()));
}

// Spec: pod/14.3/atomic
TEST_F(LinuxVolumeHostTest, AWriterThatWasKilledIsTidiedUpAfter) {
  (*configs_.AddConfigMap("shop", "c").mutable_data())["a"] = "1";
  AddVolume("v")->mutable_config_map()->set_name("c");
  const std::string volume = Volume("configmap", "v");
  fs::create_directories(volume + "/..v_halfmade");
  fs::create_symlink("..v_halfmade", volume + "/..data_tmp");
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(*ReadFile(volume + "/a"), "1");
  EXPECT_FALSE(fs::exists(volume + "/..v_halfmade"));
  EXPECT_FALSE(fs::exists(fs::symlink_status(volume + "/..data_tmp")));
}

// Spec: pod/14.4/read-only-volumes
TEST_F(LinuxVolumeHostTest, PlacesForMountsInsideAConfigMapAreMadeAndKept) {
  v1::ConfigMap& object = configs_.AddConfigMap("shop", "c");
  (*object.mutable_data())["a"] = "1";
  AddVolume("v")->mutable_config_map()->set_name("c");
  AddVolume("w")->mutable_empty_dir();
  AddMount("v")->set_mount_path("/etc/app");
  AddMount("w")->set_mount_path("/etc/app/more/deep");
  for (const char* content : {"1", "2"}) {
    (*object.mutable_data())["a"] = content;
    ASSERT_TRUE(Prepare().ok());
    EXPECT_EQ(*ReadFile(Volume("configmap", "v") + "/a"), content);
    EXPECT_TRUE(fs::is_directory(Volume("configmap", "v") + "/more/deep"));
  }
}

// Spec: pod/14.3/missing
TEST_F(LinuxVolumeHostTest, AMissingObjectNamesTheVolume) {
  AddVolume("v")->mutable_config_map()->set_name("c");
  EXPECT_EQ(Prepare().message(),
            "MountVolume.SetUp failed for volume \"v\" : configmap \"c\" not found");
}

// Spec: pod/14.2/disk
TEST_F(LinuxVolumeHostTest, AnEmptyDirKeepsItsContentAndAnyoneMayWrite) {
  AddVolume("v")->mutable_empty_dir();
  ASSERT_TRUE(Prepare().ok());
  std::ofstream(Volume("empty-dir", "v") + "/kept") << "x";
  ASSERT_TRUE(Prepare().ok());
  EXPECT_TRUE(fs::exists(Volume("empty-dir", "v") + "/kept"));
  struct stat info;
  ASSERT_EQ(::stat(Volume("empty-dir", "v").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0777u);
  ASSERT_TRUE(host_->Remove("0f3c-77").ok());
  EXPECT_FALSE(fs::exists(root_ + "/pods/0f3c-77"));
  EXPECT_TRUE(host_->Remove("0f3c-77").ok());
}

TEST_F(LinuxVolumeHostTest, RemoveRefusesWhatIsNoUid) {
  for (const char* uid : {"", ".", "..", "../x", "a/b"}) {
    EXPECT_EQ(host_->Remove(uid).code(), absl::StatusCode::kInvalidArgument) << uid;
  }
}

// Spec: pod/14.1/no-type, pod/14.1/directory-or-create, pod/14.1/directory
// Spec: pod/14.1/file-or-create, pod/14.1/others
TEST_F(LinuxVolumeHostTest, HostPathTypesAreCheckedAndMade) {
  const struct {
    const char* type;
    const char* path;
    const char* error;
  } kRows[] = {
      {"", "/none", ""},
      {"Directory", "/none", "is not a directory"},
      {"DirectoryOrCreate", "/made/deep", ""},
      {"Directory", "/made/deep", ""},
      {"File", "/made/deep", "is not a file"},
      {"FileOrCreate", "/made/file", ""},
      {"File", "/made/file", ""},
      {"Socket", "/made/file", "is not a socket file"},
      {"DirectoryOrCreate", "/made/file", "is not a directory"},
      {"CharDevice", "/none", "is not a character device"},
      {"BlockDevice", "/made/file", "is not a block device"},
      {"Directory", "/made/file", "is not a directory"},
      {"FileOrCreate", "/made/deep", "is not a file"},
      {"FileOrCreate", "/made/nowhere/file", "creating "},
      {"Folder", "/made/deep", "unknown hostPath type Folder"},
  };
  v1::Volume* volume = AddVolume("v");
  for (const auto& row : kRows) {
    volume->mutable_host_path()->set_path(root_ + row.path);
    volume->mutable_host_path()->set_type(row.type);
    const absl::Status status = Prepare();
    EXPECT_EQ(status.ok(), *row.error == '\0') << row.type << " " << row.path << " " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(row.error)) << row.type;
  }
  EXPECT_TRUE(fs::is_directory(root_ + "/made/deep"));
  EXPECT_FALSE(fs::exists(root_ + "/none"));
}

// Spec: pod/11.4/file
TEST_F(LinuxVolumeHostTest, TheTerminationMessageIsTheEndOfTheFile) {
  pod_.mutable_spec()->mutable_containers(0)->set_termination_message_path("/dev/term");
  ASSERT_TRUE(Prepare().ok());
  const ContainerFiles files = *PrepareContainer();
  EXPECT_EQ(host_->TerminationMessage("0f3c-77", "main", 0), "");
  std::ofstream(files.termination_log_path) << std::string(5000, 'a') << "the end";
  const std::string message = host_->TerminationMessage("0f3c-77", "main", 0);
  EXPECT_EQ(message.size(), 4096u);
  EXPECT_TRUE(message.ends_with("the end"));
  EXPECT_EQ(host_->TerminationMessage("0f3c-77", "main", 1), "");
}

// Spec: pod/16/hosts-in-place
TEST_F(LinuxVolumeHostTest, EtcHostsIsKeptInPlaceForThoseWhoHaveItMounted) {
  ASSERT_TRUE(Prepare().ok());
  const std::string path = PrepareContainer()->etc_hosts_path;
  struct stat before, after;
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  ASSERT_TRUE(host_->PrepareContainer(pod_, pod_.spec().containers(0), 1, {"10.1.1.2"}, {}).ok());
  ASSERT_EQ(::stat(path.c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_THAT(*ReadFile(path), HasSubstr("10.1.1.2\tweb-x7k2q"));
}

// Spec: pod/14.1/create-modes
TEST_F(LinuxVolumeHostTest, WhatIsMadeForAHostPathHasKubernetesModes) {
  v1::HostPathVolumeSource& source = *AddVolume("v")->mutable_host_path();
  const auto mode_of = [this](const std::string& path) {
    struct stat info;
    EXPECT_EQ(::stat((root_ + path).c_str(), &info), 0) << path;
    return info.st_mode & 07777u;
  };
  source.set_path(root_ + "/made/deep");
  source.set_type("DirectoryOrCreate");
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(mode_of("/made"), 0755u);
  EXPECT_EQ(mode_of("/made/deep"), 0755u);
  source.set_path(root_ + "/made/file");
  source.set_type("FileOrCreate");
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(mode_of("/made/file"), 0644u);
  EXPECT_EQ(fs::file_size(root_ + "/made/file"), 0u);
  fs::permissions(root_ + "/made/file", fs::perms(0600));
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(mode_of("/made/file"), 0600u) << "what is there is left as it is";
}

// Spec: pod/14.1/links
TEST_F(LinuxVolumeHostTest, LinksAreFollowedToSeeOfWhatTypeAHostPathIs) {
  fs::create_directories(root_ + "/real");
  fs::create_directory_symlink(root_ + "/real", root_ + "/link");
  fs::create_symlink(root_ + "/nowhere", root_ + "/broken");
  v1::HostPathVolumeSource& source = *AddVolume("v")->mutable_host_path();
  source.set_type("Directory");
  source.set_path(root_ + "/link");
  EXPECT_TRUE(Prepare().ok());
  source.set_path(root_ + "/broken");
  EXPECT_THAT(std::string(Prepare().message()), HasSubstr("is not a directory"));
}

// Spec: pod/4.1/pod-directory
TEST_F(LinuxVolumeHostTest, DirectoryOfAPodIsNotForEverybody) {
  ASSERT_TRUE(Prepare().ok());
  struct stat info;
  ASSERT_EQ(::stat((root_ + "/pods/0f3c-77").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777u, 0750u);
}

// Spec: pod/14.3/downward-live
TEST_F(LinuxVolumeHostTest, LabelsInAVolumeFollowThePod) {
  v1::DownwardAPIVolumeFile& file = *AddVolume("v")->mutable_downward_api()->add_items();
  file.set_path("labels");
  file.mutable_field_ref()->set_field_path("metadata.labels");
  (*pod_.mutable_metadata()->mutable_labels())["tier"] = "front";
  ASSERT_TRUE(Prepare().ok());
  const std::string path = Volume("downward-api", "v") + "/labels";
  EXPECT_EQ(*ReadFile(path), "tier=\"front\"");
  (*pod_.mutable_metadata()->mutable_labels())["tier"] = "back";
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(*ReadFile(path), "tier=\"back\"");
}

// Spec: pod/14.3/no-default-token
TEST_F(LinuxVolumeHostTest, ServiceAccountHasADirectoryOnlyOnRequestAndItIsEmpty) {
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(PrepareContainer()->service_account_path, "");
  auto& annotations = *pod_.mutable_metadata()->mutable_annotations();
  annotations["muster.dev/service-account-volume"] = "full";
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(PrepareContainer()->service_account_path, "");
  annotations["muster.dev/service-account-volume"] = "empty";
  ASSERT_TRUE(Prepare().ok());
  const std::string path = PrepareContainer()->service_account_path;
  EXPECT_TRUE(fs::is_empty(path));
  struct stat info;
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777u, 0755u);
}

TEST_F(LinuxVolumeHostTest, EtcHostsNamesThePodAsTheKernelDoes) {
  pod_.mutable_metadata()->set_name(std::string(62, 'a') + "-b");
  ASSERT_TRUE(Prepare().ok());
  EXPECT_THAT(*ReadFile(PrepareContainer()->etc_hosts_path),
              HasSubstr("10.1.1.1\t" + std::string(62, 'a') + "\n"));
}

class MountingVolumeHostTest : public LinuxVolumeHostTest {
 protected:
  void SetUp() override {
    LinuxVolumeHostTest::SetUp();
    if (const absl::Status status = MountTmpfs(root_ + "/probe", 0); !status.ok()) {
      GTEST_SKIP() << "mounting needs root: " << status;
    }
  }
};

// Spec: pod/14.3/tmpfs
TEST_F(MountingVolumeHostTest, SecretsAreInMemoryAndGoWithThePod) {
  (*configs_.AddSecret("shop", "s").mutable_data())["key"] = "value";
  AddVolume("v")->mutable_secret()->set_secret_name("s");
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(*ReadFile(Volume("secret", "v") + "/key"), "value");
  EXPECT_FALSE(MountPointsBelow(*ReadFile("/proc/self/mountinfo"), Volume("secret", "v")).empty());
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(MountPointsBelow(*ReadFile("/proc/self/mountinfo"), Volume("secret", "v")).size(), 1u);
  ASSERT_TRUE(host_->Remove("0f3c-77").ok());
  EXPECT_TRUE(MountPointsBelow(*ReadFile("/proc/self/mountinfo"), root_ + "/pods").empty());
}

// Spec: pod/14.4/fs-group
TEST_F(MountingVolumeHostTest, VolumesBelongToTheFsGroup) {
  constexpr gid_t kGroup = 2345;
  const auto group_and_mode = [](const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return absl::StrFormat("%d %o", info.st_gid, info.st_mode & 07777);
  };
  v1::ConfigMap& object = configs_.AddConfigMap("shop", "c");
  (*object.mutable_data())["a"] = "1";
  v1::ConfigMapVolumeSource& config = *AddVolume("config")->mutable_config_map();
  config.set_name("c");
  config.set_default_mode(0400);
  v1::KeyToPath& item = *config.add_items();
  item.set_key("a");
  item.set_path("deep/a");
  (*configs_.AddSecret("shop", "s").mutable_data())["key"] = "x";
  AddVolume("secret")->mutable_secret()->set_secret_name("s");
  AddVolume("disk")->mutable_empty_dir();
  AddVolume("memory")->mutable_empty_dir()->set_medium("Memory");
  AddVolume("host")->mutable_host_path()->set_path(root_ + "/of-the-host");
  fs::create_directory(root_ + "/of-the-host");
  const std::string of_host = group_and_mode(root_ + "/of-the-host");

  // What an agent before this one left without a group.
  ASSERT_TRUE(Prepare().ok());
  const std::string disk = Volume("empty-dir", "disk");
  fs::create_directory(disk + "/mine");
  std::ofstream(disk + "/mine/file") << "x";
  ASSERT_EQ(::chmod((disk + "/mine/file").c_str(), 0604), 0);
  ASSERT_EQ(::chmod((disk + "/mine").c_str(), 0700), 0);
  std::ofstream(root_ + "/elsewhere") << "x";
  fs::create_symlink(root_ + "/elsewhere", disk + "/link");
  const std::string elsewhere = group_and_mode(root_ + "/elsewhere");

  pod_.mutable_spec()->mutable_security_context()->set_fs_group(kGroup);
  absl::Status prepared = Prepare();
  ASSERT_TRUE(prepared.ok()) << prepared;
  const std::string configmap = Volume("configmap", "config");
  for (const std::string& directory : {configmap, configmap + "/deep", configmap + "/..data"}) {
    EXPECT_EQ(group_and_mode(directory), "2345 2755") << directory;
  }
  EXPECT_EQ(group_and_mode(configmap + "/deep/a"), "2345 440");
  EXPECT_EQ(group_and_mode(Volume("secret", "secret") + "/key"), "2345 644");
  EXPECT_EQ(group_and_mode(disk), "2345 2777");
  EXPECT_EQ(group_and_mode(disk + "/mine"), "2345 2770");
  EXPECT_EQ(group_and_mode(disk + "/mine/file"), "2345 664");
  EXPECT_EQ(group_and_mode(Volume("empty-dir", "memory")), "2345 2777");
  EXPECT_EQ(group_and_mode(root_ + "/of-the-host"), of_host);
  EXPECT_EQ(group_and_mode(root_ + "/elsewhere"), elsewhere);

  // What is made there has the group; what is as it should be is not gone through again.
  fs::create_directory(disk + "/later");
  EXPECT_EQ(group_and_mode(disk + "/later").substr(0, 6), "2345 2");
  ASSERT_EQ(::chmod((disk + "/mine/file").c_str(), 0600), 0);
  const fs::path version = fs::read_symlink(configmap + "/..data");
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(fs::read_symlink(configmap + "/..data"), version);
  EXPECT_EQ(group_and_mode(disk + "/mine/file"), "2345 600");
  (*object.mutable_data())["a"] = "2";
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(group_and_mode(configmap + "/deep/a"), "2345 440");
}

// Spec: pod/14.4/sub-path-again
TEST_F(MountingVolumeHostTest, ASubPathShowsOneFileAndFollowsItsReplacement) {
  v1::ConfigMap& object = configs_.AddConfigMap("shop", "c");
  (*object.mutable_data())["conf"] = "1";
  AddVolume("v")->mutable_config_map()->set_name("c");
  AddMount("v")->set_sub_path("conf");
  ASSERT_TRUE(Prepare().ok());
  const std::string path = PrepareContainer()->mount_paths[0];
  EXPECT_EQ(*ReadFile(path), "1");
  (*object.mutable_data())["conf"] = "2";
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(*ReadFile(path), "1") << "a running container keeps what it has";
  ASSERT_EQ(PrepareContainer()->mount_paths[0], path);
  EXPECT_EQ(*ReadFile(path), "2");
}

// Spec: pod/14.4/sub-path
TEST_F(MountingVolumeHostTest, ASubPathMakesWhatIsMissingAndNeverLeavesTheVolume) {
  AddVolume("v")->mutable_empty_dir();
  v1::VolumeMount* mount = AddMount("v");
  mount->set_sub_path("new/deep");
  ASSERT_TRUE(Prepare().ok());
  ASSERT_TRUE(PrepareContainer().ok());
  EXPECT_TRUE(fs::is_directory(Volume("empty-dir", "v") + "/new/deep"));

  fs::create_symlink("/etc", Volume("empty-dir", "v") + "/out");
  fs::create_symlink("../../../..", Volume("empty-dir", "v") + "/up");
  for (const char* path : {"out", "out/passwd", "up", "../x", "/etc"}) {
    mount->set_sub_path(path);
    EXPECT_EQ(std::string(PrepareContainer().status().message()),
              "failed to prepare subPath for volumeMount \"v\" of container \"main\"")
        << path << ": where it led may be secret, and is for the log";
  }
}

// Spec: pod/14.4/sub-path-expr
TEST_F(MountingVolumeHostTest, ASubPathExpressionUsesTheEnvironment) {
  AddVolume("v")->mutable_empty_dir();
  AddMount("v")->set_sub_path_expr("logs-$(NODE)");
  ASSERT_TRUE(Prepare().ok());
  ASSERT_TRUE(PrepareContainer({{"NODE", "n1"}}).ok());
  EXPECT_TRUE(fs::is_directory(Volume("empty-dir", "v") + "/logs-n1"));
  EXPECT_FALSE(PrepareContainer().ok());
}

// Spec: pod/14.2/memory
TEST_F(MountingVolumeHostTest, VolumeInMemoryHasTheSmallestOfAllLimits) {
  NodeContext node = MakeNode();
  v1::Container& main = *pod_.mutable_spec()->mutable_containers(0);
  v1::EmptyDirVolumeSource& source = *AddVolume("v")->mutable_empty_dir();
  source.set_medium("Memory");
  const auto size = [&] {
    EXPECT_TRUE(host_->Remove("0f3c-77").ok());
    EXPECT_TRUE(host_->Prepare(pod_, node, configs_).ok());
    struct statvfs info = {};
    EXPECT_EQ(::statvfs(Volume("empty-dir", "v").c_str(), &info), 0);
    return info.f_blocks * info.f_frsize;
  };
  node.allocatable["memory"].set_text("64Mi");
  EXPECT_EQ(size(), 64u << 20);
  (*main.mutable_resources()->mutable_limits())["memory"].set_text("32Mi");
  EXPECT_EQ(size(), 32u << 20);
  source.mutable_size_limit()->set_text("8Mi");
  EXPECT_EQ(size(), 8u << 20);
  source.mutable_size_limit()->set_text("128Mi");
  EXPECT_EQ(size(), 32u << 20);
  pod_.mutable_spec()->add_containers()->set_name("unlimited");
  EXPECT_EQ(size(), 64u << 20) << "a container without a limit may use what there is";
  struct stat info;
  ASSERT_EQ(::stat(Volume("empty-dir", "v").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777u, 0777u);
}

TEST_F(MountingVolumeHostTest, RemoveNeverDeletesThroughABoundHostPath) {
  const std::string data = root_ + "/data";
  fs::create_directories(data + "/sub");
  std::ofstream(data + "/sub/precious") << "x";
  AddVolume("v")->mutable_host_path()->set_path(data);
  AddMount("v")->set_sub_path("sub");
  ASSERT_TRUE(Prepare().ok());
  ASSERT_TRUE(PrepareContainer().ok());
  ASSERT_TRUE(host_->Remove("0f3c-77").ok());
  EXPECT_TRUE(fs::exists(data + "/sub/precious"));
}

}  // namespace
}  // namespace muster::agent
