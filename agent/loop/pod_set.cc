#include "agent/loop/pod_set.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/loop/pod_record.h"
#include "agent/translate/pod_group.h"
#include "agent/translate/resources.h"
#include "agent/translate/translate.h"
#include "agent/workload/completion.h"
#include "agent/workload/pod_status.h"
#include "common/daemon/log_fields.h"
#include "common/model/static_pod.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "spdlog/spdlog.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;

constexpr seconds kDefaultGrace{30};
// A pod that waits for more than the node can give it is looked at again.
constexpr seconds kResizeRetry{10};

bool IsFinal(const std::string& phase) { return phase == "Failed" || phase == "Succeeded"; }

// The pod's own period, for when its specification is lost.
seconds GraceFromAnnotations(const ObservedPod& observed) {
  const auto read = [](const std::map<std::string, std::string>& annotations) -> int64_t {
    const auto found = annotations.find(kAnnotationGrace);
    int64_t value = -1;
    if (found == annotations.end() || !absl::SimpleAtoi(found->second, &value)) return -1;
    return value;
  };
  for (const auto& [name, container] : observed.containers) {
    for (const ContainerInstance& instance : container.instances) {
      if (const int64_t grace = read(instance.status.annotations); grace >= 0) {
        return seconds(grace);
      }
    }
  }
  return kDefaultGrace;
}

seconds GraceOf(const v1::Pod& pod) {
  const v1::ObjectMeta& meta = pod.metadata();
  if (meta.has_deletion_timestamp() && meta.has_deletion_grace_period_seconds()) {
    return seconds(meta.deletion_grace_period_seconds());
  }
  return pod.spec().has_termination_grace_period_seconds()
             ? seconds(pod.spec().termination_grace_period_seconds())
             : kDefaultGrace;
}

// What log entries about a pod are about.
std::vector<LogFields::Field> FieldsOf(const v1::Pod* pod, const std::string& name_space,
                                       const std::string& name) {
  std::vector<LogFields::Field> fields;
  if (!name.empty()) fields.emplace_back(kLogPod, absl::StrCat(name_space, "/", name));
  if (pod == nullptr) return fields;
  for (const v1::OwnerReference& owner : pod->metadata().owner_references()) {
    if (owner.kind() != "DaemonSet") continue;
    fields.emplace_back(kLogDaemonSet, absl::StrCat(name_space, "/", owner.name()));
  }
  return fields;
}

// The one that the status shows as lastState, as kubelet has it: of a container that waits for its
// restart that is the one that ended last.
const ContainerInstance* PreviousInstance(const ObservedContainer& seen,
                                          const std::optional<v1::PodStatus>& status,
                                          const std::string& name) {
  if (!status) return nullptr;
  for (const auto* all : {&status->container_statuses(), &status->init_container_statuses()}) {
    for (const v1::ContainerStatus& shown : *all) {
      if (shown.name() != name) continue;
      for (const ContainerInstance& instance : seen.instances) {
        if (shown.last_state().terminated().container_id().ends_with("://" + instance.status.id)) {
          return &instance;
        }
      }
    }
  }
  return nullptr;
}

// The same for equal statuses: maps in the order of their keys.
std::string BytesOf(const v1::PodStatus& status) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  status.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

bool IsDiskFull(const std::vector<std::string>& pressure) {
  return std::ranges::find(pressure, "DiskPressure") != pressure.end();
}

}  // namespace

PodSet::PodSet(const Clock& clock, Runtime& runtime, Prober& prober,
               std::shared_ptr<NodeInbox> inbox, uint64_t seed, RuntimeView& view,
               ActionRunner& runner, ImageFetcher& images, PodLogs& logs, EmitEvent emit_event)
    : clock_(clock),
      view_(view),
      runner_(runner),
      logs_(logs),
      emit_event_(std::move(emit_event)),
      probes_(
          clock, runtime, prober, std::move(inbox), seed,
          [this](const std::string& uid) {
            const auto found = records_.find(uid);
            if (found != records_.end()) found->second->dirty = true;
          },
          [this](const std::string& uid, const PodEvent& event) {
            const auto found = records_.find(uid);
            if (found != records_.end()) Tell(*found->second, event);
          }),
      pre_puller_(
          clock, images,
          [this](const std::string& uid) {
            const auto found = records_.find(uid);
            if (found != records_.end()) found->second->dirty = true;
          },
          [this](const std::string& uid, const PodEvent& event) {
            const auto found = records_.find(uid);
            if (found != records_.end()) Tell(*found->second, event);
          }) {}

