#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "coordinator/store/store.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// Keeps one object in the store for each static pod of a node (Kubernetes: mirror pods), by what
// its agent says of them: made when missing, replaced when the pod or its node is another one,
// removed when there is none. An agent may only have its own node's made, and none that asks for
// ConfigMaps, Secrets or service accounts: by that it would get what is not its own. Their owner is
// the node, whatever the agent says, so that no controller takes them for its own.
//
// Holds the newest word of each node until it is written. One owner, the loop thread.
class MirrorPods {
 public:
  // Keys of what is bound to a node, as sessions name them; may be somewhat old.
  using KeysOf = std::function<std::vector<std::string>(const std::string& node)>;

  MirrorPods(Store& store, const Clock& clock, KeysOf keys_of)
      : store_(store), clock_(clock), keys_of_(std::move(keys_of)) {}

  // All static pods of the node.
  void Report(const std::string& node, std::vector<v1::Pod> pods);
  // The node is no more; what is left of its pods is collected as those of any node.
  void ForgetNode(const std::string& node);

  // Writes what is due; as StatusWriter's.
  std::optional<MonoTime> Flush();

  // The node has said that it runs a static pod with this session key. Its word about it may be
  // taken even before its object can be seen.
  bool Knows(const std::string& node, const std::string& session_key) const;

 private:
  absl::Status WriteNode(const std::string& node, const std::vector<v1::Pod>& pods);
  // What of them may be shown, by session key.
  std::map<std::string, const v1::Pod*> Shown(const std::string& node,
                                              const std::vector<v1::Pod>& pods,
                                              std::string& refused) const;
  void Tell(const std::string& node, const std::string& refused);

  Store& store_;
  const Clock& clock_;
  const KeysOf keys_of_;
  std::map<std::string, std::vector<v1::Pod>> waiting_;  // By node.
  std::map<std::string, std::set<std::string>> known_;   // Session keys, by node.
  std::map<std::string, std::string> told_;              // What was refused, by node.
  std::optional<MonoTime> retry_at_;
};

}  // namespace muster::coordinator
