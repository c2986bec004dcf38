#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "coordinator/session/session_hub.h"
#include "coordinator/store/memory/memory_store.h"
#include "coordinator/store/object_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {

// What tests of the hub have in common.
using namespace std::chrono_literals;
using session::v1::FromAgent;
using session::v1::ToAgent;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Keeps what it is given; writes are done when the test says so.
class FakePeer final : public SessionPeer {
 public:
  void Write(ToAgent message) override { written.push_back(std::move(message)); }
  void ReadNext() override { ++reads; }
  void Finish(absl::Status why) override { finished = std::move(why); }

  std::vector<ToAgent> written;
  int reads = 0;
  std::optional<absl::Status> finished;
};

class FakeEvents final : public AgentEventSink {
 public:
  void Record(const std::string& node, v1::Event event) override {
    recorded.emplace_back(node, event.involved_object().name() + " " + event.reason());
  }
  std::optional<MonoTime> Flush() override { return std::nullopt; }
  std::vector<std::pair<std::string, std::string>> recorded;
};

// The names of what an assignment brings and takes.
inline std::vector<std::string> Upserted(const session::v1::Assignment& assignment) {
  std::vector<std::string> names;
  for (const v1::Object& object : assignment.upserted()) names.push_back(KeyOf(object).substr(1));
  return names;
}
inline std::vector<std::string> Removed(const session::v1::Assignment& assignment) {
  return {assignment.removed().begin(), assignment.removed().end()};
}

class SessionHubTest : public ::testing::Test {
 protected:
  struct Agent {
    SessionId id = 0;
    std::shared_ptr<FakePeer> peer = std::make_shared<FakePeer>();
    size_t seen = 0;
  };

  void SetUp() override {
    PutNode("n1");
    ASSERT_TRUE(hub_.Start().ok());
  }

  // Objects straight into the store.
  v1::Object Put(v1::Object object) {
    ObjectTransaction transaction;
    absl::StatusOr<v1::Object> old =
        objects_.Get(object.object_case(), model::MetadataOf(object).namespace_(),
                     model::MetadataOf(object).name());
    if (old.ok()) {
      model::MutableMetadataOf(object).set_resource_version(
          model::MetadataOf(*old).resource_version());
      transaction.Update(std::move(object));
    } else {
      transaction.Create(std::move(object));
    }
    absl::StatusOr<CommittedObjects> done = objects_.Commit(std::move(transaction));
    EXPECT_TRUE(done.ok()) << done.status();
    return done.ok() ? done->objects.front() : v1::Object();
  }
  void PutNode(const std::string& name) {
    v1::Object object;
    object.mutable_node()->mutable_metadata()->set_name(name);
    Put(object);
  }
  static v1::Object PodOn(const std::string& node, const std::string& name,
                          const std::vector<std::string>& config_maps = {}) {
    v1::Object object;
    v1::Pod& pod = *object.mutable_pod();
    pod.mutable_metadata()->set_namespace_("ns");
    pod.mutable_metadata()->set_name(name);
    pod.mutable_metadata()->set_uid("uid-" + name);
    pod.mutable_spec()->set_node_name(node);
    for (const std::string& map : config_maps) {
      pod.mutable_spec()->add_volumes()->mutable_config_map()->set_name(map);
    }
    return object;
  }
  static v1::Object ConfigMap(const std::string& name, const std::string& value) {
    v1::Object object;
    object.mutable_config_map()->mutable_metadata()->set_namespace_("ns");
    object.mutable_config_map()->mutable_metadata()->set_name(name);
    (*object.mutable_config_map()->mutable_data())["key"] = value;
    return object;
  }
  void Remove(model::Kind kind, const std::string& ns, const std::string& name) {
    ObjectTransaction transaction;
    transaction.DeleteAny(kind, ns, name);
    ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  }
  v1::Pod Pod(const std::string& name) {
    absl::StatusOr<v1::Object> object = objects_.Get(v1::Object::kPod, "ns", name);
    EXPECT_TRUE(object.ok()) << object.status();
    return object.ok() ? object->pod() : v1::Pod();
  }
  bool HasPod(const std::string& name) { return objects_.Get(v1::Object::kPod, "ns", name).ok(); }
  v1::Node Node(const std::string& name) {
    return objects_.Get(v1::Object::kNode, "", name)->node();
  }

