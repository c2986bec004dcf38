// What the node says of a pod, refuses it for and remembers of it, in the whole loop.

#include "agent/loop/pod_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "test/unit/agent/loop/node_harness.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class PodSetTest : public testing::Test {
 protected:
  v1::PodSpec& Spec() { return *object_.mutable_pod()->mutable_spec(); }
  v1::Container& Main() { return *Spec().mutable_containers(0); }
  void Start() {
    node_.Settle();
    node_.Welcome({object_});
    node_.Run(seconds(2));
  }
  std::vector<std::string> Told(const std::string& reason) const {
    std::vector<std::string> messages;
    for (const v1::Event& event : node_.link->events()) {
      if (event.reason() == reason) messages.push_back(event.message());
    }
    return messages;
  }
  v1::ContainerStatus Web() const { return node_.Status("u1").container_statuses(0); }

  NodeHarness node_;
  v1::Object object_ = PodObject("web", "u1");
};

class ResizeOnANode : public testing::Test {
 protected:
  // A pod with so much cpu; a later version of it is another resize.
  static v1::Object Having(const std::string& uid, const std::string& cpu, int64_t version = 1) {
    v1::Object object = PodObject("pod-" + uid, uid, version);
    v1::Pod& pod = *object.mutable_pod();
    pod.mutable_metadata()->set_generation(version);
    v1::ResourceRequirements& resources =
        *pod.mutable_spec()->mutable_containers(0)->mutable_resources();
    (*resources.mutable_requests())["cpu"].set_text(cpu);
    return object;
  }
  std::string Pending(const std::string& uid) const {
    const v1::PodStatus status = node_.Status(uid);
    for (const v1::PodCondition& condition : status.conditions()) {
      if (condition.type() == "PodResizePending") {
        return absl::StrCat(condition.reason(), ": ", condition.message());
      }
    }
    return "";
  }
  std::string Allocated(const std::string& uid) const {
    const v1::ContainerStatus web = node_.Status(uid).container_statuses(0);
    return absl::StrCat(web.allocated_resources().at("cpu").text(), " ",
                        web.resources().requests().at("cpu").text());
  }
  int64_t Shares(const std::string& uid) {
    return node_.host.groups["/kubepods/burstable/pod" + uid].cpu_shares;
  }

  NodeHarness node_;  // With four CPUs.
};

// Spec: pod/24/resize
TEST_F(ResizeOnANode, WaitsForWhatOthersHaveAlsoThroughAnotherAgent) {
  node_.Settle();
  node_.Welcome({Having("a", "2500m"), Having("b", "1")});
  node_.Run(seconds(2));
  ASSERT_EQ(Allocated("b"), "1 1");

  const std::string why =
      "Deferred: Node didn't have enough resource: cpu, requested: 2000, used: 2500, capacity: "
      "4000";
  node_.Assign({Having("b", "2", 2)});
  node_.Run(seconds(30));
  EXPECT_EQ(Pending("b"), why);
  EXPECT_EQ(Allocated("b"), "1 1") << "it keeps what it has";
  EXPECT_EQ(Shares("b"), 1024);
  EXPECT_EQ(node_.Status("b").container_statuses(0).restart_count(), 0);

  node_.RestartAgent();
  node_.Settle();
  node_.Welcome({});
  node_.Run(seconds(5));
  EXPECT_EQ(Pending("b"), why);
  EXPECT_EQ(Allocated("b"), "1 1");

  node_.Assign({Deleted(Having("a", "2500m", 3), 1)});
  node_.Run(seconds(15));
  EXPECT_EQ(Pending("b"), "");
  EXPECT_EQ(Allocated("b"), "2 2");
  EXPECT_EQ(Shares("b"), 2048);

  // What it was given counts for the next agent, too, which neither asks nor tells again.
  node_.RestartAgent();
  node_.Settle();
  node_.Welcome({Having("c", "2"), Having("d", "500m")});
  node_.Run(seconds(2));
  EXPECT_EQ(Allocated("b"), "2 2");
  EXPECT_EQ(Shares("b"), 2048);
  node_.Assign({Having("b", "1", 4)});
  node_.Run(seconds(2));
  EXPECT_EQ(Allocated("b"), "1 1") << "less can be had at once, on a node that is overfull";
}

