#include "common/model/capabilities.h"

#include <gtest/gtest.h>

namespace muster::model {
namespace {

// Spec: pod/15/capabilities
TEST(Capabilities, AreNamedAsRuntimesNameThem) {
  EXPECT_EQ(CapabilityName("NET_ADMIN"), "NET_ADMIN");
  EXPECT_EQ(CapabilityName("CAP_NET_ADMIN"), "NET_ADMIN");
  EXPECT_EQ(CapabilityName("cap_sys_time"), "SYS_TIME");
}

// Spec: pod/15/unknown-capability
TEST(Capabilities, AreThoseOfTheKernel) {
  for (const char* name : {"ALL", "all", "CHOWN", "CAP_BPF", "checkpoint_restore"}) {
    EXPECT_TRUE(IsCapabilityName(name)) << name;
  }
  for (const char* name : {"", "CAP_", "NET_ADMINS", "CAP_CAP_CHOWN", "CAP_SYS ADMIN"}) {
    EXPECT_FALSE(IsCapabilityName(name)) << name;
  }
}

}  // namespace
}  // namespace muster::model
