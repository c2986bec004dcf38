#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/runtime/runtime.h"
#include "agent/runtime/runtime_events.h"
#include "common/base/clock.h"
#include "test/fakes/fake_world.h"

namespace muster::agent {

// What one ExecSync comes to. `takes` beyond the call's timeout is a timeout.
struct FakeExec {
  ExecResult result;
  Duration takes{0};
};
using FakeExecHandler = std::function<absl::StatusOr<FakeExec>(
    const std::string& container_id, const std::vector<std::string>& command)>;

enum class RuntimeCall {
  kInfo,
  kRunSandbox,
  kStopSandbox,
  kRemoveSandbox,
  kSandboxStatusOf,
  kListSandboxes,
  kCreateContainer,
  kStartContainer,
  kStopContainer,
  kRemoveContainer,
  kContainerStatusOf,
  kListContainers,
  kUpdateContainer,
  kReopenContainerLog,
  kListContainerStats,
  kExecSync,
  kExecUrl,
  kAttachUrl,
  kImageStatusOf,
  kPullImage,
  kListImages,
  kRemoveImage,
  kImageFilesystems,
};

// A container runtime that exists in memory and behaves as containerd 1.6 was seen to: names stay
// reserved, a sandbox that lost its pause process keeps its containers running, a binary that is
// missing leaves an exited container with code 128, error texts are the real ones.
//
// Single-threaded and deterministic. A call only queues; RunPending carries it out and runs its
// callback. Time is the given clock's: what takes time (a grace period, a program's run) is over
// when the clock was advanced that far and RunPending is called. Callbacks of calls that are still
// queued at destruction are never run.
class FakeRuntime final : public Runtime, public RuntimeEvents {
 public:
  explicit FakeRuntime(const Clock& clock);
  ~FakeRuntime() override;

  // ---- Driving it

  // Carries out everything that is due, also what callbacks start meanwhile. Returns how many
  // callbacks ran.
  int RunPending();
  // When something will happen without a new call: a program ends, a grace period is over.
  std::optional<MonoTime> NextDue() const;
  // Calls of this kind wait, with no effect, until Release.
  void Hold(RuntimeCall call) { held_.insert(call); }
  void Release(RuntimeCall call) { held_.erase(call); }
  // The next `times` calls of this kind fail like this, without effect.
  void FailNext(RuntimeCall call, absl::Status status, int times = 1);
  void ForgetFailures() { failures_.clear(); }
  // While not available every call fails with Unavailable; what runs goes on running.
  void set_available(bool available) { available_ = available; }
  void set_info(RuntimeInfo info) { info_ = std::move(info); }
  // It has an event stream, as containerd 1.7 does; the first stream gets each event. Without one,
  // which is how it begins, asking for it is Unimplemented.
  void set_has_events(bool has_events) { has_events_ = has_events; }
  // Streams end like this.
  void BreakEvents(absl::Status why);
  // What happened since RunPending is never told.
  void LoseEvents() { told_ = StatesNow(); }
  int event_streams() const { return static_cast<int>(streams_.size()); }
  int event_streams_opened() const { return streams_opened_; }
  // The caller died: what it asked for still happens, its callbacks are dropped.
  void DropCallers();

  // ---- The world it runs in

  // By command line ("sh -c exit"), or by image name for a container without a command.
  void InstallProgram(const std::string& command_line, FakeProgram program);
  void OnExec(FakeExecHandler handler) { on_exec_ = std::move(handler); }
  // Images on the node, and images that can be pulled (or how pulling fails).
  ImageStatus AddImage(const std::string& name) { return world_.AddImage(name); }
  void AddToRegistry(const std::string& name);
  void SetPullError(const std::string& name, absl::Status status);
  // What a container uses, as long as it runs; 1 MiB of memory unless told otherwise.
  void SetStats(const std::string& container_id, ContainerStats stats);

  // ---- Things that happen

  // The container's process ends. False when it does not run.
  bool ExitContainer(const std::string& id, int32_t exit_code);
  bool OomKillContainer(const std::string& id);
  // The pause process dies: not ready, containers go on.
  void KillSandbox(const std::string& id);
  // Of sandboxes made from now on: "10.88".
  void SetPodNetwork(std::string first_half) { world_.pod_network = std::move(first_half); }
  // Power loss and boot: running -> exited 255 "Unknown", sandboxes not ready.
  void Reboot() { world_.Reboot(); }

