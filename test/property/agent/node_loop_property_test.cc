// Random lives of a node: pods come and go, containers and sandboxes die, probes and hooks fail,
// the agent is killed, the coordinator and the runtime go away, the host reboots, the disk fills
// up. Whatever happens, these hold at every moment, and in the end the node is what it should be.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "test/unit/agent/loop/node_harness.h"

namespace muster::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RandomLife {
 public:
  explicit RandomLife(uint64_t seed) : dice_(seed) {
    PlaceForeigners();
    node_.prober.Decides([this](const NetCall& call) { return AnswerOf(call); });
    node_.runtime.OnExec([this](const std::string& id, const auto&) { return RunExec(id); });
    node_.Settle();
    Connect();
  }

  void Live(int events) {
    for (int i = 0; i < events && !testing::Test::HasFailure(); ++i) {
      SomethingHappens();
      node_.Run(milliseconds(Roll(4000)));
      Check();
    }
  }

  // Everything that was in the way is gone; what is left has to be settled.
  void ExpectSettled() {
    node_.runtime.set_available(true);
    node_.disk->fail = absl::OkStatus();
    node_.refuse_connects = false;
    node_.link->AcceptConnects();
    healthy_ = true;
    node_.prober.Release();
    for (int i = 0; i < 8; ++i) {
      Connect();
      node_.Run(seconds(60));
      Check();
    }
    Connect();
    node_.runtime.ClearJournal();
    node_.Run(seconds(30));
    for (const std::string& line : node_.runtime.journal()) {
      EXPECT_TRUE(absl::StrContains(line, "List") || absl::StartsWith(line, "Info") ||
                  absl::StartsWith(line, "ExecSync"))
          << line;
    }
    std::set<std::string> running;
    for (const ContainerStatus& container : node_.runtime.containers()) {
      if (container.state != ContainerState::kRunning || IsForeign(container.labels)) continue;
      running.insert(container.labels.at(kLabelPodUid));
    }
    std::set<std::string> wanted;
    for (const auto& [key, pod] : pods_) {
      const std::string& uid = pod.pod().metadata().uid();
      EXPECT_FALSE(pod.pod().metadata().has_deletion_timestamp()) << uid << " is not gone";
      wanted.insert(uid);
      const v1::PodStatus status = node_.Status(uid);
      EXPECT_EQ(status.phase(), "Running") << uid;
      for (const v1::PodCondition& condition : status.conditions()) {
        EXPECT_EQ(condition.status(), "True") << uid << ": " << condition.ShortDebugString();
      }
    }
    EXPECT_EQ(running, wanted);
    EXPECT_EQ(node_.volumes.pods, wanted);
    // One sandbox for each pod, but for those that the last dead instance of a container is in.
    std::set<std::string> used{foreign_sandbox_};
    for (const ContainerStatus& container : node_.runtime.containers()) {
      used.insert(container.sandbox_id);
    }
    for (const SandboxStatus& sandbox : node_.runtime.sandboxes()) {
      EXPECT_TRUE(used.contains(sandbox.id)) << "sandbox " << sandbox.id << " was left behind";
    }
  }

 private:
  int Roll(int sides) { return std::uniform_int_distribution<int>(0, sides - 1)(dice_); }

  static bool IsForeign(const std::map<std::string, std::string>& labels) {
    return !labels.contains(kLabelNodeUid);
  }

  void PlaceForeigners() {
    SandboxConfig config;
    config.name = "theirs";
    config.namespace_ = "kube-system";
    config.uid = "foreign";
    config.labels = {{kLabelPodUid, "foreign"}, {kLabelPodName, "theirs"}};
    node_.runtime.AddImage("img:1");
    node_.runtime.RunSandbox(config, [this, config](absl::StatusOr<std::string> id) {
      foreign_sandbox_ = *id;
      ContainerConfig container;
      container.name = "c";
      container.image_id = "img:1";
      container.image_name = "img:1";
      container.labels = config.labels;
      node_.runtime.CreateContainer(*id, container, config, [this](auto made) {
        foreign_container_ = *made;
        node_.runtime.StartContainer(*made, [](absl::Status) {});
      });
    });
    node_.runtime.RunPending();
  }

  // The coordinator's end of a new session: it sends what the hello does not know.
  void Connect() {
    node_.Settle();
    if (!node_.link->connected()) return;
    std::vector<v1::Object> news;
    std::vector<ObjectKey> removed;
    for (const auto& [key, pod] : pods_) {
      const auto known = node_.link->hello().known.find(key);
      if (known == node_.link->hello().known.end() ||
          std::to_string(known->second) != pod.pod().metadata().resource_version()) {
        news.push_back(pod);
      }
    }
    for (const auto& [key, version] : node_.link->hello().known) {
      if (!pods_.contains(key)) removed.push_back(key);
    }
    node_.Welcome(std::move(news), std::move(removed));
    RemoveGone();
  }

