#include "test/fakes/fake_runtime.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace muster::agent {

// A queued call. Carried out in order of calls; one that waits for time is passed by later ones.
struct FakeRuntime::Pending {
  using Callback = std::function<void()>;

  RuntimeCall call;
  std::string what;
  // What starts at once (a stop signal). May be empty.
  std::function<void()> begin;
  // nullopt: over. Otherwise when to look again. Empty: over at once.
  std::function<std::optional<MonoTime>()> wait;
  // Acts, and returns the callback bound to what came of it.
  std::function<Callback()> finish;
  std::function<Callback(absl::Status)> fail;
  bool begun = false;
  bool dropped = false;
};

FakeRuntime::FakeRuntime(const Clock& clock) : clock_(clock), world_(clock) {
  info_.name = "containerd";
  info_.version = "1.6.20";
  info_.api_version = "v1";
  info_.runtime_ready = true;
  info_.network_ready = true;
  info_.cgroup_driver = "cgroupfs";
}

FakeRuntime::~FakeRuntime() = default;

template <typename T>
void FakeRuntime::Queue(RuntimeCall call, std::string what, std::function<absl::StatusOr<T>()> act,
                        Done<T> done) {
  Pending pending;
  pending.call = call;
  pending.what = std::move(what);
  pending.finish = [act = std::move(act), done]() -> Pending::Callback {
    return [done, result = act()] { done(result); };
  };
  pending.fail = [done](absl::Status status) -> Pending::Callback {
    return [done, status = std::move(status)] { done(status); };
  };
  pending_.push_back(std::move(pending));
}

void FakeRuntime::QueueStatus(RuntimeCall call, std::string what, std::function<absl::Status()> act,
                              DoneStatus done) {
  Pending pending;
  pending.call = call;
  pending.what = std::move(what);
  pending.finish = [act = std::move(act), done]() -> Pending::Callback {
    return [done, status = act()] { done(status); };
  };
  pending.fail = [done](absl::Status status) -> Pending::Callback {
    return [done, status = std::move(status)] { done(status); };
  };
  pending_.push_back(std::move(pending));
}

std::optional<absl::Status> FakeRuntime::FailureOf(RuntimeCall call) {
  if (!available_) {
    return absl::UnavailableError(
        "failed to connect to all addresses; last error: UNKNOWN: "
        "unix:/run/containerd/containerd.sock: No such file or directory");
  }
  const auto it = failures_.find(call);
  if (it == failures_.end() || it->second.empty()) return std::nullopt;
  absl::Status status = std::move(it->second.front());
  it->second.pop_front();
  return status;
}

bool FakeRuntime::RunOne(int* callbacks) {
  for (auto it = pending_.begin(); it != pending_.end(); ++it) {
    if (held_.contains(it->call)) continue;
    if (!it->begun) {
      it->begun = true;
      journal_.push_back(it->what);
      if (std::optional<absl::Status> failure = FailureOf(it->call)) {
        const bool dropped = it->dropped;
        const Pending::Callback callback = it->fail(*std::move(failure));
        pending_.erase(it);
        if (!dropped) {
          ++*callbacks;
          callback();
        }
        return true;
      }
      if (it->begin) it->begin();
    }
    if (it->wait && it->wait().has_value()) continue;
    // Off the queue before the callback, which may queue, drop and hold.
    Pending pending = std::move(*it);
    pending_.erase(it);
    const Pending::Callback callback = pending.finish();
    if (!pending.dropped) {
      ++*callbacks;
      callback();
    }
    return true;
  }
  return false;
}

int FakeRuntime::RunPending() {
  int callbacks = 0;
  do {
    world_.ExitDue();
    callbacks += TellEvents();
  } while (RunOne(&callbacks));
  return callbacks;
}

FakeRuntime::States FakeRuntime::StatesNow() const {
  States states;
  for (const auto& [id, sandbox] : world_.sandboxes) {
    states[id] = sandbox.status.state == SandboxState::kReady ? 1 : 2;
  }
  for (const auto& [id, container] : world_.containers) {
    const ContainerState state = container.status.state;
    states[id] = state == ContainerState::kCreated ? 0 : state == ContainerState::kRunning ? 1 : 2;
  }
  return states;
}

