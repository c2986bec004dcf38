// What the controllers cost at 100 DaemonSets on many nodes, on the real store: the start with
// everything in place, one pod's status, one node's label, one template. CPU is that of the whole
// process, the watch's thread and the commit included; the wait for the disk is not CPU.
//
// Usage: reconcile_bench [NODES...]   (1000 3000 10000)
//
// Each size runs in processes of its own, so that what one took does not count for the next.

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "coordinator/controllers/controller_loop.h"
#include "coordinator/daemonset/pod_factory.h"
#include "coordinator/daemonset/revision_history.h"
#include "coordinator/store/object_store.h"
#include "coordinator/store/sqlite/sqlite_store.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;

constexpr int kDaemonSets = 100;
constexpr size_t kBatch = 1'000;

std::string NodeName(int i) { return absl::StrCat("node-", i); }
std::string DaemonSetName(int i) { return absl::StrCat("daemon-", i); }

v1::Object NodeObject(int i) {
  v1::Object object;
  v1::Node& node = *object.mutable_node();
  node.set_api_version("v1");
  node.set_kind("Node");
  node.mutable_metadata()->set_name(NodeName(i));
  for (const char* key : {"kubernetes.io/os", "kubernetes.io/arch", "zone"}) {
    (*node.mutable_metadata()->mutable_labels())[key] = "x";
  }
  auto& allocatable = *node.mutable_status()->mutable_allocatable();
  allocatable["cpu"].set_text("64");
  allocatable["memory"].set_text("256Gi");
  allocatable["pods"].set_text("250");
  v1::NodeCondition& ready = *node.mutable_status()->add_conditions();
  ready.set_type("Ready");
  ready.set_status("True");
  return object;
}

v1::Object DaemonSetObject(int i) {
  v1::Object object;
  v1::DaemonSet& daemon_set = *object.mutable_daemon_set();
  daemon_set.set_api_version("apps/v1");
  daemon_set.set_kind("DaemonSet");
  v1::ObjectMeta& meta = *daemon_set.mutable_metadata();
  meta.set_name(DaemonSetName(i));
  meta.set_namespace_("default");
  meta.set_generation(1);
  v1::DaemonSetSpec& spec = *daemon_set.mutable_spec();
  (*spec.mutable_selector()->mutable_match_labels())["app"] = meta.name();
  v1::PodTemplateSpec& pod = *spec.mutable_template_();
  (*pod.mutable_metadata()->mutable_labels())["app"] = meta.name();
  v1::Container& container = *pod.mutable_spec()->add_containers();
  container.set_name("main");
  container.set_image("registry.example/daemon:1");
  auto& requests = *container.mutable_resources()->mutable_requests();
  requests["cpu"].set_text("100m");
  requests["memory"].set_text("64Mi");
  pod.mutable_spec()->set_termination_grace_period_seconds(30);
  spec.mutable_update_strategy()->set_type("RollingUpdate");
  spec.mutable_update_strategy()
      ->mutable_rolling_update()
      ->mutable_max_unavailable()
      ->set_int_value(1);
  return object;
}

void SetReady(v1::Pod& pod, bool ready, WallTime now) {
  pod.mutable_status()->set_phase("Running");
  pod.mutable_status()->clear_conditions();
  for (const char* type : {"PodScheduled", "Initialized", "ContainersReady", "Ready"}) {
    v1::PodCondition& condition = *pod.mutable_status()->add_conditions();
    condition.set_type(type);
    condition.set_status(ready ? "True" : "False");
    *condition.mutable_last_transition_time() = FromWallTime(now);
  }
}