// Spec: pod/24/resize
TEST_F(ResizeOnANode, ThatTheNodeCanNeverGiveIsInfeasible) {
  node_.Settle();
  node_.Welcome({Having("b", "1")});
  node_.Run(seconds(2));
  node_.Assign({Having("b", "5", 2)});
  node_.Run(seconds(15));
  EXPECT_EQ(Pending("b"),
            "Infeasible: Node didn't have enough capacity: cpu, requested: 5000, capacity: 4000");
  EXPECT_EQ(Allocated("b"), "1 1");
  node_.Assign({Having("b", "3", 3)});
  node_.Run(seconds(2));
  EXPECT_EQ(Pending("b"), "");
  EXPECT_EQ(Allocated("b"), "3 3");
}

// Spec: pod/3/apparmor
TEST_F(PodSetTest, ProfileThatTheHostCannotEnforceFailsThePod) {
  Main().mutable_security_context()->mutable_app_armor_profile()->set_type("RuntimeDefault");
  Start();
  EXPECT_EQ(node_.Status("u1").phase(), "Failed");
  EXPECT_EQ(node_.Status("u1").reason(), "AppArmor");
  EXPECT_EQ(node_.Status("u1").message(),
            "Cannot enforce AppArmor: AppArmor is not enabled on the host");
  EXPECT_THAT(node_.runtime.sandboxes(), IsEmpty());
}

// Spec: pod/3/apparmor
TEST_F(PodSetTest, WithoutAppArmorAnUnconfinedPodHasWhatItWants) {
  Main().mutable_security_context()->mutable_app_armor_profile()->set_type("Unconfined");
  Start();
  EXPECT_EQ(node_.runtime.running_containers(), 1);
}

// Spec: pod/3/sysctls
TEST_F(PodSetTest, PodThatMayNotSetItsSysctlFails) {
  v1::Sysctl& sysctl = *Spec().mutable_security_context()->add_sysctls();
  sysctl.set_name("net.core.somaxconn");
  sysctl.set_value("9");
  Start();
  EXPECT_EQ(node_.Status("u1").phase(), "Failed");
  EXPECT_EQ(node_.Status("u1").reason(), "SysctlForbidden");
  EXPECT_EQ(node_.Status("u1").message(),
            "forbidden sysctl: \"net.core.somaxconn\" not allowlisted");
  EXPECT_THAT(node_.runtime.sandboxes(), IsEmpty());
  EXPECT_THAT(Told("SysctlForbidden"), ElementsAre(node_.Status("u1").message()));
}

// Spec: pod/3/sysctls, pod/3/not-again
TEST_F(PodSetTest, PodThatRunsIsNotAskedForItsSysctlsAgain) {
  Start();
  ASSERT_EQ(node_.runtime.running_containers(), 1);
  // As an agent finds it whose administrator allowed it before.
  v1::Sysctl& sysctl = *Spec().mutable_security_context()->add_sysctls();
  sysctl.set_name("net.core.somaxconn");
  object_.mutable_pod()->mutable_metadata()->set_resource_version("2");
  node_.RestartAgent();
  node_.Settle();
  node_.Welcome({object_});
  node_.Run(seconds(30));
  EXPECT_EQ(node_.runtime.running_containers(), 1);
  EXPECT_EQ(node_.Status("u1").phase(), "Running");
}

TEST_F(PodSetTest, PodThatTheOwnerOfTheHostForbidsFailsAndIsNotTriedAgain) {
  Spec().set_host_network(true);
  node_.host_rules.forbid_host_network = true;
  node_.RestartAgent();
  Start();
  EXPECT_EQ(node_.Status("u1").phase(), "Failed");
  EXPECT_EQ(node_.Status("u1").reason(), "ForbiddenByHost");
  EXPECT_EQ(node_.Status("u1").message(),
            "the owner of this host does not allow hostNetwork (hostRules.hostNetwork in "
            "agent.yaml)");
  EXPECT_THAT(Told("ForbiddenByHost"), ElementsAre(node_.Status("u1").message()));
  node_.Run(seconds(600));
  EXPECT_THAT(node_.runtime.sandboxes(), IsEmpty());
  EXPECT_EQ(Told("ForbiddenByHost").size(), 1u);
}

TEST_F(PodSetTest, PodThatRunsWhenTheOwnerForbidsItGoesOn) {
  Spec().set_host_network(true);
  Start();
  ASSERT_EQ(node_.runtime.running_containers(), 1);
  node_.host_rules.forbid_host_network = true;
  node_.RestartAgent();
  node_.Settle();
  node_.Welcome({object_});
  node_.Run(seconds(30));
  EXPECT_EQ(node_.runtime.running_containers(), 1);
}