  // ---- Looking at it

  // One line per call that was carried out, e.g. "StopContainer <id> 30s".
  const std::vector<std::string>& journal() const { return journal_; }
  void ClearJournal() { journal_.clear(); }
  std::vector<SandboxStatus> sandboxes() const;
  std::vector<ContainerStatus> containers() const;
  int running_containers() const;
  const FakeWorld& world() const { return world_; }
  const SandboxConfig* sandbox_config(const std::string& id) const;
  const ContainerConfig* container_config(const std::string& id) const;
  // The newest container of that name in the pod; empty when none.
  std::string FindContainer(const std::string& pod_uid, const std::string& name) const;

  // ---- Runtime

  void Info(Done<RuntimeInfo> done) override;
  void RunSandbox(const SandboxConfig& config, Done<std::string> done) override;
  void StopSandbox(const std::string& id, DoneStatus done) override;
  void RemoveSandbox(const std::string& id, DoneStatus done) override;
  void SandboxStatusOf(const std::string& id, Done<SandboxStatus> done) override;
  void ListSandboxes(Done<std::vector<SandboxStatus>> done) override;
  void CreateContainer(const std::string& sandbox_id, const ContainerConfig& config,
                       const SandboxConfig& sandbox_config, Done<std::string> done) override;
  void StartContainer(const std::string& id, DoneStatus done) override;
  void StopContainer(const std::string& id, std::chrono::seconds grace, DoneStatus done) override;
  void RemoveContainer(const std::string& id, DoneStatus done) override;
  void ContainerStatusOf(const std::string& id, Done<ContainerStatus> done) override;
  void ListContainers(Done<std::vector<ContainerStatus>> done) override;
  void UpdateContainer(const std::string& id, const LinuxResources& resources,
                       DoneStatus done) override;
  void ReopenContainerLog(const std::string& id, DoneStatus done) override;
  void ListContainerStats(Done<std::vector<ContainerStats>> done) override;
  void ExecSync(const std::string& container_id, const std::vector<std::string>& command,
                std::chrono::seconds timeout, Done<ExecResult> done) override;
  void AttachUrl(const std::string& container_id, bool stdin, bool tty,
                 Done<std::string> done) override;
  void ExecUrl(const std::string& container_id, const std::vector<std::string>& command, bool stdin,
               bool tty, Done<std::string> done) override;
  void ImageStatusOf(const std::string& image, Done<std::optional<ImageStatus>> done) override;
  void PullImage(const std::string& image, const std::optional<RegistryAuth>& auth,
                 const SandboxConfig* sandbox, Done<std::string> done) override;
  void ListImages(Done<std::vector<ImageStatus>> done) override;
  void RemoveImage(const std::string& image, DoneStatus done) override;
  void ImageFilesystems(Done<std::vector<ImageFilesystem>> done) override;

  // ---- RuntimeEvents

  void WatchEvents(std::function<void(const RuntimeEvent&)> on_event,
                   std::function<void(absl::Status)> on_end) override;

 private:
  struct Pending;
  struct EventStream {
    std::function<void(const RuntimeEvent&)> on_event;
    std::function<void(absl::Status)> on_end;
  };
  // Of all sandboxes and containers, by id: created, running (ready), ended.
  using States = std::map<std::string, int>;
  States StatesNow() const;
  // Tells what changed since it was told last; how often.
  int TellEvents();

  template <typename T>
  void Queue(RuntimeCall call, std::string what, std::function<absl::StatusOr<T>()> act,
             Done<T> done);
  void QueueStatus(RuntimeCall call, std::string what, std::function<absl::Status()> act,
                   DoneStatus done);
  // Takes one step that is due now; false when none is.
  bool RunOne(int* callbacks);
  std::optional<absl::Status> FailureOf(RuntimeCall call);

  const Clock& clock_;
  FakeWorld world_;
  RuntimeInfo info_;
  bool available_ = true;
  std::list<Pending> pending_;
  std::set<RuntimeCall> held_;
  std::map<RuntimeCall, std::list<absl::Status>> failures_;
  FakeExecHandler on_exec_;
  std::map<std::string, ContainerStats> stats_;
  std::vector<std::string> journal_;
  bool has_events_ = false;
  std::list<EventStream> streams_;
  int streams_opened_ = 0;
  States told_;
};

}  // namespace muster::agent
