// What somebody can do who has the credential of one node: every message of a session, about every
// object of another node.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/model/node_key.h"
#include "coordinator/session/agent_events.h"
#include "coordinator/session/session_hub.h"
#include "coordinator/store/memory/memory_store.h"
#include "coordinator/store/object_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using session::v1::FromAgent;
using session::v1::ToAgent;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class FakePeer final : public SessionPeer {
 public:
  void Write(ToAgent message) override { written.push_back(std::move(message)); }
  void ReadNext() override {}
  void Finish(absl::Status why) override { finished = std::move(why); }

  std::vector<ToAgent> written;
  std::optional<absl::Status> finished;
};

// Two nodes, each with a pod that mentions a ConfigMap and a Secret of its own.
class NodeAttackTest : public ::testing::Test {
 protected:
  struct Agent {
    SessionId id = 0;
    std::shared_ptr<FakePeer> peer = std::make_shared<FakePeer>();
  };

  void SetUp() override {
    for (const std::string name : {"mine", "victim"}) {
      v1::Object node;
      node.mutable_node()->mutable_metadata()->set_name(name);
      (*node.mutable_node()->mutable_metadata()->mutable_labels())["kubernetes.io/hostname"] = name;
      (*node.mutable_node()
            ->mutable_metadata()
            ->mutable_annotations())[model::kNodeKeyHashAnnotation] = "key of " + name;
      Put(node);
      v1::Object map;
      map.mutable_config_map()->mutable_metadata()->set_namespace_("ns");
      map.mutable_config_map()->mutable_metadata()->set_name("map-of-" + name);
      (*map.mutable_config_map()->mutable_data())["key"] = "settings of " + name;
      Put(map);
      v1::Object secret;
      secret.mutable_secret()->mutable_metadata()->set_namespace_("ns");
      secret.mutable_secret()->mutable_metadata()->set_name("secret-of-" + name);
      (*secret.mutable_secret()->mutable_data())["key"] = "password of " + name;
      Put(secret);
      Put(PodOn(name));
    }
    ASSERT_TRUE(hub_.Start().ok());
  }

  static v1::Object PodOn(const std::string& node) {
    v1::Object object;
    v1::Pod& pod = *object.mutable_pod();
    pod.mutable_metadata()->set_namespace_("ns");
    pod.mutable_metadata()->set_name("pod-of-" + node);
    pod.mutable_metadata()->set_uid("uid-of-" + node);
    pod.mutable_metadata()->add_finalizers("keep");
    pod.mutable_spec()->set_node_name(node);
    pod.mutable_spec()->add_volumes()->mutable_config_map()->set_name("map-of-" + node);
    pod.mutable_spec()->add_volumes()->mutable_secret()->set_secret_name("secret-of-" + node);
    return object;
  }
  void Put(v1::Object object) {
    ObjectTransaction transaction;
    const auto old = objects_.Get(object.object_case(), model::MetadataOf(object).namespace_(),
                                  model::MetadataOf(object).name());
    if (old.ok()) {
      model::MutableMetadataOf(object).set_resource_version(
          model::MetadataOf(*old).resource_version());
      transaction.Update(std::move(object));
    } else {
      transaction.Create(std::move(object));
    }
    ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  }

  // Everything is taken at once, and all that is written counts as written.
  void Settle() {
    for (int i = 0; i < 10; ++i) {
      store_.Deliver();
      hub_.Step();
      for (const Agent& agent : agents_) hub_.Post(SessionWritten{agent.id});
      clock_.Advance(2s);  // Whatever is gathered for a while is written.
    }
  }
  Agent Open(const std::string& node, const std::string& key) {
    Agent agent;
    agent.id = ++last_id_;
    agents_.push_back(agent);
    hub_.Post(SessionOpened{agent.id, node, agent.peer, key});
    return agent;
  }
  void Say(const Agent& agent, FromAgent message) {
    hub_.Post(SessionReceived{agent.id, std::move(message)});
    Settle();
  }
  // All that an agent was ever told, in bytes.
  static std::string Told(const Agent& agent) {
    std::string all;
    for (const ToAgent& message : agent.peer->written) all += message.SerializeAsString();
    return all;
  }
  // All that is in the store but for the attacker's own node and pod, and what is said of these.
  std::map<std::string, std::string> NotMine() {
    std::map<std::string, std::string> values;
    const Listing listing = *store_.List("/");
    for (const KeyValue& item : listing.items) {
      if (item.key == "/nodes/mine" || item.key == "/pods/ns/pod-of-mine" ||
          item.key.starts_with("/events/ns/pod-of-mine.") ||
          item.key.starts_with("/events/default/mine.")) {
        continue;
      }
      values[item.key] = item.value;
    }
    return values;
  }