PodSet::~PodSet() = default;

void PodSet::SetAssignment(const Assignment& assignment, const StaticPodMap& static_pods) {
  assignment_ = &assignment;
  std::map<std::string, std::shared_ptr<const v1::Pod>> pods = assignment.Pods();
  pods.insert(static_pods.begin(), static_pods.end());
  for (auto& [uid, record] : records_) {
    if (!pods.contains(uid) && std::exchange(record->desired, false)) record->dirty = true;
    // An orphan that had to wait for the set to be complete.
    if (!record->desired) record->dirty = true;
  }
  for (auto& [uid, pod] : pods) {
    std::unique_ptr<Record>& record = records_[uid];
    if (record == nullptr) {
      record = std::make_unique<Record>();
      record->uid = uid;
      record->name = pod->metadata().name();
      record->namespace_ = pod->metadata().namespace_();
      record->starting_since = clock_.Mono();
      // It failed on this node before, and what has failed is not tried again. What the host took
      // with it when it went down did not fail; with no coordinator there is nobody to replace it.
      if (EndedWithItsHost(pod->status()) && !RunsToItsEnd(*pod)) {
        record->status.emplace();
      } else if (IsFinal(pod->status().phase())) {
        record->refused = !RunsToItsEnd(*pod);
        record->status = pod->status();
        record->status_final = true;
      }
    }
    std::string inputs = assignment.InputsOf(*pod);
    if (record->wanted != pod || !record->desired || record->inputs != inputs) record->dirty = true;
    record->desired = true;
    const auto own = static_pods.find(uid);
    record->is_own = own != static_pods.end() && own->second == pod;
    Want(*record, std::move(pod));
    record->inputs = std::move(inputs);
    record->configs = assignment.ConfigsOf(record->namespace_);
  }
}

void PodSet::NoticeFiles(const std::string& pod_uid) {
  std::unique_ptr<Record>& record = records_[pod_uid];
  if (record != nullptr) return;
  record = std::make_unique<Record>();
  record->uid = pod_uid;
}

std::optional<MonoTime> PodSet::Step(MonoTime now, const NodeSituation& node) {
  const bool runtime_ok = view_.status().ok();
  const bool led_anew = node.host_ports.version != node_.host_ports.version;
  const bool changed = runtime_ok != runtime_ok_ || node.network_ready != node_.network_ready ||
                       node.context.node_uid != node_.context.node_uid ||
                       node.context.host_ips != node_.context.host_ips ||
                       IsDiskFull(node.pressure) != IsDiskFull(node_.pressure) ||
                       node.shutting_down != node_.shutting_down ||
                       node.runtime_known != node_.runtime_known ||
                       node.context.systemd_cgroups != node_.context.systemd_cgroups;
  runtime_ok_ = runtime_ok;
  node_ = node;
  if (changed || led_anew) {
    for (auto& [uid, record] : records_) {
      if (changed || record->IsTerminating()) record->dirty = true;
    }
  }
  for (const std::string& uid : view_.TakeChanged()) {
    std::unique_ptr<Record>& record = records_[uid];
    if (record == nullptr) {
      const auto view = view_.pods().find(uid);
      if (view == view_.pods().end()) {
        records_.erase(uid);
        continue;
      }
      record = std::make_unique<Record>();
      record->uid = uid;
      record->name = view->second.name;
      record->namespace_ = view->second.namespace_;
    }
    record->dirty = true;
  }
  if (!runtime_ok_ || assignment_ == nullptr) return probes_.Step(now);

  std::optional<MonoTime> wake;
  bool all_planned = view_.listed_once();
  for (Record* record : DueByPriority(now)) PlanOne(*record, now);
  for (auto at = records_.begin(); at != records_.end();) {
    Record& record = *at->second;
    if (IsDue(record, now)) PlanOne(record, now);  // Because of one of the others.
    all_planned = all_planned && !record.dirty;
    if (record.wake_at && (!wake || *record.wake_at < *wake)) wake = record.wake_at;
    if (RunsAgain(record)) {
      at->second = BeginAnew(record);
      wake = now;
      ++at;
    } else if (record.gone && !record.desired && !record.dirty) {
      {
        const LogFields about(FieldsOf(record.pod.get(), record.namespace_, record.name));
        spdlog::info("pod {}/{} ({}) is gone", record.namespace_, record.name, record.uid);
      }
      if (!record.name.empty()) {
        farewells_.push_back({record.namespace_, record.name, record.uid,
                              record.status.value_or(v1::PodStatus()), true});
      }
      MarkNeighbours(record);
      probes_.Forget(record.uid);
      pre_puller_.Forget(record.uid);
      at = records_.erase(at);
      wake = now;  // Somebody may have waited for it.
    } else {
      ++at;
    }
  }
  // Whoever ran before and was not found by now is gone.
  if (all_planned && !recalled_.empty()) {
    recalled_.clear();
    memories_changed_ = true;
  }
  const std::optional<MonoTime> probe_due = probes_.Step(now);
  if (probe_due && (!wake || *probe_due < *wake)) wake = probe_due;
  return wake;
}

