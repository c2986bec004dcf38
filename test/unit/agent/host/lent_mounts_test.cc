#include "agent/host/lent_mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "test/support/temp_dir.h"

namespace muster::agent {
namespace {

// Exit codes of a child, since a mount namespace is not to be the test's own.
enum Outcome { kGood, kNotPossible, kNotEntered, kSeesTheOwn, kOthersMoved };

bool IsThere(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// As a service for which systemd made a namespace: `folder` is another one there than outside.
int RunInOwnNamespace(const std::string& folder) {
  const int mounts = ::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (mounts < 0 || ::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", folder.c_str(), "tmpfs", 0, nullptr) != 0) {
    return kNotPossible;
  }
  std::ofstream(folder + "/own").put('x');
  int outcome = kGood;
  std::thread([&] {
    if (!EnterMounts(mounts).ok()) {
      outcome = kNotEntered;
    } else if (IsThere(folder + "/own") || !IsThere(folder + "/outside")) {
      outcome = kSeesTheOwn;
    }
  }).join();
  if (outcome == kGood && !IsThere(folder + "/own")) outcome = kOthersMoved;
  return outcome;
}

TEST(LentMounts, OneThreadGoesThereAndTheOthersStay) {
  const TempDir folder;
  std::ofstream(folder / "outside").put('x');
  const pid_t child = ::fork();
  if (child == 0) ::_exit(RunInOwnNamespace(folder.path()));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  EXPECT_EQ(WEXITSTATUS(status), kGood);
}

TEST(LentMounts, WithoutAHelperItIsWhereItMountsFor) {
  ::unsetenv("MUSTER_MOUNTS");
  const absl::StatusOr<int> mounts = LentMounts();
  ASSERT_TRUE(mounts.ok()) << mounts.status();
  EXPECT_EQ(*mounts, -1);
}

TEST(LentMounts, WhatWasPromisedAndDidNotComeIsAnError) {
  ::setenv("MUSTER_MOUNTS", "lent", 1);
  const absl::StatusOr<int> mounts = LentMounts();
  ::unsetenv("MUSTER_MOUNTS");
  EXPECT_TRUE(absl::IsFailedPrecondition(mounts.status())) << mounts.status();
}

TEST(LentMounts, WithoutSystemdThereIsNobodyToLendItTo) {
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_TRUE(absl::IsFailedPrecondition(LendMounts()));
}

}  // namespace
}  // namespace muster::agent