  ManualClock clock_;
  MemoryStore store_{{.delivery = WatchHub::Delivery::kOnDemand}};
  ObjectStore objects_{store_, clock_};
  AgentEvents events_{store_, clock_, AgentEvents::Options{}};
  SessionHub hub_{store_, clock_, events_, SessionHub::Options{.silence_max = 1h}, {}};
  std::vector<Agent> agents_;
  SessionId last_id_ = 0;
};

// An object of the other node, as messages can mean it.
struct Target {
  std::string kind, ns, name, uid;
};
std::vector<Target> TargetsOfVictim() {
  return {{"Node", "", "victim", "uid-of-victim"},
          {"Node", "ns", "victim", ""},
          {"Node", "kube-system", "mine", ""},  // Its own, in a namespace of its choice.
          {"Pod", "ns", "pod-of-victim", "uid-of-victim"},
          {"Pod", "ns", "pod-of-victim", "uid-of-mine"},
          {"Pod", "ns", "pod-of-victim", ""},
          {"Pod", "ns/pod-of-mine", "../pod-of-victim", "uid-of-victim"},
          {"Pod", "other", "pod-of-mine", "uid-of-mine"},
          {"ConfigMap", "ns", "map-of-victim", ""},
          {"Secret", "ns", "secret-of-victim", ""},
          {"DaemonSet", "ns", "web", ""}};
}

std::vector<FromAgent> Hellos(const Target& target) {
  std::vector<FromAgent> hellos;
  for (const char* plural : {"pods", "configmaps", "secrets", "nodes", "../secrets"}) {
    for (const int64_t revision : {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{1} << 62}) {
      FromAgent message;
      (*message.mutable_hello()
            ->mutable_known())[std::string(plural) + "/" + target.ns + "/" + target.name] =
          revision;
      hellos.push_back(std::move(message));
    }
  }
  return hellos;
}

v1::NodeStatus StatusOfVictim() {
  v1::NodeStatus status;
  v1::NodeAddress& address = *status.add_addresses();
  address.set_type("Hostname");
  address.set_address("victim");
  status.mutable_node_info()->set_operating_system("linux");
  v1::NodeCondition& ready = *status.add_conditions();
  ready.set_type("Ready");
  ready.set_status("False");
  return status;
}

std::vector<FromAgent> NodeStatuses(const Target&) {
  FromAgent message;
  *message.mutable_node_status() = StatusOfVictim();
  return {message};
}

std::vector<FromAgent> PodReports(const Target& target) {
  std::vector<FromAgent> reports;
  for (const bool gone : {false, true}) {
    FromAgent message;
    session::v1::PodReport& report = *message.mutable_pod_reports()->add_reports();
    report.set_namespace_(target.ns);
    report.set_name(target.name);
    report.set_uid(target.uid);
    report.mutable_status()->set_phase("Failed");
    report.set_gone(gone);
    reports.push_back(std::move(message));
  }
  return reports;
}

std::vector<FromAgent> Events(const Target& target) {
  FromAgent message;
  v1::Event& event = *message.mutable_event();
  // What a name is given to an event is the coordinator's part.
  event.mutable_metadata()->set_name("forged");
  event.mutable_metadata()->set_namespace_("kube-system");
  event.mutable_involved_object()->set_kind(target.kind);
  event.mutable_involved_object()->set_namespace_(target.ns);
  event.mutable_involved_object()->set_name(target.name);
  event.mutable_involved_object()->set_uid(target.uid);
  event.set_reason("Forged");
  return {message};
}

