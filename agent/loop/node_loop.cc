#include "agent/loop/node_loop.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/loop/node_status.h"
#include "agent/workload/pod_status.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "spdlog/spdlog.h"

namespace muster::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kSaveRetry{5};
constexpr seconds kInfoRetry{1};  // While something is wrong with it.
constexpr seconds kFirstLookPatience{2};
constexpr size_t kEventsKeptMax = 100;
constexpr size_t kWarningsKeptMax = 20;

void Earlier(std::optional<MonoTime> at, std::optional<MonoTime>& wake) {
  if (at && (!wake || *at < *wake)) wake = at;
}

// It is asked all the time, and nearly always says the same.
bool SameInfo(const RuntimeInfo& a, const RuntimeInfo& b) {
  const auto all = [](const RuntimeInfo& info) {
    return std::tie(info.name, info.version, info.api_version, info.runtime_ready,
                    info.network_ready, info.runtime_message, info.network_message,
                    info.cgroup_driver);
  };
  return all(a) == all(b);
}

NodeReport::Warning WarningOf(const v1::Event& event, WallTime now) {
  const v1::ObjectReference& about = event.involved_object();
  std::string object = absl::StrCat(absl::AsciiStrToLower(about.kind()), "/");
  if (!about.namespace_().empty()) absl::StrAppend(&object, about.namespace_(), "/");
  return {now, absl::StrCat(object, about.name()), event.reason(), event.message()};
}

bool SameImage(const v1::ContainerImage& a, const v1::ContainerImage& b) {
  return a.size_bytes() == b.size_bytes() && std::ranges::equal(a.names(), b.names());
}

std::string Text(const absl::Status& status) { return std::string(status.message()); }

}  // namespace

NodeLoop::NodeLoop(const Seams& seams, NodeOptions options, OnTunnel on_tunnel)
    : seams_(seams),
      options_(std::move(options)),
      on_tunnel_(std::move(on_tunnel)),
      images_(seams_.runtime, seams_.inbox, options_.parallel_pulls_max),
      runner_(seams_.clock, seams_.runtime, images_, seams_.prober, seams_.volumes, seams_.logs,
              seams_.host, seams_.worker, seams_.inbox),
      view_(
          seams_.runtime, seams_.clock, seams_.inbox,
          [this](const std::string& uid, const ContainerStatus& status, uint32_t restart_count,
                 std::function<void(std::string)> done) {
            runner_.ReadExitMessage(uid, status, restart_count, std::move(done));
          },
          seams_.exits),
      pods_(seams_.clock, seams_.runtime, seams_.prober, seams_.inbox, options_.link.seed, view_,
            runner_, images_, seams_.logs, [this](const v1::Event& event) { EmitEvent(event); }),
      keeper_(seams_.link, options_.link),
      log_keeper_(seams_.clock, seams_.runtime, seams_.logs,
                  seams_.chores != nullptr ? *seams_.chores : seams_.worker, seams_.inbox,
                  options_.logs),
      image_keeper_(
          seams_.clock, seams_.runtime, seams_.host, seams_.inbox, options_.images,
          [this] { return WantedImages(); },
          [this](const std::string& reason, const std::string& message) {
            WarnOfNode(reason, message);
          }),
      eviction_keeper_({seams_.clock, seams_.runtime, seams_.host, seams_.volumes, seams_.logs,
                        seams_.chores != nullptr ? *seams_.chores : seams_.worker, seams_.inbox,
                        image_keeper_, pods_,
                        [this](const std::string& reason, const std::string& message) {
                          WarnOfNode(reason, message);
                        }},
                       options_.eviction),
      shutdown_keeper_(pods_, options_.shutdown),
      host_port_keeper_(seams_.clock, seams_.network, seams_.inbox,
                        [this](const std::string& reason, const std::string& message) {
                          WarnOfNode(reason, message);
                        }),
      class_groups_(pods_, seams_.host, runner_),
      event_feed_(seams_.events, seams_.clock, seams_.inbox, view_),
      static_pods_(options_.static_pod_dir, options_.node_name),
      mirror_keeper_(seams_.link, pods_),
      began_at_(seams_.clock.Wall()),
      link_since_(began_at_) {}

NodeLoop::~NodeLoop() { *alive_ = false; }

