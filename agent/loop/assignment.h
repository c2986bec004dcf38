#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/checkpoint/checkpoint.h"
#include "agent/link/link.h"
#include "agent/translate/context.h"
#include "muster/v1/object.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

// The ConfigMaps and Secrets of one namespace as they were at one moment. Immutable, so that it may
// be read on another thread.
class ConfigSnapshot final : public ConfigSource {
 public:
  using Objects = std::map<std::string, std::shared_ptr<const v1::Object>>;  // By session key.
  explicit ConfigSnapshot(Objects objects) : objects_(std::move(objects)) {}

  const v1::ConfigMap* FindConfigMap(const std::string& ns, const std::string& name) const override;
  const v1::Secret* FindSecret(const std::string& ns, const std::string& name) const override;

 private:
  const Objects objects_;
};

// What the node should hold: the objects that the coordinator sent, by session key. A plain value
// with one owner; what it is on disk is the Checkpoint's.
class Assignment {
 public:
  explicit Assignment(const CheckpointState& saved = {});

  // What `update` means for the checkpoint; nullopt when nothing of it is worth a write. Only
  // versions and statuses changed then, and those are told again by whoever knows them.
  std::optional<CheckpointChange> ChangeFor(const LinkAssignment& update) const;
  // After the change was saved.
  void Apply(const LinkAssignment& update);
  void Clear();

  // Key to resource version, as a hello says it.
  std::map<ObjectKey, int64_t> Known() const;
  bool complete() const { return complete_; }

  // By uid. Without those that only mirror the node's static pods.
  std::map<std::string, std::shared_ptr<const v1::Pod>> Pods() const;
  // Those that do, by session key.
  std::map<ObjectKey, std::shared_ptr<const v1::Pod>> Mirrors() const;
  std::shared_ptr<const ConfigSnapshot> ConfigsOf(const std::string& name_space) const;
  // Changes when anything changes that may go into the pod's volumes or variables.
  std::string InputsOf(const v1::Pod& pod) const;

 private:
  using Objects = ConfigSnapshot::Objects;
  Objects objects_;
  bool complete_ = false;
};

}  // namespace muster::agent
