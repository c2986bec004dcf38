#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/host/exit_watch.h"
#include "agent/loop/mailbox.h"
#include "agent/runtime/runtime.h"
#include "agent/workload/observed.h"
#include "common/base/clock.h"

namespace muster::agent {

// What the runtime holds of one of our pods.
struct PodView {
  std::string name, namespace_;
  std::vector<SandboxInstance> sandboxes;                            // Newest first.
  std::map<std::string, std::vector<ContainerInstance>> containers;  // Newest first.
  std::map<std::string, std::string> exit_messages;                  // By container id.
};

// Watches the runtime by listing it, as kubelet's pod lifecycle event generator does: both lists,
// then the details of what is new or changed its state, pod by pod.
//
// Where the end of a process can be watched, a list is due as soon as one has ended, and nothing
// has to be asked in between.
//
// Only objects that carry the mark of one of our nodes (label muster.dev/node-uid) exist for it. An
// error is no information: it keeps what it saw last and says so. Loop thread only; callbacks of
// the runtime come back through the inbox.
class RuntimeView {
 public:
  // Reads what an ended container left as its termination message; answers on the loop thread.
  using ReadExit =
      std::function<void(const std::string& pod_uid, const ContainerStatus& status,
                         uint32_t restart_count, std::function<void(std::string)> done)>;

  // `exits` may be null: then ends are seen in lists only.
  RuntimeView(Runtime& runtime, const Clock& clock, std::shared_ptr<NodeInbox> inbox,
              ReadExit read_exit, ExitWatch* exits);
  ~RuntimeView();
  RuntimeView(const RuntimeView&) = delete;
  RuntimeView& operator=(const RuntimeView&) = delete;

  // Whose objects are ours. A change is seen with the next list.
  void SetOwners(std::set<std::string> node_uids);

  // Lists when asked to or when `period` is over; returns when it has to be called again.
  std::optional<MonoTime> Step(MonoTime now, Duration period);

  // A list that begins from now on. Its number, to compare with AbsorbedBy.
  uint64_t RequestList();
  // The newest list that is wholly taken in for that pod; 0 before the first.
  uint64_t AbsorbedBy(const std::string& pod_uid) const;

  // OK: the newest list worked. Before the first one: Unavailable.
  const absl::Status& status() const { return status_; }
  // Since when lists fail.
  std::optional<MonoTime> failing_since() const { return failing_since_; }
  bool listed_once() const { return absorbed_ > 0; }
  // Nothing of what is there can change without a call of ours, or else we are told.
  bool AllWatched() const;

  const std::map<std::string, PodView>& pods() const { return pods_; }
  // Uids of what changed since the last call; a pod that is gone from the runtime is among them.
  std::set<std::string> TakeChanged();

 private:
  struct Lists;
  struct Gathering;

  void Begin(MonoTime now);
  void WatchExit(const std::string& id, int64_t pid);
  void OnExit(const std::string& id);
  // Compares what was watched with what a list shows: the ids in it, and those of them that live.
  void SettleExits(const std::set<std::string>& listed, const std::set<std::string>& alive);
  void OnLists(const std::shared_ptr<Lists>& lists);
  void Gather(const std::string& uid, const std::shared_ptr<Gathering>& gathering);
  void FetchSandbox(const std::string& uid, const std::shared_ptr<Gathering>& gathering,
                    const SandboxStatus& listed);
  void FetchContainer(const std::string& uid, const std::shared_ptr<Gathering>& gathering,
                      const ContainerStatus& listed);
  void OnPart(const std::string& uid, const std::shared_ptr<Gathering>& gathering,
              const absl::Status& status);
  ContainerInstance MakeInstance(ContainerStatus status) const;
  void Post(std::function<void()> task) const;

  Runtime& runtime_;
  const Clock& clock_;
  const std::shared_ptr<NodeInbox> inbox_;
  const ReadExit read_exit_;
  ExitWatch* const exits_;
  // Callbacks of a view that is gone must find out.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  std::set<std::string> owners_;
  bool wanted_ = true;
  bool listing_ = false;
  uint64_t started_ = 0, absorbed_ = 0;
  uint64_t valid_from_ = 0;  // Earlier lists were read with other owners.
  MonoTime last_begun_{};
  absl::Status status_ = absl::UnavailableError("the runtime was not listed yet");
  std::optional<MonoTime> failing_since_;
  std::map<std::string, PodView> pods_;
  std::map<std::string, std::shared_ptr<Gathering>> gathering_;
  // Pods whose details could not be read, or came later than the next list: not up to date with
  // any list since.
  std::map<std::string, uint64_t> stale_;
  std::set<std::string> changed_;
  // Ids of sandboxes and containers whose end we shall hear of.
  std::set<std::string> watched_;
  // Whose process has ended while the runtime, which takes its time, still shows them alive. It is
  // asked again soon, and then ever less often.
  std::set<std::string> ended_;
  Duration ask_again_after_{};
  std::optional<MonoTime> ask_again_at_;
};

}  // namespace muster::agent