absl::Status NodeLoop::Start() {
  const absl::StatusOr<HostFacts> facts = seams_.host.Facts();
  if (!facts.ok()) return Annotate(facts.status(), "looking at this host");
  facts_ = *facts;
  if (seams_.network != nullptr) {
    seams_.network->SetHostDns(facts_.dns.servers);
    seams_.network->SetConnected(false);
  }
  facts_due_ = seams_.clock.Mono() + options_.facts_period;

  if (!facts_.may_lower_oom_score) {
    spdlog::warn("without CAP_SYS_RESOURCE no container gets an OOM score below 0");
  }
  if (!facts_.root_is_shared) {
    spdlog::warn(
        "/ is not a shared mount, so containers with mountPropagation cannot start; "
        "'mount --make-rshared /' changes that");
  }

  std::string problem;
  absl::StatusOr<CheckpointState> saved = seams_.checkpoint.Load(&problem);
  if (!saved.ok()) return Annotate(saved.status(), "reading the checkpoint");
  if (!problem.empty()) spdlog::error("{}", problem);
  saved_at_ = saved->saved_at;
  assignment_ = Assignment(*saved);
  saved->objects.clear();
  pods_.Recall(saved->containers);
  saved->containers.clear();
  identity_ = *std::move(saved);
  if (identity_.boot_id != facts_.boot_id) {
    if (!identity_.boot_id.empty()) spdlog::info("the host was rebooted since the last start");
    CheckpointChange change;
    change.boot_id = facts_.boot_id;
    // Only explains things; the next change tries again.
    if (absl::Status status = SaveCheckpoint(change); !status.ok()) {
      spdlog::warn("cannot save the boot id: {}", Text(status));
    }
    identity_.boot_id = facts_.boot_id;
  }
  static_pods_.Read();
  static_pods_due_ = seams_.clock.Mono() + options_.facts_period;
  GiveAssignment();
  SetOwners();
  return absl::OkStatus();
}

void NodeLoop::SetOwners() {
  std::set<std::string> owners = identity_.former_node_uids;
  if (!identity_.node_uid.empty()) owners.insert(identity_.node_uid);
  view_.SetOwners(std::move(owners));
}

std::optional<MonoTime> NodeLoop::Step() {
  for (NodeMessage& message : seams_.inbox->TakeAll()) {
    if (auto* task = std::get_if<std::function<void()>>(&message)) {
      (*task)();
    } else {
      std::visit([this](const auto& event) { OnEvent(event); }, std::get<LinkEvent>(message));
    }
  }
  const MonoTime now = seams_.clock.Mono();
  TakeAssignments(now);
  ReadStaticPods(now);
  RefreshFacts(now);
  AskRuntimeInfo(now);

  std::optional<MonoTime> wake;
  // It tells us, or its processes do, or there are none.
  const bool told =
      event_feed_.up() || (view_.AllWatched() && (seams_.exits != nullptr || pods_.empty()));
  const bool idle = told && !view_.failing_since();
  const bool knows_all = assignment_.complete() && view_.listed_once();
  // Before the pods: one that comes to a node that is short is refused.
  Earlier(eviction_keeper_.Step(now, knows_all), wake);
  const NodeSituation situation = MakeSituation();
  Earlier(pods_.Step(now, situation), wake);
  TellOwnPods();
  // Before the reports: whoever hears that a pod is ready may stop the one before it.
  Earlier(host_port_keeper_.Step(now, pods_), wake);
  if (situation.runtime_known) Earlier(class_groups_.Step(now, situation.context), wake);
  Earlier(shutdown_keeper_.Step(now, view_.listed_once()), wake);
  Earlier(runner_.Wake(now), wake);
  SaveMemories(now);
  Earlier(event_feed_.Step(now), wake);
  // After the pods, who may have asked for a list.
  Earlier(view_.Step(now, idle ? options_.idle_relist_period : options_.relist_period), wake);
  SweepFiles();
  Earlier(log_keeper_.Step(now, view_), wake);
  // Nothing goes before it is known what is needed.
  if (std::exchange(images_brought_, images_.brought()) != images_.brought()) {
    image_keeper_.LookSoon(now);
  }
  if (knows_all) Earlier(image_keeper_.Step(now), wake);
  if (std::exchange(images_version_, image_keeper_.version()) != image_keeper_.version()) {
    node_status_due_ = true;
  }
  UpdateNodeStatus();
  looked_ = HasLooked(now, wake);
  Earlier(KeepCertificate(now), wake);
  if (looked_) Earlier(keeper_.Step(now, [this] { return MakeHello(); }), wake);
  // Before the reports: those about static pods are of use when their objects are there.
  if (keeper_.up() && assignment_.complete() && !identity_.node_uid.empty()) {
    Earlier(
        mirror_keeper_.Step(now, static_pods_.pods(), assignment_.Mirrors(), identity_.node_uid),
        wake);
  }
  SendReports(now);

  Earlier(save_again_at_, wake);
  if (unsaved_memories_) Earlier(save_memories_at_, wake);
  Earlier(facts_due_, wake);
  if (!options_.static_pod_dir.empty()) Earlier(static_pods_due_, wake);
  if (!info_asked_) Earlier(info_due_, wake);
  if (keeper_.up()) Earlier(status_due_, wake);
  if (view_.failing_since()) {
    const MonoTime unhealthy = *view_.failing_since() + options_.runtime_unhealthy_after;
    if (unhealthy > now) Earlier(unhealthy, wake);
  }
  return wake;
}

