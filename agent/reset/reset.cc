#include "agent/reset/reset.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/checkpoint/file_checkpoint.h"
#include "agent/checkpoint/state_lock.h"
#include "agent/host/control_groups.h"
#include "agent/host/linux_host.h"
#include "agent/host/process_exits.h"
#include "agent/host/shutdown_inhibitor.h"
#include "agent/host/systemd_slices.h"
#include "agent/loop/node_loop.h"
#include "agent/network/host/node_network.h"
#include "agent/probe/net/net_prober.h"
#include "agent/runtime/cri/cri_runtime.h"
#include "agent/volumes/linux_volume_host.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "common/daemon/event_loop.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr seconds kRuntimePatience{10};

// No coordinator is asked, and none is told.
class NoLink final : public Link {
 public:
  void Connect(const LinkHello&) override {}
  void Disconnect() override {}
  void SendNodeStatus(const v1::NodeStatus&) override {}
  void SendPodReports(const std::vector<PodReport>&) override {}
  void SendStaticPods(const std::vector<v1::Pod>&) override {}
  void SendEvent(const v1::Event&) override {}
  void SendHeartbeat() override {}
  void SendSealingKey(const std::string&, const std::string&) override {}
};

std::string SocketPath(const std::string& endpoint) {
  return endpoint.starts_with("unix://") ? endpoint.substr(7) : endpoint;
}

// The marks on sandboxes and containers: uids of the nodes that they were made for.
absl::StatusOr<std::set<std::string>> MarksIn(Runtime& runtime) {
  const auto answered = std::make_shared<std::promise<absl::StatusOr<std::set<std::string>>>>();
  auto answer = answered->get_future();
  runtime.ListSandboxes([answered](absl::StatusOr<std::vector<SandboxStatus>> sandboxes) {
    if (!sandboxes.ok()) return answered->set_value(sandboxes.status());
    std::set<std::string> marks;
    for (const SandboxStatus& sandbox : *sandboxes) {
      const auto mark = sandbox.labels.find(kLabelNodeUid);
      if (mark != sandbox.labels.end()) marks.insert(mark->second);
    }
    answered->set_value(std::move(marks));
  });
  if (answer.wait_for(kRuntimePatience) != std::future_status::ready) {
    return absl::UnavailableError(
        absl::StrCat("it does not answer within ", kRuntimePatience.count(), " s"));
  }
  return answer.get();
}

// Which of the marks are ours to take down, saved where the loop looks for them.
absl::Status Claim(const std::set<std::string>& marks, const ResetOptions& options,
                   FileCheckpoint& checkpoint, const std::function<void(const std::string&)>& say) {
  std::string problem;
  MUSTER_ASSIGN_OR_RETURN(const CheckpointState state, checkpoint.Load(&problem));
  if (!problem.empty()) say(problem);
  std::set<std::string> own = state.former_node_uids;
  if (!state.node_uid.empty()) own.insert(state.node_uid);
  CheckpointChange change;
  std::vector<std::string> foreign;
  for (const std::string& mark : marks) {
    if (own.contains(mark)) continue;
    // With the state lost, nobody can tell them apart.
    if (options.all || own.empty()) {
      change.former_node_uids.push_back(mark);
    } else {
      foreign.push_back(mark);
    }
  }
  if (!foreign.empty()) {
    say(absl::StrCat("Pods of other nodes are on this host and stay (--all removes them): ",
                     absl::StrJoin(foreign, ", ")));
  }
  return change.former_node_uids.empty() ? absl::OkStatus() : checkpoint.Save(change);
}

NodeOptions OptionsFor(const Settings& settings) {
  NodeOptions options;
  options.log_root = settings.log_dir;
  options.seccomp_root = settings.state_dir + "/seccomp";
  options.cgroup_root = settings.cgroup_root;
  // What is left of a container is noticed at once; nobody waits for the next look.
  options.idle_relist_period = options.relist_period;
  return options;
}

// Whether there is anybody to be woken.
struct Door {
  std::mutex mutex;
  bool open = true;
};

// Has a node that was removed from its cluster take down what it has.
absl::Status TakeDownPods(const Settings& settings, const ResetOptions& options, const Clock& clock,
                          CriRuntime& runtime, const std::function<void(const std::string&)>& say) {
  MUSTER_ASSIGN_OR_RETURN(const std::unique_ptr<EventLoop> events, EventLoop::Create());
  std::function<void()> step;
  const auto door = std::make_shared<Door>();
  const auto inbox = std::make_shared<NodeInbox>([door, &events = *events, &step] {
    const std::lock_guard lock(door->mutex);
    if (door->open) events.Post([&step] { step(); });
  });
  // Calls that are under way keep the inbox, and end when the runtime's connection does.
  const absl::Cleanup close = [door] {
    const std::lock_guard lock(door->mutex);
    door->open = false;
  };
  FileCheckpoint checkpoint(settings.state_dir + "/checkpoint");
  LinuxHost host({.storage_path = settings.pods_root()});
  LinuxVolumeHost volumes({.root = settings.pods_root()});
  LinuxPodLogs logs(settings.log_link_dir);
  NetProber prober;
  NoLink link;
  ThreadWorker worker, chores;
  ProcessExits exits(*events);
  NodeLoop node({clock, runtime, prober, link, checkpoint, host, volumes, logs, worker, inbox,
                 &exits, &chores},
                OptionsFor(settings), [](const auto&, const auto&) {});
  MUSTER_RETURN_IF_ERROR(node.Start());
  inbox->Post(LinkEvent(LinkNodeRemoved{}));

  const MonoTime end = clock.Mono() + options.patience;
  const std::unique_ptr<EventLoop::Timer> timer = events->NewTimer([&step] { step(); });
  absl::Status result;
  size_t told = 0;
  step = [&] {
    std::optional<MonoTime> wake = node.Step();
    const size_t pods = node.pods_held();
    if (node.holds_nothing()) return events->Quit();
    if (pods != told && pods > 0) say(absl::StrCat("Waiting for ", pods, " pods to be gone"));
    told = pods;
    if (clock.Mono() >= end) {
      result = absl::DeadlineExceededError(absl::StrCat(pods, " pods are not gone yet"));
      return events->Quit();
    }
    timer->Set(wake ? std::min(*wake, end) : end);
  };
  std::vector<std::unique_ptr<EventLoop::Source>> signals;
  for (const int signal : {SIGTERM, SIGINT}) {
    MUSTER_ASSIGN_OR_RETURN(signals.emplace_back(), events->OnSignal(signal, [&] {
      result = absl::CancelledError("interrupted; run it again to go on");
      events->Quit();
    }));
  }
  events->Post([&step] { step(); });
  MUSTER_RETURN_IF_ERROR(events->Run());
  return result;
}

