// The copy of the store that ControllerLoop decides on.

#include <algorithm>
#include <utility>

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
        left.effect() != right.effect()) {
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
  const uint64_t number = ++watch_number_;
  watch_.reset();
  nodes_.clear();
  lost_nodes_.clear();
  deadlines_ = NodeDeadlines();
  evictions_ = NodeDeadlines();
  tainted_nodes_.clear();
  out_of_service_.clear();
  pods_.clear();
  revisions_.clear();
  daemon_sets_.clear();
  priority_classes_.clear();
  config_digests_.clear();
  loads_ = NodeLoads();
  live_owners_.clear();
  dependents_.clear();
  owner_of_.clear();
  event_times_.clear();
  events_by_time_.clear();
  MUSTER_ASSIGN_OR_RETURN(const ObjectList list, objects_.List(ObjectScope{}));
  // Owners first, so that nothing looks like an orphan on the way.
  for (const bool owners : {true, false}) {
    for (const v1::Object& object : list.items) {
      if (object.has_daemon_set() == owners) Absorb(object, false);
    }
  }
  for (const auto& [uid, keys] : dependents_) {
    if (!live_owners_.contains(uid)) orphan_candidates_.insert(uid);
  }
  seen_revision_ = list.revision;
  MUSTER_ASSIGN_OR_RETURN(
      watch_, objects_.WatchFrom(ObjectScope{}, list.revision,
                                 [this, number](absl::StatusOr<std::vector<ObjectChange>> changes) {
                                   inbox_.Post({number, std::move(changes)});
                                 }));
  return absl::OkStatus();
}

void ControllerLoop::TakeChanges() {
  for (WatchedChanges& posted : inbox_.TakeAll()) {
    if (posted.watch != watch_number_ || watch_ == nullptr) continue;
    if (!posted.changes.ok()) {
      spdlog::warn("the watch of the controllers ended, reading everything again: {}",
                   posted.changes.status().ToString());
      watch_.reset();
      return;
    }
    for (const ObjectChange& change : *posted.changes) {
      Absorb(change.object, change.kind == ObjectChange::Kind::kDeleted);
      seen_revision_ = change.revision;
    }
  }
}

void ControllerLoop::Absorb(const v1::Object& object, bool gone) {
  switch (object.object_case()) {
    case v1::Object::kNode:
      return AbsorbNode(object, gone);
    case v1::Object::kPod:
      return AbsorbPod(object, gone);
    case v1::Object::kDaemonSet:
      return AbsorbDaemonSet(object, gone);
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
  } else {
    nodes_[name] = object;
    gone_since_.erase(name);
  }
  if (!moved) return;
  // Its taints and labels may have been what a waiting pod waits for.
  loads_.Touch(name);
  loads_.TouchUnplaced();
  for (auto& [key, state] : daemon_sets_) state.TouchNode(name);
}

void ControllerLoop::AbsorbPod(const v1::Object& object, bool gone) {
  const std::string key = NameKey(object);
  const v1::ObjectMeta& meta = object.pod().metadata();
  const v1::Pod* pod = gone ? nullptr : &object.pod();
  loads_.SetPod(key, pod);
  if (pod != nullptr && tainted_nodes_.contains(pod->spec().node_name())) {
    evictions_.Set(pod->spec().node_name(), MonoTime::min());
  }
  IndexOwner(KeyOf(object), object, gone);
  // All DaemonSets of the namespace: their keys begin with it.
  const std::string prefix = absl::StrCat(meta.namespace_(), "/");
  for (auto it = daemon_sets_.lower_bound(prefix);
       it != daemon_sets_.end() && it->first.compare(0, prefix.size(), prefix) == 0; ++it) {
    it->second.SetPod(meta.name(), pod);
  }
  if (gone) {
    pods_.erase(key);
  } else {
    pods_[key] = object;
  }
}

void ControllerLoop::AbsorbDaemonSet(const v1::Object& object, bool gone) {
  const std::string key = NameKey(object);
  const auto known = daemon_sets_.find(key);
  if (known != daemon_sets_.end()) {
    const std::string uid = known->second.daemon_set().metadata().uid();
    if (gone || uid != object.daemon_set().metadata().uid()) {
      live_owners_.erase(uid);
      orphan_candidates_.insert(uid);
    }
  }
  if (gone) {
    daemon_sets_.erase(key);
    return;
  }
  live_owners_[object.daemon_set().metadata().uid()] = key;
  bool claim_anew = true;
  if (known == daemon_sets_.end()) {
    daemon_sets_.emplace(key, DaemonSetState(object));
  } else {
    claim_anew = known->second.Update(object);
  }
  if (!claim_anew) return;
  DaemonSetState& state = daemon_sets_.at(key);
  const std::string prefix = absl::StrCat(object.daemon_set().metadata().namespace_(), "/");
  for (auto it = pods_.lower_bound(prefix);
       it != pods_.end() && it->first.compare(0, prefix.size(), prefix) == 0; ++it) {
    state.SetPod(it->second.pod().metadata().name(), &it->second.pod());
  }
}

void ControllerLoop::AbsorbRevision(const v1::Object& object, bool gone) {
  const std::string key = NameKey(object);
  IndexOwner(KeyOf(object), object, gone);
  if (gone) {
    revisions_.erase(key);
  } else {
    revisions_[key] = object;
  }
  const std::string prefix =
      absl::StrCat(object.controller_revision().metadata().namespace_(), "/");
  for (auto it = daemon_sets_.lower_bound(prefix);
       it != daemon_sets_.end() && it->first.compare(0, prefix.size(), prefix) == 0; ++it) {
    it->second.TouchRevisions();
    it->second.dirty = true;
  }
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
    events_by_time_.erase({known->second, key});
    event_times_.erase(known);
  }
  if (gone) return;
  const v1::Event& event = object.event();
  const WallTime last = ToWallTime(
      event.has_last_timestamp() ? event.last_timestamp() : event.metadata().creation_timestamp());
  event_times_[key] = last;
  events_by_time_.emplace(last, key);
}

void ControllerLoop::IndexOwner(const std::string& key, const v1::Object& object, bool gone) {
  if (const auto known = owner_of_.find(key); known != owner_of_.end()) {
    if (auto keys = dependents_.find(known->second); keys != dependents_.end()) {
      keys->second.erase(key);
      if (keys->second.empty()) dependents_.erase(keys);
    }
    owner_of_.erase(known);
  }
  if (gone) return;
  const v1::OwnerReference* owner = ControllerOf(model::MetadataOf(object));
  if (owner == nullptr || owner->kind() != "DaemonSet") return;
  owner_of_[key] = owner->uid();
  dependents_[owner->uid()].insert(key);
  // A transaction's changes come one by one, so whether it is an orphan is asked later.
  if (!live_owners_.contains(owner->uid())) orphan_candidates_.insert(owner->uid());
}

const v1::Node* ControllerLoop::FindNode(const std::string& name) const {
  const auto found = nodes_.find(name);
  return found == nodes_.end() ? nullptr : &found->second.node();
}

}  // namespace muster::coordinator
