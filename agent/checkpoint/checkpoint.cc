#include "agent/checkpoint/checkpoint.h"

namespace muster::agent {

void ApplyChange(const CheckpointChange& change, CheckpointState& state) {
  if (change.forget_objects) state.objects.clear();
  for (const std::string& key : change.removed) state.objects.erase(key);
  for (const auto& [key, object] : change.upserted) state.objects[key] = object;
  if (change.node_uid) state.node_uid = *change.node_uid;
  state.former_node_uids.insert(change.former_node_uids.begin(), change.former_node_uids.end());
  if (change.boot_id) state.boot_id = *change.boot_id;
  if (change.complete) state.complete = *change.complete;
}

}  // namespace muster::agent
