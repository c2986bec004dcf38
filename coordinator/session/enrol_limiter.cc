#include "coordinator/session/enrol_limiter.h"

#include <algorithm>
#include <chrono>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "coordinator/limits/peer_network.h"

namespace muster::coordinator {
namespace {

// Stands for all addresses that are not remembered one by one.
constexpr char kOthers[] = "";

}  // namespace

absl::Status EnrolLimiter::Check(const std::string& peer) {
  MutexLock lock(&mutex_);
  const MonoTime now = clock_.Mono();
  auto it = forgiven_.find(PeerNetworkOf(peer));
  if (it == forgiven_.end() && forgiven_.size() >= options_.addresses_max) {
    it = forgiven_.find(kOthers);
  }
  if (it == forgiven_.end()) return absl::OkStatus();
  // One more failure may be had when that leaves no more than the most that are allowed.
  const Duration over =
      it->second + options_.forgiven_each - now - options_.failures_max * options_.forgiven_each;
  if (over <= Duration::zero()) return absl::OkStatus();
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(over).count();
  return absl::ResourceExhaustedError(
      absl::StrCat("too many wrong tokens; try again in ", seconds, " s"));
}

void EnrolLimiter::Failed(const std::string& peer) {
  MutexLock lock(&mutex_);
  const MonoTime now = clock_.Mono();
  std::string address = PeerNetworkOf(peer);
  if (!forgiven_.contains(address) && forgiven_.size() >= options_.addresses_max) {
    for (auto it = forgiven_.begin(); it != forgiven_.end();) {
      it = it->second <= now ? forgiven_.erase(it) : std::next(it);
    }
    if (forgiven_.size() >= options_.addresses_max) address = kOthers;
  }
  MonoTime& forgiven = forgiven_[address];
  forgiven = std::max(forgiven, now) + options_.forgiven_each;
}

}  // namespace muster::coordinator
