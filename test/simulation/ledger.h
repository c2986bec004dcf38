#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/store/store.h"
#include "muster/v1/object.pb.h"
#include "test/simulation/process_store.h"

namespace muster::simulation {

// The variant of a template is written in an environment variable of its first container, so that
// which templates are equal is known without asking the code under test.
inline constexpr char kVariantVariable[] = "SIM_VARIANT";
std::string VariantOf(const v1::PodSpec& spec);

// One object before and after a commit.
struct ObjectCommit {
  std::string key;
  std::optional<v1::Object> before, after;
};
struct Commit {
  Writer writer = Writer::kUsers;
  int64_t revision = 0;
  std::vector<ObjectCommit> objects;
};

// What is known of a pod, also when it is long gone.
struct PodHistory {
  std::string key, uid, node, owner_uid, owner_name, hash, variant;
  bool gone = false;    // Its object was removed.
  bool forced = false;  // Without its node having said that nothing of it is left.
};

// The store as it is, the store as the controllers' watch has shown it, and all pods that ever
// were. Kept beside the code under test, from its commits only.
class Ledger {
 public:
  Commit Record(const Committed& committed);
  // The watch delivered this.
  void Show(const std::vector<coordinator::Change>& changes);
  // They read everything at once, at that revision.
  void ShowAll(int64_t revision) {
    seen_ = now_;
    shown_ = revision;
  }
  int64_t shown() const { return shown_; }

  const std::map<std::string, v1::Object>& now() const { return now_; }
  const std::map<std::string, v1::Object>& seen() const { return seen_; }
  const PodHistory* FindPod(const std::string& uid) const;
  // The object of that key; null when there is none.
  const v1::Object* Find(const std::string& key) const;

 private:
  std::map<std::string, v1::Object> now_, seen_;
  int64_t shown_ = 0;
  std::map<std::string, PodHistory> pods_;  // By uid.
};

// Where the pod is or is to be.
std::string NodeOf(const v1::Pod& pod);
// The uid of the DaemonSet that controls it; empty when none does.
std::string OwnerUidOf(const v1::ObjectMeta& metadata);

}  // namespace muster::simulation