std::unique_ptr<SqliteStore> Open(const std::string& path) {
  absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open({.path = path});
  if (!store.ok()) {
    std::fprintf(stderr, "%s\n", store.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(store);
}

// Collects steps, and commits them now and then.
class Filler {
 public:
  explicit Filler(ObjectStore& objects) : objects_(objects) {}
  void Create(v1::Object object) {
    transaction_.Create(std::move(object));
    if (transaction_.size() >= kBatch) Flush();
  }
  void Flush() {
    const auto done = objects_.Commit(std::exchange(transaction_, {}));
    MUSTER_CHECK(done.ok());
    MUSTER_CHECK(objects_.store().Compact(done->revision).ok());
  }

 private:
  ObjectStore& objects_;
  ObjectTransaction transaction_;
};

// A fleet where every DaemonSet runs everywhere.
void Fill(const std::string& path, int nodes) {
  const SystemClock clock;
  const std::unique_ptr<SqliteStore> store = Open(path);
  ObjectStore objects(*store, clock);
  Filler filler(objects);
  for (int i = 0; i < nodes; ++i) filler.Create(NodeObject(i));
  for (int i = 0; i < kDaemonSets; ++i) {
    v1::Object object = DaemonSetObject(i);
    objects.Stamp(object);
    const v1::DaemonSet& daemon_set = object.daemon_set();
    const RevisionPlan plan = PlanRevisions({daemon_set, {}, {}});
    for (const v1::ControllerRevision& revision : plan.create) {
      v1::Object created;
      *created.mutable_controller_revision() = revision;
      filler.Create(std::move(created));
    }
    const absl::StatusOr<v1::Pod> pattern = MakePodPattern(daemon_set, plan.current_hash, {});
    MUSTER_CHECK(pattern.ok());
    for (int node = 0; node < nodes; ++node) {
      v1::Object pod;
      *pod.mutable_pod() =
          MakePod(*pattern, absl::StrCat(DaemonSetName(i), "-", node), NodeName(node));
      pod.mutable_pod()->mutable_spec()->set_node_name(NodeName(node));
      SetReady(*pod.mutable_pod(), true, clock.Wall());
      filler.Create(std::move(pod));
    }
    filler.Create(std::move(object));
  }
  filler.Flush();
}

double CpuSeconds() {
  timespec time = {};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// A line of /proc/self/status in MiB.
double MemoryMib(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string name;
  double kib = 0;
  while (status >> name) {
    if (name == field) status >> kib;
    status.ignore(1'000, '\n');
  }
  return kib / 1024;
}

class Run {
 public:
  Run(const std::string& path, int nodes)
      : nodes_(nodes), store_(Open(path)), objects_(*store_, clock_) {}

  void All() {
    const double cold = Cpu([this] {
      loop_ = std::make_unique<ControllerLoop>(
          objects_, clock_,
          [this](const std::string&) {
            return NodeContact{true, false, clock_.Mono()};
          },
          ControllerLoop::Options{}, [this] { Wake(); });
      Settle();
    });
    const double memory = MemoryMib("VmRSS:");
    const double peak = MemoryMib("VmHWM:");
    const double pod = Average(100, [this] { ChangePod(); });
    const double node = Average(30, [this] { ChangeNode(); });
    const double changed = Average(3, [this] { ChangeTemplate(); });
    std::printf("%7d %9d %10.2f %9.0f %9.0f %12.0f %13.1f %15.1f %12.2f\n", nodes_,
                nodes_ * kDaemonSets, cold, memory, peak, pod * 1e6, node * 1e3, changed * 1e3,
                changed * 1e6 / nodes_);
    std::fflush(stdout);
  }

 private:
  void Wake() {
    const std::lock_guard lock(mutex_);
    awake_ = true;
    changed_.notify_one();
  }
  // Until nothing has woken it for a while.
  void Settle() {
    loop_->Step();
    std::unique_lock lock(mutex_);
    while (changed_.wait_for(lock, 50ms, [this] { return awake_; })) {
      awake_ = false;
      lock.unlock();
      loop_->Step();
      lock.lock();
    }
  }
  static double Cpu(const std::function<void()>& work) {
    const double before = CpuSeconds();
    work();
    return CpuSeconds() - before;
  }
  double Average(int times, const std::function<void()>& change) {
    const double all = Cpu([&] {
      for (int i = 0; i < times; ++i) {
        change();
        Settle();
      }
    });
    return all / times;
  }
  int Draw(int below) { return static_cast<int>(dice_() % below); }
  v1::Object Get(model::Kind kind, const std::string& ns, const std::string& name) {
    absl::StatusOr<v1::Object> object = objects_.Get(kind, ns, name);
    MUSTER_CHECK(object.ok());
    return *std::move(object);
  }
  void Put(v1::Object object) {
    ObjectTransaction transaction;
    transaction.Update(std::move(object));
    MUSTER_CHECK(objects_.Commit(std::move(transaction)).ok());
  }

  void ChangePod() {
    v1::Object pod = Get(v1::Object::kPod, "default",
                         absl::StrCat(DaemonSetName(Draw(kDaemonSets)), "-", Draw(nodes_)));
    SetReady(*pod.mutable_pod(), pod.pod().status().conditions(3).status() != "True",
             clock_.Wall());
    Put(std::move(pod));
  }
  void ChangeNode() {
    v1::Object node = Get(v1::Object::kNode, "", NodeName(Draw(nodes_)));
    (*node.mutable_node()->mutable_metadata()->mutable_labels())["round"] =
        absl::StrCat(++changes_);
    Put(std::move(node));
  }
  void ChangeTemplate() {
    v1::Object object = Get(v1::Object::kDaemonSet, "default", DaemonSetName(changes_ % 100));
    v1::DaemonSet& daemon_set = *object.mutable_daemon_set();
    daemon_set.mutable_metadata()->set_generation(daemon_set.metadata().generation() + 1);
    daemon_set.mutable_spec()
        ->mutable_template_()
        ->mutable_spec()
        ->mutable_containers(0)
        ->set_image(absl::StrCat("registry.example/daemon:", ++changes_));
    Put(std::move(object));
  }

  const int nodes_;
  const SystemClock clock_;
  const std::unique_ptr<SqliteStore> store_;
  ObjectStore objects_;
  std::unique_ptr<ControllerLoop> loop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool awake_ = false;
  std::mt19937_64 dice_{1};
  int changes_ = 0;
};

// In a process of its own.
void Apart(const std::function<void()>& work) {
  const pid_t child = ::fork();
  MUSTER_CHECK(child >= 0);
  if (child == 0) {
    work();
    std::_Exit(0);
  }
  int status = 0;
  MUSTER_CHECK(::waitpid(child, &status, 0) == child);
  if (status != 0) std::exit(1);
}

}  // namespace
}  // namespace muster::coordinator

int main(int argc, char** argv) {
  using namespace muster::coordinator;
  spdlog::set_level(spdlog::level::err);
  std::vector<int> sizes;
  for (int i = 1; i < argc; ++i) {
    int nodes = 0;
    if (!absl::SimpleAtoi(argv[i], &nodes) || nodes < 1) {
      std::fprintf(stderr, "usage: reconcile_bench [NODES...]\n");
      return 64;
    }
    sizes.push_back(nodes);
  }
  if (sizes.empty()) sizes = {1'000, 3'000, 10'000};
  std::printf("%d DaemonSets; CPU of one change, memory after the start and at most\n",
              kDaemonSets);
  std::printf("%7s %9s %10s %9s %9s %12s %13s %15s %12s\n", "nodes", "pods", "start [s]",
              "RSS [MiB]", "peak", "pod [us]", "node [ms]", "template [ms]", "us per pod");
  std::fflush(stdout);  // Or each child would print it again.
  for (const int nodes : sizes) {
    std::string directory = std::filesystem::temp_directory_path() / "muster-reconcile-XXXXXX";
    if (::mkdtemp(directory.data()) == nullptr) return 1;
    const std::string path = directory + "/muster.db";
    Apart([&] { Fill(path, nodes); });
    Apart([&] { Run(path, nodes).All(); });
    std::filesystem::remove_all(directory);
  }
  return 0;
}
