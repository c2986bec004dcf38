#include "agent/loop/host_port_keeper.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace muster::agent {
namespace {

constexpr std::chrono::seconds kAskAgain{10};

std::set<std::string> PodsOf(const HostPortWish& wish) {
  std::set<std::string> uids;
  for (const auto& [key, lead] : wish.table) uids.insert(lead.pod_uid);
  return uids;
}

}  // namespace

HostPortKeeper::HostPortKeeper(const Clock& clock, Network* network,
                               std::shared_ptr<NodeInbox> inbox, Warn warn)
    : clock_(clock), network_(network), inbox_(std::move(inbox)), warn_(std::move(warn)) {}

HostPortKeeper::~HostPortKeeper() { *alive_ = false; }

std::optional<MonoTime> HostPortKeeper::Step(MonoTime now, const PodSet& pods) {
  if (network_ == nullptr || !network_->leads_host_ports()) return std::nullopt;
  const bool again = ask_again_at_ && now >= *ask_again_at_;
  const bool planned = std::exchange(plans_seen_, pods.plans_made()) != pods.plans_made();
  if (planned || !wanted_ || again) {
    const std::optional<HostPortWish> wish = pods.HostPorts();
    if (wish && (again || wish != wanted_)) Ask(*wish);
    // Not all pods are known, so it has to wait for that.
    if (!wish && again) ask_again_at_ = now + kAskAgain;
  }
  return ask_again_at_;
}

void HostPortKeeper::Ask(const HostPortWish& wish) {
  ask_again_at_.reset();
  wanted_ = wish;
  state_.led.merge(PodsOf(wish));
  network_->SetHostPorts(wish,
                         [this, inbox = inbox_, alive = alive_, wish](const absl::Status& status) {
                           inbox->Post(std::function<void()>([this, alive, wish, status] {
                             if (*alive) OnDone(wish, status);
                           }));
                         });
}

void HostPortKeeper::OnDone(const HostPortWish& wish, const absl::Status& status) {
  const MonoTime now = clock_.Mono();
  const std::string problem(status.message());
  if (problem != problem_ && !problem.empty()) {
    warn_("HostPortsNotLed",
          absl::StrCat("ports of this host do not lead where they should: ", problem));
  }
  problem_ = problem;
  if (!status.ok()) {
    ask_again_at_ = now + kAskAgain;
    return;
  }
  const std::set<std::string> before = std::exchange(in_place_, PodsOf(wish));
  state_.led = in_place_;
  if (wanted_) state_.led.merge(PodsOf(*wanted_));
  std::erase_if(state_.until, [&](const auto& entry) {
    return entry.second <= now || state_.led.contains(entry.first);
  });
  for (const std::string& uid : before) {
    if (!state_.led.contains(uid)) state_.until[uid] = now + kHostPortSettles;
  }
  state_.known = true;
  ++state_.version;
}

}  // namespace muster::agent
