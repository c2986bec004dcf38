#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/model/kinds.h"
#include "coordinator/admission/defaults.h"
#include "muster/v1/object.pb.h"
#include "test/unit/coordinator/admission/objects.h"

namespace muster::coordinator {

inline RandomBits Dice(uint64_t seed) {
  return [engine = std::mt19937_64(seed)]() mutable { return engine(); };
}

// A Service of this name in namespace default, with defaults.
inline v1::Service ServiceWith(const std::string& name, const std::string& spec) {
  v1::Object object = FromYaml("{apiVersion: v1, kind: Service, metadata: {name: " + name +
                               ", uid: uid-of-" + name + "}, spec: " + spec + "}");
  SetDefaults(object);
  return object.service();
}

// A pod that runs and is ready, labelled app=web.
inline v1::Pod PodWith(const std::string& name, const std::string& ip, const std::string& node) {
  v1::Pod pod;
  pod.mutable_metadata()->set_namespace_("default");
  pod.mutable_metadata()->set_name(name);
  pod.mutable_metadata()->set_uid("uid-of-" + name);
  (*pod.mutable_metadata()->mutable_labels())["app"] = "web";
  pod.mutable_spec()->set_node_name(node);
  v1::Container& container = *pod.mutable_spec()->add_containers();
  container.set_name("main");
  pod.mutable_status()->set_phase("Running");
  pod.mutable_status()->set_pod_ip(ip);
  pod.mutable_status()->add_pod_ips()->set_ip(ip);
  v1::PodCondition& ready = *pod.mutable_status()->add_conditions();
  ready.set_type("Ready");
  ready.set_status("True");
  return pod;
}

}  // namespace muster::coordinator
