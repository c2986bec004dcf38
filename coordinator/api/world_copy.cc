#include "coordinator/api/world_copy.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/random.h"
#include "common/model/kinds.h"
#include "coordinator/templates/effective.h"
#include "coordinator/templates/references.h"

namespace muster::coordinator {

absl::StatusOr<WorldCopy> WorldCopy::Read(ObjectStore& objects, const std::string& ns,
                                          const Moment& now) {
  WorldCopy copy(now);
  struct Part {
    ObjectScope scope;
    std::vector<v1::Object>* into;
  };
  for (const Part& part :
       {Part{{v1::Object::kNode, ""}, &copy.nodes_}, Part{{v1::Object::kPod, ""}, &copy.pods_},
        Part{{v1::Object::kControllerRevision, ns}, &copy.revisions_},
        Part{{v1::Object::kEvent, ns}, &copy.events_}}) {
    MUSTER_ASSIGN_OR_RETURN(ObjectList list, objects.List(part.scope));
    *part.into = std::move(list.items);
  }
  for (const ObjectScope& scope :
       {ObjectScope{v1::Object::kPriorityClass, ""}, ObjectScope{v1::Object::kConfigMap, ns},
        ObjectScope{v1::Object::kSecret, ns}}) {
    MUSTER_ASSIGN_OR_RETURN(const ObjectList list, objects.List(scope));
    for (const v1::Object& object : list.items) copy.Put(object);
  }
  return copy;
}

void WorldCopy::Put(const v1::Object& object) {
  if (object.has_priority_class()) {
    priority_classes_[object.priority_class().metadata().name()] = object.priority_class();
  } else if (object.has_config_map() || object.has_secret()) {
    const v1::ObjectMeta& meta = model::MetadataOf(object);
    config_digests_[SessionKey(std::string(model::InfoOf(object).plural), meta.namespace_(),
                               meta.name())] = ContentDigest(object);
  }
}

void WorldCopy::HideOthers(const std::set<std::string>& namespaces) {
  if (namespaces.empty()) return;
  int number = 0;
  for (v1::Object& object : pods_) {
    v1::ObjectMeta& metadata = *object.mutable_pod()->mutable_metadata();
    if (namespaces.contains(metadata.namespace_())) continue;
    // Names have to differ still. These are names of no object.
    metadata.set_namespace_("another namespace");
    metadata.set_name(absl::StrCat("pod ", ++number));
    metadata.clear_labels();
    metadata.clear_annotations();
    metadata.clear_owner_references();
    for (v1::Container& container : *object.mutable_pod()->mutable_spec()->mutable_containers()) {
      container.clear_name();
    }
  }
}

v1::DaemonSet WorldCopy::Effective(const v1::DaemonSet& daemon_set) const {
  const std::string digest =
      RollsOnConfig(daemon_set) ? ConfigDigest(ConfigKeys(daemon_set), config_digests_) : "";
  return EffectiveDaemonSet(daemon_set, digest);
}

World WorldCopy::For(const v1::DaemonSet& daemon_set) const {
  World world{daemon_set, {}, {}, {}, backoff_, priority_classes_, now_, &SystemRandomBits, {}};
  for (const v1::Object& object : nodes_) world.nodes.push_back(&object.node());
  world.pods = pods();
  for (const v1::Object& object : revisions_) {
    world.revisions.push_back(&object.controller_revision());
  }
  return world;
}

JobWorld WorldCopy::For(const v1::DaemonJob& job) const {
  JobWorld world{job, {}, pods(), priority_classes_, now_, &SystemRandomBits, {}};
  for (const v1::Object& object : nodes_) world.nodes.push_back(&object.node());
  return world;
}

std::vector<const v1::Event*> WorldCopy::events() const {
  std::vector<const v1::Event*> events;
  for (const v1::Object& object : events_) events.push_back(&object.event());
  return events;
}

std::vector<const v1::Pod*> WorldCopy::pods() const {
  std::vector<const v1::Pod*> pods;
  for (const v1::Object& object : pods_) pods.push_back(&object.pod());
  return pods;
}

const v1::Node* WorldCopy::FindNode(const std::string& name) const {
  for (const v1::Object& object : nodes_) {
    if (object.node().metadata().name() == name) return &object.node();
  }
  return nullptr;
}

}  // namespace muster::coordinator
