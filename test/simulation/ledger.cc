#include "test/simulation/ledger.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/store/object_store.h"
#include "test/simulation/releases.h"
#include "test/simulation/wish.h"

namespace muster::simulation {

using coordinator::KeyValue;

namespace {

ObjectPtr Decode(const std::optional<KeyValue>& stored) {
  if (!stored) return nullptr;
  absl::StatusOr<v1::Object> object = coordinator::DecodeObject(*stored);
  if (!object.ok()) return nullptr;  // Not an object: a token, say.
  return std::make_shared<const v1::Object>(*std::move(object));
}

ObjectPtr Get(const Objects& objects, const std::string& key) {
  const auto found = objects.find(key);
  return found == objects.end() ? nullptr : found->second;
}

void Put(Objects& objects, const std::string& key, ObjectPtr object) {
  if (object != nullptr) {
    objects[key] = std::move(object);
  } else {
    objects.erase(key);
  }
}

}  // namespace

std::string NodeOf(const v1::Pod& pod) {
  if (!pod.spec().node_name().empty()) return pod.spec().node_name();
  const auto& affinity = pod.spec().affinity().node_affinity();
  for (const v1::NodeSelectorTerm& term :
       affinity.required_during_scheduling_ignored_during_execution().node_selector_terms()) {
    for (const v1::NodeSelectorRequirement& field : term.match_fields()) {
      if (field.key() == "metadata.name" && field.values_size() == 1) return field.values(0);
    }
  }
  return "";
}

std::string ConfigIn(const Objects& objects, const std::string& daemon_set) {
  const auto found =
      objects.find(absl::StrCat("/configmaps/", kNamespace, "/", ConfigName(daemon_set)));
  if (found == objects.end()) return "";
  const auto& data = found->second->config_map().data();
  const auto content = data.find(kConfigKey);
  return content == data.end() ? "" : content->second;
}

std::string OwnerUidOf(const v1::ObjectMeta& metadata) {
  for (const v1::OwnerReference& owner : metadata.owner_references()) {
    if (owner.controller()) return owner.uid();
  }
  return "";
}

Commit Ledger::Record(const Committed& committed) {
  Commit commit{committed.writer, committed.revision, {}};
  for (const CommittedKey& key : committed.keys) {
    ObjectCommit object{key.key, Get(now_, key.key), Decode(key.after)};
    if (!object.before && !object.after) continue;
    Put(now_, key.key, object.after);
    unseen_.insert(key.key);
    if (object.after && object.after->has_pod()) {
      const v1::Pod& pod = object.after->pod();
      const bool is_new = !pods_.contains(pod.metadata().uid());
      PodHistory& history = pods_[pod.metadata().uid()];
      history.key = key.key;
      history.uid = pod.metadata().uid();
      history.node = NodeOf(pod);
      history.owner_uid = OwnerUidOf(pod.metadata());
      for (const v1::OwnerReference& owner : pod.metadata().owner_references()) {
        history.owner_name = owner.name();
      }
      const auto hash = pod.metadata().labels().find("controller-revision-hash");
      history.hash = hash == pod.metadata().labels().end() ? "" : hash->second;
      history.variant = VariantOf(pod.spec());
      if (is_new) history.config = ConfigIn(seen_, history.owner_name);
    } else if (!object.after && object.before->has_pod()) {
      PodHistory& history = pods_[object.before->pod().metadata().uid()];
      history.gone = true;
      history.forced =
          committed.writer != Writer::kSessions && !object.before->pod().spec().node_name().empty();
    }
    commit.objects.push_back(std::move(object));
  }
  return commit;
}

void Ledger::ShowAll() {
  for (const std::string& key : unseen_) Put(seen_, key, Get(now_, key));
  unseen_.clear();
}

const PodHistory* Ledger::FindPod(const std::string& uid) const {
  const auto found = pods_.find(uid);
  return found == pods_.end() ? nullptr : &found->second;
}

const v1::Object* Ledger::Find(const std::string& key) const {
  const auto found = now_.find(key);
  return found == now_.end() ? nullptr : found->second.get();
}

}  // namespace muster::simulation
