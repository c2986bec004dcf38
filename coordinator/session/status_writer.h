#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "coordinator/store/store.h"
#include "muster/session/v1/session.pb.h"
#include "muster/v1/node.pb.h"

namespace muster::coordinator {

// Brings what agents report into the store, many reports in one transaction.
//
// Holds the newest report of each pod and node until it is written, so it is as large as the
// number of pods at most. Only real changes are written. One owner, the loop thread.
class StatusWriter {
 public:
  struct Options {
    size_t batch_max = 256;                        // Objects in one transaction.
    std::chrono::milliseconds retry_after{1'000};  // When the store refuses.
  };

  StatusWriter(Store& store, const Clock& clock, const Options& options);

  // What a node says about a pod that is not (or no longer) bound to it, or about an older pod of
  // the name, is dropped when its turn comes.
  void ReportPod(const std::string& node, session::v1::PodReport report);
  void ReportNode(const std::string& node, v1::NodeStatus status);
  // Which CA it depends on, by hash (common/model/node_key).
  void ReportAuthority(const std::string& node, std::string ca_hash);
  // With which key its agent seals now, by id, and why with no other one; empty: it has no problem.
  void ReportSealingKey(const std::string& node, std::string id, std::string problem);
  void ForgetNode(const std::string& node) { nodes_.erase(node); }

  // Writes what is due. A refused write is kept, logged once and tried again at the returned time;
  // nothing when all is written.
  std::optional<MonoTime> Flush();

  size_t waiting() const { return pods_.size() + nodes_.size(); }

 private:
  struct PodWord {
    std::string node;
    session::v1::PodReport report;
  };

  struct NodeWord {
    std::optional<v1::NodeStatus> status;
    std::string ca_hash;         // Empty: not said.
    std::string sealing_key_id;  // Likewise.
    std::string sealing_key_problem;
  };

  // The oldest names first, in one transaction; what needs no more writing is forgotten.
  absl::Status WriteBatch();
  absl::StatusOr<std::optional<Write>> PodWrite(const KeyValue& stored, const PodWord& word) const;
  absl::StatusOr<std::optional<Write>> NodeWrite(const KeyValue& stored,
                                                 const NodeWord& word) const;

  Store& store_;
  const Clock& clock_;
  const Options options_;
  std::map<std::string, PodWord> pods_;    // By store key.
  std::map<std::string, NodeWord> nodes_;  // By name.
  std::optional<MonoTime> retry_at_;
};

}  // namespace muster::coordinator
