// Starts one pod again and again, in turns through Muster and by the bare calls to the runtime that
// it takes, and prints when what happened, one line of JSON for each start. start.py runs it on a
// node that is also the control host, and adds what the runtime's log knows.

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "agent/host/linux_host.h"
#include "agent/loop/assignment.h"
#include "agent/loop/pod_logs.h"
#include "agent/runtime/cri/cri_runtime.h"
#include "agent/translate/translate.h"
#include "agent/volumes/linux_volume_host.h"
#include "common/base/clock.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "ctl/client/admin_client.h"
#include "ctl/client/connect.h"
#include "nlohmann/json.hpp"

namespace muster {
namespace {

using admin::v1::WatchEvent;
using nlohmann::json;

constexpr char kFilesRoot[] = "/var/lib/muster/bench";
constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr int kExitedAtOnce = 1;  // Seconds that a container gets to stop.

double Milliseconds(MonoTime from, MonoTime to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

// One call of the runtime as if it blocked.
template <typename T, typename Call>
absl::StatusOr<T> Await(const Call& call) {
  std::promise<absl::StatusOr<T>> promise;
  call([&promise](absl::StatusOr<T> result) { promise.set_value(std::move(result)); });
  return promise.get_future().get();
}
template <typename Call>
absl::Status AwaitStatus(const Call& call) {
  std::promise<absl::Status> promise;
  call([&promise](absl::Status status) { promise.set_value(std::move(status)); });
  return promise.get_future().get();
}

// A container that does nothing, and ends as soon as it is told to.
v1::PodSpec SpecOfPod(bool host_network) {
  v1::PodSpec spec;
  spec.set_host_network(host_network);
  spec.set_termination_grace_period_seconds(kExitedAtOnce);
  v1::Container& container = *spec.add_containers();
  container.set_name("main");
  container.set_image("busybox");
  container.set_image_pull_policy("IfNotPresent");
  for (const char* word : {"sh", "-c", "trap 'exit 0' TERM; sleep 1000000 & wait"}) {
    container.add_command(word);
  }
  return spec;
}

// What a watch of all pods saw, in order, each with the time at which it came.
class PodWatch {
 public:
  struct Seen {
    MonoTime at;
    WatchEvent::Type type;
    v1::Pod pod;
  };

  PodWatch(ctl::AdminClient& client, const Clock& clock)
      : thread_([this, &client, &clock] {
          admin::v1::WatchRequest request;
          request.mutable_list()->set_resource("pods");
          request.mutable_list()->set_all_namespaces(true);
          const absl::Status ended =
              client.Watch(request, std::nullopt, [&](const WatchEvent& event) {
                const MonoTime now = clock.Mono();
                absl::MutexLock lock(&mutex_);
                if (event.type() == WatchEvent::SYNCED) {
                  synced_ = true;
                } else {
                  seen_.push_back({now, event.type(), event.object().pod()});
                }
                return !over_;
              });
          absl::MutexLock lock(&mutex_);
          if (!over_) std::fprintf(stderr, "the watch ended: %s\n", ended.ToString().c_str());
        }) {}

  void AwaitSynced() {
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&synced_), kPatience);
  }
  void Clear() {
    absl::MutexLock lock(&mutex_);
    seen_.clear();
  }
  // The first sight, since Clear, of what `wanted` is true for.
  absl::StatusOr<Seen> Await(const std::function<bool(const Seen&)>& wanted,
                             const std::string& what) {
    std::optional<Seen> found;
    const auto look = [this, &found, &wanted]() {
      mutex_.AssertReaderHeld();
      for (const Seen& seen : seen_) {
        if (!found && wanted(seen)) found = seen;
      }
      return found.has_value();
    };
    absl::MutexLock lock(&mutex_);
    if (!mutex_.AwaitWithTimeout(absl::Condition(&look), kPatience)) {
      return absl::DeadlineExceededError(absl::StrCat("not within 30 s: ", what));
    }
    return *std::move(found);
  }
  // From now on its end is no surprise; it ends with the next event.
  void Over() {
    absl::MutexLock lock(&mutex_);
    over_ = true;
  }
  void Detach() { thread_.detach(); }

 private:
  absl::Mutex mutex_;
  bool synced_ = false, over_ = false;
  std::deque<Seen> seen_;
  std::thread thread_;
};

class Rounds {
 public:
  Rounds(ctl::AdminClient& admin, PodWatch& watch, agent::Runtime& runtime)
      : admin_(admin), watch_(watch), runtime_(runtime) {}

  absl::Status Prepare();
  absl::Status ThroughMuster(bool host_network);
  absl::Status Bare(bool host_network);
  // From now on starts are printed.
  void Print() { print_ = true; }

