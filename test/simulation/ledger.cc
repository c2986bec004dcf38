#include "test/simulation/ledger.h"

#include <algorithm>
#include <utility>

#include "coordinator/store/object_store.h"

namespace muster::simulation {

using coordinator::KeyValue;

namespace {

std::optional<v1::Object> Decode(const std::optional<KeyValue>& stored) {
  if (!stored) return std::nullopt;
  absl::StatusOr<v1::Object> object = coordinator::DecodeObject(*stored);
  if (!object.ok()) return std::nullopt;  // Not an object: a token, say.
  return *std::move(object);
}

void Put(std::map<std::string, v1::Object>& objects, const std::string& key,
         const std::optional<v1::Object>& object) {
  if (object) {
    objects[key] = *object;
  } else {
    objects.erase(key);
  }
}

}  // namespace

std::string VariantOf(const v1::PodSpec& spec) {
  if (spec.containers().empty()) return "";
  for (const v1::EnvVar& variable : spec.containers(0).env()) {
    if (variable.name() == kVariantVariable) return variable.value();
  }
  return "";
}

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

std::string OwnerUidOf(const v1::ObjectMeta& metadata) {
  for (const v1::OwnerReference& owner : metadata.owner_references()) {
    if (owner.controller()) return owner.uid();
  }
  return "";
}

Commit Ledger::Record(const Committed& committed) {
  Commit commit{committed.writer, committed.revision, {}};
  for (const CommittedKey& key : committed.keys) {
    ObjectCommit object{key.key, Decode(key.before), Decode(key.after)};
    if (!object.before && !object.after) continue;
    Put(now_, key.key, object.after);
    if (object.after && object.after->has_pod()) {
      const v1::Pod& pod = object.after->pod();
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

void Ledger::Show(const std::vector<coordinator::Change>& changes) {
  for (const coordinator::Change& change : changes) {
    if (change.kv.mod_revision <= shown_) continue;
    const bool put = change.kind == coordinator::Change::Kind::kPut;
    Put(seen_, change.kv.key, put ? Decode(change.kv) : std::nullopt);
  }
  if (!changes.empty()) shown_ = std::max(shown_, changes.back().kv.mod_revision);
}

const PodHistory* Ledger::FindPod(const std::string& uid) const {
  const auto found = pods_.find(uid);
  return found == pods_.end() ? nullptr : &found->second;
}

const v1::Object* Ledger::Find(const std::string& key) const {
  const auto found = now_.find(key);
  return found == now_.end() ? nullptr : &found->second;
}

}  // namespace muster::simulation
