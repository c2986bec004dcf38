#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// Which node should hold which objects: its pods, and the ConfigMaps and Secrets these mention.
//
// Knows objects by session key only (see references.h), so its size is that of the names. A value
// without I/O; one owner at a time. Every change costs what it touches, never the whole.
class AssignmentIndex {
 public:
  // What a change of one object means: `key` has to be looked at again for `node`.
  struct Touched {
    std::string node;
    std::string key;
    bool operator==(const Touched&) const = default;
  };

  struct PodFacts {
    std::string node;  // Never empty in the index: pods without a node are not in it.
    std::string uid;
    std::vector<std::string> references;
  };

  // The pod as it is now. Appends what has to be looked at, also when nothing of it is new here
  // (the pod itself may have changed all the same).
  void SetPod(const std::string& key, const v1::Pod& pod, std::vector<Touched>& touched);
  void RemovePod(const std::string& key, std::vector<Touched>& touched);
  // A ConfigMap or Secret appeared, changed or went.
  void ReferenceChanged(const std::string& key, std::vector<Touched>& touched) const;

  // Null when there is no such pod, or it has no node.
  const PodFacts* FindPod(const std::string& key) const;
  bool Wants(const std::string& node, const std::string& key) const;
  std::vector<std::string> KeysOf(const std::string& node) const;

  size_t pod_count() const { return pods_.size(); }

 private:
  void Hold(const std::string& node, const std::string& key, std::vector<Touched>& touched);
  void Release(const std::string& node, const std::string& key, std::vector<Touched>& touched);

  std::map<std::string, PodFacts> pods_;
  // For each node how many of its pods are the reason for a key; a pod is its own one reason.
  std::map<std::string, std::map<std::string, int>> wanted_;
  std::map<std::string, std::set<std::string>> nodes_by_reference_;
};

}  // namespace muster::coordinator