// Only what is empty: somebody else's groups may be there too.
void RemoveEmptyGroups(const std::vector<std::string>& groups) {
  std::vector<std::string> mounts = {"/sys/fs/cgroup"};
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(mounts.front(), error)) {
    if (entry.is_directory(error)) mounts.push_back(entry.path().string());
  }
  for (const std::string& mount : mounts) {
    for (const std::string& group : groups) (void)::rmdir((mount + group).c_str());
  }
}

// Where systemd has the control groups. Those of the classes go with the one above them, unless
// there is anything else in it.
void StopEmptySlices(const std::string& cgroup_root) {
  const std::string name = cgroup_root.substr(cgroup_root.rfind('/') + 1), slice = name + ".slice";
  std::error_code error;
  for (const char* hierarchy : {"/sys/fs/cgroup/systemd", "/sys/fs/cgroup"}) {
    const fs::path top = hierarchy + PathOfGroup(slice);
    if (!fs::is_directory(top, error)) continue;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(top, error)) {
      const bool of_a_class = entry.path().parent_path() == top;
      if (entry.is_directory(error) && !of_a_class) return;
    }
    SystemdSlices().Stop(slice).IgnoreError();
    // What the runtime made in hierarchies that systemd does not look after.
    RemoveEmptyGroups({PathOfGroup(name + "-besteffort.slice"),
                       PathOfGroup(name + "-burstable.slice"), PathOfGroup(slice)});
    return;
  }
}

absl::Status RemoveFiles(const Settings& settings) {
  std::error_code error;
  for (const char* name : {"/checkpoint", "/network", "/pki", "/seccomp", "/lock"}) {
    fs::remove_all(settings.state_dir + name, error);
    if (error) return absl::ErrnoToStatus(error.value(), settings.state_dir + name);
  }
  RemoveDelaySetting(ShutdownInhibitor::Options().drop_in);
  for (const fs::directory_entry& entry : fs::directory_iterator(settings.run_dir, error)) {
    std::error_code ignored;
    fs::remove_all(entry.path(), ignored);
  }
  // Directories that others may share with us: only when they are empty.
  for (const std::string& directory :
       {settings.pods_root() + "/pods", settings.pods_root(), settings.state_dir,
        fs::path(settings.state_dir).parent_path().string(), settings.log_link_dir}) {
    (void)::rmdir(directory.c_str());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Reset(const Settings& settings, const ResetOptions& options, const Clock& clock,
                   const std::function<void(const std::string&)>& say) {
  MUSTER_ASSIGN_OR_RETURN(const StateLock lock, StateLock::Take(settings.state_dir));
  const std::string socket = SocketPath(settings.runtime_endpoint);
  if (!options.without_runtime) {
    CriRuntime runtime(settings.runtime_endpoint);
    const absl::StatusOr<std::set<std::string>> marks = MarksIn(runtime);
    if (!marks.ok()) {
      return absl::UnavailableError(absl::StrCat(
          "the container runtime at ", socket,
          " has to say what runs here: ", marks.status().message(),
          "; start it, or use --without-runtime when it is gone for good. Nothing was removed"));
    }
    {
      FileCheckpoint checkpoint(settings.state_dir + "/checkpoint");
      MUSTER_RETURN_IF_ERROR(Claim(*marks, options, checkpoint, say));
    }
    MUSTER_RETURN_IF_ERROR(TakeDownPods(settings, options, clock, runtime, say));
    say("No pod is left.");
  } else {
    LinuxVolumeHost volumes({.root = settings.pods_root()});
    MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> pods, volumes.ListPods());
    for (const std::string& uid : pods) {
      MUSTER_RETURN_IF_ERROR(volumes.Remove(uid));
      MUSTER_RETURN_IF_ERROR(
          LinuxPodLogs(settings.log_link_dir).RemovePodByUid(settings.log_dir, uid));
    }
  }
  const std::string& groups = settings.cgroup_root;
  RemoveEmptyGroups({groups + "/besteffort", groups + "/burstable", groups});
  StopEmptySlices(settings.cgroup_root);
  MUSTER_RETURN_IF_ERROR(Annotate(RemoveFromHost(settings.network("")), "network"));
  MUSTER_RETURN_IF_ERROR(Annotate(RemoveFiles(settings), "removing the agent's state"));
  say("This host is no node any more. Its settings stay.");
  return absl::OkStatus();
}

}  // namespace muster::agent
