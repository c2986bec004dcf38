#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ctl/commands/steer.h"
#include "muster/v1/object.pb.h"
#include "test/simulation/coordinator_process.h"
#include "test/simulation/ledger.h"
#include "test/simulation/stage.h"
#include "test/simulation/wish.h"

namespace muster::simulation {

// People at work, who do not talk to each other: they apply, change, delete and recreate
// DaemonSets and Services, steer rollouts, change what pods read, delete pods, label, taint and
// cordon nodes, and write back what they read a while ago. They remember what they were promised.
class Users {
 public:
  struct Surroundings {
    Stage& stage;
    const Ledger& ledger;
    // The one that answers at present; null: none does.
    std::function<CoordinatorProcess*()> coordinator;
    // A promise was broken right in their face.
    std::function<void(std::string)> complain;
  };

  explicit Users(const Surroundings& surroundings);

  // One of them does something.
  void Act();
  // They agree at last: every DaemonSet gets a template that works, nodes are as they joined.
  // False when somebody has to try again.
  bool MakeUp();
  // They see to rollouts that wait for somebody: promote canaries, go on with what was halted.
  void Attend();
  // Somebody who may do so changed what they had asked for.
  void See(const Commit& commit);

  // What stands acknowledged: the spec of each DaemonSet by store key, as bytes.
  const std::map<std::string, std::string>& promised() const { return promised_; }
  // Deleted for good, by uid.
  const std::set<std::string>& deleted() const { return deleted_; }

  static std::string SpecBytes(const v1::Object& daemon_set);

 private:
  // An object that somebody read, changed, and will write back.
  struct Draft {
    v1::Object object;
    MonoTime write_at;
  };

  std::string NewVariant();
  void ChangeWish();
  bool Apply(const Wish& wish);
  // Another content of what its pods read.
  void ChangeConfig(const std::string& name);
  // As musterctl does: read, change, write back, and again when somebody else was faster.
  absl::Status EditDaemonSet(const std::string& name, absl::string_view what,
                             const std::function<absl::Status(v1::DaemonSet&)>& edit);
  void SteerRollout();
  void SteerRollout(const char* verb, ctl::Steering steering, const std::string& name);
  void ApplyInvalid();
  void DeleteDaemonSet();
  void DeletePod();
  absl::Status DeletePod(const std::string& name, std::optional<int64_t> grace_seconds);
  void ChangeService();
  void ChangeNode();
  bool EditNode(const std::string& name, const std::function<void(v1::Node&)>& edit);
  void StartDraft();
  void WriteDraft();
  // After a write to a DaemonSet came back with `status`.
  void Settle(const std::string& key, const absl::Status& status, const v1::Object* answer);
  CoordinatorProcess* Coordinator() { return around_.coordinator(); }
  void Say(absl::string_view what, const absl::Status& status);
  std::vector<std::string> KeysOf(absl::string_view prefix) const;

  const Surroundings around_;
  Dice dice_, service_dice_;
  std::map<std::string, Wish> wishes_;  // By name.
  int last_variant_ = 0;
  std::map<std::string, std::string> configs_;  // What the pods of a DaemonSet are to read.
  std::deque<Draft> drafts_;
  std::map<std::string, std::string> promised_;
  std::set<std::string> deleted_;
};

}  // namespace muster::simulation
