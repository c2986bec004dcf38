#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/runtime/runtime.h"

namespace muster::agent {

enum class GroupChange {
  kExact,
  // Limits only get wider: what is in the group must fit into it all the time.
  kOnlyRaise,
};

// One file of a control group.
struct GroupFile {
  std::string controller;
  std::string name;
  std::string value;
  bool operator==(const GroupFile&) const = default;
};

// The files of a group with these values, in the order in which they are written. What is 0 is left
// as it is. Version 2 has weights for shares, by the formula that runc has had from the beginning.
std::vector<GroupFile> GroupFiles(const LinuxResources& values, bool version_2);

// Where a slice of systemd is: "/a.slice/a-b.slice" of "a-b.slice". Other paths stay as they are.
std::string PathOfGroup(const std::string& name);

// Makes the group at `path` in the hierarchies below `root` ("/sys/fs/cgroup") and writes what
// differs. A controller that the kernel does not have is passed over: a container with a limit of
// it fails by itself. Idempotent.
absl::Status WriteControlGroup(const std::string& root, const std::string& path,
                               const LinuxResources& values);

// `values` without limits that would make those of the group at `path` narrower.
LinuxResources WithoutLowering(const std::string& root, const std::string& path,
                               LinuxResources values);

}  // namespace muster::agent
