#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/host/host.h"
#include "agent/loop/hook_runner.h"
#include "agent/loop/image_fetcher.h"
#include "agent/loop/mailbox.h"
#include "agent/loop/pod_logs.h"
#include "agent/loop/worker.h"
#include "agent/runtime/runtime.h"
#include "agent/translate/context.h"
#include "agent/volumes/volumes.h"
#include "agent/workload/action.h"
#include "agent/workload/outcome.h"
#include "common/base/clock.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

// Everything one action needs, as it is when the action begins. Plain value.
struct ActionContext {
  std::string pod_uid;
  std::string log_directory;           // Of the pod.
  std::shared_ptr<const v1::Pod> pod;  // Null when its specification is lost.
  std::shared_ptr<const ConfigSource> configs;
  NodeContext node;
  WallTime start_time;  // Of the pod, kept on its sandbox.
  std::vector<std::string> pod_ips;
  ResolvedImage image;  // Of LaunchContainer.
};

// On every sandbox: when this node took the pod, in milliseconds since the epoch.
inline constexpr char kAnnotationStartTime[] = "muster.dev/pod-start-time-ms";

// Turns one action into the calls it consists of. Decides nothing; every error is the outcome.
//
// Loop thread only. `done` is called there, once, never before Run returns. `step` (optional) tells
// of what was reached on the way: kCreate and kStart.
class ActionRunner {
 public:
  using Done = std::function<void(const Outcome&)>;
  using Step = std::function<void(LaunchStep)>;

  ActionRunner(const Clock& clock, Runtime& runtime, ImageFetcher& images, Prober& prober,
               VolumeHost& volumes, PodLogs& logs, Host& host, Worker& worker,
               std::shared_ptr<NodeInbox> inbox);
  ~ActionRunner();
  ActionRunner(const ActionRunner&) = delete;
  ActionRunner& operator=(const ActionRunner&) = delete;

  void Run(const Action& action, std::shared_ptr<const ActionContext> context, Step step,
           Done done);

  // What waits for its time; returns when that is.
  std::optional<MonoTime> Wake(MonoTime now) { return hooks_.Step(now); }

  // What an ended container has to say: its termination message, or its last log lines if that is
  // its policy and it failed without one.
  void ReadExitMessage(const std::string& pod_uid, const ContainerStatus& status,
                       uint32_t restart_count, std::function<void(std::string)> done);

  // Runs `task` on the loop thread, unless the runner is gone by then.
  void Post(std::function<void()> task) const;
  // Runs `task` on the worker, then `then` on the loop thread.
  void Offload(std::function<void()> task, std::function<void()> then) const;

 private:
  struct Starter;
  struct Launch;

  void RunHook(const std::string& name, bool is_init, const std::string& id, bool before_stop,
               std::optional<Duration> limit, const ActionContext& context, Done done);
  void PrepareFiles(const std::shared_ptr<Launch>& launch);
  void Create(const std::shared_ptr<Launch>& launch);
  void Start(const std::shared_ptr<Launch>& launch, const std::string& id);
  // An answer of the runtime, brought to the loop thread.
  Runtime::DoneStatus Status(Done done) const;

  Runtime& runtime_;
  ImageFetcher& images_;
  VolumeHost& volumes_;
  PodLogs& logs_;
  Host& host_;
  Worker& worker_;
  const std::shared_ptr<NodeInbox> inbox_;
  HookRunner hooks_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace muster::agent