void PodSet::Recall(const ContainerMemories& memories) {
  recalled_ = memories;
  probes_.Recall(memories);
}

std::optional<ContainerMemories> PodSet::TakeMemories() {
  if (!std::exchange(memories_changed_, false)) return std::nullopt;
  ContainerMemories all = recalled_;
  for (const auto& [uid, record] : records_) {
    for (const auto& [id, memory] : record->memories) all[id] = memory;
  }
  return all;
}

// Those that may wait for this one's name, ports or resources.
void PodSet::MarkNeighbours(const Record& record) {
  for (auto& [uid, other] : records_) {
    if (other.get() == &record) continue;
    if (other->observed.sandboxes.empty() || other->resize_refusal) other->dirty = true;
  }
}

void PodSet::SyncObserved(Record& record) {
  static const PodView kNothing;
  const auto found = view_.pods().find(record.uid);
  const PodView& view = found == view_.pods().end() ? kNothing : found->second;
  ObservedPod& observed = record.observed;
  observed.known = true;
  observed.network_ready = node_.network_ready;
  observed.network_message = node_.network_message;

  std::vector<SandboxInstance> before = std::exchange(observed.sandboxes, view.sandboxes);
  for (SandboxInstance& sandbox : observed.sandboxes) {
    for (const SandboxInstance& old : before) {
      if (old.status.id == sandbox.status.id) sandbox.stopped = old.stopped;
    }
  }
  for (auto& [name, container] : observed.containers) {
    // What we knew of it counts on, should the runtime have lost it.
    if (!container.instances.empty()) {
      container.restarts_from_logs =
          std::max(container.restarts_from_logs, container.instances.front().restart_count + 1);
    }
    container.instances.clear();
  }
  for (const auto& [name, instances] : view.containers) {
    ObservedContainer& container = observed.containers[name];
    container.instances = instances;
    if (IsAlive(instances.front().status)) container.seen_alive = instances.front().status.id;
  }
  record.exit_messages = view.exit_messages;

  if (record.pod != nullptr && !std::exchange(record.logs_read, true)) {
    const std::string directory = PodLogDirectory(*record.pod, node_.context);
    for (const v1::Container& c : record.pod->spec().init_containers()) {
      observed.containers[c.name()].restarts_from_logs =
          logs_.RestartsFromLogs(directory, c.name());
    }
    for (const v1::Container& c : record.pod->spec().containers()) {
      observed.containers[c.name()].restarts_from_logs =
          logs_.RestartsFromLogs(directory, c.name());
    }
  }
  if (!record.start_time) {
    WallTime start = clock_.Wall();
    for (const SandboxInstance& sandbox : observed.sandboxes) {
      start = std::min(start, sandbox.status.created_at);
      const auto kept = sandbox.status.annotations.find(kAnnotationStartTime);
      int64_t millis = 0;
      if (kept != sandbox.status.annotations.end() && absl::SimpleAtoi(kept->second, &millis)) {
        start = WallTime(std::chrono::milliseconds(millis));
        break;
      }
    }
    record.start_time = start;
  }
}

