// The copy of the store that ControllerLoop decides on.

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/model/kinds.h"
#include "common/model/semantic_equal.h"
#include "coordinator/controllers/controller_loop.h"
#include "coordinator/daemonset/ownership.h"
#include "coordinator/nodes/eviction.h"
#include "coordinator/templates/effective.h"
#include "coordinator/templates/references.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

std::string NameKey(const v1::Object& object) {
  const v1::ObjectMeta& meta = model::MetadataOf(object);
  return absl::StrCat(meta.namespace_(), "/", meta.name());
}

// What placement looks at.
bool SamePlace(const v1::Node& a, const v1::Node& b) {
  if (a.spec().taints_size() != b.spec().taints_size()) return false;
  for (int i = 0; i < a.spec().taints_size(); ++i) {
    const v1::Taint& left = a.spec().taints(i);
    const v1::Taint& right = b.spec().taints(i);
    if (left.key() != right.key() || left.value() != right.value() ||
        left.effect() != right.effect() ||
        left.time_added().seconds() != right.time_added().seconds()) {
      return false;
    }
  }
  const auto& left = a.metadata().labels();
  const auto& right = b.metadata().labels();
  if (left.size() != right.size()) return false;
  for (const auto& [key, value] : left) {
    const auto found = right.find(key);
    if (found == right.end() || found->second != value) return false;
  }
  return true;
}

bool SameAllocatable(const v1::Node& a, const v1::Node& b) {
  const auto& left = a.status().allocatable();
  const auto& right = b.status().allocatable();
  if (left.size() != right.size()) return false;
  for (const auto& [resource, amount] : left) {
    const auto found = right.find(resource);
    if (found == right.end() || found->second.text() != amount.text()) return false;
  }
  return true;
}

}  // namespace

absl::Status ControllerLoop::Resync() {
  followed_.Lose();
  nodes_.clear();
  lost_nodes_.clear();
  without_subnets_.clear();
  deadlines_ = NodeDeadlines();
  evictions_ = NodeDeadlines();
  tainted_nodes_.clear();
  out_of_service_.clear();
  revisions_.clear();
  daemon_sets_.clear();
  daemon_jobs_.clear();
  priority_classes_.clear();
  config_digests_.clear();
  loads_.Clear();
  live_owners_.clear();
  live_jobs_.clear();
  orphans_.clear();
  events_by_time_.clear();
  event_times_.clear();
  // In the order of kinds, so that owners are known before their pods are.
  MUSTER_ASSIGN_OR_RETURN(
      const int64_t revision,
      objects_.Scan({}, [this](const v1::Object& object) { Absorb(object, false); }));
  for (const auto& [node, pods] : loads_.bound()) {
    if (!nodes_.contains(node)) gone_since_.try_emplace(node, clock_.Mono());
  }
  return followed_.Follow(revision);
}

void ControllerLoop::Absorb(const v1::Object& object, bool gone) {
  switch (object.object_case()) {
    case v1::Object::kNode:
      return AbsorbNode(object, gone);
    case v1::Object::kPod:
      return AbsorbPod(object, gone);
    case v1::Object::kDaemonSet:
      return AbsorbDaemonSet(object, gone);
    case v1::Object::kDaemonJob:
      return AbsorbDaemonJob(object, gone);
    case v1::Object::kControllerRevision:
      return AbsorbRevision(object, gone);
    case v1::Object::kEvent:
      return AbsorbEvent(object, gone);
    case v1::Object::kConfigMap:
    case v1::Object::kSecret:
      return AbsorbConfig(object, gone);
    case v1::Object::kPriorityClass:
      if (gone) {
        priority_classes_.erase(model::MetadataOf(object).name());
      } else {
        priority_classes_[model::MetadataOf(object).name()] = object.priority_class();
      }
      for (auto& [key, state] : daemon_sets_) state.dirty = true;
      for (auto& [key, state] : daemon_jobs_) state.dirty = true;
      loads_.TouchUnplaced();
      return;
    default:
      return;
  }
}

void ControllerLoop::AbsorbNode(const v1::Object& object, bool gone) {
  const std::string& name = object.node().metadata().name();
  const auto known = nodes_.find(name);
  const bool moved =
      gone || known == nodes_.end() || !SamePlace(known->second.node(), object.node());
  if (gone || known == nodes_.end() || !SameAllocatable(known->second.node(), object.node())) {
    loads_.Touch(name);
    loads_.TouchUnplaced();
  }
  stale_nodes_.insert(name);
  if (gone) stale_nodes_.insert(without_subnets_.begin(), without_subnets_.end());
  const auto keep = [&](std::set<std::string>& names, bool belongs) {
    if (belongs) {
      names.insert(name);
    } else {
      names.erase(name);
    }
  };
  keep(tainted_nodes_, !gone && HasNoExecuteTaint(object.node()));
  keep(out_of_service_, !gone && IsOutOfService(object.node()));
  if (moved) evictions_.Set(name, MonoTime::min());
  if (gone) {
    nodes_.erase(name);
    if (!loads_.BoundTo(name).empty()) gone_since_.try_emplace(name, clock_.Mono());
  } else {
    nodes_[name] = object;
    gone_since_.erase(name);
  }
  if (!moved) return;
  // Its taints and labels may have been what a waiting pod waits for.
  loads_.Touch(name);
  loads_.TouchUnplaced();
  for (auto& [key, state] : daemon_sets_) state.TouchNode(name);
  for (auto& [key, state] : daemon_jobs_) state.TouchNode(name);
}

