#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "agent/link/link.h"
#include "agent/loop/pod_set.h"
#include "agent/loop/static_pods.h"
#include "common/base/clock.h"

namespace muster::agent {

// Sees to it that the cluster has an object for each static pod of this node (kubelet's mirror
// pods): says all of them when one is missing, is another one, or stands for nothing; has one that
// somebody deletes go, whereupon it is missing. Loop thread only.
class MirrorKeeper {
 public:
  using Mirrors = std::map<ObjectKey, std::shared_ptr<const v1::Pod>>;

  MirrorKeeper(Link& link, PodSet& pods) : link_(link), pods_(pods) {}

  // A new session: what was said before may be lost.
  void Begin();
  // While a session is up and the assignment complete. Returns when to call it again.
  std::optional<MonoTime> Step(MonoTime now, const StaticPodMap& static_pods,
                               const Mirrors& mirrors, const std::string& node_uid);

 private:
  Link& link_;
  PodSet& pods_;
  std::set<std::string> seen_;  // Uids of mirrors that were told how their pods are.
  std::set<std::string> gone_;  // Those whose going was agreed to, with their versions.
  std::optional<MonoTime> said_at_;
  Duration say_again_after_{};
  std::set<std::string> said_;  // What was said then: uids.
};

}  // namespace muster::agent
