#include "test/simulation/faults.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/translate/translate.h"
#include "test/simulation/releases.h"

namespace muster::simulation {

using namespace std::chrono_literals;
using agent::RuntimeCall;

namespace {

constexpr int kNever = 1 << 30;  // Calls of a process.

}  // namespace

struct Faults::Kind {
  absl::string_view name;
  int weight;
  void (Faults::*strike)(Machine&);
};

const std::vector<Faults::Kind>& Faults::Kinds() {
  static const std::vector<Kind> kinds = {
      {"break-stream", 6, &Faults::BreakStream},
      {"cut-off", 5, &Faults::CutOff},
      {"cut-off-all", 1, &Faults::CutOffAll},
      {"slow-network", 2, &Faults::SlowNetwork},
      {"kill-agent", 3, &Faults::KillAgent},
      {"fuse-agent", 8, &Faults::FuseAgent},
      {"lose-power", 2, &Faults::LosePower},
      {"crash-coordinator", 2, &Faults::CrashCoordinator},
      {"fuse-coordinator", 6, &Faults::FuseCoordinator},
      {"store-storm", 3, &Faults::StoreStorm},
      {"break-watches", 1, &Faults::BreakWatches},
      {"restart-runtime", 3, &Faults::RestartRuntime},
      {"fail-calls", 5, &Faults::FailCalls},
      {"end-container", 5, &Faults::EndContainer},
      {"kill-sandbox", 2, &Faults::KillSandbox},
      {"fill-disk", 2, &Faults::FillDisk},
      {"damage-checkpoint", 1, &Faults::DamageCheckpoint},
      {"lose-image", 1, &Faults::LoseImage},
      {"find-image", 2, &Faults::FindImage},
      {"delete-node", 1, &Faults::DeleteNode},
      {"add-node", 1, &Faults::AddNode},
  };
  return kinds;
}

std::vector<std::string> Faults::Names() {
  std::vector<std::string> names;
  for (const Kind& kind : Kinds()) names.emplace_back(kind.name);
  return names;
}

Faults::Faults(FaultTargets& targets, const std::string& wanted)
    : targets_(targets), dice_(targets.stage().NewDice("faults")) {
  const std::vector<std::string> names = absl::StrSplit(wanted, ',');
  for (const Kind& kind : Kinds()) {
    if (wanted != "all" && std::find(names.begin(), names.end(), kind.name) == names.end()) {
      continue;
    }
    wanted_.insert(wanted_.end(), static_cast<size_t>(kind.weight), &kind);
  }
}

void Faults::Start() {
  running_ = true;
  ++round_;
  Next();
}

void Faults::Next() {
  if (wanted_.empty()) return;
  targets_.stage().agenda.After(dice_.Between(1s, 8min), [this, round = round_] {
    if (!running_ || round != round_) return;
    const std::vector<Machine*> members = targets_.Members();
    if (!members.empty()) {
      const Kind& kind = *dice_.Pick(wanted_);
      Machine& machine = *dice_.Pick(members);
      targets_.stage().trace.Add("fault", absl::StrCat(kind.name, " ", machine.name()));
      (this->*kind.strike)(machine);
    }
    Next();
  });
}

void Faults::Until(Duration time, std::function<void()> end) {
  targets_.stage().agenda.After(time, [this, round = round_, end = std::move(end)] {
    if (running_ && round == round_) end();
  });
}

void Faults::Stop() {
  running_ = false;
  targets_.weather() = StoreWeather();
  targets_.network().usual_delay = 4ms;
  targets_.network().delay_max = 400ms;
  targets_.LightCoordinatorFuse(kNever);
  for (Machine* machine : targets_.Members()) {
    machine->LightFuse(kNever);
    targets_.network().Heal(machine->name());
    machine->runtime().set_available(true);
    machine->runtime().ForgetFailures();
    machine->disk().fail = absl::OkStatus();
    for (const char* image : kReleasedImages) machine->runtime().AddToRegistry(image);
    machine->runtime().AddToRegistry("app:missing");
  }
}

void Faults::BreakStream(Machine& machine) { targets_.network().Break(machine.name()); }

void Faults::CutOff(Machine& machine) {
  const std::string name = machine.name();
  targets_.network().Cut(name);
  Until(dice_.Between(5s, 12min), [this, name] { targets_.network().Heal(name); });
}

void Faults::CutOffAll(Machine&) {
  const Duration time = dice_.Between(10s, 8min);
  for (const Machine* machine : targets_.Members()) {
    const std::string name = machine->name();
    targets_.network().Cut(name);
    Until(time, [this, name] { targets_.network().Heal(name); });
  }
}

void Faults::SlowNetwork(Machine&) {
  targets_.network().usual_delay = dice_.Between(50ms, 2s);
  targets_.network().delay_max = 6s;
  Until(dice_.Between(10s, 5min), [this] {
    targets_.network().usual_delay = 4ms;
    targets_.network().delay_max = 400ms;
  });
}

void Faults::KillAgent(Machine& machine) { machine.KillAgent(dice_.Delay(2s, 5min)); }

void Faults::FuseAgent(Machine& machine) { machine.LightFuse(1 + dice_.Roll(16)); }

void Faults::LosePower(Machine& machine) { machine.PowerCycle(dice_.Delay(60s, 10min)); }

void Faults::CrashCoordinator(Machine&) { targets_.CrashCoordinator(dice_.Delay(5s, 3min)); }

void Faults::FuseCoordinator(Machine&) { targets_.LightCoordinatorFuse(1 + dice_.Roll(24)); }

void Faults::StoreStorm(Machine&) {
  StoreWeather& weather = targets_.weather();
  weather.fails = 0.2;
  weather.conflicts = 0.1;
  weather.answer_lost = 0.1;
  weather.read_fails = 0.02;
  Until(dice_.Between(1s, 2min), [this] { targets_.weather() = StoreWeather(); });
}

void Faults::BreakWatches(Machine&) {
  targets_.disk().BreakWatches(absl::OutOfRangeError("compacted"));
}

void Faults::RestartRuntime(Machine& machine) {
  machine.runtime().set_available(false);
  Until(dice_.Delay(10s, 2min), [&machine] { machine.runtime().set_available(true); });
}

void Faults::FailCalls(Machine& machine) {
  const std::vector<RuntimeCall> calls = {
      RuntimeCall::kRunSandbox,        RuntimeCall::kCreateContainer, RuntimeCall::kStartContainer,
      RuntimeCall::kStopSandbox,       RuntimeCall::kStopContainer,   RuntimeCall::kRemoveSandbox,
      RuntimeCall::kListContainers,    RuntimeCall::kListSandboxes,   RuntimeCall::kPullImage,
      RuntimeCall::kContainerStatusOf, RuntimeCall::kSandboxStatusOf};
  machine.runtime().FailNext(dice_.Pick(calls), absl::UnknownError("injected"), 1 + dice_.Roll(3));
}

void Faults::EndContainer(Machine& machine) {
  for (const agent::ContainerStatus& container : machine.runtime().containers()) {
    if (container.state != agent::ContainerState::kRunning) continue;
    if (!container.labels.contains(agent::kLabelNodeUid) || dice_.Chance(0.5)) continue;
    if (dice_.Chance(0.3)) {
      machine.runtime().OomKillContainer(container.id);
    } else {
      machine.runtime().ExitContainer(container.id, dice_.Roll(3));
    }
    return machine.TurnRuntime(/*disturbed=*/true);
  }
}

void Faults::KillSandbox(Machine& machine) {
  for (const agent::SandboxStatus& sandbox : machine.runtime().sandboxes()) {
    if (!sandbox.labels.contains(agent::kLabelNodeUid) || dice_.Chance(0.5)) continue;
    machine.runtime().KillSandbox(sandbox.id);
    return machine.TurnRuntime(/*disturbed=*/true);
  }
}

void Faults::FillDisk(Machine& machine) {
  machine.disk().fail = absl::ResourceExhaustedError("no space left on device");
  Until(dice_.Delay(60s, 10min), [&machine] { machine.disk().fail = absl::OkStatus(); });
}

void Faults::DamageCheckpoint(Machine& machine) {
  machine.disk().damaged = true;
  machine.KillAgent(dice_.Delay(2s, 30s));
}

void Faults::LoseImage(Machine& machine) {
  const std::string image = kReleasedImages[dice_.Roll(std::size(kReleasedImages))];
  machine.runtime().SetPullError(image, absl::UnavailableError("registry: 503"));
  Until(dice_.Delay(3min, 20min), [&machine, image] { machine.runtime().AddToRegistry(image); });
}

void Faults::FindImage(Machine& machine) { machine.runtime().AddToRegistry("app:missing"); }

void Faults::DeleteNode(Machine& machine) {
  std::optional<Duration> back;
  if (dice_.Chance(0.7) || targets_.Members().size() < 3) back = dice_.Delay(60s, 5min);
  targets_.DeleteNode(machine.name(), back);
}

void Faults::AddNode(Machine&) {
  if (targets_.Members().size() < 12) targets_.AddNode();
}

}  // namespace muster::simulation
