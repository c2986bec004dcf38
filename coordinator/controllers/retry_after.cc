#include "coordinator/controllers/retry_after.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace muster::coordinator {
namespace {

constexpr auto kRetryFirst = std::chrono::milliseconds(5);
constexpr auto kRetryMax = std::chrono::seconds(1000);
constexpr int kDoublingsMax = 18;

}  // namespace

MonoTime::duration RetryAfter(int failures) {
  const auto wait = kRetryFirst * (int64_t{1} << std::min(failures, kDoublingsMax));
  return std::min<MonoTime::duration>(wait, kRetryMax);
}

}  // namespace muster::coordinator
