#include "coordinator/init/init_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace muster::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

InitSurvey Fresh() {
  InitSurvey s;
  s.is_root = true;
  s.settings_path = "/etc/muster/coordinator.yaml";
  s.settings_there = true;
  s.state_dir = "/var/lib/muster/coordinator";
  s.agent_address = "control:7440";
  s.listen = "[::]:7440";
  s.unit_known = true;
  return s;
}

TEST(InitReport, AFreshHostIsToldWhatToRun) {
  EXPECT_FALSE(InitHasProblem(Fresh()));
  EXPECT_EQ(InitReport(Fresh()),
            "Settings: /etc/muster/coordinator.yaml\n"
            "Store: /var/lib/muster/coordinator, made with the keys of a new fleet at the first "
            "start\n"
            "Agents: will look for it at control:7440\n"
            "Service: not started\n"
            "Next:\n"
            "  systemctl enable --now muster-coordinator\n"
            "  musterctl token create      # prints the line that makes a host a node\n");
}

TEST(InitReport, ARunningOneIsNotStartedAgain) {
  InitSurvey survey = Fresh();
  survey.running = survey.listen_taken = survey.store_there = survey.unit_enabled = true;
  EXPECT_FALSE(InitHasProblem(survey));
  EXPECT_THAT(InitReport(survey), HasSubstr("Service: a coordinator is running\n"));
  EXPECT_THAT(InitReport(survey), HasSubstr("which a fleet is in already"));
  EXPECT_THAT(InitReport(survey), Not(HasSubstr("systemctl")));
  EXPECT_THAT(InitReport(survey), HasSubstr("musterctl token create"));
}

TEST(InitReport, ANameThatIsTheLoopbackIsMentioned) {
  InitSurvey survey = Fresh();
  survey.only_loopback = true;
  EXPECT_FALSE(InitHasProblem(survey));
  EXPECT_THAT(InitReport(survey), HasSubstr("advertiseAddresses"));
}

TEST(InitReport, ProblemsHaveRemediesAndNothingComesNext) {
  const struct {
    void (*spoil)(InitSurvey&);
    const char* said;
  } cases[] = {
      {[](InitSurvey& s) { s.is_root = false; }, "sudo muster-coordinator init"},
      {[](InitSurvey& s) { s.state_writable = absl::PermissionDeniedError("read-only"); },
       "stateDir"},
      {[](InitSurvey& s) { s.listen_taken = true; }, "somebody else listens on [::]:7440"},
      {[](InitSurvey& s) { s.name_resolves = absl::NotFoundError("no such name"); },
       "advertiseAddresses"},
  };
  for (const auto& c : cases) {
    InitSurvey survey = Fresh();
    c.spoil(survey);
    EXPECT_TRUE(InitHasProblem(survey)) << c.said;
    EXPECT_THAT(InitReport(survey), HasSubstr(c.said));
    EXPECT_THAT(InitReport(survey), HasSubstr("PROBLEM: "));
    EXPECT_THAT(InitReport(survey), Not(HasSubstr("Next:"))) << c.said;
  }
}

}  // namespace
}  // namespace muster::coordinator
