#include "test/simulation/machine.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/translate/translate.h"
#include "test/fakes/fake_exit_watch.h"
#include "test/simulation/machine_network.h"
#include "test/simulation/releases.h"

namespace muster::simulation {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLoopLatency = 1ms;

bool OnlyLooks(const std::string& call) {
  return absl::StartsWith(call, "List") || absl::StartsWith(call, "Info") ||
         absl::StartsWith(call, "ImageFilesystems") || absl::StrContains(call, "StatusOf");
}

// A disk that the process may not live to hear from.
class MortalCheckpoint final : public agent::Checkpoint {
 public:
  MortalCheckpoint(std::shared_ptr<agent::MemoryDisk> disk, std::shared_ptr<Lifeline> life)
      : inner_(std::move(disk)), life_(std::move(life)) {}

  absl::StatusOr<agent::CheckpointState> Load(std::string* problem) override {
    return inner_.Load(problem);
  }
  absl::Status Save(const agent::CheckpointChange& change) override {
    if (!life_->Pass()) return absl::UnavailableError("dead");
    const absl::Status saved = inner_.Save(change);
    if (!life_->Pass()) return absl::UnavailableError("dead");
    return saved;
  }
  absl::Status SaveContainers(const agent::ContainerMemories& containers) override {
    if (!life_->Pass()) return absl::UnavailableError("dead");
    return inner_.SaveContainers(containers);
  }

 private:
  agent::MemoryCheckpoint inner_;
  const std::shared_ptr<Lifeline> life_;
};

}  // namespace

// One life of the agent. Members in the order of who uses whom.
struct Machine::Agent {
  std::shared_ptr<Lifeline> life = std::make_shared<Lifeline>();
  std::unique_ptr<MortalCheckpoint> checkpoint;
  std::unique_ptr<RemoteRuntime> runtime;
  std::unique_ptr<MachineNetwork> network;
  agent::FakeExitWatch exits;
  std::unique_ptr<agent::Link> link;
  std::shared_ptr<agent::NodeInbox> inbox;
  std::unique_ptr<agent::NodeLoop> loop;
  std::unique_ptr<Turner> turner;  // Last: it turns the loop.
};

Machine::Machine(const Surroundings& surroundings, std::string name, Duration relist_period)
    : around_(surroundings),
      name_(std::move(name)),
      relist_period_(relist_period),
      dice_(around_.stage.NewDice(name_)),
      runtime_(around_.stage.clock) {
  agent::HostFacts& facts = host_.facts;
  facts.hostname = name_;
  facts.boot_id = absl::StrCat(name_, "-boot-", boots_);
  facts.may_lower_oom_score = true;
  facts.root_is_shared = true;
  prober_.Decides([](const agent::NetCall& call) {
    const auto* http = std::get_if<agent::HttpCall>(&call);
    const bool fails = http != nullptr && http->target == kNeverReady;
    return agent::ProbeAnswer{
        fails ? agent::ProbeAnswer::Kind::kFailure : agent::ProbeAnswer::Kind::kSuccess, ""};
  });
  PlaceForeigner();
  StartAgentAfter(dice_.Between(0s, 2s));
}

Machine::~Machine() {
  if (runtime_due_) around_.stage.agenda.Cancel(*runtime_due_);
}

void Machine::PlaceForeigner() {
  agent::SandboxConfig config;
  config.name = "theirs";
  config.namespace_ = "kube-system";
  config.uid = absl::StrCat("foreign-", boots_);
  config.labels = {{agent::kLabelPodUid, config.uid}, {agent::kLabelPodName, "theirs"}};
  runtime_.AddImage("theirs:1");
  runtime_.RunSandbox(config, [this](absl::StatusOr<std::string> id) { foreign_sandbox_ = *id; });
  runtime_.RunPending();
  agent::ContainerConfig container;
  container.name = "c";
  container.image_id = container.image_name = "theirs:1";
  container.labels = config.labels;
  runtime_.CreateContainer(foreign_sandbox_, container, config,
                           [this](absl::StatusOr<std::string> id) { foreign_container_ = *id; });
  runtime_.RunPending();
  runtime_.StartContainer(foreign_container_, [](absl::Status) {});
  runtime_.RunPending();
  runtime_.ClearJournal();
}

std::shared_ptr<const agent::ServiceTable> Machine::table() const {
  return agent_ == nullptr ? nullptr : agent_->network->table();
}

std::set<std::string> Machine::Running() const {
  std::set<std::string> running;
  for (const auto& [id, container] : runtime_.world().containers) {
    if (container.status.state == agent::ContainerState::kRunning) running.insert(id);
  }
  for (const auto& [id, sandbox] : runtime_.world().sandboxes) {
    if (sandbox.status.state == agent::SandboxState::kReady) running.insert(id);
  }
  return running;
}

// The kernel tells the agent when a process that it watches ends.
void Machine::TellOfExits(const std::set<std::string>& running) {
  if (agent_ == nullptr) return;
  std::vector<std::string> ended;
  for (const auto& [id, on_exit] : agent_->exits.watched) {
    if (!running.contains(id)) ended.push_back(id);
  }
  for (const std::string& id : ended) agent_->exits.End(id);
}

