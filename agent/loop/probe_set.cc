#include "agent/loop/probe_set.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/probe/probe_answer.h"
#include "common/model/resources.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;

// The same words about the same container are told again only after this.
constexpr seconds kRepeatAfter{60};
// An event is for people.
constexpr size_t kEventTextMax = 1024;

bool HasProbes(const v1::Container& container) {
  return container.has_startup_probe() || container.has_liveness_probe() ||
         container.has_readiness_probe();
}

const v1::Probe& ProbeOf(const v1::Container& container, ProbeKind kind) {
  switch (kind) {
    case ProbeKind::kStartup:
      return container.startup_probe();
    case ProbeKind::kLiveness:
      return container.liveness_probe();
    case ProbeKind::kReadiness:
      break;
  }
  return container.readiness_probe();
}

// Those that may have probes.
std::vector<const v1::Container*> LastingContainers(const v1::PodSpec& spec) {
  std::vector<const v1::Container*> all;
  for (const v1::Container& init : spec.init_containers()) {
    if (model::IsSidecar(init)) all.push_back(&init);
  }
  for (const v1::Container& container : spec.containers()) all.push_back(&container);
  return all;
}

// Among the counts of answers.
size_t PlaceOf(ProbeAnswer::Kind kind) {
  switch (kind) {
    case ProbeAnswer::Kind::kSuccess:
    case ProbeAnswer::Kind::kWarning:
      return 0;
    case ProbeAnswer::Kind::kFailure:
      return 1;
    default:
      return 2;
  }
}

const char* VerbOf(ProbeAnswer::Kind kind) {
  if (kind == ProbeAnswer::Kind::kWarning) return " probe warning: ";
  return kind == ProbeAnswer::Kind::kFailure ? " probe failed: " : " probe errored: ";
}

}  // namespace

struct ProbeSet::Container {
  std::map<ProbeKind, ProbeSchedule> schedules;  // Startup first: the others wait for it.
  std::map<ProbeKind, std::array<uint64_t, 3>>
      answers;  // Successes, failures, and what is neither.
  std::string id;
  bool ready = false;
  std::optional<WallTime> ready_since;
  std::string told;
  MonoTime told_at{};
};

struct ProbeSet::Pod {
  std::shared_ptr<const v1::Pod> pod;
  std::string ip;
  bool terminating = false;
  std::map<std::string, Container> containers;
};

ProbeSet::ProbeSet(const Clock& clock, Runtime& runtime, Prober& prober,
                   std::shared_ptr<NodeInbox> inbox, uint64_t seed, OnChange on_change, Tell tell)
    : clock_(clock),
      runtime_(runtime),
      prober_(prober),
      inbox_(std::move(inbox)),
      on_change_(std::move(on_change)),
      tell_(std::move(tell)),
      agent_started_at_(clock.Mono()),
      dice_(seed) {}

ProbeSet::~ProbeSet() { *alive_ = false; }

void ProbeSet::Forget(const std::string& uid) { pods_.erase(uid); }

void ProbeSet::See(const std::string& uid, const std::shared_ptr<const v1::Pod>& pod,
                   bool terminating, const std::string& pod_ip, ObservedPod& observed) {
  if (pod == nullptr) return;
  const MonoTime now = clock_.Mono();
  for (const v1::Container* spec : LastingContainers(pod->spec())) {
    if (!HasProbes(*spec)) continue;
    Pod& seen = pods_[uid];
    seen.pod = pod;
    seen.ip = pod_ip;
    seen.terminating = terminating;
    SeeContainer(seen, *spec, terminating, now, observed.containers[spec->name()]);
  }
}

