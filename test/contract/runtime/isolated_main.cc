// For tests on a containerd of their own: in namespaces of their own, or not at all.

#include <cstdio>

#include "gtest/gtest.h"
#include "test/contract/runtime/private_containerd.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (absl::Status isolated = muster::agent::PrivateContainerd::Isolate(); !isolated.ok()) {
    std::fprintf(stderr, "SKIPPED, NOTHING WAS TESTED: %s\n", isolated.ToString().c_str());
    return 77;
  }
  return RUN_ALL_TESTS();
}