void ControllerLoop::AbsorbPod(const v1::Object& object, bool gone) {
  const std::string key = NameKey(object);
  const v1::Pod* pod = gone ? nullptr : &object.pod();
  // Whom it concerns: who has or had it, and everybody when nobody has.
  std::set<std::string> owners, jobs;
  bool everybody = false;
  const auto concern = [&](const LoadedPod* loaded) {
    if (loaded == nullptr) return;
    if (loaded->owner == nullptr) {
      everybody = true;
    } else if (const auto live = live_owners_.find(*loaded->owner); live != live_owners_.end()) {
      owners.insert(live->second);
    } else if (const auto job = live_jobs_.find(*loaded->owner); job != live_jobs_.end()) {
      jobs.insert(job->second);
    }
  };
  concern(loads_.Find(key));
  loads_.SetPod(key, pod);
  concern(loads_.Find(key));
  const std::string& ns = object.pod().metadata().namespace_();
  const std::string& name = object.pod().metadata().name();
  if (everybody) {
    ForEachDaemonSet(ns, [&](DaemonSetState& state) { state.SetPod(name, pod); });
  } else {
    for (const std::string& owner : owners) daemon_sets_.at(owner).SetPod(name, pod);
  }
  for (const std::string& job : jobs) daemon_jobs_.at(job).SetPod(name, pod);
  if (pod == nullptr) return;
  const std::string& node = pod->spec().node_name();
  if (tainted_nodes_.contains(node)) evictions_.Set(node, MonoTime::min());
  if (!node.empty() && !nodes_.contains(node)) gone_since_.try_emplace(node, clock_.Mono());
  const LoadedPod& loaded = *loads_.Find(key);
  // A transaction's changes come one by one, so whether it is an orphan is asked later.
  if (loaded.daemon && !IsLiveOwner(*loaded.owner)) {
    orphans_[*loaded.owner].insert(key);
  }
}

template <typename Visit>
void ControllerLoop::ForEachDaemonSet(const std::string& ns, const Visit& visit) {
  // Their keys begin with the namespace.
  const std::string prefix = absl::StrCat(ns, "/");
  for (auto it = daemon_sets_.lower_bound(prefix);
       it != daemon_sets_.end() && it->first.compare(0, prefix.size(), prefix) == 0; ++it) {
    visit(it->second);
  }
}

void ControllerLoop::AbsorbDaemonSet(const v1::Object& object, bool gone) {
  const std::string key = NameKey(object);
  const std::string& ns = object.daemon_set().metadata().namespace_();
  const auto known = daemon_sets_.find(key);
  if (known != daemon_sets_.end()) {
    const std::string uid = known->second.daemon_set().metadata().uid();
    if (gone || uid != object.daemon_set().metadata().uid()) {
      live_owners_.erase(uid);
      std::set<std::string>& orphans = orphans_[uid];
      for (const PodFacts* pod : known->second.Owned()) {
        orphans.insert(absl::StrCat(ns, "/", pod->name));
      }
    }
  }
  if (gone) {
    daemon_sets_.erase(key);
    return;
  }
  const std::string& uid = object.daemon_set().metadata().uid();
  live_owners_[uid] = key;
  std::vector<std::string> keys;
  if (known == daemon_sets_.end()) {
    daemon_sets_.emplace(key, DaemonSetState(object));
  } else {
    // Most updates are of its status, and have nothing to do with whose pods are whose.
    const auto pods = known->second.Update(object);
    if (!pods) return;
    for (const std::string& pod : *pods) keys.push_back(absl::StrCat(ns, "/", pod));
  }
  if (const auto own = orphans_.find(uid); own != orphans_.end()) {
    keys.insert(keys.end(), own->second.begin(), own->second.end());
  }
  const std::string prefix = absl::StrCat(ns, "/");
  for (const std::string_view pod : loads_.ownerless()) {
    if (pod.substr(0, prefix.size()) == prefix) keys.emplace_back(pod);
  }
  DaemonSetState& state = daemon_sets_.at(key);
  for (const std::string& pod_key : keys) {
    // One that is another by now, the watch brings.
    const absl::StatusOr<v1::Object> pod = ReadPod(pod_key);
    if (pod.ok()) state.SetPod(pod->pod().metadata().name(), &pod->pod());
  }
}

bool ControllerLoop::IsLiveOwner(const std::string& uid) const {
  return live_owners_.contains(uid) || live_jobs_.contains(uid);
}