int FakeRuntime::TellEvents() {
  if (!has_events_) return 0;
  const States now = StatesNow();
  std::vector<RuntimeEvent> events;
  for (const auto& [id, state] : now) {
    const auto before = told_.find(id);
    if (before == told_.end()) events.push_back({RuntimeEvent::Kind::kCreated, id});
    const int from = before == told_.end() ? 0 : before->second;
    if (state == 1 && from != 1) events.push_back({RuntimeEvent::Kind::kStarted, id});
    if (state == 2 && from != 2) events.push_back({RuntimeEvent::Kind::kStopped, id});
  }
  for (const auto& [id, state] : told_) {
    if (!now.contains(id)) events.push_back({RuntimeEvent::Kind::kDeleted, id});
  }
  told_ = now;
  if (streams_.empty() || !available_) return 0;
  for (const RuntimeEvent& event : events) streams_.front().on_event(event);
  return static_cast<int>(events.size());
}

void FakeRuntime::BreakEvents(absl::Status why) {
  for (const EventStream& stream : std::exchange(streams_, {})) stream.on_end(why);
}

void FakeRuntime::WatchEvents(std::function<void(const RuntimeEvent&)> on_event,
                              std::function<void(absl::Status)> on_end) {
  ++streams_opened_;
  if (!available_) return on_end(absl::UnavailableError("no connection"));
  if (!has_events_) return on_end(absl::UnimplementedError("unknown method GetContainerEvents"));
  told_ = StatesNow();
  streams_.push_back({std::move(on_event), std::move(on_end)});
}

std::optional<MonoTime> FakeRuntime::NextDue() const {
  std::optional<MonoTime> next = world_.NextExit();
  for (const Pending& pending : pending_) {
    if (!pending.begun || held_.contains(pending.call) || !pending.wait) continue;
    const std::optional<MonoTime> due = pending.wait();
    if (due && (!next || *due < *next)) next = due;
  }
  return next;
}

void FakeRuntime::FailNext(RuntimeCall call, absl::Status status, int times) {
  for (int i = 0; i < times; ++i) failures_[call].push_back(status);
}

void FakeRuntime::DropCallers() {
  for (Pending& pending : pending_) pending.dropped = true;
  streams_.clear();
}

void FakeRuntime::InstallProgram(const std::string& command_line, FakeProgram program) {
  world_.programs[command_line] = std::move(program);
}

void FakeRuntime::AddToRegistry(const std::string& name) {
  world_.registry.insert(FakeWorld::NormalName(name));
  world_.pull_errors.erase(FakeWorld::NormalName(name));
}

void FakeRuntime::SetPullError(const std::string& name, absl::Status status) {
  world_.pull_errors[FakeWorld::NormalName(name)] = std::move(status);
}

bool FakeRuntime::ExitContainer(const std::string& id, int32_t exit_code) {
  if (!world_.IsRunning(id)) return false;
  world_.End(id, exit_code, exit_code == 0 ? "Completed" : "Error", clock_.Wall());
  return true;
}

bool FakeRuntime::OomKillContainer(const std::string& id) {
  if (!world_.IsRunning(id)) return false;
  world_.End(id, 137, "OOMKilled", clock_.Wall());
  return true;
}

void FakeRuntime::KillSandbox(const std::string& id) {
  const auto it = world_.sandboxes.find(id);
  // Its address stays in the status, as seen.
  if (it != world_.sandboxes.end()) it->second.status.state = SandboxState::kNotReady;
}

std::vector<SandboxStatus> FakeRuntime::sandboxes() const {
  std::vector<SandboxStatus> all;
  for (const auto& [id, sandbox] : world_.sandboxes) all.push_back(sandbox.status);
  return all;
}

std::vector<ContainerStatus> FakeRuntime::containers() const {
  std::vector<ContainerStatus> all;
  for (const auto& [id, container] : world_.containers) all.push_back(container.status);
  return all;
}

