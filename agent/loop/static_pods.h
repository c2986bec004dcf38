#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

using StaticPodMap = std::map<std::string, std::shared_ptr<const v1::Pod>>;  // By uid.

// The pods that the node runs from a directory of manifests, coordinator or not (kubelet's static
// pods): one Pod in each .yaml, .yml or .json file; files whose names begin with a dot are left
// out, as are directories.
//
// A file that cannot be read, or says something wrong, is told of once, and the pod that it held
// before stays; a file that is gone takes its pod along. A directory that is missing has no pods;
// one that cannot be read changes nothing. Quick local reads of what changed; loop thread only.
class StaticPods {
 public:
  // Without a directory there are none.
  StaticPods(std::string directory, std::string node_name)
      : directory_(std::move(directory)), node_name_(std::move(node_name)) {}

  // Looks at the files. True: the pods are others than before.
  bool Read();
  const StaticPodMap& pods() const { return pods_; }

 private:
  struct File {
    int64_t size = 0, inode = 0;
    WallTime changed;
    std::shared_ptr<const v1::Pod> pod;  // Null: it never had one that is good.
    bool SameAs(const File& other) const {
      return size == other.size && inode == other.inode && changed == other.changed;
    }
  };

  void ReadFile(const std::string& name, File& file);

  const std::string directory_, node_name_;
  std::map<std::string, File> files_;  // By name.
  std::string told_;                   // What is wrong with the directory.
  StaticPodMap pods_;
};

}  // namespace muster::agent