void NodeLoop::NoticeShutdown(bool goes_down) {
  if (goes_down) {
    shutdown_keeper_.Begin(seams_.clock.Mono());
  } else {
    shutdown_keeper_.Cancel();
  }
}

// An agent that has just started knows nothing of the runtime yet. Saying so would make its node
// not ready, and its pods with it, for as long as the first look takes.
bool NodeLoop::HasLooked(MonoTime now, std::optional<MonoTime>& wake) {
  if (looked_ || view_.listed_once() || view_.failing_since()) return true;
  if (!looking_until_) looking_until_ = now + kFirstLookPatience;
  if (now >= *looking_until_) return true;
  Earlier(looking_until_, wake);
  return false;
}

LinkHello NodeLoop::MakeHello() {
  sent_status_ = node_status_;
  LinkHello hello{options_.agent_version, facts_.boot_id, assignment_.Known(), node_status_, {}};
  if (seams_.network != nullptr) hello.network_revision = seams_.network->revision();
  if (seams_.certificate != nullptr) hello.trusted_cas = seams_.certificate->TrustedCas();
  if (seams_.seal != nullptr) hello.sealing_key_id = seams_.seal->KeyId();
  return hello;
}

std::optional<MonoTime> NodeLoop::KeepCertificate(MonoTime now) {
  if (seams_.certificate == nullptr) return std::nullopt;
  const std::optional<MonoTime> wake = seams_.certificate->Step();
  if (seams_.certificate->TakeRenewed()) keeper_.Reopen(now);
  return wake;
}

void NodeLoop::OnEvent(const LinkWelcome& welcome) {
  const MonoTime now = seams_.clock.Mono();
  keeper_.OnWelcome(welcome, now);
  session_is_new_ = true;
  ++sessions_;
  link_since_ = seams_.clock.Wall();
  mirror_keeper_.Begin();
  if (seams_.network != nullptr) seams_.network->SetConnected(true);
  status_due_ = now + options_.status_period;
  spdlog::info("connected to coordinator {}", welcome.coordinator_version);
  const std::string& uid = welcome.node.metadata().uid();
  if (uid.empty() || uid == identity_.node_uid) return;
  CheckpointChange change;
  change.node_uid = uid;
  if (!identity_.node_uid.empty()) change.former_node_uids.push_back(identity_.node_uid);
  if (absl::Status saved = SaveCheckpoint(change); !saved.ok()) {
    // Without it a restarted agent would not know its own pods, so nothing is begun.
    save_problem_ = absl::StrCat("cannot save the assignment: ", saved.message());
    spdlog::error("{}", save_problem_);
    seams_.link.Disconnect();
    return;
  }
  ApplyChange(change, identity_);
  SetOwners();
}

void NodeLoop::OnEvent(const LinkAssignment& assignment) { unsaved_.push_back(assignment); }

void NodeLoop::TakeAssignments(MonoTime now) {
  if (unsaved_.empty() || (save_again_at_ && now < *save_again_at_)) return;
  save_again_at_.reset();
  while (!unsaved_.empty()) {
    const LinkAssignment& update = unsaved_.front();
    if (const std::optional<CheckpointChange> change = assignment_.ChangeFor(update)) {
      if (absl::Status saved = SaveCheckpoint(*change); !saved.ok()) {
        const std::string problem = absl::StrCat("cannot save the assignment: ", saved.message());
        if (problem != save_problem_) spdlog::error("{}", problem);
        save_problem_ = problem;
        save_again_at_ = now + kSaveRetry;
        break;
      }
      save_problem_.clear();
    }
    assignment_.Apply(update);
    revision_ = update.revision;
    unsaved_.pop_front();
  }
  identity_.complete = assignment_.complete();
  GiveAssignment();
}