int FakeRuntime::running_containers() const {
  const auto& all = world_.containers;
  return static_cast<int>(std::count_if(
      all.begin(), all.end(), [&](const auto& entry) { return world_.IsRunning(entry.first); }));
}

const SandboxConfig* FakeRuntime::sandbox_config(const std::string& id) const {
  const auto it = world_.sandboxes.find(id);
  return it == world_.sandboxes.end() ? nullptr : &it->second.config;
}

const ContainerConfig* FakeRuntime::container_config(const std::string& id) const {
  const auto it = world_.containers.find(id);
  return it == world_.containers.end() ? nullptr : &it->second.config;
}

std::string FakeRuntime::FindContainer(const std::string& pod_uid, const std::string& name) const {
  std::string found;
  // Ids grow, so the last one is the newest.
  for (const auto& [id, container] : world_.containers) {
    const auto& sandbox = world_.sandboxes.at(container.status.sandbox_id);
    if (sandbox.config.uid == pod_uid && container.config.name == name) found = id;
  }
  return found;
}

void FakeRuntime::Info(Done<RuntimeInfo> done) {
  Queue<RuntimeInfo>(
      RuntimeCall::kInfo, "Info", [this] { return info_; }, std::move(done));
}

void FakeRuntime::RunSandbox(const SandboxConfig& config, Done<std::string> done) {
  Queue<std::string>(
      RuntimeCall::kRunSandbox,
      absl::StrCat("RunSandbox ", config.name, "_", config.namespace_, "_", config.uid, "_",
                   config.attempt),
      [this, config] { return world_.RunSandbox(config); }, std::move(done));
}

void FakeRuntime::StopSandbox(const std::string& id, DoneStatus done) {
  QueueStatus(
      RuntimeCall::kStopSandbox, "StopSandbox " + id, [this, id] { return world_.StopSandbox(id); },
      std::move(done));
}

void FakeRuntime::RemoveSandbox(const std::string& id, DoneStatus done) {
  QueueStatus(
      RuntimeCall::kRemoveSandbox, "RemoveSandbox " + id,
      [this, id] { return world_.RemoveSandbox(id); }, std::move(done));
}

void FakeRuntime::SandboxStatusOf(const std::string& id, Done<SandboxStatus> done) {
  Queue<SandboxStatus>(
      RuntimeCall::kSandboxStatusOf, "SandboxStatusOf " + id,
      [this, id] { return world_.SandboxStatusOf(id); }, std::move(done));
}

void FakeRuntime::ListSandboxes(Done<std::vector<SandboxStatus>> done) {
  Queue<std::vector<SandboxStatus>>(
      RuntimeCall::kListSandboxes, "ListSandboxes",
      [this] {
        std::vector<SandboxStatus> all = sandboxes();
        for (SandboxStatus& status : all) {
          status.ips.clear();
          status.network.reset();
        }
        return all;
      },
      std::move(done));
}

void FakeRuntime::CreateContainer(const std::string& sandbox_id, const ContainerConfig& config,
                                  const SandboxConfig& sandbox_config, Done<std::string> done) {
  Queue<std::string>(
      RuntimeCall::kCreateContainer,
      absl::StrCat("CreateContainer ", config.name, "_", sandbox_config.name, "_",
                   sandbox_config.namespace_, "_", sandbox_config.uid, "_", config.attempt),
      [this, sandbox_id, config, sandbox_config] {
        return world_.CreateContainer(sandbox_id, config, sandbox_config);
      },
      std::move(done));
}

void FakeRuntime::StartContainer(const std::string& id, DoneStatus done) {
  QueueStatus(
      RuntimeCall::kStartContainer, "StartContainer " + id,
      [this, id] { return world_.StartContainer(id); }, std::move(done));
}

void FakeRuntime::StopContainer(const std::string& id, std::chrono::seconds grace,
                                DoneStatus done) {
  QueueStatus(
      RuntimeCall::kStopContainer, absl::StrCat("StopContainer ", id, " ", grace.count(), "s"),
      [] { return absl::OkStatus(); }, std::move(done));
  Pending& pending = pending_.back();
  auto kill_at = std::make_shared<MonoTime>();
  pending.begin = [this, id, grace, kill_at] {
    *kill_at = clock_.Mono() + grace;
    if (grace > std::chrono::seconds(0)) world_.SendTerm(id);
    world_.ExitDue();
  };
  pending.wait = [this, id, kill_at]() -> std::optional<MonoTime> {
    if (!world_.IsRunning(id)) return std::nullopt;
    if (clock_.Mono() < *kill_at) return *kill_at;
    world_.Kill(id);
    return std::nullopt;
  };
}