 private:
  void Report(json line, absl::Time begun) {
    if (!print_) return;
    line["begun_ns"] = absl::ToUnixNanos(begun);
    line["ended_ns"] = absl::ToUnixNanos(absl::Now());
    std::puts(line.dump().c_str());
    std::fflush(stdout);
  }

  ctl::AdminClient& admin_;
  PodWatch& watch_;
  agent::Runtime& runtime_;
  const SystemClock clock_;
  agent::NodeContext node_;
  agent::LinuxVolumeHost volumes_{{.root = kFilesRoot}};
  agent::LinuxPodLogs logs_{std::string(kFilesRoot) + "/links"};
  v1::Pod pattern_[2];  // As Muster made it: on its own network, on the host's.
  int number_ = 0;
  bool print_ = false;
};

absl::Status Rounds::Prepare() {
  agent::LinuxHost host{{}};
  MUSTER_ASSIGN_OR_RETURN(const agent::HostFacts facts, host.Facts());
  node_.node_name = facts.hostname;
  node_.host_ips = facts.addresses;
  node_.host_dns = facts.dns;
  node_.memory_capacity_bytes = facts.memory_bytes;
  node_.may_lower_oom_score = facts.may_lower_oom_score;
  return absl::OkStatus();
}

absl::Status Rounds::ThroughMuster(bool host_network) {
  admin::v1::ApplyRequest request;
  v1::Object& object = *request.add_objects();
  const std::string name = absl::StrCat("start-", ++number_);
  v1::DaemonSet& daemon_set = *object.mutable_daemon_set();
  daemon_set.set_api_version("apps/v1");
  daemon_set.set_kind("DaemonSet");
  daemon_set.mutable_metadata()->set_name(name);
  daemon_set.mutable_metadata()->set_namespace_("default");
  (*daemon_set.mutable_spec()->mutable_selector()->mutable_match_labels())["app"] = name;
  v1::PodTemplateSpec& pod = *daemon_set.mutable_spec()->mutable_template_();
  (*pod.mutable_metadata()->mutable_labels())["app"] = name;
  *pod.mutable_spec() = SpecOfPod(host_network);

  watch_.Clear();
  const absl::Time begun = absl::Now();
  const MonoTime start = clock_.Mono();
  const absl::StatusOr<admin::v1::ApplyResponse> applied = admin_.Apply(request);
  const MonoTime answered = clock_.Mono();
  if (!applied.ok()) return Annotate(applied.status(), "apply");
  MUSTER_ASSIGN_OR_RETURN(
      const PodWatch::Seen bound,
      watch_.Await([](const auto& seen) { return !seen.pod.spec().node_name().empty(); },
                   "the pod has a node"));
  MUSTER_ASSIGN_OR_RETURN(const PodWatch::Seen running,
                          watch_.Await(
                              [](const auto& seen) {
                                const v1::PodStatus& status = seen.pod.status();
                                return status.phase() == "Running" &&
                                       status.container_statuses_size() == 1 &&
                                       status.container_statuses(0).state().has_running();
                              },
                              "the pod is Running"));
  Report({{"by", "muster"},
          {"host_network", host_network},
          {"answered_ms", Milliseconds(start, answered)},
          {"bound_ms", Milliseconds(start, bound.at)},
          {"running_ms", Milliseconds(start, running.at)}},
         begun);
  pattern_[host_network ? 1 : 0] = running.pod;

  admin::v1::DeleteRequest remove;
  remove.mutable_ref()->set_resource("daemonsets");
  remove.mutable_ref()->set_namespace_("default");
  remove.mutable_ref()->set_name(name);
  MUSTER_RETURN_IF_ERROR(Annotate(admin_.Delete(remove).status(), "delete"));
  return watch_
      .Await([](const auto& seen) { return seen.type == WatchEvent::DELETED; }, "the pod is gone")
      .status();
}

absl::Status Rounds::Bare(bool host_network) {
  v1::Pod pod = pattern_[host_network ? 1 : 0];
  pod.mutable_metadata()->set_name(absl::StrCat("bare-", ++number_));
  pod.mutable_metadata()->set_uid(absl::StrCat("bare-uid-", number_));
  const agent::ConfigSnapshot no_configs{agent::ConfigSnapshot::Objects()};
  const v1::Container& container = pod.spec().containers(0);

  // What is not a call to the runtime, Muster has to do as well: it is not part of the floor.
  MUSTER_RETURN_IF_ERROR(volumes_.Prepare(pod, node_, no_configs));
  agent::PodContext context;
  MUSTER_ASSIGN_OR_RETURN(context.files, volumes_.PrepareContainer(pod, container, 0, {}, {}));
  MUSTER_ASSIGN_OR_RETURN(context.sandbox, agent::MakeSandboxConfig(pod, 0, node_));
  MUSTER_RETURN_IF_ERROR(logs_.MakeDirectory(context.sandbox.log_directory, container.name()));
  MUSTER_ASSIGN_OR_RETURN(const std::optional<agent::ImageStatus> image,
                          Await<std::optional<agent::ImageStatus>>([this, &container](auto done) {
                            runtime_.ImageStatusOf(container.image(), std::move(done));
                          }));
  if (!image) return absl::FailedPreconditionError("the image is not there");
  MUSTER_ASSIGN_OR_RETURN(const agent::ContainerConfig config,
                          agent::MakeContainerConfig(pod, container, false, 0,
                                                     {image->id, image->user_id, image->user_name},
                                                     context, node_, no_configs));

  const absl::Time begun = absl::Now();
  const MonoTime start = clock_.Mono();
  MUSTER_ASSIGN_OR_RETURN(const std::string sandbox, Await<std::string>([&](auto done) {
                            runtime_.RunSandbox(context.sandbox, std::move(done));
                          }));
  const MonoTime sandboxed = clock_.Mono();
  MUSTER_ASSIGN_OR_RETURN(const std::string id, Await<std::string>([&](auto done) {
                            runtime_.CreateContainer(sandbox, config, context.sandbox,
                                                     std::move(done));
                          }));
  const MonoTime created = clock_.Mono();
  MUSTER_RETURN_IF_ERROR(
      AwaitStatus([&](auto done) { runtime_.StartContainer(id, std::move(done)); }));
  const MonoTime started = clock_.Mono();
  Report({{"by", "bare"},
          {"host_network", host_network},
          {"sandbox_ms", Milliseconds(start, sandboxed)},
          {"create_ms", Milliseconds(sandboxed, created)},
          {"start_ms", Milliseconds(created, started)},
          {"running_ms", Milliseconds(start, started)}},
         begun);

  // The way the agent takes them down.
  MUSTER_RETURN_IF_ERROR(AwaitStatus([&](auto done) {
    runtime_.StopContainer(id, std::chrono::seconds(kExitedAtOnce), std::move(done));
  }));
  MUSTER_RETURN_IF_ERROR(
      AwaitStatus([&](auto done) { runtime_.StopSandbox(sandbox, std::move(done)); }));
  MUSTER_RETURN_IF_ERROR(
      AwaitStatus([&](auto done) { runtime_.RemoveContainer(id, std::move(done)); }));
  MUSTER_RETURN_IF_ERROR(
      AwaitStatus([&](auto done) { runtime_.RemoveSandbox(sandbox, std::move(done)); }));
  MUSTER_RETURN_IF_ERROR(logs_.RemovePod(context.sandbox.log_directory));
  return volumes_.Remove(pod.metadata().uid());
}

absl::Status Run(const std::string& server, const std::string& runtime_socket, int rounds) {
  MUSTER_ASSIGN_OR_RETURN(const auto admin, ctl::Connect({.server = server}));
  MUSTER_ASSIGN_OR_RETURN(const auto watcher, ctl::Connect({.server = server}));
  const SystemClock clock;
  agent::CriRuntime runtime(runtime_socket);
  PodWatch watch(*watcher, clock);
  watch.AwaitSynced();
  Rounds starts(*admin, watch, runtime);
  const auto all = [&]() -> absl::Status {
    MUSTER_RETURN_IF_ERROR(starts.Prepare());
    // Not counted: the image is pulled, and everything was used once.
    for (const bool host_network : {false, true}) {
      MUSTER_RETURN_IF_ERROR(starts.ThroughMuster(host_network));
      MUSTER_RETURN_IF_ERROR(starts.Bare(host_network));
    }
    starts.Print();
    for (int i = 0; i < rounds; ++i) {
      for (const bool host_network : {false, true}) {
        // Neither of the two is always the one that comes second.
        if (i % 2 == 0) MUSTER_RETURN_IF_ERROR(starts.Bare(host_network));
        MUSTER_RETURN_IF_ERROR(starts.ThroughMuster(host_network));
        if (i % 2 == 1) MUSTER_RETURN_IF_ERROR(starts.Bare(host_network));
      }
    }
    return absl::OkStatus();
  };
  const absl::Status status = all();
  watch.Over();
  watch.Detach();
  return status;
}

}  // namespace
}  // namespace muster

int main(int argc, char** argv) {
  int rounds = 0;
  if (argc != 4 || !absl::SimpleAtoi(argv[3], &rounds) || rounds < 1) {
    std::fprintf(stderr, "usage: %s COORDINATOR RUNTIME_ENDPOINT ROUNDS\n", argv[0]);
    return 64;
  }
  const absl::Status status = muster::Run(argv[1], argv[2], rounds);
  if (!status.ok()) std::fprintf(stderr, "error: %s\n", status.ToString().c_str());
  // The watch is in the middle of a call, which nothing but the end of the process ends.
  std::fflush(nullptr);
  std::_Exit(status.ok() ? 0 : 1);
}
