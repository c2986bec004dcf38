#include "test/simulation/coordinator_process.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster::simulation {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLoopLatency = 1ms;
// Few, so that they are given again and again.
constexpr char kAddresses[] = "10.96.0.0/28,fd00:96::/124";
constexpr char kPorts[] = "30000-30009";
constexpr char kPods[] = "10.200.0.0/24";
constexpr int kPodPrefix = 28, kPodPrefixV6 = 64;

}  // namespace

CoordinatorProcess::CoordinatorProcess(const Surroundings& surroundings, int life_number)
    : around_(surroundings),
      bits_(std::make_shared<Dice>(
          around_.stage.NewDice(absl::StrCat("coordinator-bits-", life_number)))),
      user_store_(Writer::kUsers, around_.store, life_,
                  around_.stage.NewDice(absl::StrCat("user-store-", life_number))),
      controller_store_(Writer::kControllers, around_.store, life_,
                        around_.stage.NewDice(absl::StrCat("controller-store-", life_number))),
      service_store_(Writer::kServices, around_.store, life_,
                     around_.stage.NewDice(absl::StrCat("service-store-", life_number))),
      session_store_(Writer::kSessions, around_.store, life_,
                     around_.stage.NewDice(absl::StrCat("session-store-", life_number))),
      user_objects_(user_store_, around_.stage.clock, [bits = bits_] { return bits->Bits(); }),
      controller_objects_(controller_store_, around_.stage.clock,
                          [bits = bits_] { return bits->Bits(); }),
      service_objects_(service_store_, around_.stage.clock,
                       [bits = bits_] { return bits->Bits(); }) {
  const Clock& clock = around_.stage.clock;
  const auto random = [bits = bits_] { return bits->Bits(); };
  const auto turner = [&](absl::string_view name, auto step) {
    return std::make_unique<Turner>(
        around_.stage.agenda, around_.stage.NewDice(absl::StrCat(name, "-turner-", life_number)),
        kLoopLatency, [this, step]() -> std::optional<MonoTime> {
          if (!life_->alive()) return std::nullopt;
          const std::optional<MonoTime> next = step();
          CheckPulse();
          return next;
        });
  };
  session_turner_ = turner("sessions", [this] { return sessions_->Step(); });
  controller_turner_ = turner("controllers", [this] { return controllers_->Step(); });
  service_turner_ = turner("services", [this] { return services_->Step(); });

  agent_events_ = std::make_unique<coordinator::AgentEvents>(
      session_store_, clock, coordinator::AgentEvents::Options{}, random);
  coordinator::SessionHub::Options session_options;
  session_options.heartbeat_interval = around_.heartbeat_interval;
  session_options.coordinator_version = "0.1.0";
  session_options.silence_max = around_.lost_after;
  session_options.network_ranges.add_pods(kPods);
  session_options.on_contact = [this](const std::string& node) { controllers_->TouchNode(node); };
  sessions_ = std::make_unique<coordinator::SessionHub>(session_store_, clock, *agent_events_,
                                                        session_options, session_turner_->Waker());

  coordinator::ControllerLoop::Options controller_options;
  controller_options.health.silent = around_.lost_after;
  controller_options.pod_ranges = *coordinator::ParsePodRanges(kPods, kPodPrefix, kPodPrefixV6);
  controllers_ = std::make_unique<coordinator::ControllerLoop>(
      controller_objects_, clock,
      [this](const std::string& node) -> std::optional<coordinator::NodeContact> {
        const auto contact = sessions_->Contact(node);
        if (!contact) return std::nullopt;
        return coordinator::NodeContact{contact->connected, contact->broken, contact->last_seen};
      },
      std::move(controller_options), controller_turner_->Waker(), random);
  const coordinator::ServiceRanges ranges = *coordinator::ParseServiceRanges(kAddresses, kPorts);
  services_ = std::make_unique<coordinator::ServiceLoop>(
      service_objects_, clock, coordinator::ServiceLoop::Options{.ranges = ranges},
      service_turner_->Waker(), random);
  api_ = std::make_unique<coordinator::AdminApi>(user_objects_, clock, ranges);
}

CoordinatorProcess::~CoordinatorProcess() {
  life_->Cut();
  around_.network.Listen(nullptr, nullptr);
}

absl::Status CoordinatorProcess::Start() {
  MUSTER_RETURN_IF_ERROR(api_->CreateBuiltInNamespaces());
  MUSTER_RETURN_IF_ERROR(sessions_->Start());
  around_.network.Listen(sessions_.get(), life_);
  session_turner_->Wake();
  controller_turner_->Wake();
  service_turner_->Wake();
  return absl::OkStatus();
}

void CoordinatorProcess::CheckPulse() {
  if (!life_->alive()) around_.stage.agenda.After(0s, around_.on_death);
}

}  // namespace muster::simulation
