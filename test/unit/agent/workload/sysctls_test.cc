#include "agent/workload/sysctls.h"

#include <gtest/gtest.h>

namespace muster::agent {
namespace {

v1::PodSpec Setting(const std::string& name) {
  v1::PodSpec spec;
  v1::Sysctl& sysctl = *spec.mutable_security_context()->add_sysctls();
  sysctl.set_name(name);
  sysctl.set_value("1");
  return spec;
}

std::string Refusal(const v1::PodSpec& spec, const std::vector<std::string>& allowed = {}) {
  return ForbiddenSysctl(spec, allowed).value_or("");
}

// Spec: pod/3/sysctls, pod/15/sysctls
TEST(Sysctls, OnlySafeAndAllowedOnesMayBeSet) {
  EXPECT_EQ(Refusal({}), "");
  EXPECT_EQ(Refusal(Setting("net.ipv4.ip_unprivileged_port_start")), "");
  EXPECT_EQ(Refusal(Setting("kernel/shm_rmid_forced")), "") << "with slashes as well";
  EXPECT_EQ(Refusal(Setting("net.core.somaxconn")),
            "forbidden sysctl: \"net.core.somaxconn\" not allowlisted");
  EXPECT_EQ(Refusal(Setting("net.core.somaxconn"), {"net.core.somaxconn"}), "");
  EXPECT_EQ(Refusal(Setting("kernel.msgmax"), {"kernel.msg*"}), "");
  EXPECT_EQ(Refusal(Setting("kernel.msgmax"), {"kernel/msg*"}), "");
  EXPECT_EQ(Refusal(Setting("kernel.sem"), {"kernel.msg*"}),
            "forbidden sysctl: \"kernel.sem\" not allowlisted");
  EXPECT_NE(Refusal(Setting("net.core.somaxconn2"), {"net.core.somaxconn"}), "");
}

TEST(Sysctls, WhatIsTheHostsIsNotThePodsToSet) {
  v1::PodSpec network = Setting("net.ipv4.tcp_syncookies");
  network.set_host_network(true);
  EXPECT_EQ(Refusal(network),
            "forbidden sysctl: \"net.ipv4.tcp_syncookies\" not allowed with host net enabled");
  for (const char* name :
       {"kernel.shm_rmid_forced", "kernel.msgmax", "kernel.sem", "fs.mqueue.msg_max"}) {
    v1::PodSpec ipc = Setting(name);
    ipc.set_host_network(true);
    EXPECT_EQ(Refusal(ipc, {"*"}), "") << name;
    ipc.set_host_ipc(true);
    EXPECT_NE(Refusal(ipc, {"*"}), "") << name;
  }
}

}  // namespace
}  // namespace muster::agent
