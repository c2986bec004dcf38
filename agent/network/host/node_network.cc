#include "agent/network/host/node_network.h"

#include <net/if.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/network/host/conntrack.h"
#include "agent/network/host/loopback_ways.h"
#include "agent/network/host/own_addresses.h"
#include "agent/network/udp_places.h"
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
// How long what is in nftables is left as it was while it is not known how the node's pods fare.
constexpr auto kOwnPodsPatience = 10s;
constexpr char kBootId[] = "/proc/sys/kernel/random/boot_id";
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

// Beside the table: the boot in which it was told how this node's own pods fare.
std::string BootPath(const std::string& table) { return absl::StrCat(table, "-boot"); }

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

struct NodeNetwork::Order {
  std::shared_ptr<const ServiceTable> table;
  bool told = false;  // The table is what the coordinator says.
  RulesetContext context;
  std::optional<HostPortWish> host_ports;  // Nothing: as they are.
  std::vector<IpAddress> own_addresses;    // Where the agent itself answers.
};

struct NodeNetwork::Shared {
  absl::Status Program(Order order);
  absl::Status Put(const Ruleset& next, bool told);
  SetElements WantedHostPorts(const HostPortWish& wish, const std::vector<IpAddress>& own);
  void ForgetStaleFlows(const Order& order);
  void Say(const char* what, const absl::Status& status);

  Nftables nftables;
  RulesetMaker maker;
  // What is there, as far as it is known; otherwise what nftables says of it.
  std::optional<Ruleset> programmed;
  std::string listing;
  std::optional<SetElements> inherited_ports;
  // Interfaces whose switch is ours, also when that could not be written down in nftables.
  std::set<std::string> opened_ways;
  // As of the last look at what the kernel remembers.
  std::optional<UdpPlaces> places;
  std::set<std::string> said;
};

void NodeNetwork::Shared::Say(const char* what, const absl::Status& status) {
  if (status.ok()) return;
  std::string text = absl::StrCat(what, ": ", status.message());
  if (said.insert(text).second) spdlog::warn("{}", text);
}

SetElements NodeNetwork::Shared::WantedHostPorts(const HostPortWish& wish,
                                                 const std::vector<IpAddress>& own) {
  std::set<std::string> ways = LoopbackWaysIn(inherited_ports.value_or(SetElements()));
  ways.merge(std::exchange(opened_ways, {}));
  if (wish.table.empty() && !wish.runtime_has_some) {
    Say("cannot undo what 127.0.0.1 needed", CloseLoopbackWays(ways));
    return {};
  }
  // Interfaces may have gone with their pods.
  std::erase_if(ways, [](const std::string& way) { return ::if_nametoindex(way.c_str()) == 0; });
  std::vector<IpAddress> pods;
  for (const auto& [key, lead] : wish.table) pods.push_back(lead.to.address);
  Say("host ports cannot be reached by 127.0.0.1", OpenLoopbackWays(pods, ways));
  opened_ways = ways;
  return HostPortElements(wish.table, own, ways);
}

absl::Status NodeNetwork::Shared::Program(Order order) {
  if (programmed) {
    inherited_ports = programmed->host_ports;
  } else {
    listing = nftables.Ask("list table inet muster").value_or("");
    inherited_ports = ReadHostPortElements(listing);
  }
  SetElements host_ports = order.host_ports
                               ? WantedHostPorts(*order.host_ports, order.own_addresses)
                               : inherited_ports.value_or(SetElements());
  order.context.host_ports = !host_ports.empty();
  Ruleset next = maker.Make(*order.table, order.context);
  next.host_ports = std::move(host_ports);
  absl::Status status = Put(next, order.told);
  if (programmed) ForgetStaleFlows(order);
  return status;
}

absl::Status NodeNetwork::Shared::Put(const Ruleset& next, bool told) {
  if (!programmed) {
    const Inheritance inherited = CompareInherited(listing, next);
    if (inherited.state == Inherited::kAsWanted) {
      programmed = next;
      programmed->revision = inherited.revision;
      programmed->host_ports = inherited_ports.value_or(SetElements());
    } else if (inherited.state == Inherited::kNewer && !told &&
               (inherited_ports || next.host_ports.empty())) {
      // Whoever programmed it had not saved yet (kSaveAfter) what it came from. The pods are known.
      const std::string commands =
          HostPortCommands(inherited_ports.value_or(SetElements()), next.host_ports);
      return commands.empty() ? absl::OkStatus() : nftables.Run(commands);
    }
  }
  const std::string commands =
      programmed ? ChangeCommands(*programmed, next) : ReplaceCommands(next);
  if (commands.empty()) return absl::OkStatus();
  absl::Status done = nftables.Run(commands);
  // After a failure nothing is known of what is there.
  programmed = done.ok() ? std::optional<Ruleset>(next) : std::nullopt;
  return done;
}