// A pod that mentions what is another node's, would it become one, brings it here.
std::vector<FromAgent> StaticPods(const Target& target) {
  std::vector<FromAgent> messages;
  for (const char* node : {"mine", "victim", ""}) {
    for (const bool own_name : {true, false}) {
      v1::Pod pod;
      pod.mutable_metadata()->set_namespace_(target.ns);
      pod.mutable_metadata()->set_name(own_name ? "forged-mine" : target.name);
      pod.mutable_metadata()->set_uid("forged");
      auto& annotations = *pod.mutable_metadata()->mutable_annotations();
      for (const char* key : {"kubernetes.io/config.mirror", "kubernetes.io/config.hash"}) {
        annotations[key] = "forged";
      }
      annotations["kubernetes.io/config.source"] = "file";
      pod.mutable_spec()->set_node_name(node);
      v1::Container& container = *pod.mutable_spec()->add_containers();
      container.set_name("main");
      container.set_image("busybox");
      pod.mutable_spec()->add_volumes()->mutable_secret()->set_secret_name("secret-of-victim");
      v1::EnvVar& env = *container.add_env();
      env.set_name("A");
      env.mutable_value_from()->mutable_secret_key_ref()->set_name("secret-of-victim");
      env.mutable_value_from()->mutable_secret_key_ref()->set_key("key");
      FromAgent message;
      *message.mutable_static_pods()->add_pods() = pod;
      messages.push_back(std::move(message));
    }
  }
  return messages;
}

std::vector<FromAgent> Heartbeats(const Target&) {
  FromAgent message;
  message.mutable_heartbeat();
  return {message};
}

std::vector<FromAgent> SealingKeys(const Target& target) {
  FromAgent message;
  message.mutable_sealing_key()->set_id(target.name);
  message.mutable_sealing_key()->set_problem("forged");
  FromAgent long_one;
  long_one.mutable_sealing_key()->set_id(std::string(1 << 20, 'k'));
  return {message, long_one};
}

// By the names of FromAgent's messages.
const std::map<std::string, std::function<std::vector<FromAgent>(const Target&)>>& Attacks() {
  static const std::map<std::string, std::function<std::vector<FromAgent>(const Target&)>>
      kAttacks = {{"hello", &Hellos},           {"node_status", &NodeStatuses},
                  {"pod_reports", &PodReports}, {"event", &Events},
                  {"static_pods", &StaticPods}, {"heartbeat", &Heartbeats},
                  {"sealing_key", &SealingKeys}};
  return kAttacks;
}

TEST_F(NodeAttackTest, EveryMessageOfASessionIsTriedHere) {
  const auto& messages = *FromAgent::descriptor()->FindOneofByName("message");
  for (int i = 0; i < messages.field_count(); ++i) {
    EXPECT_TRUE(Attacks().contains(messages.field(i)->name()))
        << "say here how " << messages.field(i)->name() << " is used against another node";
  }
}

TEST_F(NodeAttackTest, NothingOfAnotherNodeIsReadOrWritten) {
  Settle();
  const std::map<std::string, std::string> before = NotMine();
  ASSERT_GE(before.size(), 6u);
  int messages = 0;
  for (const auto& [name, attack] : Attacks()) {
    for (const Target& target : TargetsOfVictim()) {
      for (FromAgent& message : attack(target)) {
        const Agent agent = Open("mine", "key of mine");
        if (name != "hello") {
          FromAgent hello;
          hello.mutable_hello();
          Say(agent, hello);
        }
        Say(agent, std::move(message));
        ++messages;
        const std::string told = Told(agent);
        // It is a session that works: what is its own comes.
        EXPECT_THAT(told, HasSubstr("password of mine")) << name;
        for (const char* foreign : {"password of victim", "settings of victim", "uid-of-victim"}) {
          EXPECT_THAT(told, Not(HasSubstr(foreign))) << name << " of " << target.name;
        }
        EXPECT_EQ(NotMine(), before) << name << " of " << target.kind << " " << target.name;
      }
    }
  }
  EXPECT_GT(messages, 100);
  EXPECT_EQ(objects_.Get(model::Kind::kNode, "", "mine")
                ->node()
                .metadata()
                .labels()
                .at("kubernetes.io/hostname"),
            "mine");
}