void FakeRuntime::RemoveContainer(const std::string& id, DoneStatus done) {
  QueueStatus(
      RuntimeCall::kRemoveContainer, "RemoveContainer " + id,
      [this, id] {
        world_.RemoveContainer(id);
        return absl::OkStatus();
      },
      std::move(done));
}

void FakeRuntime::ContainerStatusOf(const std::string& id, Done<ContainerStatus> done) {
  Queue<ContainerStatus>(
      RuntimeCall::kContainerStatusOf, "ContainerStatusOf " + id,
      [this, id]() -> absl::StatusOr<ContainerStatus> {
        absl::StatusOr<ContainerStatus> status = world_.ContainerStatusOf(id);
        if (status.ok()) status->sandbox_id.clear();
        return status;
      },
      std::move(done));
}

void FakeRuntime::ListContainers(Done<std::vector<ContainerStatus>> done) {
  Queue<std::vector<ContainerStatus>>(
      RuntimeCall::kListContainers, "ListContainers",
      [this] {
        std::vector<ContainerStatus> all = containers();
        for (ContainerStatus& status : all) {
          status.started_at = status.finished_at = WallTime();
          status.exit_code = 0;
          status.reason.clear();
          status.message.clear();
          status.log_path.clear();
        }
        return all;
      },
      std::move(done));
}

void FakeRuntime::UpdateContainer(const std::string& id, const LinuxResources& resources,
                                  DoneStatus done) {
  QueueStatus(
      RuntimeCall::kUpdateContainer, "UpdateContainer " + id,
      [this, id, resources] { return world_.UpdateContainer(id, resources); }, std::move(done));
}

void FakeRuntime::ReopenContainerLog(const std::string& id, DoneStatus done) {
  QueueStatus(
      RuntimeCall::kReopenContainerLog, "ReopenContainerLog " + id,
      [this, id]() -> absl::Status {
        if (!world_.containers.contains(id)) return world_.CheckRunning(id, "");
        if (!world_.IsRunning(id)) return absl::UnknownError("container is not running");
        return absl::OkStatus();
      },
      std::move(done));
}

void FakeRuntime::SetStats(const std::string& container_id, ContainerStats stats) {
  stats.id = container_id;
  stats_[container_id] = std::move(stats);
}

void FakeRuntime::ListContainerStats(Done<std::vector<ContainerStats>> done) {
  Queue<std::vector<ContainerStats>>(
      RuntimeCall::kListContainerStats, "ListContainerStats",
      [this] {
        std::vector<ContainerStats> all;
        for (const ContainerStatus& container : containers()) {
          if (container.state != ContainerState::kRunning) continue;
          const auto set = stats_.find(container.id);
          all.push_back(set != stats_.end() ? set->second
                                            : ContainerStats{.id = container.id,
                                                             .cpu_usage_ns = 1'000'000,
                                                             .memory_working_set_bytes = 1 << 20,
                                                             .writable_layer_bytes = 4096});
        }
        return all;
      },
      std::move(done));
}