void PodSet::SyncHealth(Record& record) {
  for (auto& [name, container] : record.observed.containers) {
    if (container.instances.empty()) continue;
    const std::string& id = container.instances.front().status.id;
    const auto recalled = recalled_.find(id);
    if (recalled == recalled_.end()) continue;
    if (recalled->second.post_start_over) container.post_start_over = id;
    if (!recalled->second.resized_to.empty()) {
      container.resized = id;
      container.resized_to = recalled->second.resized_to;
    }
  }
  std::string ip;
  if (const SandboxInstance* sandbox = CurrentSandbox(record.observed)) {
    const bool host_network = record.pod != nullptr && record.pod->spec().host_network();
    const std::vector<std::string>& ips =
        host_network ? node_.context.host_ips : sandbox->status.ips;
    if (!ips.empty()) ip = ips.front();
  }
  probes_.See(record.uid, record.pod, record.IsTerminating(), ip, record.observed);
  ContainerMemories memories;
  probes_.AddMemories(record.observed, record.uid, memories);
  if (memories == record.memories) return;
  record.memories = std::move(memories);
  memories_changed_ = true;
}

PodIntent PodSet::MakeIntent(const Record& record) const {
  PodIntent intent;
  intent.pod = record.pod.get();
  intent.terminate = record.IsTerminating();
  intent.keep_remains = node_.shutting_down;
  intent.grace =
      record.pod == nullptr ? GraceFromAnnotations(record.observed) : GraceOf(*record.pod);
  intent.inputs = record.inputs;
  if (record.pod != nullptr && node_.runtime_known) {
    intent.group = DescribeGroup(CgroupParent(*record.pod, node_.context),
                                 PodGroupValues(*record.pod, node_.context));
  }
  if (record.evicted) intent.grace = std::min(intent.grace, record.evicted->grace);
  intent.finished = record.IsFinished();
  intent.disk_is_full = IsDiskFull(node_.pressure);
  if (record.pod != nullptr) {
    for (const v1::Container& c : record.pod->spec().init_containers()) {
      intent.hashes[c.name()] = DefinitionHash(c);
    }
    for (const v1::Container& c : record.pod->spec().containers()) {
      intent.hashes[c.name()] = DefinitionHash(c);
    }
  }
  return intent;
}

void PodSet::PlanOne(Record& record, MonoTime now) {
  record.dirty = false;
  ++plans_made_;
  record.report_due = true;
  record.wake_at.reset();
  SyncObserved(record);
  if (!std::exchange(record.looked, true) && record.HasInstances()) {
    record.starting_since.reset();
  }
  SyncHealth(record);
  Allocate(record);
  pre_puller_.See(record.uid, record.IsTerminating() ? nullptr : record.pod, record.configs,
                  node_.context);
  const bool is_static = record.pod != nullptr && model::IsStatic(*record.pod);
  // It may only be missing.
  if (!record.desired && !assignment_->complete() && !is_static) return;
  if (record.gone) {
    if (!record.HasInstances()) return;
    // What an earlier agent had asked for came up after all.
    record.gone = false;
    record.observed.cleaned_up = false;
  }

  PodIntent intent = MakeIntent(record);
  if (!intent.terminate && !intent.finished && record.observed.sandboxes.empty()) {
    RefuseUnfit(record, intent);
  }
  record.admitted = !record.refused;
  if (intent.terminate && !record.observed.terminating_since) {
    record.observed.terminating_since = now;
    const LogFields about(FieldsOf(record.pod.get(), record.namespace_, record.name));
    spdlog::info("pod {}/{} ({}): terminating within {} s", record.namespace_, record.name,
                 record.uid, intent.grace.count());
  }
  if (intent.terminate) intent.stop_not_before = StopNotBefore(record, intent);
  const Plan plan = PlanPod(intent, record.observed, now);
  for (const std::string& note : plan.notes) {
    spdlog::debug("pod {}/{}: {}", record.namespace_, record.name, note);
  }
  UpdateStatus(record, intent, plan);
  MeasureStart(record, now);
  TellWaiting(record, plan);
  record.wake_at = plan.wake_at;
  if (record.resize_refusal) {
    record.wake_at = std::min(record.wake_at.value_or(MonoTime::max()), now + kResizeRetry);
  }
  if (plan.gone) {
    record.gone = true;
    MarkNeighbours(record);
    return;
  }
  for (const Action& action : plan.actions) Execute(record, intent, action, now);
}