// A watch tells of changes; this is the floor, should it miss one.
void NodeLoop::ReadStaticPods(MonoTime now) {
  if (now < static_pods_due_) return;
  static_pods_due_ = now + options_.facts_period;
  if (static_pods_.Read()) GiveAssignment();
}

void NodeLoop::OnEvent(const LinkReplaceSealingKey& replace) {
  if (seams_.seal == nullptr) return;
  const std::string before = seams_.seal->KeyId();
  const absl::Status replaced = seams_.seal->Replace(replace.id);
  const std::string now = seams_.seal->KeyId();
  if (!replaced.ok()) {
    spdlog::error("cannot replace the sealing key: {}", Text(replaced));
  } else if (now != before) {
    spdlog::info("what is kept of Secrets is sealed with the new key {}", now);
  }
  seams_.link.SendSealingKey(now, Text(replaced));
}

void NodeLoop::OnEvent(const LinkNodeRemoved&) {
  // Said again in every session until the host is enrolled anew.
  if (identity_.node_uid.empty() && identity_.complete && assignment_.Known().empty()) return;
  spdlog::warn("this node was removed from the cluster; its pods are stopped");
  unsaved_.clear();
  CheckpointChange change;
  change.forget_objects = true;
  change.complete = true;
  change.node_uid = "";
  if (!identity_.node_uid.empty()) change.former_node_uids.push_back(identity_.node_uid);
  if (absl::Status saved = SaveCheckpoint(change); !saved.ok()) {
    // The coordinator says it again in the next session.
    spdlog::error("cannot save that this node was removed: {}", Text(saved));
    seams_.link.Disconnect();
    return;
  }
  ApplyChange(change, identity_);
  if (seams_.network != nullptr) seams_.network->Forget();
  assignment_.Clear();
  GiveAssignment();
  SetOwners();
}

void NodeLoop::OnEvent(const TunnelRequest& request) {
  on_tunnel_(request, pods_.FindTarget(request));
}

void NodeLoop::OnEvent(const LinkTrust& trust) {
  if (seams_.certificate != nullptr) seams_.certificate->TakeTrust(trust);
}

void NodeLoop::OnEvent(const LinkNetwork& network) {
  if (seams_.network != nullptr) seams_.network->Take(network.update);
}

void NodeLoop::OnEvent(const LinkDown& down) {
  if (seams_.network != nullptr) seams_.network->SetConnected(false);
  const bool was_up = keeper_.up(), ours = keeper_.reopening();
  keeper_.OnDown(seams_.clock.Mono());
  session_is_new_ = false;
  // What is not saved will be sent again, since the next hello does not know it.
  unsaved_.clear();
  save_again_at_.reset();
  if (ours) {
    spdlog::info("opening the session anew with the new certificate");
    return;
  }
  const std::string why = Text(down.why);
  if (was_up) link_since_ = seams_.clock.Wall();
  if (was_up) {
    spdlog::warn("lost the coordinator: {}; pods keep running", why);
  } else if (why != last_down_) {
    spdlog::warn("cannot reach the coordinator: {}", why);
  }
  last_down_ = why;
}

void NodeLoop::RefreshFacts(MonoTime now) {
  if (now < facts_due_) return;
  facts_due_ = now + options_.facts_period;
  absl::StatusOr<HostFacts> facts = seams_.host.Facts();
  if (!facts.ok() || *facts == facts_) return;
  facts_ = *std::move(facts);
  if (seams_.network != nullptr) seams_.network->SetHostDns(facts_.dns.servers);
  node_status_due_ = true;
}

void NodeLoop::AskRuntimeInfo(MonoTime now) {
  if (info_asked_ || now < info_due_) return;
  info_asked_ = true;
  seams_.runtime.Info(
      [this, inbox = seams_.inbox, alive = alive_](absl::StatusOr<RuntimeInfo> info) {
        inbox->Post(std::function<void()>([this, alive, info = std::move(info)] {
          if (!*alive) return;
          info_asked_ = false;
          const bool same =
              info.ok() && info_status_.ok() && runtime_info_ && SameInfo(*info, *runtime_info_);
          info_status_ = info.status();
          if (info.ok()) runtime_info_ = *info;
          if (!same) node_status_due_ = true;
          const bool fine = info.ok() && info->runtime_ready && info->network_ready;
          info_due_ = seams_.clock.Mono() + (fine ? options_.info_period : kInfoRetry);
        }));
      });
}

