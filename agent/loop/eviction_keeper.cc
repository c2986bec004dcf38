#include "agent/loop/eviction_keeper.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;

constexpr seconds kOwnLimitsPeriod{60};
// How long one pod is waited for before the next one goes (kubelet: podCleanupTimeout).
constexpr seconds kEvictionPatience{30};

MonoTime::duration Mono(Duration duration) {
  return std::chrono::duration_cast<MonoTime::duration>(duration);
}

}  // namespace

// One look at what pods use.
struct EvictionKeeper::Survey {
  std::vector<EvictionCandidate> candidates;
  std::vector<PodUsage> usages;
};

EvictionKeeper::EvictionKeeper(Surroundings surroundings, Options options)
    : around_(std::move(surroundings)), options_(std::move(options)), monitor_(options_.limits) {}

EvictionKeeper::~EvictionKeeper() { *alive_ = false; }

void EvictionKeeper::Post(std::function<void()> task) const {
  around_.inbox->Post(std::function<void()>([alive = alive_, task = std::move(task)] {
    if (*alive) task();
  }));
}

Readings EvictionKeeper::Read() {
  Readings readings;
  if (const absl::StatusOr<HostLoad> load = around_.host.Load(); load.ok()) {
    readings[Signal::kMemoryAvailable] = {load->memory_bytes, load->memory_available_bytes};
    readings[Signal::kPidAvailable] = {load->pids_max, load->pids_max - load->pids};
  }
  const absl::StatusOr<FilesystemSpace> node = around_.host.SpaceOf(options_.storage_path);
  if (node.ok()) {
    readings[Signal::kNodeFsAvailable] = {node->capacity_bytes, node->available_bytes};
    readings[Signal::kNodeFsInodesFree] = {node->inodes, node->inodes_free};
  }
  const std::string& images = around_.images.filesystem();
  const absl::StatusOr<FilesystemSpace> image =
      images.empty() ? node : around_.host.SpaceOf(images);
  if (image.ok()) {
    readings[Signal::kImageFsAvailable] = {image->capacity_bytes, image->available_bytes};
    readings[Signal::kImageFsInodesFree] = {image->inodes, image->inodes_free};
  }
  split_disks_ = node.ok() && image.ok() && node->id != image->id;
  return readings;
}

std::optional<MonoTime> EvictionKeeper::Step(MonoTime now, bool may_act) {
  if (due_ && now < *due_ - Mono(options_.period) / 8) return due_;
  due_ = now + Mono(options_.period);
  monitor_.Observe(Read(), now);
  if (const auto next = monitor_.NextChange(); next && *next < *due_) due_ = next;

  std::set<std::string> met;
  bool disk = false;
  for (const Shortage& shortage : monitor_.shortages()) {
    const std::string signal(SignalName(shortage.threshold.signal));
    met.insert(signal);
    disk = disk || IsDisk(shortage.threshold.signal);
    if (!told_.contains(signal)) {
      around_.warn("EvictionThresholdMet", absl::StrCat("Attempting to reclaim ", signal));
    }
  }
  told_ = std::move(met);
  if (!disk) reclaimed_ = false;
  if (told_.empty()) told_nobody_ = false;

  if (!may_act || busy_) return due_;
  if (!monitor_.shortages().empty()) {
    const bool waits =
        around_.pods.EvictionUnderWay() && evicted_at_ && now < *evicted_at_ + kEvictionPatience;
    if (!waits) Act(monitor_.shortages().front());
  } else if (now >= own_limits_due_) {
    own_limits_due_ = now + kOwnLimitsPeriod;
    CheckOwnLimits();
  }
  return due_;
}

