#include "agent/loop/runtime_view.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "agent/translate/translate.h"
#include "common/manifest/decode.h"

namespace muster::agent {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAskAgainFirst{5};
constexpr milliseconds kAskAgainCeiling{1'000};

std::string Get(const std::map<std::string, std::string>& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? "" : found->second;
}

// Each is made with a higher attempt than all that are there. Kubernetes goes by when they were
// made, which takes an older one for the newest when the clock of the host was set back in between.
template <typename Status>
bool Newer(const Status& a, const Status& b) {
  if (a.attempt != b.attempt) return a.attempt > b.attempt;
  if (a.created_at != b.created_at) return a.created_at > b.created_at;
  return a.id > b.id;
}

}  // namespace

// Both lists of one round.
struct RuntimeView::Lists {
  uint64_t number = 0;
  std::optional<absl::StatusOr<std::vector<SandboxStatus>>> sandboxes;
  std::optional<absl::StatusOr<std::vector<ContainerStatus>>> containers;
};

// A pod's new view while its details come in.
struct RuntimeView::Gathering {
  uint64_t number = 0;  // The list that this is of.
  uint64_t before = 0;  // The list that the view so far is of.
  PodView view;
  int pending = 0;
  bool changed = false;
  bool failed = false;
  bool vanished = false;   // Something went between the list and the question.
  bool overtaken = false;  // A newer list came meanwhile, and was not looked at for this pod.
};

RuntimeView::RuntimeView(Runtime& runtime, const Clock& clock, std::shared_ptr<NodeInbox> inbox,
                         ReadExit read_exit, ExitWatch* exits)
    : runtime_(runtime),
      clock_(clock),
      inbox_(std::move(inbox)),
      read_exit_(std::move(read_exit)),
      exits_(exits) {}

RuntimeView::~RuntimeView() {
  *alive_ = false;
  for (const std::string& id : watched_) exits_->Forget(id);
}

void RuntimeView::Post(std::function<void()> task) const {
  inbox_->Post(std::function<void()>([alive = alive_, task = std::move(task)] {
    if (*alive) task();
  }));
}

void RuntimeView::SetOwners(std::set<std::string> node_uids) {
  if (node_uids == owners_) return;
  owners_ = std::move(node_uids);
  valid_from_ = RequestList();
}

uint64_t RuntimeView::RequestList() {
  wanted_ = true;
  return started_ + 1;
}

uint64_t RuntimeView::AbsorbedBy(const std::string& pod_uid) const {
  uint64_t number = absorbed_;
  if (const auto stale = stale_.find(pod_uid); stale != stale_.end()) {
    number = stale->second;
  } else if (const auto found = gathering_.find(pod_uid); found != gathering_.end()) {
    number = found->second->before;
  }
  return number < valid_from_ ? 0 : number;
}

std::set<std::string> RuntimeView::TakeChanged() { return std::exchange(changed_, {}); }

std::optional<MonoTime> RuntimeView::Step(MonoTime now, Duration period) {
  if (listing_) return std::nullopt;
  MonoTime due = last_begun_ + std::chrono::duration_cast<MonoTime::duration>(period);
  if (ask_again_at_) due = std::min(due, *ask_again_at_);
  // A runtime that is away is not asked more often because somebody waits for it.
  const bool at_once = wanted_ && !failing_since_;
  if (at_once || started_ == 0 || now >= due) {
    Begin(now);
    return std::nullopt;
  }
  return due;
}

bool RuntimeView::AllWatched() const {
  if (!ended_.empty() || !gathering_.empty()) return false;
  for (const auto& [uid, pod] : pods_) {
    for (const SandboxInstance& sandbox : pod.sandboxes) {
      if (sandbox.status.state == SandboxState::kReady && !watched_.contains(sandbox.status.id)) {
        return false;
      }
    }
    for (const auto& [name, instances] : pod.containers) {
      for (const ContainerInstance& instance : instances) {
        if (instance.status.state != ContainerState::kExited &&
            !watched_.contains(instance.status.id)) {
          return false;
        }
      }
    }
  }
  return true;
}

void RuntimeView::WatchExit(const std::string& id, int64_t pid) {
  if (exits_ == nullptr || watched_.contains(id)) return;
  const ExitWatch::Answer answer =
      exits_->Watch(id, pid, [this, alive = alive_, inbox = inbox_, id] {
        inbox->Post(std::function<void()>([this, alive, id] {
          if (*alive) OnExit(id);
        }));
      });
  if (answer == ExitWatch::Answer::kWatched) watched_.insert(id);
  if (answer == ExitWatch::Answer::kEnded) OnExit(id);
}

void RuntimeView::OnExit(const std::string& id) {
  watched_.erase(id);
  ended_.insert(id);
  ask_again_after_ = {};
  RequestList();
}

void RuntimeView::SettleExits(const std::set<std::string>& listed,
                              const std::set<std::string>& alive) {
  std::erase_if(watched_, [&](const std::string& id) {
    if (listed.contains(id)) return false;
    exits_->Forget(id);
    return true;
  });
  std::erase_if(ended_, [&](const std::string& id) { return !alive.contains(id); });
  ask_again_at_.reset();
  if (ended_.empty()) return;
  ask_again_after_ = std::clamp<Duration>(2 * ask_again_after_, kAskAgainFirst, kAskAgainCeiling);
  ask_again_at_ = clock_.Mono() + std::chrono::duration_cast<MonoTime::duration>(ask_again_after_);
}

void RuntimeView::Begin(MonoTime now) {
  wanted_ = false;
  listing_ = true;
  last_begun_ = now;
  auto lists = std::make_shared<Lists>();
  lists->number = ++started_;
  // Containers first: whatever is in the first list has its sandbox in the second.
  runtime_.ListContainers([this, alive = alive_, inbox = inbox_, lists](auto result) {
    inbox->Post(std::function<void()>([this, alive, lists, result = std::move(result)]() mutable {
      if (!*alive) return;
      lists->containers = std::move(result);
      OnLists(lists);
    }));
  });
  runtime_.ListSandboxes([this, alive = alive_, inbox = inbox_, lists](auto result) {
    inbox->Post(std::function<void()>([this, alive, lists, result = std::move(result)]() mutable {
      if (!*alive) return;
      lists->sandboxes = std::move(result);
      OnLists(lists);
    }));
  });
}

void RuntimeView::OnLists(const std::shared_ptr<Lists>& lists) {
  if (!lists->sandboxes || !lists->containers) return;
  listing_ = false;
  const absl::Status failed = !lists->sandboxes->ok()    ? lists->sandboxes->status()
                              : !lists->containers->ok() ? lists->containers->status()
                                                         : absl::OkStatus();
  if (!failed.ok()) {
    status_ = failed;
    if (!failing_since_) failing_since_ = clock_.Mono();
    return;
  }
  status_ = absl::OkStatus();
  failing_since_.reset();

  std::map<std::string, std::shared_ptr<Gathering>> found;
  const auto gathering_of = [&](const std::map<std::string, std::string>& labels) -> Gathering* {
    const auto owner = labels.find(kLabelNodeUid);
    const std::string uid = Get(labels, kLabelPodUid);
    if (owner == labels.end() || !owners_.contains(owner->second) || uid.empty()) return nullptr;
    std::shared_ptr<Gathering>& entry = found[uid];
    if (entry == nullptr) {
      entry = std::make_shared<Gathering>();
      entry->number = lists->number;
      entry->before = absorbed_;
      entry->view.name = Get(labels, kLabelPodName);
      entry->view.namespace_ = Get(labels, kLabelPodNamespace);
    }
    return entry.get();
  };
  std::set<std::string> listed, alive;
  for (SandboxStatus& sandbox : **lists->sandboxes) {
    if (Gathering* pod = gathering_of(sandbox.labels)) {
      listed.insert(sandbox.id);
      if (sandbox.state == SandboxState::kReady) alive.insert(sandbox.id);
      pod->view.sandboxes.push_back({std::move(sandbox), false});
    }
  }
  for (ContainerStatus& container : **lists->containers) {
    if (Gathering* pod = gathering_of(container.labels)) {
      listed.insert(container.id);
      if (container.state != ContainerState::kExited) alive.insert(container.id);
      std::string name = Get(container.labels, kLabelContainerName);
      if (name.empty()) name = container.name;
      pod->view.containers[name].push_back({std::move(container), 0, "", std::nullopt});
    }
  }
  SettleExits(listed, alive);
  for (const auto& [uid, view] : pods_) {
    if (found.contains(uid)) continue;
    found[uid] = std::make_shared<Gathering>();
    found[uid]->number = lists->number;
    found[uid]->before = absorbed_;
    found[uid]->changed = true;
  }
  // Nothing is known of these, and nothing is there.
  std::erase_if(stale_, [&](const auto& entry) { return !found.contains(entry.first); });
  absorbed_ = lists->number;
  for (const auto& [uid, gathering] : found) {
    // The details of an older list are still coming in; a newer list follows them.
    if (const auto older = gathering_.find(uid); older != gathering_.end()) {
      older->second->overtaken = true;
      wanted_ = true;
      continue;
    }
    gathering_[uid] = gathering;
    Gather(uid, gathering);
  }
}

void RuntimeView::Gather(const std::string& uid, const std::shared_ptr<Gathering>& gathering) {
  static const PodView kNothing;
  const auto known = pods_.find(uid);
  const PodView& old = known == pods_.end() ? kNothing : known->second;
  if (known == pods_.end()) gathering->changed = true;
  gathering->pending = 1;  // Until everything was asked.

  size_t old_containers = 0, new_containers = 0;
  for (const auto& [name, instances] : old.containers) old_containers += instances.size();
  for (const auto& [name, instances] : gathering->view.containers) {
    new_containers += instances.size();
  }
  if (old.sandboxes.size() != gathering->view.sandboxes.size() ||
      old_containers != new_containers) {
    gathering->changed = true;
  }

  std::vector<SandboxStatus> ask_sandboxes;
  for (SandboxInstance& sandbox : gathering->view.sandboxes) {
    const auto same = std::ranges::find_if(old.sandboxes, [&](const SandboxInstance& other) {
      return other.status.id == sandbox.status.id && other.status.state == sandbox.status.state;
    });
    if (same != old.sandboxes.end()) {
      sandbox = *same;
    } else {
      ask_sandboxes.push_back(sandbox.status);
    }
  }
  std::vector<ContainerStatus> ask_containers;
  for (auto& [name, instances] : gathering->view.containers) {
    const auto before = old.containers.find(name);
    for (ContainerInstance& instance : instances) {
      const ContainerInstance* same = nullptr;
      if (before != old.containers.end()) {
        for (const ContainerInstance& other : before->second) {
          if (other.status.id == instance.status.id &&
              other.status.state == instance.status.state) {
            same = &other;
          }
        }
      }
      if (same == nullptr) {
        ask_containers.push_back(instance.status);
        continue;
      }
      instance = *same;
      const auto message = old.exit_messages.find(instance.status.id);
      if (message != old.exit_messages.end()) gathering->view.exit_messages.insert(*message);
    }
  }
  if (!ask_sandboxes.empty() || !ask_containers.empty()) gathering->changed = true;
  for (const SandboxStatus& sandbox : ask_sandboxes) FetchSandbox(uid, gathering, sandbox);
  for (const ContainerStatus& container : ask_containers) {
    FetchContainer(uid, gathering, container);
  }
  OnPart(uid, gathering, absl::OkStatus());
}

void RuntimeView::FetchSandbox(const std::string& uid, const std::shared_ptr<Gathering>& gathering,
                               const SandboxStatus& listed) {
  ++gathering->pending;
  runtime_.SandboxStatusOf(listed.id, [this, alive = alive_, inbox = inbox_, uid, gathering,
                                       id = listed.id](absl::StatusOr<SandboxStatus> result) {
    inbox->Post(std::function<void()>([=, this, result = std::move(result)]() mutable {
      if (!*alive) return;
      if (absl::IsNotFound(result.status())) {
        std::erase_if(gathering->view.sandboxes,
                      [&](const SandboxInstance& s) { return s.status.id == id; });
        gathering->vanished = true;
        OnPart(uid, gathering, absl::OkStatus());
        return;
      }
      if (result.ok()) {
        for (SandboxInstance& sandbox : gathering->view.sandboxes) {
          if (sandbox.status.id != id) continue;
          // The list's state stays: the next list compares with it.
          const SandboxState state = sandbox.status.state;
          sandbox.status = *std::move(result);
          if (sandbox.status.state == SandboxState::kReady) WatchExit(id, sandbox.status.pid);
          sandbox.status.state = state;
        }
      }
      OnPart(uid, gathering, result.status());
    }));
  });
}

ContainerInstance RuntimeView::MakeInstance(ContainerStatus status) const {
  ContainerInstance instance;
  uint32_t restarts = status.attempt;
  if (!absl::SimpleAtoi(Get(status.annotations, kAnnotationRestartCount), &restarts)) {
    restarts = status.attempt;
  }
  instance.restart_count = restarts;
  instance.hash = Get(status.annotations, kAnnotationHash);
  const auto resources = status.annotations.find(kAnnotationResources);
  if (resources != status.annotations.end()) {
    v1::ResourceRequirements made_with;
    if (manifest::DecodeJson(resources->second, made_with).ok()) instance.resources = made_with;
  }
  instance.owes_post_start = status.annotations.contains(kAnnotationPostStart);
  instance.has_pre_stop = status.annotations.contains(kAnnotationPreStop);
  if (status.state == ContainerState::kExited) {
    const Duration ago =
        status.finished_at > WallTime() ? clock_.Wall() - status.finished_at : Duration::zero();
    instance.exited_at = clock_.Mono() - std::chrono::duration_cast<MonoTime::duration>(
                                             std::max(ago, Duration::zero()));
  }
  instance.status = std::move(status);
  return instance;
}

void RuntimeView::FetchContainer(const std::string& uid,
                                 const std::shared_ptr<Gathering>& gathering,
                                 const ContainerStatus& listed) {
  ++gathering->pending;
  std::string name = Get(listed.labels, kLabelContainerName);
  if (name.empty()) name = listed.name;
  runtime_.ContainerStatusOf(listed.id, [this, alive = alive_, inbox = inbox_, uid, gathering, name,
                                         listed](absl::StatusOr<ContainerStatus> result) {
    inbox->Post(std::function<void()>([=, this, result = std::move(result)]() mutable {
      if (!*alive) return;
      std::vector<ContainerInstance>& instances = gathering->view.containers[name];
      if (absl::IsNotFound(result.status())) {
        std::erase_if(instances,
                      [&](const ContainerInstance& c) { return c.status.id == listed.id; });
        gathering->vanished = true;
        OnPart(uid, gathering, absl::OkStatus());
        return;
      }
      if (!result.ok()) {
        OnPart(uid, gathering, result.status());
        return;
      }
      if (result->state != listed.state) gathering->vanished = true;  // It moved on meanwhile.
      if (result->sandbox_id.empty()) result->sandbox_id = listed.sandbox_id;
      if (result->state == ContainerState::kRunning) WatchExit(result->id, result->pid);
      ContainerInstance made = MakeInstance(*std::move(result));
      for (ContainerInstance& instance : instances) {
        if (instance.status.id == listed.id) instance = made;
      }
      if (made.status.state != ContainerState::kExited) {
        OnPart(uid, gathering, absl::OkStatus());
        return;
      }
      read_exit_(uid, made.status, made.restart_count,
                 [=, this, id = listed.id](const std::string& message) {
                   if (!*alive) return;
                   if (!message.empty()) gathering->view.exit_messages[id] = message;
                   OnPart(uid, gathering, absl::OkStatus());
                 });
    }));
  });
}

void RuntimeView::OnPart(const std::string& uid, const std::shared_ptr<Gathering>& gathering,
                         const absl::Status& status) {
  if (!status.ok()) gathering->failed = true;
  if (--gathering->pending > 0) return;
  gathering_.erase(uid);
  if (gathering->vanished) wanted_ = true;
  if (gathering->failed) {
    // Kept as it was seen last; the next period tries again.
    stale_.try_emplace(uid, gathering->before);
    return;
  }
  if (gathering->overtaken) {
    stale_.insert_or_assign(uid, gathering->number);
  } else {
    stale_.erase(uid);
  }
  PodView& view = gathering->view;
  std::erase_if(view.containers, [](const auto& entry) { return entry.second.empty(); });
  std::ranges::sort(view.sandboxes, [](const SandboxInstance& a, const SandboxInstance& b) {
    return Newer(a.status, b.status);
  });
  for (auto& [name, instances] : view.containers) {
    std::ranges::sort(instances, [](const ContainerInstance& a, const ContainerInstance& b) {
      return Newer(a.status, b.status);
    });
  }
  if (gathering->changed) changed_.insert(uid);
  if (view.sandboxes.empty() && view.containers.empty()) {
    pods_.erase(uid);
  } else {
    pods_[uid] = std::move(view);
  }
}

}  // namespace muster::agent