NodeSituation NodeLoop::MakeSituation() const {
  NodeSituation situation;
  NodeContext& context = situation.context;
  context.node_name = options_.node_name;
  context.node_uid = identity_.node_uid;
  // Of a node that was removed only static pods are left, and they have to be known as ours.
  if (context.node_uid.empty() && !identity_.former_node_uids.empty()) {
    context.node_uid = *identity_.former_node_uids.rbegin();
  }
  context.host_ips = NodeIps(options_.node_ip, facts_);
  context.log_root = options_.log_root;
  context.seccomp_root = options_.seccomp_root;
  context.cgroup_root = options_.cgroup_root;
  context.systemd_cgroups = runtime_info_ && runtime_info_->cgroup_driver == "systemd";
  context.allocatable = {node_status_.allocatable().begin(), node_status_.allocatable().end()};
  context.memory_capacity_bytes = facts_.memory_bytes;
  context.cluster_dns = options_.cluster_dns;
  if (seams_.network != nullptr) {
    if (context.cluster_dns.empty()) context.cluster_dns = seams_.network->Resolvers();
    context.services = seams_.network->table();
    context.leads_host_ports = seams_.network->leads_host_ports();
  }
  context.cluster_domain = options_.cluster_domain;
  context.host_dns = facts_.dns;
  context.may_lower_oom_score = facts_.may_lower_oom_score;
  context.hugepage_sizes = facts_.hugepage_sizes;
  context.cgroup_v2 = facts_.cgroup_v2;
  context.swap_accounting = facts_.swap_accounting;
  context.apparmor = facts_.apparmor;
  context.selinux = facts_.selinux;
  context.allowed_sysctls = options_.allowed_sysctls;
  if (runtime_info_) {
    situation.runtime_known = true;
    situation.runtime_name = runtime_info_->name;
    situation.network_ready = runtime_info_->network_ready;
    situation.network_message = NetworkProblem(*runtime_info_);
  }
  situation.host_rules = options_.host_rules;
  situation.pressure = eviction_keeper_.Conditions();
  situation.shutting_down = shutdown_keeper_.under_way();
  situation.host_ports = host_port_keeper_.state();
  return situation;
}

void NodeLoop::UpdateNodeStatus() {
  std::string runtime_problem;
  const MonoTime now = seams_.clock.Mono();
  if (!view_.listed_once()) {
    runtime_problem =
        absl::StrCat("container runtime is not connected: ", view_.status().message());
  } else if (view_.failing_since() &&
             now - *view_.failing_since() >= options_.runtime_unhealthy_after) {
    runtime_problem = absl::StrCat("container runtime is down: ", view_.status().message());
  }
  std::vector<std::string> problems = {runtime_problem, save_problem_};
  if (runtime_info_) {
    problems.push_back(RuntimeProblem(*runtime_info_));
    problems.push_back(NetworkProblem(*runtime_info_));
  }
  if (shutdown_keeper_.under_way()) problems.push_back(kShuttingDown);
  std::vector<std::string> pressure = eviction_keeper_.Conditions();
  std::optional<PodNetworkState> pod_network;
  if (seams_.network != nullptr) pod_network = seams_.network->pod_network();
  if (!std::exchange(node_status_due_, false) && problems == problems_ && pressure == pressure_ &&
      pod_network == pod_network_) {
    return;
  }
  problems_ = problems;
  pressure_ = pressure;
  pod_network_ = pod_network;
  NodeStatusInput input{.facts = facts_,
                        .runtime = runtime_info_,
                        .node_name = options_.node_name,
                        .node_ip = options_.node_ip,
                        .agent_version = options_.agent_version,
                        .pods_max = options_.pods_max};
  input.problems = std::move(problems);
  input.pressure = std::move(pressure);
  input.images = &image_keeper_.images();
  input.pod_network = std::move(pod_network);
  for (const Threshold& threshold : options_.eviction.limits.thresholds) {
    if (threshold.grace > Duration::zero()) continue;
    if (threshold.signal == Signal::kMemoryAvailable) {
      input.memory_kept_bytes = threshold.AmountOf(facts_.memory_bytes);
    } else if (threshold.signal == Signal::kNodeFsAvailable) {
      input.disk_kept_bytes = threshold.AmountOf(facts_.ephemeral_storage_bytes);
    }
  }
  node_status_ = MakeNodeStatus(input, node_status_, seams_.clock.Wall());
  node_status_changed_ = true;
}

