#include "agent/network/host/node_network.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/network/host/own_addresses.h"
#include "common/base/random.h"
#include "common/base/text_file.h"
#include "spdlog/spdlog.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// A table that changes all the time is written now and then; what is lost by that is told again.
constexpr auto kSaveAfter = 1s;
constexpr auto kRetryAfter = 10s;
// A pod that comes makes several changes of the host's network.
constexpr auto kLookAfter = 200ms;
constexpr char kBridgeNetfilter[] = "/proc/sys/net/bridge/bridge-nf-call-iptables";

std::vector<IpAddress> Addresses(const std::vector<std::string>& texts) {
  std::vector<IpAddress> addresses;
  for (const std::string& text : texts) {
    if (const auto address = ParseIp(text)) addresses.push_back(*address);
  }
  return addresses;
}

// None when what they carry passes nftables anyway. `with_ours`: also before the first pod makes
// it.
std::vector<std::string> UnseenBridges(bool with_ours) {
  const absl::StatusOr<std::string> seen = ReadFile(kBridgeNetfilter);
  if (seen.ok() && absl::StartsWith(*seen, "1")) return {};
  std::vector<std::string> bridges;
  if (with_ours) bridges.emplace_back(kBridgeName);
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/sys/class/net", error)) {
    if (fs::exists(entry.path() / "bridge", error)) bridges.push_back(entry.path().filename());
  }
  std::sort(bridges.begin(), bridges.end());
  bridges.erase(std::unique(bridges.begin(), bridges.end()), bridges.end());
  return bridges;
}

}  // namespace

struct NodeNetwork::Shared {
  absl::Status Program(const Ruleset& next, bool told);

  Nftables nftables;
  // What is there, as far as it is known.
  std::optional<Ruleset> programmed;
};

absl::Status NodeNetwork::Shared::Program(const Ruleset& next, bool told) {
  if (!programmed) {
    const std::string listing = nftables.Ask("list table inet muster").value_or("");
    const Inheritance inherited = CompareInherited(listing, next);
    if (inherited.state == Inherited::kAsWanted) {
      programmed = next;
      programmed->revision = inherited.revision;
      return absl::OkStatus();
    }
    // Whoever programmed it had not saved yet (kSaveAfter) what it came from.
    if (inherited.state == Inherited::kNewer && !told) return absl::OkStatus();
  }
  const std::string commands =
      programmed ? ChangeCommands(*programmed, next) : ReplaceCommands(next);
  if (commands.empty()) return absl::OkStatus();
  absl::Status done = nftables.Run(commands);
  // After a failure nothing is known of what is there.
  programmed = done.ok() ? std::optional<Ruleset>(next) : std::nullopt;
  return done;
}

NodeNetwork::NodeNetwork(EventLoop& events, const Clock& clock, NetworkOptions options)
    : events_(events),
      clock_(clock),
      options_(std::move(options)),
      server_(events, clock, {}, &SystemRandomBits),
      shared_(std::make_shared<Shared>()) {}

NodeNetwork::~NodeNetwork() = default;  // What was not written yet is told again.

void NodeNetwork::Start() {
  save_timer_ = events_.NewTimer([this] { Save(); });
  retry_timer_ = events_.NewTimer([this] { Program(); });
  const std::vector<IpAddress> addresses = Addresses(options_.dns_addresses);
  if (!addresses.empty()) {
    std::vector<IpAddress> here;
    absl::Status problem;
    for (const IpAddress& address : addresses) {
      const absl::Status added = AddOwnAddress(address);
      if (added.ok()) {
        here.push_back(address);
      } else {
        problem.Update(added);
      }
    }
    if (!here.empty()) problem = server_.Listen(here);
    if (server_.addresses().empty()) {
      spdlog::warn("no name server for pods, who get the host's instead: {}",
                   std::string(problem.message()));
    }
  }
  ServiceTable start;
  const absl::StatusOr<std::string> saved = ReadFile(options_.path);
  network::v1::Update update;
  if (saved.ok() && update.ParseFromString(*saved)) {
    if (const ServiceTable* table = builder_.Take(update)) start = *table;
  }
  table_ = std::make_shared<const ServiceTable>(start);
  // At once, so that the first report of the node has it.
  TakeBridge(ApplyBridge(WantedBridge()));
  if (options_.bridge) {
    WatchHost();
  } else if (bridge_active_) {
    spdlog::warn(
        "there is no 'network: bridge' in the settings any more, but pods are on {}: it stays "
        "until "
        "the agent starts without any, or is reset",
        kBridgeName);
  }
  SetTable(start);
}

void NodeNetwork::WatchHost() {
  bridge_timer_ = events_.NewTimer([this] { KeepBridge(); });
  if (const auto made = MakeDirectories(options_.cni_config_dir, 0755); !made.ok()) {
    spdlog::warn("cannot watch for CNI configurations: {}", made.ToString());
  }
  cni_watch_ = std::make_unique<FolderWatch>(options_.cni_config_dir);
  network_watch_ = std::make_unique<NetworkWatch>();
  const auto watch = [this](auto& what) {
    if (what.fd() < 0) return;
    auto source = events_.OnReadable(what.fd(), [this, &what] {
      what.Drain();
      bridge_timer_->Set(clock_.Mono() + kLookAfter);
    });
    // Without it what comes from the coordinator is still followed.
    if (source.ok()) watch_sources_.push_back(*std::move(source));
  };
  watch(*cni_watch_);
  watch(*network_watch_);
}