  // As the coordinator does when an agent says that nothing is left of a deleted pod.
  void RemoveGone() {
    for (bool again = true; again;) {
      again = false;
      for (const auto& [key, pod] : pods_) {
        const PodReport* report = node_.link->LastReport(pod.pod().metadata().uid());
        if (!pod.pod().metadata().has_deletion_timestamp() || report == nullptr || !report->gone) {
          continue;
        }
        const std::string gone = key;
        pods_.erase(key);
        node_.Assign({}, {gone});
        again = true;
        break;
      }
    }
  }

  // A probe of readiness is a connection; liveness and hooks are requests and commands.
  ProbeAnswer AnswerOf(const NetCall& call) {
    if (healthy_ || Roll(3) > 0) return {};
    if (const auto* http = std::get_if<HttpCall>(&call)) {
      // Enough of these and the container is stopped, for a reason.
      for (const SandboxStatus& sandbox : node_.runtime.sandboxes()) {
        const bool there = std::ranges::count(sandbox.ips, http->host) > 0 || sandbox.ips.empty();
        if (there) doomed_.insert(sandbox.uid);
      }
    }
    return {Roll(4) == 0 ? ProbeAnswer::Kind::kError : ProbeAnswer::Kind::kFailure, "\xff random"};
  }
  absl::StatusOr<FakeExec> RunExec(const std::string& container_id) {
    const ContainerConfig* config = node_.runtime.container_config(container_id);
    if (healthy_ || Roll(3) > 0) return FakeExec{{}, milliseconds(Roll(900))};
    if (config != nullptr) doomed_.insert(config->labels.at(kLabelPodUid));
    return FakeExec{{"", "no", 1}, milliseconds(Roll(40'000))};
  }

  // What users put beside a command.
  void Adorn(v1::Container& container) {
    const auto probe = [this](v1::Probe& probe) {
      probe.set_period_seconds(1 + Roll(5));
      probe.set_failure_threshold(1 + Roll(3));
    };
    if (Roll(3) == 0) {
      container.mutable_readiness_probe()->mutable_tcp_socket()->mutable_port()->set_int_value(80);
      probe(*container.mutable_readiness_probe());
    }
    if (Roll(3) == 0) {
      v1::Probe& liveness = *container.mutable_liveness_probe();
      liveness.mutable_http_get()->mutable_port()->set_int_value(80);
      probe(liveness);
      liveness.set_failure_threshold(3);
      liveness.set_termination_grace_period_seconds(1 + Roll(5));
    }
    if (Roll(4) == 0) {
      container.mutable_startup_probe()->mutable_exec()->add_command("up");
      probe(*container.mutable_startup_probe());
    }
    if (Roll(4) == 0) {
      container.mutable_lifecycle()->mutable_pre_stop()->mutable_sleep()->set_seconds(Roll(40));
    }
    if (Roll(4) == 0) {
      container.mutable_lifecycle()->mutable_post_start()->mutable_exec()->add_command("hello");
    }
  }

  void AddPod() {
    const std::string name = absl::StrCat("p", Roll(4));
    const std::string key = absl::StrCat("pods/ns/", name);
    if (pods_.contains(key)) return;
    v1::Object pod = PodObject(name, absl::StrCat("uid-", ++last_uid_), ++version_);
    if (Roll(2) == 0) {
      *pod.mutable_pod()->mutable_spec()->add_containers() = pod.pod().spec().containers(0);
      pod.mutable_pod()->mutable_spec()->mutable_containers(1)->set_name("side");
    }
    if (Roll(3) == 0) pod.mutable_pod()->mutable_spec()->set_host_network(true);
    for (int i = Roll(3); i > 0; --i) {
      v1::Container& sidecar = *pod.mutable_pod()->mutable_spec()->add_init_containers();
      sidecar = pod.pod().spec().containers(0);
      sidecar.set_name(absl::StrCat("sidecar-", i));
      sidecar.set_restart_policy("Always");
      Adorn(sidecar);
    }
    for (v1::Container& c : *pod.mutable_pod()->mutable_spec()->mutable_containers()) Adorn(c);
    pods_[key] = pod;
    node_.Assign({pod});
  }

  void DeletePod() {
    if (pods_.empty()) return;
    auto at = std::next(pods_.begin(), Roll(static_cast<int>(pods_.size())));
    v1::Object& pod = at->second;
    doomed_.insert(pod.pod().metadata().uid());
    if (Roll(4) == 0) {  // By force: the object is gone at once.
      const std::string key = at->first;
      pods_.erase(at);
      node_.Assign({}, {key});
      return;
    }
    pod = Deleted(pod, Roll(20));
    pod.mutable_pod()->mutable_metadata()->set_resource_version(std::to_string(++version_));
    node_.Assign({pod});
  }

  void DisturbRuntime(int how) {
    const std::vector<ContainerStatus> containers = node_.runtime.containers();
    for (const ContainerStatus& container : containers) {
      if (IsForeign(container.labels) || container.state != ContainerState::kRunning) continue;
      if (Roll(2) == 0) continue;
      if (how == 0) {
        node_.runtime.ExitContainer(container.id, Roll(3));
      } else {
        doomed_.insert(container.labels.at(kLabelPodUid));
        node_.runtime.KillSandbox(container.sandbox_id);
      }
      return;
    }
  }

  void SomethingHappens() {
    switch (Roll(16)) {
      case 0:
      case 1:
      case 2:
        return AddPod();
      case 3:
        return DeletePod();
      case 4:
        return DisturbRuntime(0);
      case 5:
        return DisturbRuntime(1);
      case 6:
        node_.RestartAgent();
        return Connect();
      case 7:
        return node_.runtime.set_available(Roll(2) == 0);
      case 8:
        node_.link->Break(absl::UnavailableError("reset"));
        return;
      case 9:
        node_.disk->fail =
            Roll(2) == 0 ? absl::OkStatus() : absl::ResourceExhaustedError("disk full");
        return;
      case 10: {
        const RuntimeCall calls[] = {RuntimeCall::kRunSandbox,       RuntimeCall::kCreateContainer,
                                     RuntimeCall::kStartContainer,   RuntimeCall::kStopSandbox,
                                     RuntimeCall::kStopContainer,    RuntimeCall::kRemoveSandbox,
                                     RuntimeCall::kListContainers,   RuntimeCall::kPullImage,
                                     RuntimeCall::kContainerStatusOf};
        node_.runtime.FailNext(calls[Roll(9)], absl::UnknownError("injected"), 1 + Roll(3));
        return;
      }
      case 11:
        node_.KillAgent();
        // Not the foreign one: their agent would start it again.
        if (Roll(2) == 0) node_.disk->damaged = true;
        node_.StartAgent();
        return Connect();
      case 12:
        return node_.prober.Hold();
      case 13:
        return node_.prober.Release();
      default:
        return Connect();
    }
  }

  void Check() {
    RemoveGone();
    std::map<std::string, int> running;
    bool foreigner_runs = false;
    for (const ContainerStatus& container : node_.runtime.containers()) {
      if (container.id == foreign_container_) {
        foreigner_runs = container.state == ContainerState::kRunning;
      }
      if (container.state != ContainerState::kRunning || IsForeign(container.labels)) continue;
      const std::string name = absl::StrCat(container.labels.at(kLabelPodUid), "/",
                                            container.labels.at(kLabelContainerName));
      EXPECT_LE(++running[name], 1) << "two of " << name << " run";
    }
    EXPECT_TRUE(foreigner_runs) << "somebody else's container was touched";
    for (const std::string& line : node_.runtime.journal()) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      if (words[0] != "StopContainer" && words[0] != "StopSandbox" && words[0] != "RemoveSandbox") {
        continue;
      }
      EXPECT_NE(words[1], foreign_sandbox_);
      EXPECT_NE(words[1], foreign_container_);
      if (words[0] != "StopContainer") continue;
      const ContainerConfig* config = node_.runtime.container_config(words[1]);
      if (config == nullptr) continue;  // Removed since, as only a doomed one's is.
      EXPECT_TRUE(doomed_.contains(config->labels.at(kLabelPodUid)))
          << line << ": nobody asked for that";
    }
    node_.runtime.ClearJournal();
  }

  std::mt19937_64 dice_;
  bool healthy_ = false;
  NodeHarness node_;
  std::string foreign_sandbox_, foreign_container_;
  std::map<std::string, v1::Object> pods_;  // What the coordinator holds, by key.
  // Pods whose containers there was a reason to stop.
  std::set<std::string> doomed_;
  int last_uid_ = 0;
  int64_t version_ = 0;
};

class NodeLives : public testing::TestWithParam<uint64_t> {};

TEST_P(NodeLives, EndSettledWithoutEverBreakingARule) {
  SCOPED_TRACE(absl::StrCat("seed ", GetParam()));
  RandomLife life(GetParam());
  life.Live(60);
  life.ExpectSettled();
}

INSTANTIATE_TEST_SUITE_P(Seeds, NodeLives, testing::Range<uint64_t>(0, 40));

}  // namespace
}  // namespace muster::agent
