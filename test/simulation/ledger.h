#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "coordinator/store/store.h"
#include "muster/v1/object.pb.h"
#include "test/simulation/process_store.h"

namespace muster::simulation {

// Never changed once it is there: the store as it is and as it was seen share them.
using ObjectPtr = std::shared_ptr<const v1::Object>;
using Objects = std::map<std::string, ObjectPtr>;  // By store key.

// One object before and after a commit; null: there was none.
struct ObjectCommit {
  std::string key;
  ObjectPtr before, after;
};
struct Commit {
  Writer writer = Writer::kUsers;
  int64_t revision = 0;
  std::vector<ObjectCommit> objects;
};

// What is known of a pod, also when it is long gone.
struct PodHistory {
  std::string key, uid, node, owner_uid, owner_name, hash, variant;
  std::string config;   // What of its ConfigMap had been seen when it was made.
  bool gone = false;    // Its object was removed.
  bool forced = false;  // Without its node having said that nothing of it is left.
};

// The store as it is, the store as the controllers' watch has shown it, and all pods that ever
// were. Kept beside the code under test, from its commits only.
class Ledger {
 public:
  Commit Record(const Committed& committed);
  // The watch has delivered all there is, or they read everything at once.
  void ShowAll();

  const Objects& now() const { return now_; }
  const Objects& seen() const { return seen_; }
  const PodHistory* FindPod(const std::string& uid) const;
  // The object of that key; null when there is none.
  const v1::Object* Find(const std::string& key) const;

 private:
  Objects now_, seen_;
  std::set<std::string> unseen_;            // Keys of what has changed since it was shown.
  std::map<std::string, PodHistory> pods_;  // By uid.
};

// Where the pod is or is to be.
std::string NodeOf(const v1::Pod& pod);
// What the pods of a DaemonSet of that name read; empty when there is nothing.
std::string ConfigIn(const Objects& objects, const std::string& daemon_set);
// The uid of the DaemonSet that controls it; empty when none does.
std::string OwnerUidOf(const v1::ObjectMeta& metadata);

}  // namespace muster::simulation