BridgeInput NodeNetwork::WantedBridge() const {
  return {options_.bridge, told_ || table_->revision() > 0, options_.cni_config_dir,
          MakePodNetwork(*table_, options_.node)};
}

void NodeNetwork::KeepBridge() {
  if (!options_.bridge) return;
  if (keeping_bridge_) {
    keep_bridge_again_ = true;
    return;
  }
  keeping_bridge_ = true;
  worker_.Run([this, input = WantedBridge()] {
    events_.Post([this, outcome = ApplyBridge(input)] {
      keeping_bridge_ = false;
      const bool was_active = bridge_active_;
      TakeBridge(outcome);
      if (bridge_active_ != was_active) Program();
      if (std::exchange(keep_bridge_again_, false)) return KeepBridge();
      if (!outcome.problem.ok()) bridge_timer_->Set(clock_.Mono() + kRetryAfter);
    });
  });
}

void NodeNetwork::TakeBridge(const BridgeOutcome& outcome) {
  bridge_active_ = outcome.active;
  const std::string problem = outcome.problem.ok() ? "" : outcome.problem.ToString();
  if (!problem.empty() && problem != bridge_problem_) {
    spdlog::error("the network of pods is not as it should be: {}", problem);
  }
  bridge_problem_ = problem;
  if (!options_.bridge || pod_network_ == outcome.state) return;
  pod_network_ = outcome.state;
  spdlog::info("network of pods: {}", pod_network_->message);
  if (pod_network_changed_) pod_network_changed_();
}

void NodeNetwork::Take(const network::v1::Update& update) {
  const ServiceTable* table = builder_.Take(update);
  if (table == nullptr) return;
  told_ = true;
  SetTable(*table);
  if (save_due_) return;
  save_due_ = true;
  save_timer_->Set(clock_.Mono() + kSaveAfter);
}

void NodeNetwork::Forget() {
  builder_ = ServiceTableBuilder();
  told_ = true;
  SetTable(ServiceTable());
  save_due_ = true;
  save_timer_->Set(clock_.Mono());
}

void NodeNetwork::SetTable(const ServiceTable& table) {
  table_ = std::make_shared<const ServiceTable>(table);
  server_.SetZone(std::make_shared<const DnsZone>(table_, options_.domain, options_.node));
  KeepBridge();
  Program();
}

void NodeNetwork::SetHostDns(const std::vector<std::string>& servers) {
  server_.SetUpstreams(servers);
}

std::vector<std::string> NodeNetwork::Resolvers() const {
  std::vector<std::string> resolvers;
  for (const IpAddress& address : server_.addresses()) resolvers.push_back(ToText(address));
  return resolvers;
}

void NodeNetwork::Save() {
  save_due_ = false;
  worker_.Run([table = table_, path = options_.path] {
    absl::Status saved = MakeDirectories(fs::path(path).parent_path(), 0700);
    saved.Update(WriteFileAtomically(path, table->Snapshot().SerializeAsString(), 0600));
    // It is told again after the next start, which then has to wait for the coordinator.
    if (!saved.ok()) spdlog::warn("cannot keep the table of services: {}", saved.ToString());
  });
}

void NodeNetwork::Program() {
  if (!options_.service_rules && !options_.bridge) return;
  if (programming_) {
    program_again_ = true;
    return;
  }
  programming_ = true;
  auto problem = std::make_shared<absl::Status>();
  RulesetContext context{options_.node, {}, {}, {}};
  if (bridge_active_) {
    PodNetwork network = MakePodNetwork(*table_, options_.node);
    context.own_pods = std::move(network.own);
    context.fleet_pods = std::move(network.fleet);
  }
  const auto table = options_.service_rules ? table_ : std::make_shared<const ServiceTable>();
  worker_.Run([this, problem, shared = shared_, table, context, told = told_]() mutable {
    context.bridges = UnseenBridges(!context.own_pods.empty());
    *problem = shared->Program(MakeRuleset(*table, context), told);
    events_.Post([this, problem] {
      programming_ = false;
      const std::string text = problem->ok() ? "" : problem->ToString();
      if (!text.empty() && text != rules_problem_) {
        spdlog::error("addresses of services do not work here: {}", text);
      }
      rules_problem_ = text;
      if (std::exchange(program_again_, false)) return Program();
      if (!text.empty()) retry_timer_->Set(clock_.Mono() + kRetryAfter);
    });
  });
}

absl::Status RemoveFromHost(const NetworkOptions& options) {
  absl::Status status;
  for (const IpAddress& address : Addresses(options.dns_addresses)) {
    status.Update(RemoveOwnAddress(address));
  }
  Nftables nftables;
  if (nftables.Ask("list table inet muster").ok()) {
    status.Update(nftables.Run(ReplaceCommands({})));
  }
  status.Update(RemoveBridge(options.cni_config_dir));
  return status;
}

}  // namespace muster::agent