void PodSet::UpdateStatus(Record& record, const PodIntent& intent, const Plan& plan) {
  if (record.pod == nullptr || record.status_final) return;
  std::optional<Disruption> disruption;
  if (record.evicted) disruption = {record.evicted->reason, record.evicted->message};
  const StatusInput input{
      .pod = *record.pod,
      .observed = record.observed,
      .plan = plan,
      .terminating = intent.terminate,
      .host_ips = node_.context.host_ips,
      .start_time = *record.start_time,
      .runtime_name = node_.runtime_name,
      .termination_messages = record.exit_messages,
      .disruption = disruption ? &*disruption : nullptr,
      .resize_refusal = record.resize_refusal ? &*record.resize_refusal : nullptr};
  record.status = MakePodStatus(input, record.status.value_or(record.pod->status()), clock_.Wall());
  if (auto pulled = pre_puller_.ResultOf(record.uid)) {
    *record.status->mutable_pre_pull() = *std::move(pulled);
  }
  // What is removed from now on must not look as if it were lost.
  record.status_final =
      plan.stopped || (RunsToItsEnd(*record.pod) && IsFinal(record.status->phase()));
}

void PodSet::TellWaiting(Record& record, const Plan& plan) {
  if (record.pod == nullptr) return;
  for (const auto& [container, waiting] : plan.waiting) {
    const auto told = record.told_waiting.find(container);
    if (told != record.told_waiting.end() && told->second == waiting) continue;
    if (const auto event =
            EventOfWaiting(*record.pod, container, waiting.reason, waiting.message)) {
      Tell(record, *event);
    }
  }
  record.told_waiting = plan.waiting;
  const std::string blocked = plan.blocked ? plan.blocked->reason : "";
  if (blocked == "NetworkNotReady" && blocked != record.told_blocked) {
    Tell(record, {"NetworkNotReady", absl::StrCat("network is not ready: ", plan.blocked->message),
                  true, ""});
  }
  record.told_blocked = blocked;
}

void PodSet::Execute(Record& record, const PodIntent& intent, const Action& action, MonoTime now) {
  auto context = std::make_shared<ActionContext>();
  context->pod_uid = record.uid;
  context->pod = PodOf(record, action);
  context->configs = record.configs != nullptr
                         ? record.configs
                         : std::make_shared<const ConfigSnapshot>(ConfigSnapshot::Objects());
  context->node = node_.context;
  context->start_time = *record.start_time;
  if (!record.name.empty()) {
    context->log_directory = absl::StrCat(node_.context.log_root, "/", record.namespace_, "_",
                                          record.name, "_", record.uid);
  }
  if (const SandboxInstance* sandbox = CurrentSandbox(record.observed)) {
    const bool host_network = record.pod != nullptr
                                  ? record.pod->spec().host_network()
                                  : sandbox->status.network == NamespaceMode::kNode;
    context->pod_ips = host_network ? node_.context.host_ips : sandbox->status.ips;
  }
  if (const auto* launch = std::get_if<LaunchContainer>(&action)) {
    const ImageStatus& image = record.observed.containers[launch->container].resolved_image;
    context->image = {image.id, image.user_id, image.user_name};
  }
  spdlog::debug("pod {}/{}: {}", record.namespace_, record.name, Describe(action));
  Begin(action, intent, now, record.observed);
  if (const auto event = EventOfBegin(action)) Tell(record, *event);
  if (std::holds_alternative<RunSandbox>(action)) {
    if (const auto left_out = DnsLeftOut(*record.pod, node_.context)) {
      Tell(record, {"DNSConfigForming", *left_out, true, ""});
    }
  }

  ActionRunner::Step step;
  if (const auto* launch = std::get_if<LaunchContainer>(&action)) {
    step = [this, uid = record.uid, container = launch->container](LaunchStep reached) {
      const auto found = records_.find(uid);
      if (found != records_.end()) Tell(*found->second, EventOfStep(container, reached));
    };
  }
  runner_.Run(action, std::move(context), std::move(step),
              [this, uid = record.uid, action, begun = now](const Outcome& outcome) {
                OnDone(uid, action, outcome, begun);
              });
}

