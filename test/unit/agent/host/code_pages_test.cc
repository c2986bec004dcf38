#include "agent/host/code_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace muster::agent {
namespace {

// Constants of the program on pages of their own, and more than one fault brings back.
constexpr size_t kBytes = 1 << 20;
struct alignas(4096) Constants {
  unsigned char bytes[kBytes];
};
const Constants kConstants = {{1, 2, 3}};

size_t Sum() {
  size_t sum = 0;
  for (size_t at = 0; at < kBytes; at += 64) {
    sum += const_cast<const volatile unsigned char&>(kConstants.bytes[at]);
  }
  return sum;
}

size_t ResidentFileKib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "RssFile:") continue;
    size_t kib = 0;
    status >> kib;
    return kib;
  }
  return 0;
}

TEST(ReleaseCodePages, WhatIsNotUsedIsNoLongerResidentAndAllIsAsItWas) {
  ASSERT_EQ(Sum(), 1u);
  const size_t before = ResidentFileKib();
  EXPECT_GE(ReleaseCodePages(), kBytes);
  const size_t after = ResidentFileKib();
  EXPECT_LE(after + kBytes / 1024, before);
  EXPECT_EQ(Sum(), 1u);
  EXPECT_GE(ResidentFileKib(), after + kBytes / 1024) << "it comes back when it is used";
}

TEST(ReleaseCodePages, WhatDiffersFromTheFileStays) {
  // As a debugger does it: a page of its own in the place of the file's.
  auto* page = const_cast<unsigned char*>(&kConstants.bytes[kBytes / 2]);
  ASSERT_EQ(::mprotect(page, 4096, PROT_READ | PROT_WRITE), 0);
  page[0] = 42;
  ASSERT_EQ(::mprotect(page, 4096, PROT_READ), 0);
  ReleaseCodePages();
  EXPECT_EQ(static_cast<const volatile unsigned char&>(page[0]), 42);
  EXPECT_EQ(const_cast<const volatile unsigned char&>(kConstants.bytes[0]), 1);
}

}  // namespace
}  // namespace muster::agent
