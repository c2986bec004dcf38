#include "coordinator/session/object_loader.h"
#include "test/unit/coordinator/session/session_hub_fixture.h"

namespace muster::coordinator {
namespace {

TEST_F(SessionHubTest, WelcomesAnAgentAndThenSendsItsWholeAssignment) {
  Put(PodOn("n1", "a", {"conf"}));
  Put(PodOn("n2", "b"));
  Put(ConfigMap("conf", "1"));
  Put(ConfigMap("other", "1"));
  Settle();
  Agent agent = Hello();
  std::optional<ToAgent> welcome = Next(agent);
  ASSERT_TRUE(welcome && welcome->has_welcome());
  EXPECT_EQ(welcome->welcome().coordinator_version(), "1.2");
  EXPECT_EQ(welcome->welcome().node().metadata().name(), "n1");
  EXPECT_EQ(welcome->welcome().heartbeat_interval_ms(), 10'000);
  const session::v1::Assignment assignment = NextAssignment(agent);
  EXPECT_THAT(Upserted(assignment), ElementsAre("configmaps/ns/conf", "pods/ns/a"));
  EXPECT_THAT(Removed(assignment), IsEmpty());
  EXPECT_TRUE(assignment.complete());
  EXPECT_FALSE(Next(agent));
}

TEST_F(SessionHubTest, AnEmptyAssignmentIsSentToo) {
  Agent agent = Hello();
  Next(agent);
  EXPECT_TRUE(NextAssignment(agent).complete());
}

TEST_F(SessionHubTest, WhatTheAgentHoldsUnchangedIsNotSentAgain) {
  Put(PodOn("n1", "a", {"conf"}));
  Put(ConfigMap("conf", "1"));
  Settle();
  Agent first = Hello();
  Next(first);
  std::map<std::string, int64_t> known;
  const session::v1::Assignment initial = NextAssignment(first);
  for (const v1::Object& object : initial.upserted()) {
    known[KeyOf(object).substr(1)] = *RevisionOf(object);
  }
  // Its own status reports are no news to it, whatever they do to the stored revision.
  Say(first, Report("a", "Running"));
  ASSERT_EQ(Pod("a").status().phase(), "Running");
  EXPECT_FALSE(Next(first));

  known["pods/ns/old"] = 7;
  Agent second = Hello("n1", known);
  Next(second);
  const session::v1::Assignment resumed = NextAssignment(second);
  EXPECT_THAT(Upserted(resumed), IsEmpty());
  EXPECT_THAT(Removed(resumed), ElementsAre("pods/ns/old"));
  EXPECT_TRUE(resumed.complete());
}

TEST_F(SessionHubTest, ChangesAfterwardsComeAsDeltas) {
  Agent agent = Connected();
  Put(PodOn("n1", "a", {"conf"}));
  Settle();
  EXPECT_THAT(Upserted(NextAssignment(agent)), ElementsAre("pods/ns/a"));
  // A ConfigMap that the pod waits for appears.
  Put(ConfigMap("conf", "1"));
  Settle();
  EXPECT_THAT(Upserted(NextAssignment(agent)), ElementsAre("configmaps/ns/conf"));
  Put(ConfigMap("conf", "2"));
  Put(ConfigMap("unrelated", "2"));
  Settle();
  const session::v1::Assignment changed = NextAssignment(agent);
  ASSERT_EQ(changed.upserted_size(), 1);
  EXPECT_EQ(changed.upserted(0).config_map().data().at("key"), "2");
  Remove(v1::Object::kPod, "ns", "a");
  Settle();
  EXPECT_THAT(Removed(NextAssignment(agent)),
              UnorderedElementsAre("pods/ns/a", "configmaps/ns/conf"));
  EXPECT_FALSE(Next(agent));
}

TEST_F(SessionHubTest, ADeletionTimestampReachesTheAgent) {
  Put(PodOn("n1", "a"));
  Settle();
  Agent agent = Connected();
  v1::Object pod = PodOn("n1", "a");
  pod.mutable_pod()->mutable_metadata()->mutable_deletion_timestamp()->set_seconds(5);
  Put(pod);
  Settle();
  const session::v1::Assignment assignment = NextAssignment(agent);
  ASSERT_EQ(assignment.upserted_size(), 1);
  EXPECT_TRUE(assignment.upserted(0).pod().metadata().has_deletion_timestamp());
}

TEST_F(SessionHubTest, WhileAMessageIsUnderWayOnlyTheNewestStateWaits) {
  Put(PodOn("n1", "a", {"conf"}));
  Settle();
  Agent agent = Hello();
  // The welcome is not taken: nothing else may be handed over.
  for (int i = 0; i < 50; ++i) {
    Put(ConfigMap("conf", std::to_string(i)));
    Settle();
  }
  EXPECT_EQ(agent.peer->written.size(), 1u);
  Next(agent);
  const session::v1::Assignment assignment = NextAssignment(agent);
  ASSERT_THAT(Upserted(assignment), ElementsAre("configmaps/ns/conf", "pods/ns/a"));
  EXPECT_EQ(assignment.upserted(0).config_map().data().at("key"), "49");
  EXPECT_FALSE(Next(agent));
}

TEST_F(SessionHubTest, ANodeThatIsNotKnownIsToldSoAndTheSessionEnds) {
  Agent agent = Hello("stranger");
  std::optional<ToAgent> message = Next(agent);
  ASSERT_TRUE(message && message->has_node_removed());
  ASSERT_TRUE(agent.peer->finished);
  EXPECT_EQ(agent.peer->finished->code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(hub_.Contact("stranger"));
}

TEST_F(SessionHubTest, DeletingTheNodeTellsItsAgentAndEndsTheSession) {
  Agent agent = Connected();
  Remove(v1::Object::kNode, "", "n1");
  Settle();
  EXPECT_FALSE(agent.peer->finished);
  std::optional<ToAgent> message = Next(agent);
  ASSERT_TRUE(message && message->has_node_removed());
  EXPECT_TRUE(agent.peer->finished);
  EXPECT_EQ(hub_.session_count(), 0u);
}

TEST_F(SessionHubTest, TheRemovalOfANodeComesBeforeAllThatWaits) {
  Agent agent = Hello();  // The welcome is not taken yet.
  hub_.Post(TunnelWanted{"n1", {}, [](absl::Status) {}});
  Settle();
  Remove(v1::Object::kNode, "", "n1");
  Settle();
  ASSERT_TRUE(Next(agent)->has_welcome());
  EXPECT_TRUE(Next(agent)->has_node_removed());
  EXPECT_FALSE(Next(agent));
}

TEST_F(SessionHubTest, ANodeThatJoinedAgainIsNotHarmedByTheEndOfItsOldSession) {
  Agent old = Connected();
  Remove(v1::Object::kNode, "", "n1");
  Settle();
  PutNode("n1");
  Agent again = Connected();
  Next(old);  // The old one has heard it, and ends.
  ASSERT_TRUE(old.peer->finished);
  EXPECT_TRUE(hub_.Contact("n1")->connected);
  EXPECT_EQ(hub_.session_count(), 1u);
}

TEST_F(SessionHubTest, ASecondSessionOfANodeReplacesTheFirst) {
  Agent first = Connected();
  Agent second = Connected();
  ASSERT_TRUE(first.peer->finished);
  EXPECT_EQ(first.peer->finished->code(), absl::StatusCode::kAborted);
  EXPECT_FALSE(second.peer->finished);
  // The late news of the first one's end does not harm the second.
  hub_.Post(SessionBroken{first.id});
  Settle();
  EXPECT_TRUE(hub_.Contact("n1")->connected);
  Put(PodOn("n1", "a"));
  Settle();
  EXPECT_THAT(Upserted(NextAssignment(second)), ElementsAre("pods/ns/a"));
}

TEST_F(SessionHubTest, ASessionHasToBeginWithHelloAndHasOne) {
  Agent mute = Open();
  Say(mute, Report("a", "Running"));
  EXPECT_EQ(mute.peer->finished->code(), absl::StatusCode::kFailedPrecondition);
  Agent agent = Connected();
  FromAgent again;
  again.mutable_hello();
  Say(agent, again);
  EXPECT_EQ(agent.peer->finished->code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SessionHubTest, ASilentSessionIsEndedAfterTheHelloWait) {
  Agent agent = Open();
  ASSERT_EQ(wake_, clock_.Mono() + 10s);
  clock_.Advance(10s - 1ns);
  Settle();
  EXPECT_FALSE(agent.peer->finished);
  clock_.Advance(1ns);
  Settle();
  ASSERT_TRUE(agent.peer->finished);
  EXPECT_EQ(agent.peer->finished->code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(SessionHubTest, ReadsOneMessageAfterTheOther) {
  Agent agent = Open();
  EXPECT_EQ(agent.peer->reads, 1);
  FromAgent hello;
  hello.mutable_hello();
  Say(agent, hello);
  EXPECT_EQ(agent.peer->reads, 2);
}

TEST_F(SessionHubTest, AReportedStatusIsStoredOnlyWhenItChanged) {
  Put(PodOn("n1", "a"));
  Settle();
  Agent agent = Connected();
  Say(agent, Report("a", "Running"));
  EXPECT_EQ(Pod("a").status().phase(), "Running");
  const int64_t revision = *store_.CurrentRevision();
  Say(agent, Report("a", "Running"));
  Say(agent, Heartbeat());
  EXPECT_EQ(*store_.CurrentRevision(), revision);
}

TEST_F(SessionHubTest, ReportsOfOneStepAreOneTransaction) {
  for (const char* name : {"a", "b", "c"}) Put(PodOn("n1", name));
  Settle();
  Agent agent = Connected();
  const int64_t revision = *store_.CurrentRevision();
  FromAgent all = Report("a", "Running");
  all.MergeFrom(Report("b", "Running"));
  all.MergeFrom(Report("c", "Running"));
  ASSERT_EQ(all.pod_reports().reports_size(), 3);
  Say(agent, all);
  EXPECT_EQ(Pod("c").status().phase(), "Running");
  EXPECT_EQ(*store_.CurrentRevision(), revision + 1);
}

TEST_F(SessionHubTest, ANodeSpeaksForItsOwnPodsOnly) {
  PutNode("n2");
  Put(PodOn("n1", "a"));
  Settle();
  Agent stranger = Connected("n2");
  Say(stranger, Report("a", "Failed"));
  EXPECT_EQ(Pod("a").status().phase(), "");
  Say(stranger, Report("a", "", /*gone=*/true));
  EXPECT_TRUE(HasPod("a"));
}

TEST_F(SessionHubTest, AReportAboutAnOlderPodOfTheNameIsNotStoredAndAnsweredWithTheTruth) {
  Put(PodOn("n1", "a"));
  Settle();
  Agent agent = Connected();
  Say(agent, Report("a", "Failed", false, "uid-older"));
  EXPECT_EQ(Pod("a").status().phase(), "");
  EXPECT_THAT(Upserted(NextAssignment(agent)), ElementsAre("pods/ns/a"));
}

TEST_F(SessionHubTest, APodThatNobodyKnowsIsTakenFromTheAgent) {
  Agent agent = Connected();
  Say(agent, Report("ghost", "Running"));
  EXPECT_THAT(Removed(NextAssignment(agent)), ElementsAre("pods/ns/ghost"));
  // When it says that the pod is gone there is nothing left to say.
  Say(agent, Report("ghost", "", /*gone=*/true));
  EXPECT_FALSE(Next(agent));
}

TEST_F(SessionHubTest, ATerminatingPodThatIsGoneIsRemoved) {
  v1::Object pod = PodOn("n1", "a");
  pod.mutable_pod()->mutable_metadata()->mutable_deletion_timestamp()->set_seconds(5);
  Put(pod);
  Settle();
  Agent agent = Connected();
  Say(agent, Report("a", "Succeeded"));
  ASSERT_TRUE(HasPod("a"));
  Say(agent, Report("a", "Succeeded", /*gone=*/true));
  EXPECT_FALSE(HasPod("a"));
}

TEST_F(SessionHubTest, APodWithAFinalizerWaitsForItsOwner) {
  v1::Object pod = PodOn("n1", "a");
  pod.mutable_pod()->mutable_metadata()->mutable_deletion_timestamp()->set_seconds(5);
  pod.mutable_pod()->mutable_metadata()->add_finalizers("example.com/mine");
  Put(pod);
  Settle();
  Agent agent = Connected();
  Say(agent, Report("a", "Succeeded", /*gone=*/true));
  ASSERT_TRUE(HasPod("a"));
  EXPECT_EQ(Pod("a").status().phase(), "Succeeded");
}

TEST_F(SessionHubTest, APodThatIsGoneButWantedStays) {
  Put(PodOn("n1", "a"));
  Settle();
  Agent agent = Connected();
  Say(agent, Report("a", "Failed", /*gone=*/true));
  ASSERT_TRUE(HasPod("a"));
  EXPECT_EQ(Pod("a").status().phase(), "Failed");
}

TEST_F(SessionHubTest, AFullDiskLosesNoReport) {
  Put(PodOn("n1", "a"));
  Settle();
  Agent agent = Connected();
  store_.FailNextTransact(absl::ResourceExhaustedError("disk full"));
  hub_.Post(SessionReceived{agent.id, Report("a", "Running")});
  EXPECT_EQ(hub_.Step(), clock_.Mono() + 1s);
  EXPECT_EQ(Pod("a").status().phase(), "");
  clock_.Advance(1s);
  Settle();
  EXPECT_EQ(Pod("a").status().phase(), "Running");
}

TEST_F(SessionHubTest, SomebodyElsesWriteInBetweenIsNotUndone) {
  Put(PodOn("n1", "a"));
  Settle();
  Agent agent = Connected();
  store_.FailNextTransact(absl::AbortedError("changed"));
  Say(agent, Report("a", "Running"));
  EXPECT_EQ(Pod("a").status().phase(), "Running");
}

TEST_F(SessionHubTest, NodeStatusIsStoredWithLabelsAndNotForHeartbeats) {
  Agent agent = Connected();
  FromAgent message;
  v1::NodeStatus& status = *message.mutable_node_status();
  status.mutable_node_info()->set_operating_system("linux");
  status.mutable_node_info()->set_architecture("amd64");
  v1::NodeCondition& ready = *status.add_conditions();
  ready.set_type("Ready");
  ready.set_status("True");
  Say(agent, message);
  EXPECT_EQ(Node("n1").status().conditions(0).status(), "True");
  EXPECT_EQ(Node("n1").metadata().labels().at("kubernetes.io/hostname"), "n1");
  const int64_t revision = *store_.CurrentRevision();
  clock_.Advance(10s);
  Say(agent, message);
  EXPECT_EQ(*store_.CurrentRevision(), revision);
}

TEST_F(SessionHubTest, AnOpenSessionThatIsSilentIsEndedAndKeepsTheTimeOfItsLastWord) {
  Agent early = Connected();
  PutNode("n2");
  Settle();
  clock_.Advance(10s);
  Agent late = Connected("n2");
  const MonoTime heard = clock_.Mono();
  clock_.Advance(15s);
  Say(early, Heartbeat());
  EXPECT_EQ(wake_, heard + 30s);
  clock_.Advance(15s);
  hub_.Step();
  EXPECT_FALSE(early.peer->finished);
  ASSERT_TRUE(late.peer->finished);
  EXPECT_EQ(late.peer->finished->code(), absl::StatusCode::kDeadlineExceeded);
  // It did not break, so the node has the time that silence has.
  EXPECT_FALSE(hub_.Contact("n2")->connected);
  EXPECT_FALSE(hub_.Contact("n2")->broken);
  EXPECT_EQ(hub_.Contact("n2")->last_seen, heard);
}

TEST_F(SessionHubTest, ANodeThatWasGivenUpAndSpeaksAgainHasToTellAll) {
  Agent agent = Connected();
  PutReady("n1", "Unknown");
  Settle();
  EXPECT_FALSE(agent.peer->finished);
  Say(agent, Heartbeat());
  ASSERT_TRUE(agent.peer->finished);
  EXPECT_EQ(agent.peer->finished->code(), absl::StatusCode::kUnavailable);
}

TEST_F(SessionHubTest, ANodeWithPodsThatIsReadyAgainHasToTellAllAboutThem) {
  Agent agent = Connected();
  PutReady("n1", "False");
  PutReady("n1", "True");
  Settle();
  EXPECT_FALSE(agent.peer->finished) << "there are no pods to tell about";

  Put(PodOn("n1", "a"));
  PutReady("n1", "False");
  Settle();
  EXPECT_FALSE(agent.peer->finished);
  PutReady("n1", "True");
  Settle();
  ASSERT_TRUE(agent.peer->finished);
  EXPECT_FALSE(hub_.Contact("n1")->broken);
}

TEST_F(SessionHubTest, ContactRemembersTheLastWordOfEachNode) {
  EXPECT_FALSE(hub_.Contact("n1"));
  Agent agent = Connected();
  EXPECT_THAT(contacts_, ElementsAre("n1"));
  const MonoTime start = clock_.Mono();
  clock_.Advance(3s);
  Say(agent, Heartbeat());
  EXPECT_TRUE(hub_.Contact("n1")->connected);
  EXPECT_EQ(hub_.Contact("n1")->last_seen, start + 3s);
  EXPECT_THAT(contacts_, ElementsAre("n1"));
  clock_.Advance(2s);
  hub_.Post(SessionBroken{agent.id});
  Settle();
  ASSERT_TRUE(agent.peer->finished);
  EXPECT_FALSE(hub_.Contact("n1")->connected);
  EXPECT_TRUE(hub_.Contact("n1")->broken);
  EXPECT_EQ(hub_.Contact("n1")->last_seen, start + 5s);
  EXPECT_THAT(contacts_, ElementsAre("n1", "n1"));
  Agent again = Connected();
  EXPECT_FALSE(hub_.Contact("n1")->broken);
}

TEST_F(SessionHubTest, EventsAboutTheNodesOwnPodsGoToTheSink) {
  PutNode("n2");
  Put(PodOn("n1", "a"));
  Put(PodOn("n2", "b"));
  Settle();
  Agent agent = Connected();
  for (const char* pod : {"a", "b", "c"}) {
    FromAgent message;
    message.mutable_event()->set_reason("Pulled");
    message.mutable_event()->mutable_involved_object()->set_namespace_("ns");
    message.mutable_event()->mutable_involved_object()->set_name(pod);
    Say(agent, message);
  }
  EXPECT_THAT(events_.recorded, ElementsAre(std::pair("n1", "a Pulled")));
}

// The pod is older than what stands for it, and its first events come right behind.
TEST_F(SessionHubTest, EventsAboutAStaticPodGoToTheSinkAsSoonAsItIsSaid) {
  Settle();
  Agent agent = Connected();
  FromAgent pods;
  v1::Pod& fixed = *pods.mutable_static_pods()->add_pods();
  fixed.mutable_metadata()->set_namespace_("ns");
  fixed.mutable_metadata()->set_name("fixed-n1");
  fixed.mutable_metadata()->set_uid("hash");
  (*fixed.mutable_metadata()->mutable_annotations())["kubernetes.io/config.mirror"] = "hash";
  fixed.mutable_spec()->set_node_name("n1");
  fixed.mutable_spec()->add_containers()->set_name("main");
  hub_.Post(SessionReceived{agent.id, pods});
  FromAgent event;
  event.mutable_event()->set_reason("Pulled");
  event.mutable_event()->mutable_involved_object()->set_namespace_("ns");
  event.mutable_event()->mutable_involved_object()->set_name("fixed-n1");
  hub_.Post(SessionReceived{agent.id, event});
  Settle();
  EXPECT_THAT(events_.recorded, ElementsAre(std::pair("n1", "fixed-n1 Pulled")));
  EXPECT_TRUE(HasPod("fixed-n1"));
}

TEST_F(SessionHubTest, EventsAboutTheNodeItselfGoToTheSink) {
  PutNode("n2");
  Settle();
  Agent agent = Connected();
  for (const char* node : {"n1", "n2"}) {
    FromAgent message;
    message.mutable_event()->set_reason("EvictionThresholdMet");
    message.mutable_event()->mutable_involved_object()->set_kind("Node");
    message.mutable_event()->mutable_involved_object()->set_name(node);
    Say(agent, message);
  }
  EXPECT_THAT(events_.recorded, ElementsAre(std::pair("n1", "n1 EvictionThresholdMet")));
}

TEST_F(SessionHubTest, ATunnelIsAskedForByTheNodesSession) {
  session::v1::OpenTunnel request;
  request.set_tunnel_id("t1");
  std::vector<absl::Status> refusals;
  auto refused = [&](absl::Status why) { refusals.push_back(std::move(why)); };
  hub_.Post(TunnelWanted{"n1", request, refused});
  Settle();
  EXPECT_THAT(refusals, ElementsAre(absl::UnavailableError("node \"n1\" is not connected")));
  Agent agent = Connected();
  hub_.Post(TunnelWanted{"n1", request, refused});
  Settle();
  EXPECT_EQ(refusals.size(), 1u);
  std::optional<ToAgent> message = Next(agent);
  ASSERT_TRUE(message && message->has_open_tunnel());
  EXPECT_EQ(message->open_tunnel().tunnel_id(), "t1");
}

TEST_F(SessionHubTest, AnAgentIsNotAskedForATunnelThatItDoesNotKnow) {
  Agent old = Connected();
  session::v1::OpenTunnel request;
  request.mutable_attach();
  std::vector<absl::Status> refusals;
  const auto ask = [&] {
    hub_.Post(TunnelWanted{"n1", request, [&](absl::Status why) { refusals.push_back(why); }});
    Settle();
  };
  ask();
  ASSERT_EQ(refusals.size(), 1u);
  EXPECT_TRUE(absl::IsUnimplemented(refusals[0])) << refusals[0];
  EXPECT_FALSE(Next(old));

  Agent agent = Open("n1");
  FromAgent hello;
  hello.mutable_hello()->add_tunnels("attach");
  Say(agent, std::move(hello));
  EXPECT_TRUE(Next(agent)->has_welcome());
  EXPECT_TRUE(NextAssignment(agent).complete());
  ask();
  EXPECT_EQ(refusals.size(), 1u);
  const std::optional<ToAgent> message = Next(agent);
  ASSERT_TRUE(message && message->has_open_tunnel());
}

TEST_F(SessionHubTest, AnAgentThatTakesNothingGetsNoMoreTunnels) {
  Agent agent = Connected();
  int refusals = 0;
  for (int i = 0; i < 100; ++i) {
    hub_.Post(TunnelWanted{"n1", {}, [&](absl::Status why) {
                             EXPECT_EQ(why.code(), absl::StatusCode::kResourceExhausted);
                             ++refusals;
                           }});
  }
  Settle();
  // One is under way, 64 wait... before the first is handed over, only 64 fit.
  EXPECT_EQ(refusals, 36);
}

TEST_F(SessionHubTest, ALostWatchIsMadeGoodByReadingAllAgain) {
  Put(PodOn("n1", "a"));
  Settle();
  Agent agent = Connected();
  store_.BreakWatches(absl::DataLossError("gone"));
  Put(PodOn("n1", "b"));
  Remove(v1::Object::kPod, "ns", "a");
  Settle();
  const session::v1::Assignment assignment = NextAssignment(agent);
  EXPECT_THAT(Upserted(assignment), ElementsAre("pods/ns/b"));
  EXPECT_THAT(Removed(assignment), ElementsAre("pods/ns/a"));
  // And it watches again.
  Put(PodOn("n1", "c"));
  Settle();
  EXPECT_THAT(Upserted(NextAssignment(agent)), ElementsAre("pods/ns/c"));
}

// Its pods were marked meanwhile, and only the agent can say how they really are.
TEST_F(SessionHubTest, ANodeThatWasNotReadyWhileTheWatchWasLostHasToTellAllAboutItsPods) {
  Put(PodOn("n1", "a"));
  Settle();
  Agent agent = Connected();
  store_.BreakWatches(absl::DataLossError("gone"));
  PutReady("n1", "False");
  Settle();
  EXPECT_FALSE(agent.peer->finished);
  PutReady("n1", "True");
  Settle();
  EXPECT_TRUE(agent.peer->finished);

  // It was over before anybody looked again.
  Agent again = Connected();
  store_.BreakWatches(absl::DataLossError("gone"));
  Settle();
  EXPECT_FALSE(again.peer->finished);
  store_.BreakWatches(absl::DataLossError("gone"));
  v1::Object marked = PodOn("n1", "a");
  v1::PodCondition& ready = *marked.mutable_pod()->mutable_status()->add_conditions();
  ready.set_type("Ready");
  ready.set_status("False");
  ready.set_reason("NodeNotReady");
  Put(std::move(marked));
  Settle();
  EXPECT_TRUE(again.peer->finished);
}

TEST_F(SessionHubTest, AnOldWatchThatStillSpeaksIsNotHeard) {
  Agent agent = Connected();
  store_.BreakWatches(absl::DataLossError("gone"));
  Settle();
  Change stale;
  stale.kv = {.key = "/pods/ns/stale", .value = EncodeObject(PodOn("n1", "stale"))};
  hub_.Post(StoreChanged{1, std::vector<Change>{stale}});
  Settle();
  Next(agent);
  Say(agent, Report("stale", "Running"));
  EXPECT_THAT(Removed(NextAssignment(agent)), ElementsAre("pods/ns/stale"));
}

TEST_F(SessionHubTest, AnUnreadableStoreDelaysAssignmentsOnly) {
  Agent agent = Connected();
  Put(PodOn("n1", "a"));
  store_.Deliver();
  store_.FailReads(absl::UnavailableError("busy"));
  EXPECT_EQ(hub_.Step(), clock_.Mono() + 1s);
  EXPECT_EQ(agent.seen, agent.peer->written.size());
  store_.FailReads(absl::OkStatus());
  clock_.Advance(1s);
  Settle();
  EXPECT_THAT(Upserted(NextAssignment(agent)), ElementsAre("pods/ns/a"));
}

TEST_F(SessionHubTest, ALargeAssignmentComesInPartsAndOnlyTheLastIsComplete) {
  const std::string large(700'000, 'x');
  std::vector<std::string> names = {"c1", "c2", "c3"};
  for (const std::string& name : names) Put(ConfigMap(name, large));
  Put(PodOn("n1", "a", names));
  Settle();
  Agent agent = Hello();
  Next(agent);
  for (const char* name : {"configmaps/ns/c1", "configmaps/ns/c2"}) {
    const session::v1::Assignment part = NextAssignment(agent);
    EXPECT_THAT(Upserted(part), ElementsAre(name));
    EXPECT_FALSE(part.complete());
  }
  const session::v1::Assignment last = NextAssignment(agent);
  EXPECT_THAT(Upserted(last), ElementsAre("configmaps/ns/c3", "pods/ns/a"));
  EXPECT_TRUE(last.complete());
  EXPECT_FALSE(Next(agent));
}

TEST_F(SessionHubTest, ClosingEndsAllSessionsAndThoseThatComeLater) {
  Agent agent = Connected();
  hub_.CloseAll(absl::UnavailableError("stopping"));
  EXPECT_EQ(agent.peer->finished, absl::UnavailableError("stopping"));
  Agent late = Open();
  EXPECT_EQ(late.peer->finished, absl::UnavailableError("stopping"));
}

TEST_F(SessionHubTest, ServicesAreToldToThoseWhoAsk) {
  Agent agent = Open();
  FromAgent hello;
  hello.mutable_hello()->set_network_revision(0);
  Say(agent, std::move(hello));
  EXPECT_TRUE(Next(agent)->has_welcome());
  EXPECT_TRUE(NextAssignment(agent).complete());
  std::optional<ToAgent> first = Next(agent);
  ASSERT_TRUE(first && first->has_network());
  EXPECT_TRUE(first->network().full());
  EXPECT_TRUE(first->network().complete());
  Agent silent = Connected("n1");  // Takes the place of the other one, and does not ask.
  EXPECT_FALSE(Next(silent));

  Agent again = Open();
  FromAgent known;
  known.mutable_hello()->set_network_revision(first->network().revision());
  Say(again, std::move(known));
  EXPECT_TRUE(Next(again)->has_welcome());
  EXPECT_TRUE(NextAssignment(again).complete());
  std::optional<ToAgent> nothing_new = Next(again);
  ASSERT_TRUE(nothing_new && nothing_new->has_network());
  EXPECT_FALSE(nothing_new->network().full());

  v1::Object service;
  service.mutable_service()->mutable_metadata()->set_namespace_("ns");
  service.mutable_service()->mutable_metadata()->set_name("web");
  service.mutable_service()->mutable_spec()->add_cluster_ips("10.96.0.1");
  Put(service);
  clock_.Advance(1s);
  Settle();
  std::optional<ToAgent> change = Next(again);
  ASSERT_TRUE(change && change->has_network());
  ASSERT_EQ(change->network().services_size(), 1);
  EXPECT_EQ(change->network().services(0).name(), "web");
  Remove(v1::Object::kService, "ns", "web");
  clock_.Advance(1s);
  Settle();
  change = Next(again);
  ASSERT_TRUE(change && change->has_network());
  EXPECT_THAT(change->network().removed(), ElementsAre("services/ns/web"));
  // What agents would not notice is not told.
  PutReady("n1", "True");
  clock_.Advance(1s);
  Settle();
  EXPECT_FALSE(Next(again));
}

TEST(SpecVersion, IgnoresStatusAndRevisionAndSeesEverythingElse) {
  v1::Pod pod;
  pod.mutable_metadata()->set_name("a");
  (*pod.mutable_metadata()->mutable_labels())["x"] = "1";
  (*pod.mutable_metadata()->mutable_labels())["y"] = "2";
  const int64_t version = SpecVersion(pod);
  EXPECT_GT(version, 0);
  v1::Pod same = pod;
  same.mutable_status()->set_phase("Running");
  same.mutable_metadata()->set_resource_version("9");
  EXPECT_EQ(SpecVersion(same), version);
  same.mutable_metadata()->mutable_deletion_timestamp()->set_seconds(1);
  EXPECT_NE(SpecVersion(same), version);
  same = pod;
  (*same.mutable_metadata()->mutable_labels())["x"] = "3";
  EXPECT_NE(SpecVersion(same), version);
}

TEST_F(SessionHubTest, EveryAgentHearsWhomToTrust) {
  Agent early = Connected();
  hub_.Post(TrustChanged{TrustIn("new")});
  Settle();
  std::optional<ToAgent> told = Next(early);
  ASSERT_TRUE(told && told->has_trust());
  EXPECT_EQ(told->trust().issuer_hash(), "new");
  EXPECT_EQ(told->trust().ca_pem(), "all of them");
  // Who comes later hears it before anything that it has to do.
  PutNode("n2");
  Agent late = Hello("n2");
  EXPECT_TRUE(Next(late)->has_welcome());
  EXPECT_TRUE(Next(late)->has_trust());
  EXPECT_TRUE(NextAssignment(late).complete());
}

TEST_F(SessionHubTest, WhichAuthorityANodeDependsOnIsNoted) {
  const auto noted = [this] {
    const v1::Node node = Node("n1");
    const auto& annotations = node.metadata().annotations();
    const auto found = annotations.find("muster.dev/certificate-authority");
    return found == annotations.end() ? "" : found->second;
  };
  const auto connect = [this](const std::string& ca, const std::vector<std::string>& trusted) {
    Agent agent;
    agent.id = ++last_id_;
    hub_.Post(SessionOpened{agent.id, "n1", agent.peer, "", ca});
    FromAgent message;
    message.mutable_hello()->mutable_trusted_cas()->Add(trusted.begin(), trusted.end());
    Say(agent, std::move(message));
  };
  connect("", {});
  EXPECT_EQ(noted(), "");
  connect("old", {});  // Of an agent that says nothing it is the one it joined with.
  EXPECT_EQ(noted(), "old");
  // With a certificate of an authority that it does not trust it could not find its way back.
  connect("new", {"old"});
  EXPECT_EQ(noted(), "old");
  connect("new", {"old", "new"});
  EXPECT_EQ(noted(), "new");
  const int64_t revision = store_.CurrentRevision().value();
  connect("new", {"new"});
  EXPECT_EQ(store_.CurrentRevision().value(), revision);
}

}  // namespace
}  // namespace muster::coordinator