  // Until nothing moves: store changes reach the hub, which may write again.
  void Settle() {
    for (int i = 0; i < 10; ++i) {
      store_.Deliver();
      wake_ = hub_.Step();
    }
  }
  Agent Open(const std::string& node = "n1") {
    Agent agent;
    agent.id = ++last_id_;
    hub_.Post(SessionOpened{agent.id, node, agent.peer});
    Settle();
    return agent;
  }
  void Say(const Agent& agent, FromAgent message) {
    hub_.Post(SessionReceived{agent.id, std::move(message)});
    Settle();
  }
  Agent Hello(const std::string& node = "n1", const std::map<std::string, int64_t>& known = {}) {
    Agent agent = Open(node);
    FromAgent message;
    message.mutable_hello()->mutable_known()->insert(known.begin(), known.end());
    Say(agent, std::move(message));
    return agent;
  }
  // The next message the agent gets, or nothing; taking it frees the way for another.
  std::optional<ToAgent> Next(Agent& agent) {
    if (agent.seen == agent.peer->written.size()) return std::nullopt;
    ToAgent message = agent.peer->written[agent.seen++];
    hub_.Post(SessionWritten{agent.id});
    Settle();
    return message;
  }
  session::v1::Assignment NextAssignment(Agent& agent) {
    std::optional<ToAgent> message = Next(agent);
    EXPECT_TRUE(message && message->has_assignment());
    return message ? message->assignment() : session::v1::Assignment();
  }
  // Hello, Welcome and the first assignment are over.
  Agent Connected(const std::string& node = "n1") {
    Agent agent = Hello(node);
    EXPECT_TRUE(Next(agent)->has_welcome());
    EXPECT_TRUE(NextAssignment(agent).complete());
    return agent;
  }
  static FromAgent Report(const std::string& name, const std::string& phase, bool gone = false,
                          const std::string& uid = "") {
    FromAgent message;
    session::v1::PodReport& report = *message.mutable_pod_reports()->add_reports();
    report.set_namespace_("ns");
    report.set_name(name);
    report.set_uid(uid.empty() ? "uid-" + name : uid);
    if (!phase.empty()) report.mutable_status()->set_phase(phase);
    report.set_gone(gone);
    return message;
  }

  static FromAgent Heartbeat() {
    FromAgent message;
    message.mutable_heartbeat();
    return message;
  }
  // The node with this Ready condition, straight into the store.
  void PutReady(const std::string& name, const std::string& status) {
    v1::Object object;
    *object.mutable_node() = Node(name);
    object.mutable_node()->mutable_status()->clear_conditions();
    v1::NodeCondition& ready = *object.mutable_node()->mutable_status()->add_conditions();
    ready.set_type("Ready");
    ready.set_status(status);
    Put(std::move(object));
  }

  ManualClock clock_;
  MemoryStore store_{{.delivery = WatchHub::Delivery::kOnDemand}};
  ObjectStore objects_{store_, clock_};
  FakeEvents events_;
  std::vector<std::string> contacts_;  // The nodes whose contact began or ended, as they came.
  SessionHub hub_{store_,
                  clock_,
                  events_,
                  SessionHub::Options{
                      .on_contact = [this](const std::string& node) { contacts_.push_back(node); },
                      .coordinator_version = "1.2"},
                  {}};
  std::optional<MonoTime> wake_;
  SessionId last_id_ = 0;
};

inline session::v1::Trust TrustIn(const std::string& issuer) {
  session::v1::Trust trust;
  trust.set_ca_pem("all of them");
  trust.set_issuer_hash(issuer);
  return trust;
}

}  // namespace muster::coordinator
