#include "ctl/commands/rollout.h"

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "ctl/commands/steer.h"
#include "ctl/output/live_region.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/ctl/commands/fake_admin_client.h"

namespace muster::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kRequest[] = "muster.dev/rollout-request";
constexpr char kPaused[] = "muster.dev/paused";

// A canary to revision 7fc9, which came from bcd4.
v1::DaemonSet InCanary() {
  v1::DaemonSet daemon_set;
  v1::ObjectMeta& meta = *daemon_set.mutable_metadata();
  meta.set_name("web");
  meta.set_namespace_("default");
  meta.set_generation(2);
  (*meta.mutable_annotations())["muster.dev/canary"] = "count: 1";
  daemon_set.mutable_spec()->mutable_update_strategy()->set_type("RollingUpdate");
  daemon_set.mutable_status()->set_observed_generation(2);
  daemon_set.mutable_status()->mutable_rollout()->set_revision("7fc9");
  daemon_set.mutable_status()->mutable_rollout()->set_base_revision("bcd4");
  return daemon_set;
}

std::string AnnotationOf(const v1::DaemonSet& daemon_set, const std::string& key) {
  const auto& annotations = daemon_set.metadata().annotations();
  const auto found = annotations.find(key);
  return found == annotations.end() ? "" : found->second;
}

std::string WhyNot(Steering steering, v1::DaemonSet daemon_set) {
  const v1::DaemonSet before = daemon_set;
  const absl::Status status = Steer(steering, daemon_set);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(daemon_set.DebugString(), before.DebugString());
  return std::string(status.message());
}

TEST(Steer, RequestsNameTheRevisionThatTheUserHasSeen) {
  v1::DaemonSet daemon_set = InCanary();
  ASSERT_TRUE(Steer(Steering::kPromote, daemon_set).ok());
  EXPECT_EQ(AnnotationOf(daemon_set, kRequest), "promote 7fc9");
  daemon_set = InCanary();
  ASSERT_TRUE(Steer(Steering::kAbort, daemon_set).ok());
  EXPECT_EQ(AnnotationOf(daemon_set, kRequest), "abort 7fc9");
}

TEST(Steer, PauseAndResumeAreTheAnnotationThatManifestsUseToo) {
  v1::DaemonSet daemon_set = InCanary();
  ASSERT_TRUE(Steer(Steering::kPause, daemon_set).ok());
  EXPECT_EQ(AnnotationOf(daemon_set, kPaused), "true");
  EXPECT_EQ(WhyNot(Steering::kPause, daemon_set), "daemonsets.apps \"web\" is already paused");
  ASSERT_TRUE(Steer(Steering::kResume, daemon_set).ok());
  EXPECT_EQ(AnnotationOf(daemon_set, kPaused), "");
  EXPECT_EQ(AnnotationOf(daemon_set, kRequest), "");
  EXPECT_EQ(WhyNot(Steering::kResume, daemon_set), "daemonsets.apps \"web\" is not paused");
}

TEST(Steer, ResumingAHaltedRolloutAcceptsItsFailures) {
  v1::DaemonSet daemon_set = InCanary();
  daemon_set.mutable_status()->mutable_rollout()->set_halt_reason("TooManyFailures");
  ASSERT_TRUE(Steer(Steering::kResume, daemon_set).ok());
  EXPECT_EQ(AnnotationOf(daemon_set, kRequest), "resume 7fc9");
}

TEST(Steer, RefusesWhatThereIsNothingToDoItTo) {
  v1::DaemonSet daemon_set = InCanary();
  daemon_set.mutable_metadata()->set_generation(3);
  EXPECT_THAT(WhyNot(Steering::kPromote, daemon_set), HasSubstr("has not seen yet"));
  daemon_set = InCanary();
  daemon_set.mutable_status()->mutable_rollout()->set_complete(true);
  EXPECT_THAT(WhyNot(Steering::kAbort, daemon_set), HasSubstr("has no rollout in progress"));
  daemon_set = InCanary();
  daemon_set.mutable_status()->mutable_rollout()->set_promoted(true);
  EXPECT_THAT(WhyNot(Steering::kPromote, daemon_set), HasSubstr("has no canary to promote"));
  daemon_set = InCanary();
  daemon_set.mutable_status()->mutable_rollout()->set_base_revision("7fc9");
  EXPECT_THAT(WhyNot(Steering::kAbort, daemon_set),
              HasSubstr("has no earlier revision to go back to"));
  daemon_set = InCanary();
  daemon_set.mutable_spec()->mutable_update_strategy()->set_type("OnDelete");
  EXPECT_THAT(WhyNot(Steering::kPause, daemon_set), HasSubstr("update strategy OnDelete"));
}

