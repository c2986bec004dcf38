#include "coordinator/daemonset/ownership.h"

namespace muster::coordinator {

const v1::OwnerReference* ControllerOf(const v1::ObjectMeta& object) {
  for (const v1::OwnerReference& owner : object.owner_references()) {
    if (owner.controller()) return &owner;
  }
  return nullptr;
}

Claim ClaimOf(const v1::ObjectMeta& object, bool labels_match, const v1::DaemonSet& daemon_set) {
  const v1::ObjectMeta& owner = daemon_set.metadata();
  if (object.namespace_() != owner.namespace_()) return Claim::kNone;
  const v1::OwnerReference* controller = ControllerOf(object);
  if (controller != nullptr) {
    if (controller->uid() != owner.uid()) return Claim::kNone;
    if (labels_match) return Claim::kManaged;
    return owner.has_deletion_timestamp() ? Claim::kManaged : Claim::kRelease;
  }
  if (!labels_match || object.has_deletion_timestamp() || owner.has_deletion_timestamp()) {
    return Claim::kNone;
  }
  return Claim::kAdopt;
}

v1::OwnerReference OwnerReferenceTo(const v1::DaemonSet& daemon_set) {
  v1::OwnerReference reference;
  reference.set_api_version("apps/v1");
  reference.set_kind("DaemonSet");
  reference.set_name(daemon_set.metadata().name());
  reference.set_uid(daemon_set.metadata().uid());
  reference.set_controller(true);
  reference.set_block_owner_deletion(true);
  return reference;
}

void Adopt(const v1::DaemonSet& daemon_set, v1::ObjectMeta& object) {
  Release(daemon_set.metadata().uid(), object);
  *object.add_owner_references() = OwnerReferenceTo(daemon_set);
}

void Release(const std::string& owner_uid, v1::ObjectMeta& object) {
  auto& owners = *object.mutable_owner_references();
  for (int i = owners.size() - 1; i >= 0; --i) {
    if (owners[i].uid() == owner_uid) owners.DeleteSubrange(i, 1);
  }
}

}  // namespace muster::coordinator
