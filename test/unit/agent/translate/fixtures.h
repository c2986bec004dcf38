#pragma once

#include <map>
#include <string>

#include "agent/translate/context.h"
#include "muster/v1/config.pb.h"

namespace muster::agent {

// ConfigMaps and Secrets from literals.
class MapConfigSource final : public ConfigSource {
 public:
  v1::ConfigMap& AddConfigMap(const std::string& ns, const std::string& name) {
    return config_maps_[ns + "/" + name];
  }
  v1::Secret& AddSecret(const std::string& ns, const std::string& name) {
    return secrets_[ns + "/" + name];
  }
  void RemoveConfigMap(const std::string& ns, const std::string& name) {
    config_maps_.erase(ns + "/" + name);
  }
  const v1::ConfigMap* FindConfigMap(const std::string& ns,
                                     const std::string& name) const override {
    const auto found = config_maps_.find(ns + "/" + name);
    return found == config_maps_.end() ? nullptr : &found->second;
  }
  const v1::Secret* FindSecret(const std::string& ns, const std::string& name) const override {
    const auto found = secrets_.find(ns + "/" + name);
    return found == secrets_.end() ? nullptr : &found->second;
  }

 private:
  std::map<std::string, v1::ConfigMap> config_maps_;
  std::map<std::string, v1::Secret> secrets_;
};

inline v1::Pod MakePod(const std::string& name = "web-x7k2q") {
  v1::Pod pod;
  pod.mutable_metadata()->set_name(name);
  pod.mutable_metadata()->set_namespace_("shop");
  pod.mutable_metadata()->set_uid("0f3c-77");
  pod.mutable_spec()->set_termination_grace_period_seconds(30);
  v1::Container* container = pod.mutable_spec()->add_containers();
  container->set_name("main");
  container->set_image("busybox");
  return pod;
}

inline NodeContext MakeNode() {
  NodeContext node;
  node.node_name = "node-1";
  node.node_uid = "node-uid-1";
  node.host_ips = {"10.0.0.1", "fd00::1"};
  node.memory_capacity_bytes = int64_t{8} << 30;
  return node;
}

}  // namespace muster::agent