// Spec: pod/13/bad-names-event
TEST_F(PodSetTest, KeysThatAreNoVariablesAreToldOnce) {
  Main().add_env_from()->mutable_config_map_ref()->set_name("settings");
  v1::Object settings = ConfigMapObject("settings", 1);
  auto& data = *settings.mutable_config_map()->mutable_data();
  data["GOOD"] = "1";
  data["a=b"] = "2";
  data["c=d"] = "3";
  node_.Settle();
  node_.Welcome({settings, object_});
  node_.Run(seconds(2));
  EXPECT_TRUE(Web().ready());
  EXPECT_THAT(Told("InvalidEnvironmentVariableNames"),
              ElementsAre("Keys [a=b, c=d] of envFrom were skipped since they are no names of "
                          "variables."));
  node_.Run(seconds(60));
  EXPECT_EQ(Told("InvalidEnvironmentVariableNames").size(), 1u);
}

// Spec: pod/16/dns-limits
TEST_F(PodSetTest, DnsThatIsLeftOutIsTold) {
  for (int i = 0; i < 4; ++i) node_.host.facts.dns.servers.push_back(absl::StrCat("1.1.1.", i));
  node_.RestartAgent();
  Start();
  EXPECT_TRUE(Web().ready());
  EXPECT_EQ(Told("DNSConfigForming").size(), 1u);
}

// Spec: pod/11.4/when-from-logs
TEST_F(PodSetTest, LogIsTheMessageOfAFailureThatLeftNone) {
  struct Row {
    const char* policy;
    const char* left;
    int exit_code;
    const char* message;
  };
  int uid = 1;
  for (const Row& row : {Row{"File", "", 1, ""},
                         {"FallbackToLogsOnError", "", 1, "last words\n"},
                         {"FallbackToLogsOnError", "left", 1, "left"},
                         {"FallbackToLogsOnError", "", 0, ""}}) {
    NodeHarness node;
    node.logs.tail = "last words\n";
    node.volumes.termination_message = row.left;
    v1::Object object = PodObject("web", absl::StrCat("u", uid));
    object.mutable_pod()->mutable_spec()->mutable_containers(0)->set_termination_message_policy(
        row.policy);
    node.Settle();
    node.Welcome({object});
    node.Run(seconds(1));
    ASSERT_TRUE(node.runtime.ExitContainer(
        node.runtime.FindContainer(absl::StrCat("u", uid), "web"), row.exit_code));
    node.Run(seconds(2));
    const v1::PodStatus status = node.Status(absl::StrCat("u", uid++));
    EXPECT_EQ(status.container_statuses(0).last_state().terminated().message(), row.message)
        << row.policy << " " << row.left << " " << row.exit_code;
  }
}

// Spec: pod/23/orphan-grace
TEST_F(PodSetTest, PodWhoseSpecificationIsLostIsGivenItsOwnGrace) {
  Spec().set_termination_grace_period_seconds(7);
  node_.runtime.InstallProgram("serve", {.on_term = std::nullopt});
  Start();
  const std::string id = node_.runtime.FindContainer("u1", "web");
  node_.KillAgent();
  node_.disk->damaged = true;
  node_.StartAgent();
  node_.Settle();
  node_.Welcome({});
  node_.Run(seconds(20));
  EXPECT_THAT(node_.runtime.journal(), Contains("StopContainer " + id + " 7s"));
  EXPECT_THAT(node_.runtime.containers(), IsEmpty());
}

TEST_F(PodSetTest, OfManyToBeStartedTheMostImportantIsFirst) {
  struct Row {
    const char* uid;
    int32_t priority;
  };
  std::vector<v1::Object> objects;
  for (const Row& row : {Row{"u1", 0}, Row{"u2", 100}, Row{"u3", -5}, Row{"u4", 2'000'001'000}}) {
    objects.push_back(PodObject(absl::StrCat("pod-", row.uid), row.uid));
    objects.back().mutable_pod()->mutable_spec()->set_priority(row.priority);
  }
  const auto order = [this] {
    std::vector<std::string> uids;
    for (const SandboxStatus& sandbox : node_.runtime.sandboxes()) {
      if (sandbox.state == SandboxState::kReady) uids.push_back(sandbox.uid);
    }
    return uids;
  };
  node_.Settle();
  node_.Welcome(objects);
  node_.Run(seconds(2));
  EXPECT_THAT(order(), ElementsAre("u4", "u2", "u1", "u3"));

  // After a boot, from the node's own disk.
  node_.KillAgent();
  node_.runtime.Reboot();
  node_.host.facts.boot_id = "next";
  node_.StartAgent();
  node_.Run(seconds(5));
  EXPECT_THAT(order(), ElementsAre("u4", "u2", "u1", "u3"));
}

}  // namespace
}  // namespace muster::agent