void FakeRuntime::ExecSync(const std::string& container_id, const std::vector<std::string>& command,
                           std::chrono::seconds timeout, Done<ExecResult> done) {
  struct Run {
    absl::StatusOr<FakeExec> exec = FakeExec{};
    MonoTime over;
  };
  auto run = std::make_shared<Run>();
  Queue<ExecResult>(
      RuntimeCall::kExecSync,
      absl::StrCat("ExecSync ", container_id, " ", absl::StrJoin(command, " ")),
      [run, timeout]() -> absl::StatusOr<ExecResult> {
        if (!run->exec.ok()) return run->exec.status();
        if (timeout.count() > 0 && run->exec->takes > timeout) {
          return absl::DeadlineExceededError(
              absl::StrFormat("failed to exec in container: timeout %ds exceeded: context deadline "
                              "exceeded",
                              timeout.count()));
        }
        return run->exec->result;
      },
      std::move(done));
  Pending& pending = pending_.back();
  pending.begin = [this, run, container_id, command, timeout] {
    run->over = clock_.Mono();
    if (absl::Status state = world_.CheckRunning(container_id, "failed to exec in container");
        !state.ok()) {
      run->exec = state;
      return;
    }
    if (on_exec_) run->exec = on_exec_(container_id, command);
    if (!run->exec.ok()) return;
    Duration takes = run->exec->takes;
    if (timeout.count() > 0) takes = std::min<Duration>(takes, timeout);
    run->over += takes;
  };
  pending.wait = [this, run]() -> std::optional<MonoTime> {
    if (clock_.Mono() >= run->over) return std::nullopt;
    return run->over;
  };
}

void FakeRuntime::ExecUrl(const std::string& container_id, const std::vector<std::string>& command,
                          bool stdin, bool tty, Done<std::string> done) {
  Queue<std::string>(
      RuntimeCall::kExecUrl,
      absl::StrCat("ExecUrl ", container_id, " ", absl::StrJoin(command, " ")),
      [this, container_id]() -> absl::StatusOr<std::string> {
        if (absl::Status state = world_.CheckRunning(container_id, "failed to exec in container");
            !state.ok()) {
          return state;
        }
        return absl::StrCat("http://127.0.0.1:1/exec/", container_id.substr(56));
      },
      std::move(done));
}

void FakeRuntime::AttachUrl(const std::string& container_id, bool, bool, Done<std::string> done) {
  Queue<std::string>(
      RuntimeCall::kAttachUrl, absl::StrCat("AttachUrl ", container_id),
      [this, container_id]() -> absl::StatusOr<std::string> {
        if (absl::Status state = world_.CheckRunning(container_id, "failed to attach to container");
            !state.ok()) {
          return state;
        }
        return absl::StrCat("http://127.0.0.1:1/attach/", container_id.substr(56));
      },
      std::move(done));
}

void FakeRuntime::ImageStatusOf(const std::string& image, Done<std::optional<ImageStatus>> done) {
  Queue<std::optional<ImageStatus>>(
      RuntimeCall::kImageStatusOf, "ImageStatusOf " + image,
      [this, image]() -> std::optional<ImageStatus> {
        const ImageStatus* found = world_.FindImage(image);
        return found == nullptr ? std::nullopt : std::make_optional(*found);
      },
      std::move(done));
}

void FakeRuntime::PullImage(const std::string& image, const std::optional<RegistryAuth>& auth,
                            const SandboxConfig* sandbox, Done<std::string> done) {
  Queue<std::string>(
      RuntimeCall::kPullImage, "PullImage " + image,
      [this, image] { return world_.PullImage(image); }, std::move(done));
}

void FakeRuntime::ListImages(Done<std::vector<ImageStatus>> done) {
  Queue<std::vector<ImageStatus>>(
      RuntimeCall::kListImages, "ListImages",
      [this] {
        std::vector<ImageStatus> all;
        for (const auto& [name, image] : world_.images) all.push_back(image);
        return all;
      },
      std::move(done));
}

void FakeRuntime::RemoveImage(const std::string& image, DoneStatus done) {
  QueueStatus(
      RuntimeCall::kRemoveImage, "RemoveImage " + image,
      [this, image] {
        world_.RemoveImage(image);
        return absl::OkStatus();
      },
      std::move(done));
}

void FakeRuntime::ImageFilesystems(Done<std::vector<ImageFilesystem>> done) {
  Queue<std::vector<ImageFilesystem>>(
      RuntimeCall::kImageFilesystems, "ImageFilesystems",
      [this] {
        uint64_t used = 0;
        for (const auto& [name, image] : world_.images) used += image.size_bytes;
        return std::vector<ImageFilesystem>{{"/var/lib/containerd", used}};
      },
      std::move(done));
}

}  // namespace muster::agent