void NodeLoop::SendReports(MonoTime now) {
  if (!keeper_.up()) return;
  const bool changed =
      std::exchange(node_status_changed_, false) && !SameNodeStatus(node_status_, sent_status_);
  if (changed || now >= status_due_) {
    const v1::Time time = ToApiTime(seams_.clock.Wall());
    for (v1::NodeCondition& condition : *node_status_.mutable_conditions()) {
      *condition.mutable_last_heartbeat_time() = time;
    }
    v1::NodeStatus told = node_status_;
    // The coordinator keeps them when nothing is said of them.
    if (std::ranges::equal(node_status_.images(), sent_status_.images(), SameImage)) {
      told.clear_images();
    }
    seams_.link.SendNodeStatus(told);
    sent_status_ = node_status_;
    status_due_ = now + options_.status_period;
  }
  const std::vector<PodReport> reports = pods_.TakeReports(std::exchange(session_is_new_, false));
  if (!reports.empty()) seams_.link.SendPodReports(reports);
  while (!events_.empty()) {
    seams_.link.SendEvent(events_.front());
    events_.pop_front();
  }
}

absl::Status NodeLoop::SaveCheckpoint(const CheckpointChange& change) {
  absl::Status saved = seams_.checkpoint.Save(change);
  if (saved.ok()) saved_at_ = seams_.clock.Wall();
  return saved;
}

void NodeLoop::EmitEvent(const v1::Event& event) {
  if (event.type() == "Warning") {
    NodeReport::Warning warning = WarningOf(event, seams_.clock.Wall());
    // Said again it is as new as the last time.
    std::erase_if(warnings_, [&warning](const NodeReport::Warning& said) {
      return said.object == warning.object && said.reason == warning.reason &&
             said.message == warning.message;
    });
    warnings_.push_back(std::move(warning));
    if (warnings_.size() > kWarningsKeptMax) warnings_.pop_front();
  }
  events_.push_back(event);
  if (events_.size() > kEventsKeptMax) events_.pop_front();
}

void NodeLoop::WarnOfNode(const std::string& reason, const std::string& message) {
  spdlog::warn("{}: {}", reason, message);
  EmitEvent(MakeNodeWarning(reason, message, options_.node_name, seams_.clock.Wall()));
}

ImageNames NodeLoop::WantedImages() const {
  ImageNames wanted;
  for (const auto& [uid, pod] : assignment_.Pods()) wanted.AddImagesOf(*pod);
  for (const auto& [uid, pod] : static_pods_.pods()) wanted.AddImagesOf(*pod);
  if (runtime_info_) wanted.Add(runtime_info_->sandbox_image);
  return wanted;
}

// Before the reports go out: what was told once must not be forgotten by the next agent.
void NodeLoop::SaveMemories(MonoTime now) {
  if (auto changed = pods_.TakeMemories()) unsaved_memories_ = std::move(changed);
  if (!unsaved_memories_ || now < save_memories_at_) return;
  if (absl::Status saved = seams_.checkpoint.SaveContainers(*unsaved_memories_); !saved.ok()) {
    // A restart of the agent would let probes begin anew; until then nothing is amiss.
    spdlog::warn("cannot save what probes found, trying again: {}", Text(saved));
    save_memories_at_ = now + kSaveRetry;
    return;
  }
  unsaved_memories_.reset();
}

// Files of pods that went while no agent was there to clean up.
void NodeLoop::SweepFiles() {
  if (swept_ || !assignment_.complete() || !view_.listed_once()) return;
  swept_ = true;
  auto found = std::make_shared<absl::StatusOr<std::vector<std::string>>>();
  runner_.Offload([&volumes = seams_.volumes, found] { *found = volumes.ListPods(); },
                  [this, found] {
                    if (!found->ok()) {
                      spdlog::warn("cannot list the files of pods: {}", Text(found->status()));
                      return;
                    }
                    files_swept_ = true;
                    for (const std::string& uid : **found) pods_.NoticeFiles(uid);
                  });
}

}  // namespace muster::agent
