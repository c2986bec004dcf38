#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/checkpoint/checkpoint.h"
#include "agent/checkpoint/checkpoint_seal.h"
#include "agent/host/exit_watch.h"
#include "agent/host/host.h"
#include "agent/link/link.h"
#include "agent/link/node_certificate.h"
#include "agent/loop/action_runner.h"
#include "agent/loop/assignment.h"
#include "agent/loop/class_groups.h"
#include "agent/loop/event_feed.h"
#include "agent/loop/eviction_keeper.h"
#include "agent/loop/host_port_keeper.h"
#include "agent/loop/image_fetcher.h"
#include "agent/loop/image_keeper.h"
#include "agent/loop/link_keeper.h"
#include "agent/loop/log_keeper.h"
#include "agent/loop/mailbox.h"
#include "agent/loop/mirror_keeper.h"
#include "agent/loop/pod_logs.h"
#include "agent/loop/pod_set.h"
#include "agent/loop/runtime_view.h"
#include "agent/loop/shutdown_keeper.h"
#include "agent/loop/static_pods.h"
#include "agent/loop/worker.h"
#include "agent/metrics/tallies.h"
#include "agent/network/network.h"
#include "agent/probe/prober.h"
#include "agent/report/node_report.h"
#include "agent/runtime/runtime.h"
#include "agent/volumes/volumes.h"
#include "common/base/clock.h"

