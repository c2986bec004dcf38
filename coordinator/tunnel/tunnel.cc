#include "coordinator/tunnel/tunnel.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/macros.h"

namespace muster::coordinator {
namespace {

// Nobody can guess 128 bits.
std::string RandomId() {
  std::array<char, 16> bytes;
  MUSTER_CHECK(getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return absl::BytesToHexString(absl::string_view(bytes.data(), bytes.size()));
}

}  // namespace

void Tunnel::Close(absl::Status why) {
  {
    MutexLock lock(&mutex_);
    if (closed_) return;
    closed_ = true;
    why_ = std::move(why);
  }
  from_agent_.Close();
  to_agent_.Close();
}

absl::Status Tunnel::why() const {
  MutexLock lock(&mutex_);
  return why_;
}

TunnelBroker::TunnelBroker(const Clock& clock, Duration open_wait_max, Ask ask)
    : clock_(clock), open_wait_max_(open_wait_max), ask_(std::move(ask)) {}

std::shared_ptr<Tunnel> TunnelBroker::Open(const std::string& node,
                                           session::v1::OpenTunnel request) {
  auto tunnel = std::make_shared<Tunnel>();
  const std::string id = RandomId();
  {
    MutexLock lock(&mutex_);
    waiting_[id] = {node, clock_.Mono() + open_wait_max_, tunnel};
  }
  request.set_tunnel_id(id);
  ask_(node, std::move(request), [this, id](absl::Status why) { Refuse(id, std::move(why)); });
  return tunnel;
}

absl::StatusOr<std::shared_ptr<Tunnel>> TunnelBroker::Accept(const std::string& node,
                                                             const std::string& id,
                                                             WallTime until) {
  MutexLock lock(&mutex_);
  auto it = waiting_.find(id);
  if (it == waiting_.end() || it->second.node != node) {
    return absl::NotFoundError("nobody waits for this tunnel");
  }
  std::shared_ptr<Tunnel> tunnel = std::move(waiting_.extract(it).mapped().tunnel);
  if (accepted_.size() >= forget_at_) ForgetEnded();
  accepted_.emplace(until, Accepted{node, tunnel});
  return tunnel;
}

void TunnelBroker::ForgetEnded() {
  for (auto it = accepted_.begin(); it != accepted_.end();) {
    it = it->second.tunnel.expired() ? accepted_.erase(it) : std::next(it);
  }
  forget_at_ = std::max<size_t>(64, 2 * accepted_.size());
}

void TunnelBroker::CloseAllOf(const std::string& node, const absl::Status& why) {
  std::vector<std::shared_ptr<Tunnel>> tunnels;
  {
    MutexLock lock(&mutex_);
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      if (it->second.node != node) {
        ++it;
        continue;
      }
      tunnels.push_back(std::move(it->second.tunnel));
      it = waiting_.erase(it);
    }
    for (const auto& [until, accepted] : accepted_) {
      if (accepted.node == node) tunnels.push_back(accepted.tunnel.lock());
    }
  }
  for (const auto& tunnel : tunnels) {
    if (tunnel != nullptr) tunnel->Close(why);
  }
}

std::optional<MonoTime> TunnelBroker::Expire() {
  const MonoTime now = clock_.Mono();
  const WallTime wall = clock_.Wall();
  std::vector<Waiting> late;
  std::vector<std::shared_ptr<Tunnel>> over;
  std::optional<MonoTime> next;
  {
    MutexLock lock(&mutex_);
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      if (it->second.until <= now) {
        late.push_back(std::move(it->second));
        it = waiting_.erase(it);
        continue;
      }
      if (!next || it->second.until < *next) next = it->second.until;
      ++it;
    }
    while (!accepted_.empty() && accepted_.begin()->first <= wall) {
      over.push_back(accepted_.extract(accepted_.begin()).mapped().tunnel.lock());
    }
  }
  for (const auto& tunnel : over) {
    if (tunnel == nullptr) continue;
    tunnel->Close(absl::UnauthenticatedError("the time of the node's certificate is over"));
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(open_wait_max_).count();
  for (const Waiting& waiting : late) {
    waiting.tunnel->Close(absl::DeadlineExceededError(
        absl::StrCat("node \"", waiting.node, "\" did not answer within ", seconds, " s")));
  }
  return next;
}

void TunnelBroker::Refuse(const std::string& id, absl::Status why) {
  std::shared_ptr<Tunnel> tunnel;
  {
    MutexLock lock(&mutex_);
    auto it = waiting_.find(id);
    if (it == waiting_.end()) return;
    tunnel = std::move(waiting_.extract(it).mapped().tunnel);
  }
  tunnel->Close(std::move(why));
}

}  // namespace muster::coordinator