TEST_F(NodeAttackTest, WhatAPodNoLongerMentionsIsNotToldAnyMore) {
  const Agent agent = Open("mine", "key of mine");
  FromAgent hello;
  hello.mutable_hello();
  Say(agent, hello);
  ASSERT_THAT(Told(agent), HasSubstr("password of mine"));
  v1::Object pod = PodOn("mine");
  pod.mutable_pod()->mutable_spec()->clear_volumes();
  Put(pod);
  Settle();
  v1::Object secret = *objects_.Get(model::Kind::kSecret, "ns", "secret-of-mine");
  (*secret.mutable_secret()->mutable_data())["key"] = "another password";
  Put(secret);
  Settle();
  EXPECT_THAT(Told(agent), Not(HasSubstr("another password")));
}

TEST_F(NodeAttackTest, AnotherKeyWithTheNodesNameIsRefusedAndDoesNotDisturbTheNode) {
  const Agent rightful = Open("victim", "key of victim");
  FromAgent hello;
  hello.mutable_hello()->mutable_node_status();
  Say(rightful, hello);
  ASSERT_THAT(Told(rightful), HasSubstr("password of victim"));
  const std::map<std::string, std::string> before = NotMine();
  for (const char* key : {"key of mine", "an old key", ""}) {
    const Agent thief = Open("victim", key);
    FromAgent message;
    *message.mutable_hello()->mutable_node_status() = StatusOfVictim();
    Say(thief, std::move(message));
    ASSERT_TRUE(thief.peer->finished) << key;
    EXPECT_TRUE(absl::IsUnauthenticated(*thief.peer->finished)) << *thief.peer->finished;
    EXPECT_THAT(thief.peer->written, IsEmpty());
  }
  EXPECT_FALSE(rightful.peer->finished);
  EXPECT_EQ(NotMine(), before);
}

TEST_F(NodeAttackTest, ANodeOfUnknownKeyIsNobodys) {
  v1::Object node;
  node.mutable_node()->mutable_metadata()->set_name("made-by-hand");
  Put(node);
  const Agent agent = Open("made-by-hand", "key of somebody");
  FromAgent hello;
  hello.mutable_hello();
  Say(agent, hello);
  ASSERT_TRUE(agent.peer->finished);
  EXPECT_TRUE(absl::IsUnauthenticated(*agent.peer->finished));
}

TEST_F(NodeAttackTest, TheStreamIsCutAtOnceWhenTheNodeGetsAnotherKey) {
  const Agent agent = Open("victim", "key of victim");
  FromAgent hello;
  hello.mutable_hello();
  Say(agent, hello);
  ASSERT_FALSE(agent.peer->finished);
  v1::Object node = *objects_.Get(model::Kind::kNode, "", "victim");
  (*node.mutable_node()->mutable_metadata()->mutable_annotations())[model::kNodeKeyHashAnnotation] =
      "key of its successor";
  Put(node);
  store_.Deliver();
  hub_.Step();
  ASSERT_TRUE(agent.peer->finished);
  EXPECT_TRUE(absl::IsUnauthenticated(*agent.peer->finished));
  const Agent successor = Open("victim", "key of its successor");
  Say(successor, hello);
  EXPECT_FALSE(successor.peer->finished);
  EXPECT_THAT(Told(successor), HasSubstr("password of victim"));
}

TEST_F(NodeAttackTest, TheStreamIsCutWhenTheNodeIsDeletedAndItsCredentialIsGoodForNothing) {
  const Agent agent = Open("victim", "key of victim");
  FromAgent hello;
  hello.mutable_hello();
  Say(agent, hello);
  ObjectTransaction transaction;
  transaction.DeleteAny(model::Kind::kNode, "", "victim");
  ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  Settle();
  ASSERT_TRUE(agent.peer->finished);
  const Agent again = Open("victim", "key of victim");
  Say(again, hello);
  ASSERT_TRUE(again.peer->finished);
  EXPECT_TRUE(absl::IsNotFound(*again.peer->finished)) << *again.peer->finished;
  EXPECT_THAT(Told(again), Not(HasSubstr("password")));
}

}  // namespace
}  // namespace muster::coordinator