void ProbeSet::SeeContainer(Pod& pod, const v1::Container& spec, bool terminating, MonoTime now,
                            ObservedContainer& observed) {
  const auto [found, is_new] = pod.containers.try_emplace(spec.name());
  Container& container = found->second;
  if (is_new) {
    const auto add = [&](bool has, ProbeKind kind) {
      if (has) container.schedules.try_emplace(kind, kind, TimingOf(ProbeOf(spec, kind)));
    };
    add(spec.has_startup_probe(), ProbeKind::kStartup);
    add(spec.has_liveness_probe(), ProbeKind::kLiveness);
    add(spec.has_readiness_probe(), ProbeKind::kReadiness);
  }
  ProbeSchedule::Subject subject;
  if (!observed.instances.empty()) {
    const ContainerStatus& status = observed.instances.front().status;
    const Duration ran = std::max<Duration>(clock_.Wall() - status.started_at, Duration::zero());
    subject.id = status.id;
    subject.running = status.state == ContainerState::kRunning;
    subject.started_at = now - std::chrono::duration_cast<MonoTime::duration>(ran);
  }
  const bool new_instance = std::exchange(container.id, subject.id) != subject.id;
  const auto recalled = recalled_.find(subject.id);
  // What an agent before this one knew began before this one, whatever the wall clock says now.
  const bool carried = new_instance && recalled != recalled_.end();
  const bool began_before_agent = carried || subject.started_at < agent_started_at_;

  observed.health = ProbeHealth();
  for (auto& [kind, schedule] : container.schedules) {
    if (kind != ProbeKind::kStartup) subject.startup_done = observed.health.started();
    schedule.See(subject, now);
    if (new_instance && began_before_agent) {
      ProbeVerdict verdict = schedule.verdict();
      if (carried && kind == ProbeKind::kReadiness && recalled->second.ready) {
        verdict = ProbeVerdict::kSuccess;
      }
      if (carried && kind == ProbeKind::kStartup && recalled->second.started) {
        verdict = ProbeVerdict::kSuccess;
      }
      const std::chrono::milliseconds period = schedule.timing().period;
      std::uniform_int_distribution<int64_t> delay(0, period.count());
      schedule.CarryOver(verdict, now + std::chrono::milliseconds(delay(dice_)));
    }
    ProbeVerdict verdict = schedule.verdict();
    // What is being ended is neither restarted nor waited for.
    if (terminating && kind == ProbeKind::kLiveness) verdict = ProbeVerdict::kSuccess;
    (kind == ProbeKind::kStartup    ? observed.health.startup
     : kind == ProbeKind::kLiveness ? observed.health.liveness
                                    : observed.health.readiness) = verdict;
  }
  const bool ready = subject.running && observed.health.ready();
  if (carried && recalled->second.ready == ready && recalled->second.ready_since > WallTime()) {
    container.ready_since = recalled->second.ready_since;
  } else if (new_instance) {
    container.ready_since.reset();
  } else if (ready != container.ready) {
    container.ready_since = clock_.Wall();
  }
  container.ready = ready;
  observed.health.ready_since = container.ready_since;
}

std::optional<MonoTime> ProbeSet::Step(MonoTime now) {
  std::optional<MonoTime> wake;
  for (auto& [uid, pod] : pods_) {
    for (auto& [name, container] : pod.containers) {
      for (auto& [kind, schedule] : container.schedules) {
        if (pod.terminating && kind != ProbeKind::kReadiness) continue;
        const std::optional<MonoTime> due = schedule.due();
        if (due && *due <= now) {
          Ask(uid, pod, name, schedule, now);
        } else if (due && (!wake || *due < *wake)) {
          wake = due;
        }
      }
    }
  }
  return wake;
}

