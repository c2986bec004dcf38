// What the fuzzer checks, on its seeds and on the fixture: also without clang, and first.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "common/base/text_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace muster::manifest {
namespace {

void RunOn(const std::string& folder) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const absl::StatusOr<std::string> text = ReadFile(entry.path().string());
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_EQ(LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(text->data()), text->size()),
              0);
    ++files;
  }
  EXPECT_GT(files, 0) << folder;
}

TEST(FuzzSeeds, DecodeAndPrintAStableForm) { RunOn(MUSTER_FUZZ_SEEDS); }

TEST(FuzzSeeds, SoDoesTheFixture) { RunOn(std::string(MUSTER_TEST_DATA) + "/manifests"); }

}  // namespace
}  // namespace muster::manifest