void PodSet::OnDone(const std::string& uid, const Action& action, const Outcome& outcome,
                    MonoTime begun) {
  const auto found = records_.find(uid);
  if (found == records_.end()) return;  // A pull that nobody waited for.
  Record& record = *found->second;
  const MonoTime now = clock_.Mono();
  if (!outcome.status.ok() && !absl::IsNotFound(outcome.status)) {
    const LogFields about(FieldsOf(record.pod.get(), record.namespace_, record.name));
    spdlog::warn("pod {}/{}: cannot {}: {}", record.namespace_, record.name, Describe(action),
                 std::string(outcome.status.message()));
  }
  const PodIntent intent = MakeIntent(record);
  if (Finish(action, outcome, intent, now, record.observed)) {
    record.after_list = view_.RequestList();
  }
  if (const auto event = EventOfEnd(action, outcome, now - begun)) Tell(record, *event);
  record.dirty = true;
}

void PodSet::Tell(const Record& record, const PodEvent& event) {
  if (record.pod == nullptr) return;
  const LogFields about(FieldsOf(record.pod.get(), record.namespace_, record.name));
  spdlog::log(event.warning ? spdlog::level::warn : spdlog::level::info, "pod {}/{}: {}: {}",
              record.namespace_, record.name, event.reason, event.message);
  emit_event_(MakeEvent(event, *record.pod, node_.context.node_name, clock_.Wall()));
}

std::vector<PodReport> PodSet::TakeReports(bool all) {
  std::vector<PodReport> reports = std::exchange(farewells_, {});
  for (auto& [uid, record] : records_) {
    if (!record->desired || !record->status || (!all && !record->report_due)) continue;
    record->report_due = false;
    PodReport report{record->namespace_, record->name, uid, *record->status, false};
    report.gone = record->gone && record->pod->metadata().has_deletion_timestamp();
    std::string bytes = BytesOf(report.status) + (report.gone ? "g" : "");
    if (!all && bytes == record->reported) continue;
    record->reported = std::move(bytes);
    reports.push_back(std::move(report));
  }
  return reports;
}

absl::StatusOr<ContainerTarget> PodSet::Find(const std::string& pod_uid,
                                             const std::string& container, bool previous) const {
  const auto record = records_.find(pod_uid);
  if (record == records_.end()) return absl::NotFoundError("the pod is not on this node");
  const auto found = record->second->observed.containers.find(container);
  const bool known = found != record->second->observed.containers.end();
  const ContainerInstance* instance = nullptr;
  if (known && previous) {
    instance = PreviousInstance(found->second, record->second->status, container);
  } else if (known && !found->second.instances.empty()) {
    instance = &found->second.instances.front();
  }
  if (instance == nullptr) {
    return absl::NotFoundError(
        previous ? absl::StrCat("previous terminated container \"", container, "\" not found")
                 : absl::StrCat("container \"", container, "\" has not been started yet"));
  }
  const ContainerStatus& status = instance->status;
  return ContainerTarget{status.id, status.log_path, status.state == ContainerState::kRunning};
}

}  // namespace muster::agent
