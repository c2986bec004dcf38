#include "agent/workload/host_rules.h"

#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::agent {
namespace {

using ::testing::HasSubstr;

struct Row {
  const char* what;
  std::function<void(v1::PodSpec&)> pod;
  std::function<void(HostRules&)> rules;
  const char* forbidden;  // Empty: it may run.
};

v1::PodSpec Plain() {
  v1::PodSpec spec;
  v1::Container& main = *spec.add_containers();
  main.set_name("main");
  main.set_image("registry.example.com/web:1");
  return spec;
}
v1::SecurityContext& Security(v1::PodSpec& spec) {
  return *spec.mutable_containers(0)->mutable_security_context();
}

TEST(HostRules, SayWhatThePodMayNotHaveAndWhichSettingSaysSo) {
  const auto privileged = [](v1::PodSpec& spec) { Security(spec).set_privileged(true); };
  const auto adds = [](v1::PodSpec& spec) {
    Security(spec).mutable_capabilities()->add_add("CAP_NET_ADMIN");
  };
  const auto mounts = [](v1::PodSpec& spec) {
    v1::Volume& volume = *spec.add_volumes();
    volume.set_name("logs");
    volume.mutable_host_path()->set_path("/var/log");
  };
  const std::vector<Row> rows = {
      {"privileged by default", privileged, [](HostRules&) {}, ""},
      {"privileged", privileged, [](HostRules& rules) { rules.forbid_privileged = true; },
       "does not allow privileged containers: container \"main\" (hostRules.privileged"},
      {"an init container counts",
       [](v1::PodSpec& spec) {
         v1::Container& init = *spec.add_init_containers();
         init.set_name("init");
         init.mutable_security_context()->set_privileged(true);
       },
       [](HostRules& rules) { rules.forbid_privileged = true; }, "container \"init\""},
      {"privileged has every capability", privileged,
       [](HostRules& rules) { rules.capabilities = {"NET_ADMIN"}; },
       "privileged containers: container \"main\" (hostRules.capabilities"},
      {"network", [](v1::PodSpec& spec) { spec.set_host_network(true); },
       [](HostRules& rules) { rules.forbid_host_network = true; },
       "hostNetwork (hostRules.hostNetwork"},
      {"processes", [](v1::PodSpec& spec) { spec.set_host_pid(true); },
       [](HostRules& rules) { rules.forbid_host_pid = true; }, "hostPID (hostRules.hostPID"},
      {"ipc", [](v1::PodSpec& spec) { spec.set_host_ipc(true); },
       [](HostRules& rules) { rules.forbid_host_ipc = true; }, "hostIPC (hostRules.hostIPC"},
      {"one of them is not the others", [](v1::PodSpec& spec) { spec.set_host_ipc(true); },
       [](HostRules& rules) {
         rules.forbid_host_network = rules.forbid_host_pid = rules.forbid_privileged = true;
       },
       ""},
      {"any capability by default", adds, [](HostRules&) {}, ""},
      {"a capability", adds, [](HostRules& rules) { rules.capabilities.emplace(); },
       "the capability NET_ADMIN: container \"main\" (hostRules.capabilities"},
      {"a capability that is allowed", adds,
       [](HostRules& rules) { rules.capabilities = {"net_admin"}; }, ""},
      {"ALL is more than one of them",
       [](v1::PodSpec& spec) { Security(spec).mutable_capabilities()->add_add("ALL"); },
       [](HostRules& rules) { rules.capabilities = {"NET_ADMIN"}; }, "the capability ALL"},
      {"any path by default", mounts, [](HostRules&) {}, ""},
      {"no path", mounts, [](HostRules& rules) { rules.host_paths.emplace(); },
       "the path /var/log: volume \"logs\" (hostRules.hostPaths"},
      {"a path that is allowed", mounts, [](HostRules& rules) { rules.host_paths = {"/var"}; }, ""},
      {"another path", mounts, [](HostRules& rules) { rules.host_paths = {"/var/logs"}; },
       "the path /var/log"},
      {"a registry", [](v1::PodSpec&) {},
       [](HostRules& rules) { rules.registries = {"docker.io"}; },
       "the image registry.example.com/web:1: container \"main\" (hostRules.registries"},
      {"a registry that is allowed", [](v1::PodSpec&) {},
       [](HostRules& rules) { rules.registries = {"registry.example.com"}; }, ""},
  };
  for (const Row& row : rows) {
    v1::PodSpec spec = Plain();
    row.pod(spec);
    HostRules rules;
    row.rules(rules);
    const std::optional<std::string> found = ForbiddenByHost(spec, rules);
    if (*row.forbidden == '\0') {
      EXPECT_EQ(found.value_or(""), "") << row.what;
    } else {
      EXPECT_THAT(found.value_or(""), HasSubstr(row.forbidden)) << row.what;
    }
  }
}

}  // namespace
}  // namespace muster::agent