void Machine::TurnRuntime(bool disturbed) {
  const bool due = runtime_due_ && runtime_due_->first <= around_.stage.clock.Mono();
  runtime_.RunPending();
  const std::vector<std::string> journal = runtime_.journal();
  runtime_.ClearJournal();
  bool called = false;
  for (const std::string& line : journal) {
    const bool only_looks = OnlyLooks(line);
    called = called || !only_looks;
    around_.on_call(*this, line, only_looks);
  }
  // Most calls only look, and change nothing.
  if (called || due || disturbed) LookAtChanges(called);
  TellOfExits(running_);
  const std::optional<MonoTime> next = runtime_.NextDue();
  if (runtime_due_ && next && runtime_due_->first == *next) return;
  if (runtime_due_) around_.stage.agenda.Cancel(*std::exchange(runtime_due_, std::nullopt));
  if (!next) return;
  runtime_due_ = around_.stage.agenda.At(*next, [this] {
    runtime_due_.reset();
    TurnRuntime(/*disturbed=*/true);
  });
}

void Machine::LookAtChanges(bool called) {
  std::set<std::string> now = Running();
  if (called || now != running_) around_.on_change(*this);
  running_ = std::move(now);
}

void Machine::StartAgentAfter(Duration wait) {
  // In the life of a machine its agenda may hold several of these; the first that finds it down
  // starts it.
  around_.stage.agenda.After(wait, [this] { StartAgent(); });
}

void Machine::StartAgent() {
  if (!powered_ || removed_ || agent_ != nullptr) return;
  const std::string life_name = absl::StrCat(name_, "-agent-", ++lives_);
  around_.stage.trace.Add("agent-start", life_name);
  Dice dice = around_.stage.NewDice(life_name);
  agent_ = std::make_unique<Agent>();
  Agent& agent = *agent_;
  agent.turner = std::make_unique<Turner>(
      around_.stage.agenda, dice, kLoopLatency, [this, &agent]() -> std::optional<MonoTime> {
        const std::optional<MonoTime> next = agent.loop->Step();
        prober_.ClearCalls();
        if (agent.life->alive()) return next;
        // Not from within its own step.
        around_.stage.agenda.After(0s, [this, life = agent.life] {
          if (agent_ != nullptr && agent_->life == life) KillAgent(dice_.Delay(2s, 3min));
        });
        return std::nullopt;
      });
  agent.inbox = std::make_shared<agent::NodeInbox>(agent.turner->Waker());
  agent.link = around_.network.NewLink(
      name_, agent.life, [inbox = agent.inbox](auto event) { inbox->Post(std::move(event)); });
  agent.runtime = std::make_unique<RemoteRuntime>(
      RemoteRuntime::Surroundings{around_.stage, runtime_, around_.spoiler,
                                  [this] { TurnRuntime(); }},
      agent.life, around_.stage.NewDice(life_name + "-runtime"));
  agent.checkpoint = std::make_unique<MortalCheckpoint>(disk_, agent.life);
  agent.network = std::make_unique<MachineNetwork>(name_, network_disk_);
  agent::NodeOptions options;
  options.node_name = name_;
  options.agent_version = "0.1.0";
  options.relist_period = std::chrono::duration_cast<std::chrono::milliseconds>(relist_period_);
  options.idle_relist_period = std::max(options.idle_relist_period, options.relist_period);
  options.info_period = options.idle_relist_period;
  options.link.seed = dice.Bits();
  agent.loop = std::make_unique<agent::NodeLoop>(
      agent::NodeLoop::Seams{around_.stage.clock, *agent.runtime, prober_, *agent.link,
                             *agent.checkpoint, host_, volumes_, logs_, worker_, agent.inbox,
                             &agent.exits, nullptr, nullptr, nullptr, agent.network.get()},
      options, [](const auto&, const auto&) {});
  if (const absl::Status status = agent.loop->Start(); !status.ok()) {
    around_.stage.trace.Add("agent-fails", absl::StrCat(name_, " ", status.message()));
    return KillAgent(5s);
  }
  agent.turner->Wake();
}

void Machine::KillAgent(Duration down_for) {
  if (agent_ == nullptr) return;
  around_.stage.trace.Add("agent-killed", name_);
  agent_->life->Cut();
  runtime_.DropCallers();
  prober_.DropCallers();
  // The turner first, so that nothing turns what is going.
  agent_->turner.reset();
  agent_.reset();
  if (powered_) StartAgentAfter(down_for);
}

void Machine::LightFuse(int calls) {
  if (agent_ != nullptr) agent_->life->LightFuse(calls);
}

void Machine::PowerCycle(Duration off_for) {
  if (!powered_ || removed_) return;
  around_.stage.trace.Add("power-lost", name_);
  powered_ = false;
  around_.network.PowerLost(name_);
  KillAgent(0s);
  runtime_.Reboot();
  TurnRuntime(/*disturbed=*/true);
  host_.facts.boot_id = absl::StrCat(name_, "-boot-", ++boots_);
  around_.stage.agenda.After(off_for, [this] {
    if (removed_) return;
    around_.stage.trace.Add("boot", name_);
    powered_ = true;
    // The runtime was started anew, too.
    runtime_.ForgetFailures();
    runtime_.set_available(true);
    // Whoever runs this starts it again; their business, not ours.
    PlaceForeigner();
    StartAgentAfter(dice_.Delay(3s, 60s));
  });
}

void Machine::Remove() {
  removed_ = true;
  if (powered_) {
    powered_ = false;
    around_.network.PowerLost(name_);
    KillAgent(0s);
  }
}

}  // namespace muster::simulation