void ControllerLoop::AbsorbDaemonJob(const v1::Object& object, bool gone) {
  const std::string key = NameKey(object);
  const std::string prefix = absl::StrCat(object.daemon_job().metadata().namespace_(), "/");
  const std::string& uid = object.daemon_job().metadata().uid();
  auto known = daemon_jobs_.find(key);
  if (known != daemon_jobs_.end()) {
    const std::string& known_uid = known->second.job().metadata().uid();
    if (gone || known_uid != uid) {
      live_jobs_.erase(known_uid);
      std::set<std::string>& orphans = orphans_[known_uid];
      for (const auto& [pod, run] : known->second.runs()) orphans.insert(prefix + pod);
    }
  }
  if (gone) {
    daemon_jobs_.erase(key);
    return;
  }
  live_jobs_[uid] = key;
  if (known != daemon_jobs_.end()) {
    if (!known->second.Update(object)) return;
  } else {
    known = daemon_jobs_.emplace(key, DaemonJobState(object)).first;
  }
  const auto own = orphans_.find(uid);
  if (own == orphans_.end()) return;
  for (const std::string& pod_key : own->second) {
    // One that is another by now, the watch brings.
    const absl::StatusOr<v1::Object> pod = ReadPod(pod_key);
    if (pod.ok()) known->second.SetPod(pod->pod().metadata().name(), &pod->pod());
  }
}

void ControllerLoop::AbsorbRevision(const v1::Object& object, bool gone) {
  const std::string key = NameKey(object);
  const auto touch = [&](const v1::Object& revision) {
    const v1::OwnerReference* owner = ControllerOf(model::MetadataOf(revision));
    const auto stale = [](DaemonSetState& state) {
      state.TouchRevisions();
      state.dirty = true;
    };
    if (owner == nullptr) {
      ForEachDaemonSet(model::MetadataOf(revision).namespace_(), stale);
    } else if (const auto live = live_owners_.find(owner->uid()); live != live_owners_.end()) {
      stale(daemon_sets_.at(live->second));
    } else if (owner->kind() == "DaemonSet") {
      orphans_.try_emplace(owner->uid());
    }
  };
  if (const auto known = revisions_.find(key); known != revisions_.end()) touch(known->second);
  if (gone) {
    revisions_.erase(key);
  } else {
    revisions_[key] = object;
  }
  touch(object);
}

void ControllerLoop::AbsorbConfig(const v1::Object& object, bool gone) {
  const v1::ObjectMeta& meta = model::MetadataOf(object);
  const std::string key =
      SessionKey(std::string(model::InfoOf(object).plural), meta.namespace_(), meta.name());
  if (gone) {
    config_digests_.erase(key);
  } else {
    config_digests_[key] = ContentDigest(object);
  }
  const std::string prefix = absl::StrCat(meta.namespace_(), "/");
  for (auto it = daemon_sets_.lower_bound(prefix);
       it != daemon_sets_.end() && it->first.compare(0, prefix.size(), prefix) == 0; ++it) {
    const std::vector<std::string>& keys = it->second.config_keys();
    if (std::binary_search(keys.begin(), keys.end(), key)) it->second.dirty = true;
  }
}

void ControllerLoop::AbsorbEvent(const v1::Object& object, bool gone) {
  const std::string key = KeyOf(object);
  if (const auto known = event_times_.find(key); known != event_times_.end()) {
    events_by_time_.erase({known->second, known->first});
    if (gone) event_times_.erase(known);
  }
  if (gone) return;
  const v1::Event& event = object.event();
  const WallTime last = ToWallTime(
      event.has_last_timestamp() ? event.last_timestamp() : event.metadata().creation_timestamp());
  const auto at = event_times_.insert_or_assign(key, last).first;
  events_by_time_.emplace(last, at->first);
}

absl::StatusOr<v1::Object> ControllerLoop::ReadPod(std::string_view key) {
  const LoadedPod* loaded = loads_.Find(key);
  const size_t slash = key.find('/');
  if (loaded == nullptr) return absl::AbortedError("the pod is gone");
  MUSTER_ASSIGN_OR_RETURN(v1::Object object, objects_.Get(v1::Object::kPod, key.substr(0, slash),
                                                          key.substr(slash + 1)));
  MUSTER_ASSIGN_OR_RETURN(const int64_t revision, RevisionOf(object));
  // What was decided was decided about another state of it.
  if (revision != loaded->revision) return absl::AbortedError("the pod was changed meanwhile");
  return object;
}

std::vector<const v1::Object*> ControllerLoop::RevisionsOf(const std::string& ns,
                                                           const std::string& uid) const {
  std::vector<const v1::Object*> found;
  const std::string prefix = absl::StrCat(ns, "/");
  for (auto it = revisions_.lower_bound(prefix);
       it != revisions_.end() && absl::StartsWith(it->first, prefix); ++it) {
    const v1::OwnerReference* owner = ControllerOf(model::MetadataOf(it->second));
    if (owner != nullptr && owner->uid() == uid) found.push_back(&it->second);
  }
  return found;
}

const v1::Node* ControllerLoop::FindNode(const std::string& name) const {
  const auto found = nodes_.find(name);
  return found == nodes_.end() ? nullptr : &found->second.node();
}

}  // namespace muster::coordinator