void EvictionKeeper::Act(const Shortage& shortage) {
  busy_ = true;
  if (IsDisk(shortage.threshold.signal) && !reclaimed_) {
    around_.images.Reclaim([this, alive = alive_] {
      if (!*alive) return;
      busy_ = false;
      reclaimed_ = true;
      due_ = around_.clock.Mono();  // Perhaps that was enough.
    });
    return;
  }
  Measure(around_.pods.EvictionCandidates(), [this, shortage](const std::vector<PodUsage>& usages) {
    busy_ = false;
    const std::vector<const PodUsage*> ranked = RankForEviction(usages, shortage, split_disks_);
    if (ranked.empty()) {
      if (!std::exchange(told_nobody_, true)) {
        spdlog::warn("{} is short, and there is no pod that may be evicted",
                     SignalName(shortage.threshold.signal));
      }
      return;
    }
    reclaimed_ = false;  // What it was made from may be of no use any more.
    evicted_at_ = around_.clock.Mono();
    around_.pods.Evict(ranked.front()->uid,
                       MakeEviction(*ranked.front(), shortage, options_.limits.pod_grace_max));
  });
}

void EvictionKeeper::CheckOwnLimits() {
  std::vector<EvictionCandidate> limited = around_.pods.EvictionCandidates();
  std::erase_if(limited, [](const EvictionCandidate& c) { return !LimitsItsDisk(*c.pod); });
  if (limited.empty()) return;
  busy_ = true;
  Measure(std::move(limited), [this](const std::vector<PodUsage>& usages) {
    busy_ = false;
    for (const PodUsage& usage : usages) {
      if (const auto eviction = ExceedsOwnLimits(usage)) around_.pods.Evict(usage.uid, *eviction);
    }
  });
}

void EvictionKeeper::Measure(std::vector<EvictionCandidate> candidates,
                             std::function<void(const std::vector<PodUsage>&)> then) {
  auto survey = std::make_shared<Survey>();
  survey->candidates = std::move(candidates);
  around_.runtime.ListContainerStats([this, alive = alive_, inbox = around_.inbox, survey,
                                      then = std::move(then)](
                                         absl::StatusOr<std::vector<ContainerStats>> result) {
    inbox->Post(std::function<void()>([this, alive, survey, then, result = std::move(result)] {
      if (!*alive) return;
      std::map<std::string, ContainerStats> by_id;
      if (result.ok()) {
        for (const ContainerStats& stats : *result) by_id[stats.id] = stats;
      } else {
        spdlog::warn("cannot ask what containers use: {}", std::string(result.status().message()));
      }
      for (const EvictionCandidate& candidate : survey->candidates) {
        PodUsage usage{.uid = candidate.uid, .pod = candidate.pod};
        usage.pids = around_.host.PidsIn(candidate.control_group);
        for (const auto& [name, id] : candidate.running) {
          ContainerUsage& container = usage.containers[name];
          const auto stats = by_id.find(id);
          if (stats == by_id.end()) continue;
          container.memory = static_cast<int64_t>(stats->second.memory_working_set_bytes);
          container.writable_layer = static_cast<int64_t>(stats->second.writable_layer_bytes);
          usage.inodes += static_cast<int64_t>(stats->second.writable_layer_inodes);
        }
        survey->usages.push_back(std::move(usage));
      }
      around_.worker.Run([alive, inbox = around_.inbox, &volumes = around_.volumes,
                          &logs = around_.logs, survey, then] {
        for (size_t i = 0; i < survey->usages.size(); ++i) {
          PodUsage& usage = survey->usages[i];
          for (const auto& [volume, size] : volumes.EmptyDirSizes(*usage.pod)) {
            usage.empty_dirs[volume] = size.bytes;
            usage.inodes += size.inodes;
          }
          for (const auto& [name, bytes] : logs.BytesOf(survey->candidates[i].log_directory)) {
            const auto container = usage.containers.find(name);
            if (container != usage.containers.end()) container->second.logs = bytes;
          }
        }
        inbox->Post(std::function<void()>([alive, survey, then] {
          if (*alive) then(survey->usages);
        }));
      });
    }));
  });
}

}  // namespace muster::agent