class RolloutCommandTest : public ::testing::Test {
 protected:
  RolloutCommandTest() {
    v1::Object object;
    *object.mutable_daemon_set() = InCanary();
    client_.Put(object);
  }

  Context MakeContext() {
    return Context{.client = [this]() -> absl::StatusOr<AdminClient*> { return &client_; },
                   .server = "unix:/s",
                   .ns = "default",
                   .all_namespaces = false,
                   .in = in_,
                   .out = out_,
                   .err = err_};
  }
  static admin::v1::RolloutStatusUpdate Update(const std::string& line, bool done = false,
                                               bool failed = false) {
    admin::v1::RolloutStatusUpdate update;
    update.set_line(line);
    update.set_done(done);
    update.set_failed(failed);
    return update;
  }
  static admin::v1::RolloutNodesResponse Nodes(
      const std::vector<std::pair<std::string, std::string>>& stages) {
    admin::v1::RolloutNodesResponse response;
    for (const auto& [name, stage] : stages) {
      admin::v1::RolloutNodesResponse::Node& node = *response.add_nodes();
      node.set_name(name);
      node.set_stage(stage);
      node.set_why("because");
    }
    return response;
  }

  FakeAdminClient client_;
  std::istringstream in_;
  std::ostringstream out_, err_;
};

TEST_F(RolloutCommandTest, SaysWhatWasDoneAndTriesAgainOnConflicts) {
  Context context = MakeContext();
  client_.update_errors = {absl::AbortedError("the object has been modified")};
  EXPECT_EQ(RunSteer(context, Steering::kPromote, {"ds/web"}), kExitDone);
  EXPECT_EQ(out_.str(), "daemonset.apps/web promoted\n");
  EXPECT_THAT(client_.updated, SizeIs(2));
  EXPECT_EQ(AnnotationOf(client_.updated.back().object().daemon_set(), kRequest), "promote 7fc9");
}

TEST_F(RolloutCommandTest, OneFailureDoesNotKeepTheOthersFromBeingSteered) {
  Context context = MakeContext();
  EXPECT_EQ(RunSteer(context, Steering::kPause, {"ds", "gone", "web"}), kExitError);
  EXPECT_EQ(out_.str(), "daemonset.apps/web paused\n");
  EXPECT_THAT(err_.str(), HasSubstr("\"gone\" not found"));
}

TEST_F(RolloutCommandTest, AHaltedRolloutEndsWithItsOwnExitCodeAndOnTheErrorStream) {
  Context context = MakeContext();
  client_.rollout_updates = {Update("Waiting..."), Update("it was halted: X: y", true, true)};
  EXPECT_EQ(RunRolloutStatus(context, {.arguments = {"ds/web"}}), kExitRolloutFailed);
  EXPECT_EQ(out_.str(), "Waiting...\n");
  EXPECT_EQ(err_.str(), "error: it was halted: X: y\n");
}

TEST_F(RolloutCommandTest, InAPipeEveryChangeOfANodeIsOneLine) {
  Context context = MakeContext();
  client_.rollout_updates = {Update("one"), Update("one"), Update("two", true)};
  client_.rollout_nodes = {Nodes({{"a", "in work"}, {"b", "waiting"}}),
                           Nodes({{"a", "done"}, {"b", "waiting"}}), Nodes({{"a", "done"}})};
  EXPECT_EQ(RunRolloutStatus(context, {.arguments = {"ds/web"}, .nodes = true}), kExitDone);
  EXPECT_EQ(out_.str(),
            "a: in work: because\nb: waiting: because\none\na: done: because\nb: gone\ntwo\n");
}

TEST_F(RolloutCommandTest, OnATerminalTheNodesAreDrawnInPlace) {
  Context context = MakeContext();
  client_.rollout_updates = {Update("one"), Update("two", true)};
  client_.rollout_nodes = {Nodes({{"a", "in work"}, {"b", "done"}}),
                           Nodes({{"a", "done"}, {"b", "done"}})};
  EXPECT_EQ(RunRolloutStatus(context, {.arguments = {"ds/web"}, .nodes = true, .live = true}),
            kExitDone);
  EXPECT_EQ(out_.str(),
            "\x1b[?7l  a: in work: because\n  1 done\none\n\x1b[?7h"
            "\r\x1b[3A\x1b[J\x1b[?7l  2 done\ntwo\n\x1b[?7h");
}

TEST(LiveRegion, DrawsNothingTwice) {
  std::ostringstream out;
  LiveRegion region(out);
  region.Draw({"x"});
  const std::string once = out.str();
  region.Draw({"x"});
  EXPECT_EQ(out.str(), once);
}

}  // namespace
}  // namespace muster::ctl