namespace muster::agent {

struct NodeOptions {
  std::string node_name;
  std::string agent_version;
  std::string coordinator;  // HOST:PORT, to tell it to people.
  std::string node_ip;      // As in NodeIps.
  std::string log_root = "/var/log/pods";
  std::string seccomp_root = "/var/lib/muster/agent/seccomp";
  std::string cgroup_root = "/kubepods";
  std::string static_pod_dir;  // Empty: no static pods.
  std::vector<std::string> cluster_dns;
  std::string cluster_domain = "cluster.local";
  std::vector<std::string> allowed_sysctls;  // Beside the safe ones; "kernel.msg*" is a family.
  HostRules host_rules;
  int pods_max = 110;
  int parallel_pulls_max = 5;
  std::chrono::milliseconds relist_period{1'000};
  // While nothing can happen without our being told.
  std::chrono::milliseconds idle_relist_period{10'000};
  // Likewise for its own state, as long as it is fine.
  std::chrono::milliseconds info_period{10'000};
  std::chrono::milliseconds runtime_unhealthy_after{30'000};
  std::chrono::milliseconds facts_period{60'000};
  std::chrono::milliseconds status_period{300'000};  // At most this long without a node status.
  LinkKeeper::Options link;
  LogKeeper::Options logs;
  ImageKeeper::Options images;
  EvictionKeeper::Options eviction;
  ShutdownTurns shutdown;
};

// The node: owns its whole state, and puts together what it is told, what it sees and what it does.
//
// One thread calls Start once and then Step whenever the inbox woke it or the returned time has
// come; every Step takes what is in the inbox, and nothing in it blocks but the checkpoint's write.
// All I/O is behind the seams given at construction, so that a test can drive it by hand.
//
// Losing the coordinator, or the runtime, stops nothing: the last assignment is kept running from
// disk for ever, and while the runtime cannot be seen nothing is decided.
class NodeLoop {
 public:
  struct Seams {
    const Clock& clock;
    Runtime& runtime;
    Prober& prober;
    Link& link;
    Checkpoint& checkpoint;
    Host& host;
    VolumeHost& volumes;
    PodLogs& logs;
    Worker& worker;
    std::shared_ptr<NodeInbox> inbox;  // Also where the link's events go.
    ExitWatch* exits = nullptr;        // None: the runtime is listed every relist_period.
    // For what may take seconds and nobody waits for; none: `worker`.
    Worker* chores = nullptr;
    RuntimeEvents* events = nullptr;         // None: the runtime is only looked at.
    NodeCertificate* certificate = nullptr;  // None: it stays as it is.
    Network* network = nullptr;              // None: Services are not this node's business.
    CheckpointSeal* seal = nullptr;          // None: its key stays as it is.
  };
  // What came through the tunnel; the target is an error when there is no such container or pod.
  using OnTunnel =
      std::function<void(const TunnelRequest&, const absl::StatusOr<ContainerTarget>&)>;

  NodeLoop(const Seams& seams, NodeOptions options, OnTunnel on_tunnel);
  ~NodeLoop();
  NodeLoop(const NodeLoop&) = delete;
  NodeLoop& operator=(const NodeLoop&) = delete;

  // Reads checkpoint and host. An error is fatal and says what to do.
  absl::Status Start();

  // nullopt: only a message can make it necessary again.
  std::optional<MonoTime> Step();

  // The next Step looks at the files of static pods, which it does now and then anyway.
  void NoticeStaticPods() { static_pods_due_ = {}; }

  // The host is about to go down, or does not after all: from the next Step on. When a shutdown is
  // over, the host need not wait for this node any longer.
  void NoticeShutdown(bool goes_down);
  bool shutdown_over() const { return shutdown_keeper_.over(); }

  // It has looked everywhere, and there is nothing of any pod: what a node that was removed comes
  // to.
  bool holds_nothing() const { return files_swept_ && view_.listed_once() && pods_.empty(); }
  size_t pods_held() const { return pods_.size(); }

  // The checkpoint was read and the first look at the runtime is over. It may have failed: whoever
  // starts a unit is not kept waiting for a runtime that is not there, but reads it in its status.
  bool ready() const { return looked_; }
  // One line for people, e.g. "3 pods, 3 ready; coordinator connected".
  std::string StatusLine() const;
  // Everything in it, for `muster-agent status` and for metrics. Nothing of it is kept up to date
  // meanwhile.
  NodeReport Report() const;
  NodeTallies Tallies() const;
  // What muster-node-ready.target waits for: pods with annotation muster.dev/gate that are not
  // ready, by NAMESPACE/NAME. nullopt while it is not known what this node should run.
  std::optional<std::vector<std::string>> GateWaits() const { return pods_.GateWaits(); }

 private:
  void OnEvent(const LinkWelcome& welcome);
  void OnEvent(const LinkAssignment& assignment);
  void OnEvent(const LinkNodeRemoved&);
  void OnEvent(const TunnelRequest& request);
  void OnEvent(const LinkTrust& trust);
  void OnEvent(const LinkNetwork& network);
  void OnEvent(const LinkReplaceSealingKey& replace);
  void OnEvent(const LinkDown& down);

  LinkHello MakeHello();
  std::optional<MonoTime> KeepCertificate(MonoTime now);
  void TakeAssignments(MonoTime now);
  void ReadStaticPods(MonoTime now);
  void TellOwnPods();
  void GiveAssignment() { pods_.SetAssignment(assignment_, static_pods_.pods()); }
  void SetOwners();
  void RefreshFacts(MonoTime now);
  void AskRuntimeInfo(MonoTime now);
  NodeSituation MakeSituation() const;
  bool HasLooked(MonoTime now, std::optional<MonoTime>& wake);
  void UpdateNodeStatus();
  void SendReports(MonoTime now);
  void SaveMemories(MonoTime now);
  void SweepFiles();
  ImageNames WantedImages() const;
  void WarnOfNode(const std::string& reason, const std::string& message);
  void EmitEvent(const v1::Event& event);
  absl::Status SaveCheckpoint(const CheckpointChange& change);
  std::string LinkState() const;
  NodeReport::Runtime RuntimeReport() const;

  const Seams seams_;
  const NodeOptions options_;
  const OnTunnel on_tunnel_;
  ImageFetcher images_;
  ActionRunner runner_;
  RuntimeView view_;
  PodSet pods_;
  LinkKeeper keeper_;
  LogKeeper log_keeper_;
  ImageKeeper image_keeper_;
  EvictionKeeper eviction_keeper_;
  ShutdownKeeper shutdown_keeper_;
  HostPortKeeper host_port_keeper_;
  ClassGroups class_groups_;
  EventFeed event_feed_;

  CheckpointState identity_;  // Without the objects, which are in assignment_.
  Assignment assignment_;
  StaticPods static_pods_;
  MirrorKeeper mirror_keeper_;
  MonoTime static_pods_due_{};
  // Told but not on disk yet, in order: a write failed.
  std::deque<LinkAssignment> unsaved_;
  std::optional<MonoTime> save_again_at_;
  std::string save_problem_;
  std::optional<ContainerMemories> unsaved_memories_;
  MonoTime save_memories_at_{};  // Not before; a write failed.

  HostFacts facts_;
  MonoTime facts_due_{};
  std::optional<RuntimeInfo> runtime_info_;
  absl::Status info_status_;
  bool info_asked_ = false;
  MonoTime info_due_{};
  std::vector<std::string> problems_, pressure_;  // That node_status_ tells of.
  std::optional<PodNetworkState> pod_network_;    // Likewise.
  bool node_status_due_ = true;                   // Something it is made from changed.
  bool node_status_changed_ = false;
  bool looked_ = false;
  std::optional<MonoTime> looking_until_;  // The first look at the runtime has this long.
  v1::NodeStatus node_status_;             // As it is now.
  v1::NodeStatus sent_status_;
  MonoTime status_due_{};
  bool session_is_new_ = false;  // Everything is to be told again.
  bool swept_ = false;
  bool files_swept_ = false;            // The sweep has come to its end.
  std::optional<uint64_t> plans_told_;  // As of these the network was told of its own pods.
  std::deque<v1::Event> events_;        // Kept while there is no session.
  std::string last_down_;               // Said once, not at every try.
  const WallTime began_at_;
  WallTime link_since_;                       // The session is there, or not.
  WallTime saved_at_;                         // The assignment; epoch when it never was.
  int64_t revision_ = 0;                      // Of the store, as of which this agent was told last.
  uint64_t sessions_ = 0;                     // Begun.
  uint64_t images_brought_ = 0;               // That image_keeper_ was told of.
  uint64_t images_version_ = 0;               // That node_status_ tells of.
  std::deque<NodeReport::Warning> warnings_;  // The newest last.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace muster::agent