// Flows that the kernel still leads to places that are gone, or nowhere since there was none.
void NodeNetwork::Shared::ForgetStaleFlows(const Order& order) {
  UdpPlaces now =
      UdpPlacesOf(*order.table, order.host_ports ? order.host_ports->table : HostPortTable());
  const UdpPlaces before = places.value_or(UdpPlaces());
  const bool due = places ? MayLeaveStaleFlows(before, now) : !now.empty();
  if (due) {
    const std::set<PodEndpoint> gone = GoneUdpPlaces(before, now);
    const std::set<IpAddress> here = AddressesHere();
    const absl::StatusOr<int> forgotten = ForgetUdpFlows([&](const UdpFlow& flow) {
      return IsStale(flow, here.contains(flow.asked.address), now, gone);
    });
    Say("UDP clients may be led to places that are gone", forgotten.status());
    if (forgotten.ok() && *forgotten > 0) spdlog::debug("{} UDP flows are led anew", *forgotten);
  }
  places = std::move(now);
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
  const absl::StatusOr<std::string> tables = shared_->nftables.Ask("list tables inet");
  leads_host_ports_ = tables.ok();
  inherits_rules_ = absl::StrContains(tables.value_or(""), "table inet muster\n");
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
  boot_id_ = std::string(absl::StripAsciiWhitespace(ReadFile(kBootId).value_or("")));
  network::v1::Update update;
  if (saved.ok() && update.ParseFromString(*saved)) {
    if (const ServiceTable* table = builder_.Take(update)) start = *table;
    told_in_boot_ = ReadFile(BootPath(options_.path)).value_or("");
  }
  await_own_pods_until_ = clock_.Mono() + kOwnPodsPatience;
  told_table_ = table_ = std::make_shared<const ServiceTable>(start);
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
  // Before they were looked at nobody can have heard of them since a boot.
  if (own_pods_ || told_in_boot_.empty()) told_in_boot_ = boot_id_;
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
  told_table_ = std::make_shared<const ServiceTable>(table);
  ApplyOwnPods();
  KeepBridge();
  Program();
}

void NodeNetwork::SetOwnPods(const OwnPods& pods) {
  if (own_pods_ == pods) return;
  const bool awaited = AwaitsOwnPods();
  own_pods_ = pods;
  const std::shared_ptr<const ServiceTable> before = table_;
  ApplyOwnPods();
  if (awaited || table_ != before) Program();
}

// Pods get other addresses by a boot, so before they are known those of an earlier one are
// nobody's.
void NodeNetwork::ApplyOwnPods() {
  const bool as_told = !own_pods_ && ToldInThisBoot();
  std::shared_ptr<const ServiceTable> next =
      as_told ? told_table_
              : WithOwnPods(told_table_, options_.node, own_pods_.value_or(OwnPods()));
  table_ = std::move(next);
  server_.SetZone(std::make_shared<const DnsZone>(table_, options_.domain, options_.node));
}

bool NodeNetwork::ToldInThisBoot() const {
  return told_in_boot_.empty() || boot_id_.empty() || told_in_boot_ == boot_id_;
}

// What is in the kernel is of this boot, and of an agent that knew its pods.
bool NodeNetwork::AwaitsOwnPods() const {
  return !own_pods_ && inherits_rules_ && !told_ && clock_.Mono() < await_own_pods_until_;
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
  worker_.Run([table = told_table_, boot_id = told_in_boot_, path = options_.path] {
    absl::Status saved = MakeDirectories(fs::path(path).parent_path(), 0700);
    saved.Update(WriteFileAtomically(path, table->Snapshot().SerializeAsString(), 0600));
    if (ReadFile(BootPath(path)).value_or("") != boot_id) {
      saved.Update(WriteFileAtomically(BootPath(path), boot_id, 0600));
    }
    // It is told again after the next start, which then has to wait for the coordinator.
    if (!saved.ok()) spdlog::warn("cannot keep the table of services: {}", saved.ToString());
  });
}

void NodeNetwork::SetHostPorts(const HostPortWish& wish,
                               std::function<void(const absl::Status&)> done) {
  host_ports_ = wish;
  host_ports_done_.push_back(std::move(done));
  Program();
}

void NodeNetwork::Program() {
  if (programming_) {
    program_again_ = true;
    return;
  }
  if (AwaitsOwnPods()) return retry_timer_->Set(await_own_pods_until_);
  programming_ = true;
  Order order{table_, told_, {}, host_ports_, server_.addresses()};
  order.context.node = options_.node;
  if (bridge_active_) {
    PodNetwork network = MakePodNetwork(*table_, options_.node);
    order.context.own_pods = std::move(network.own);
    order.context.fleet_pods = std::move(network.fleet);
  }
  if (!options_.service_rules) {
    order.table = std::make_shared<const ServiceTable>();
    order.told = true;
  }
  worker_.Run([this, shared = shared_, order = std::move(order),
               told = std::exchange(host_ports_done_, {})]() mutable {
    order.context.bridges = UnseenBridges(!order.context.own_pods.empty());
    events_.Post([this, told = std::move(told), problem = shared->Program(std::move(order))] {
      programming_ = false;
      const std::string text = problem.ok() ? "" : problem.ToString();
      if (!text.empty() && text != rules_problem_) {
        spdlog::error("addresses of services and ports of the host do not work here: {}", text);
      }
      rules_problem_ = text;
      for (const auto& done : told) done(problem);
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
  const absl::StatusOr<std::string> listing = nftables.Ask("list table inet muster");
  if (listing.ok()) {
    const SetElements host_ports = ReadHostPortElements(*listing).value_or(SetElements());
    status.Update(CloseLoopbackWays(LoopbackWaysIn(host_ports)));
    status.Update(nftables.Run(ReplaceCommands({})));
  }
  status.Update(RemoveBridge(options.cni_config_dir));
  return status;
}

}  // namespace muster::agent
