#include "test/simulation/world.h"

#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "coordinator/enrol/enrolment.h"
#include "spdlog/sinks/base_sink.h"
#include "spdlog/spdlog.h"
#include "test/simulation/planted.h"
#include "test/simulation/releases.h"

namespace muster::simulation {
namespace {

using namespace std::chrono_literals;
using coordinator::MemoryStore;

// How long everything may take to come right once nothing is in the way: longer than the longest
// back-off (15 minutes, of a failed daemon pod).
constexpr Duration kTimeToSettle = 40min;
// And how long nothing may happen then. Longer than any node is silent before it is lost.
constexpr Duration kTimeSettledLeast = 7min;
constexpr Duration kTimeSettledMost = 2h;

// What production code logs, between the lines of the trace.
class TraceSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit TraceSink(Trace& trace) : trace_(trace) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    trace_.AddLog(absl::string_view(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}

  Trace& trace_;
};

// Ids of the fake runtime are numbers with many zeroes before them.
std::string Short(const std::string& line) {
  std::vector<std::string> words = absl::StrSplit(line, ' ');
  for (std::string& word : words) {
    if (word.size() != 64 || word[0] != '0') continue;
    word.erase(0, std::min(word.find_first_not_of('0'), word.size() - 1));
    word.insert(0, 1, '#');
  }
  std::string text;
  for (const std::string& word : words) absl::StrAppend(&text, text.empty() ? "" : " ", word);
  return text;
}

std::string Describe(const v1::Object& object) {
  if (object.has_pod()) {
    const v1::Pod& pod = object.pod();
    std::string ready;
    for (const v1::PodCondition& condition : pod.status().conditions()) {
      if (condition.type() == "Ready") ready = condition.status();
    }
    return absl::StrCat("on ", NodeOf(pod), " variant ", VariantOf(pod.spec()), " ",
                        pod.status().phase(), " ready=", ready,
                        pod.metadata().has_deletion_timestamp() ? " terminating" : "");
  }
  if (object.has_daemon_set()) {
    const v1::DaemonSet& set = object.daemon_set();
    const v1::DaemonSetStatus& status = set.status();
    return absl::StrCat("generation ", set.metadata().generation(), "/",
                        status.observed_generation(), " variant ", WantedVariant(set, nullptr), " ",
                        status.rollout().phase(), " desired ", status.desired_number_scheduled(),
                        " current ", status.current_number_scheduled(), " updated ",
                        status.updated_number_scheduled(), " available ", status.number_available(),
                        set.metadata().has_deletion_timestamp() ? " terminating" : "");
  }
  if (object.has_node()) {
    std::string text;
    for (const v1::NodeCondition& condition : object.node().status().conditions()) {
      if (condition.type() == "Ready") text = absl::StrCat("ready=", condition.status());
    }
    for (const v1::Taint& taint : object.node().spec().taints()) {
      absl::StrAppend(&text, " ", taint.key(), ":", taint.effect());
    }
    return text;
  }
  return "";
}

}  // namespace

World::World(const Settings& settings)
    : settings_(settings),
      stage_(settings.seed),
      dice_(stage_.NewDice("world")),
      disk_(MemoryStore::Options{.delivery = coordinator::WatchHub::Delivery::kOnDemand}),
      network_(stage_) {
  stage_.trace.set_verbose(settings_.verbose);
  auto logger = std::make_shared<spdlog::logger>("", std::make_shared<TraceSink>(stage_.trace));
  logger->set_level(spdlog::level::info);
  spdlog::set_default_logger(logger);

  // Clusters differ in how often their parts look.
  heartbeat_interval_ = dice_.Pick<std::chrono::milliseconds>({30s, 60s, 120s});
  relist_period_ = dice_.Pick<Duration>({60s, 120s, 300s});
  if (const PlantedBug* bug = FindPlantedBug(settings_.planted)) {
    bug->plant({store_spoiler_, network_.spoiler, runtime_spoiler_, ledger_, stage_});
  }
  invariants_ = AllInvariants();
  users_ = std::make_unique<Users>(
      Users::Surroundings{stage_, ledger_, [this] { return coordinator_.get(); },
                          [this](std::string what) { Fail("promises to users: " + what); }});
  faults_ = std::make_unique<Faults>(*this, settings_.faults);
}

World::~World() { spdlog::set_default_logger(std::make_shared<spdlog::logger>("")); }

void World::Fail(std::string what) {
  stage_.trace.Add("VIOLATION", what);
  outcome_.violations.push_back(std::move(what));
}

template <typename Check>
void World::CheckAll(const Check& check) {
  if (failed()) return;
  const Sight sight = Look();
  for (const std::unique_ptr<Invariant>& invariant : invariants_) {
    ++outcome_.checks;
    check(*invariant, sight,
          Report([&](std::string what) { Fail(absl::StrCat(invariant->name(), ": ", what)); }));
  }
}

// ---- The store

void World::OnCommit(const Committed& committed) {
  const Commit commit = ledger_.Record(committed);
  users_->See(commit);
  for (const ObjectCommit& object : commit.objects) {
    const bool is_event = absl::StartsWith(object.key, "/events/");
    stage_.trace.Add(is_event ? "event" : "commit",
                     absl::StrCat(NameOf(commit.writer), " r", commit.revision, " ",
                                  !object.before  ? "+"
                                  : !object.after ? "-"
                                                  : "~",
                                  object.key, " ", object.after ? Describe(*object.after) : ""));
    if (nothing_may_happen_ && !is_event) {
      Fail(absl::StrCat("settled stays settled: ", object.key, " is written"));
    }
  }
  CheckAll([&](Invariant& invariant, const Sight& sight, const Report& report) {
    invariant.OnCommit(sight, commit, report);
  });
  DeliverSoon();
}

// The watches of the controllers and sessions show what was committed, and so they are told.
void World::DeliverSoon() {
  if (std::exchange(delivery_due_, true)) return;
  stage_.agenda.After(dice_.Delay(3ms, 300ms), [this] {
    delivery_due_ = false;
    disk_.Deliver();
    ledger_.ShowAll();
  });
}

// ---- The coordinator

void World::StartCoordinator() {
  if (coordinator_ != nullptr) return;
  const int number = ++coordinator_lives_;
  stage_.trace.Add("coordinator-start", absl::StrCat(number));
  ProcessStore::Surroundings store{disk_, weather_, store_spoiler_,
                                   [this](const Committed& committed) { OnCommit(committed); },
                                   [this](Writer writer, const std::string& prefix) {
                                     if (writer == Writer::kControllers && prefix == "/")
                                       ledger_.ShowAll();
                                   }};
  coordinator_ = std::make_unique<CoordinatorProcess>(
      CoordinatorProcess::Surroundings{stage_, network_, store, heartbeat_interval_,
                                       heartbeat_interval_ * 3,
                                       [this, number] {
                                         if (coordinator_lives_ != number) return;
                                         CrashCoordinator(dice_.Delay(3s, 2min));
                                       }},
      number);
  if (const absl::Status status = coordinator_->Start(); !status.ok()) {
    stage_.trace.Add("coordinator-fails", status.message());
    CrashCoordinator(5s);
  }
}

void World::CrashCoordinator(Duration down_for) {
  if (coordinator_ == nullptr) return;
  stage_.trace.Add("coordinator-killed", "");
  coordinator_.reset();
  stage_.agenda.After(down_for, [this] { StartCoordinator(); });
}

void World::LightCoordinatorFuse(int calls) {
  if (coordinator_ != nullptr) coordinator_->life().LightFuse(calls);
}

// ---- The machines

std::vector<Machine*> World::Members() {
  std::vector<Machine*> members;
  for (const auto& [name, machine] : machines_) {
    if (!machine->removed()) members.push_back(machine.get());
  }
  return members;
}

void World::AddNode() {
  const std::string name = absl::StrFormat("node-%02d", ++last_node_);
  auto machine = std::make_unique<Machine>(
      Machine::Surroundings{stage_, network_, runtime_spoiler_,
                            [this](const Machine& at, const std::string& line, bool only_looks) {
                              OnCall(at, line, only_looks);
                            },
                            [this](const Machine& at) {
                              CheckAll([&](Invariant& invariant, const Sight& sight,
                                           const Report& report) {
                                invariant.OnRuntime(sight, at, report);
                              });
                            }},
      name, relist_period_);
  agent::FakeRuntime& runtime = machine->runtime();
  runtime.SetPodNetwork(absl::StrCat("10.", last_node_ % 250));
  for (const char* image : kReleasedImages) runtime.AddToRegistry(image);
  runtime.InstallProgram("serve", {});
  runtime.InstallProgram("slow-stop", {.on_term = 0, .term_takes = 4s});
  runtime.InstallProgram("stubborn", {.on_term = std::nullopt});
  runtime.InstallProgram(kCrash, {.runs_for = 1s, .exit_code = 1});
  runtime.InstallProgram(kFlaky, {.runs_for = 23min, .exit_code = 1});
  machines_[name] = std::move(machine);
  Enrol(name);
}

// What `muster-agent join` comes to, until it worked.
void World::Enrol(const std::string& name) {
  if (machines_.at(name)->removed()) return;
  absl::Status status = absl::UnavailableError("Connection refused");
  if (coordinator_ != nullptr && !network_.IsCut(name)) {
    coordinator::EnrolRequest request;
    request.node_name = name;
    request.labels["tier"] = dice_.Chance(0.5) ? "edge" : "core";
    coordinator::ObjectTransaction transaction;
    transaction.Create(coordinator::NewNode(request, {}, kNodeKey));
    status = coordinator_->user_objects().Commit(std::move(transaction)).status();
    coordinator_->CheckPulse();
  }
  stage_.trace.Add("enrol", absl::StrCat(name, ": ", status.ok() ? "ok" : status.message()));
  if (status.ok() || absl::IsAlreadyExists(status)) return;
  stage_.agenda.After(dice_.Between(1s, 20s), [this, name] { Enrol(name); });
}

void World::DeleteNode(const std::string& name, std::optional<Duration> back_after) {
  if (coordinator_ == nullptr) return;
  admin::v1::DeleteRequest request;
  request.mutable_ref()->set_resource("nodes");
  request.mutable_ref()->set_name(name);
  const absl::Status status = coordinator_->api().Delete(request).status();
  coordinator_->CheckPulse();
  stage_.trace.Add("delete-node", absl::StrCat(name, ": ", status.ok() ? "ok" : status.message()));
  if (ledger_.Find("/nodes/" + name) != nullptr) return;
  if (!back_after) return machines_.at(name)->Remove();
  stage_.agenda.After(*back_after, [this, name] { Enrol(name); });
}

void World::OnCall(const Machine& machine, const std::string& line, bool only_looks) {
  if (only_looks) {
    if (settings_.verbose) {
      stage_.trace.AddLog(absl::StrCat(machine.name(), " ", Short(line)));
    }
    return;
  }
  stage_.trace.Add("cri", absl::StrCat(machine.name(), " ", Short(line)));
  if (nothing_may_happen_) {
    Fail(absl::StrCat("settled stays settled: ", machine.name(), " ", Short(line)));
  }
  CheckAll([&](Invariant& invariant, const Sight& sight, const Report& report) {
    invariant.OnCall(sight, machine, line, report);
  });
}

// ---- The course of things

void World::RunFor(Duration time) {
  const MonoTime end = stage_.clock.Mono() + std::chrono::duration_cast<MonoTime::duration>(time);
  while (!failed() && stage_.agenda.RunNext(end)) ++outcome_.steps;
}

void World::UsersActSoon() {
  stage_.agenda.After(dice_.Delay(8min, 20min), [this] {
    if (!users_work_) return;
    users_->Act();
    // Conflicting changes come in bursts.
    while (dice_.Chance(0.3)) users_->Act();
    UsersActSoon();
  });
}

void World::QuietPoint() {
  stage_.trace.Add("calm", "everything that was in the way is taken away");
  users_work_ = false;
  faults_->Stop();
  RunFor(5min);
  for (int i = 0; i < 20 && !failed() && !users_->MakeUp(); ++i) RunFor(1min);
  for (MonoTime end = stage_.clock.Mono() + kTimeToSettle;
       !failed() && stage_.clock.Mono() < end;) {
    users_->Attend();
    RunFor(1min);
  }
  if (failed()) return;
  stage_.trace.Add("quiet", "now all has to be right");
  CheckAll([](Invariant& invariant, const Sight& sight, const Report& report) {
    invariant.OnQuiet(sight, report);
  });
  nothing_may_happen_ = true;
  RunFor(dice_.Between(kTimeSettledLeast, kTimeSettledMost));
  nothing_may_happen_ = false;
  ++outcome_.quiet_points;
}

Outcome World::Run() {
  const MonoTime start = stage_.clock.Mono();
  const MonoTime end =
      start + std::chrono::duration_cast<MonoTime::duration>(
                  std::chrono::duration<double, std::ratio<3600>>(settings_.hours));
  StartCoordinator();
  for (int i = 0; i < settings_.nodes; ++i) AddNode();
  RunFor(1min);
  while (!failed() && stage_.clock.Mono() < end) {
    stage_.trace.Add("chaos", "begins");
    users_work_ = true;
    UsersActSoon();
    faults_->Start();
    const Duration left = std::max<Duration>(end - stage_.clock.Mono(), 10min);
    RunFor(std::min(dice_.Between(30min, 3h), left));
    if (!failed()) QuietPoint();
  }
  const int64_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(stage_.clock.Mono() - start).count();
  outcome_.simulated =
      absl::StrFormat("%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
  outcome_.digest = stage_.trace.digest();
  outcome_.counts = stage_.trace.counts();
  outcome_.last_lines = stage_.trace.last_lines();
  return std::move(outcome_);
}

Outcome Simulate(const Settings& settings) { return World(settings).Run(); }

}  // namespace muster::simulation