void ProbeSet::Ask(const std::string& uid, const Pod& pod, const std::string& name,
                   ProbeSchedule& schedule, MonoTime now) {
  schedule.Begin(now);
  const Duration timeout = schedule.timing().timeout;
  const auto answered = [this, inbox = inbox_, alive = alive_, uid, name, kind = schedule.kind(),
                         id = schedule.id()](const ProbeAnswer& answer) {
    inbox->Post(std::function<void()>([=, this] {
      if (*alive) OnAnswer(uid, name, kind, id, answer);
    }));
  };
  const std::vector<const v1::Container*> all = LastingContainers(pod.pod->spec());
  const auto spec = std::ranges::find_if(all, [&name](const auto* c) { return c->name() == name; });
  if (spec == all.end()) {
    return answered({ProbeAnswer::Kind::kError, "the pod has no such container"});
  }
  const absl::StatusOr<HandlerCall> call =
      CallOfProbe(ProbeOf(**spec, schedule.kind()), **spec, pod.ip);
  if (!call.ok()) {
    const absl::string_view why = call.status().message();
    const bool failed = absl::IsInvalidArgument(call.status());
    return answered({failed ? ProbeAnswer::Kind::kFailure : ProbeAnswer::Kind::kError,
                     CleanText({why.data(), why.size()})});
  }
  if (const auto* exec = std::get_if<ExecCall>(&*call)) {
    runtime_.ExecSync(
        schedule.id(), exec->command, schedule.timing().timeout,
        [answered, command = exec->command, timeout](const absl::StatusOr<ExecResult>& result) {
          answered(AnswerOfExec(command, timeout, result));
        });
  } else if (const auto* http = std::get_if<HttpCall>(&*call)) {
    prober_.Ask(*http, timeout, answered);
  } else if (const auto* tcp = std::get_if<TcpCall>(&*call)) {
    prober_.Ask(*tcp, timeout, answered);
  } else if (const auto* grpc = std::get_if<GrpcCall>(&*call)) {
    prober_.Ask(*grpc, timeout, answered);
  }
}

void ProbeSet::OnAnswer(const std::string& uid, const std::string& name, ProbeKind kind,
                        const std::string& id, const ProbeAnswer& answer) {
  const auto pod = pods_.find(uid);
  if (pod == pods_.end()) return;
  const auto container = pod->second.containers.find(name);
  if (container == pod->second.containers.end()) return;
  const auto found = container->second.schedules.find(kind);
  if (found == container->second.schedules.end() || found->second.id() != id) return;

  ++container->second.answers[kind][PlaceOf(answer.kind)];
  if (answer.kind != ProbeAnswer::Kind::kSuccess) {
    const std::string text =
        CleanText(absl::StrCat(NameOf(kind), VerbOf(answer.kind), answer.output), kEventTextMax);
    const MonoTime now = clock_.Mono();
    Container& told = container->second;
    if (text != told.told || now - told.told_at >= kRepeatAfter) {
      told.told = text;
      told.told_at = now;
      const bool warned = answer.kind == ProbeAnswer::Kind::kWarning;
      tell_(uid, {warned ? "ProbeWarning" : "Unhealthy", text, true, name});
    }
  }
  if (found->second.End(id, answer.kind)) on_change_(uid);
}

std::vector<ProbeTally> ProbeSet::Tallies() const {
  std::vector<ProbeTally> tallies;
  for (const auto& [uid, pod] : pods_) {
    const v1::ObjectMeta& meta = pod.pod->metadata();
    for (const auto& [name, container] : pod.containers) {
      for (const auto& [kind, counts] : container.answers) {
        tallies.push_back(
            {meta.namespace_(), meta.name(), name, NameOf(kind), counts[0], counts[1], counts[2]});
      }
    }
  }
  return tallies;
}

void ProbeSet::AddMemories(const ObservedPod& observed, const std::string& uid,
                           ContainerMemories& memories) const {
  const auto pod = pods_.find(uid);
  for (const auto& [name, container] : observed.containers) {
    if (container.instances.empty()) continue;
    const ContainerInstance& newest = container.instances.front();
    if (newest.status.state != ContainerState::kRunning) continue;
    const bool hooked = newest.owes_post_start && container.post_start_over == newest.status.id;
    const bool probed = pod != pods_.end() && pod->second.containers.contains(name);
    const bool resized = container.resized == newest.status.id;
    if (!hooked && !probed && !resized) continue;
    memories[newest.status.id] = {container.health.started(), container.health.ready(),
                                  container.health.ready_since.value_or(WallTime()), hooked,
                                  resized ? container.resized_to : ""};
  }
}

}  // namespace muster::agent
