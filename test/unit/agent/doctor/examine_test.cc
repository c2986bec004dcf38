#include "agent/doctor/examine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace muster::agent {
namespace {

using std::chrono::hours;
using testing::HasSubstr;
using Grade = Finding::Grade;

constexpr WallTime kNow = WallTime(hours(24 * 365 * 50));

Survey Healthy() {
  Survey s;
  s.now = kNow;
  s.is_root = true;
  s.settings_path = "/etc/muster/agent.yaml";
  s.coordinator = "control:7440";
  s.state_dir = "/var/lib/muster/agent";
  s.node_name = "node-1";
  s.certificate_begins = kNow - hours(1);
  s.certificate_ends = kNow + hours(24 * 365);
  s.unit_known = s.unit_enabled = s.clock_synchronized = true;
  s.runtime_endpoint = "unix:///run/containerd/containerd.sock";
  s.runtime_socket = true;
  s.runtime_info.name = "containerd";
  s.runtime_info.version = "1.6.20";
  s.runtime_info.api_version = "v1";
  s.runtime_info.runtime_ready = s.runtime_info.network_ready = true;
  s.runtime_info.cgroup_driver = "systemd";
  s.cni_config_dir = "/etc/cni/net.d";
  s.cni_configs = {"10-pods.conflist"};
  s.own_cni_config = "10-ours.conflist";
  s.has_iptables = true;
  s.facts.hostname = "node-1";
  s.facts.kernel_version = "6.1.0";
  s.facts.addresses = {"192.0.2.7"};
  s.facts.dns.servers = {"192.0.2.53"};
  s.facts.may_lower_oom_score = s.facts.systemd = s.facts.root_is_shared = true;
  s.cgroup_v2 = s.has_overlayfs = s.ip_forward = s.has_pidfd = s.may_mount = true;
  s.cgroup_controllers = {"cpuset", "cpu", "io", "memory", "pids"};
  s.inotify_instances_max = 8192;
  s.state_bytes_free = int64_t{20} << 30;
  s.state_files_free = 1'000'000;
  return s;
}

Finding Of(const Survey& survey, const std::string& subject) {
  for (const Finding& finding : Examine(survey)) {
    if (finding.subject == subject) return finding;
  }
  ADD_FAILURE() << "nobody looked at " << subject;
  return {};
}

TEST(Doctor, AHealthyHostIsGoodInEveryRespect) {
  const std::vector<Finding> findings = Examine(Healthy());
  EXPECT_GE(findings.size(), 20u);
  std::set<std::string> subjects;
  for (const Finding& finding : findings) {
    EXPECT_EQ(finding.grade, Grade::kGood) << finding.subject << ": " << finding.seen;
    EXPECT_EQ(finding.remedy, "") << finding.subject;
    EXPECT_FALSE(finding.seen.empty()) << finding.subject;
    EXPECT_TRUE(subjects.insert(finding.subject).second) << finding.subject;
  }
  EXPECT_FALSE(AnyProblem(findings));
  EXPECT_THAT(Report(findings), HasSubstr("containerd 1.6.20, CRI v1\n"));
  EXPECT_THAT(Report(findings), HasSubstr("\n0 problems, 0 notes\n"));
}

// What is wrong makes just its own subject worse, and says what to do.
TEST(Doctor, EveryFaultIsFoundByItsSubject) {
  const struct {
    const char* subject;
    Grade grade;
    void (*spoil)(Survey&);
    const char* remedy;
  } cases[] = {
      {"user", Grade::kProblem, [](Survey& s) { s.is_root = false; }, "sudo"},
      {"settings", Grade::kProblem,
       [](Survey& s) { s.settings = absl::InvalidArgumentError("agent.yaml:3: x"); }, "correct"},
      {"certificate", Grade::kProblem, [](Survey& s) { s.certificate_ends = kNow; }, "join again"},
      {"certificate", Grade::kNote,
       [](Survey& s) {
         s.certificate_begins = kNow - hours(81);
         s.certificate_ends = kNow + hours(19);
       },
       "renewed"},
      {"certificate", Grade::kGood,
       [](Survey& s) {
         s.certificate_begins = kNow - hours(79);
         s.certificate_ends = kNow + hours(21);
       },
       ""},
      {"certificate", Grade::kProblem, [](Survey& s) { s.certificate_begins = kNow + hours(1); },
       "clock"},
      {"way to the coordinator", Grade::kProblem,
       [](Survey& s) { s.coordinator_port = absl::UnavailableError("refused"); }, "control:7440"},
      {"service", Grade::kProblem, [](Survey& s) { s.unit_enabled = false; }, "systemctl enable"},
      {"service", Grade::kNote, [](Survey& s) { s.unit_known = false; }, "each boot"},
      {"clock", Grade::kNote, [](Survey& s) { s.clock_synchronized = false; }, "timesyncd"},
      {"container runtime", Grade::kProblem,
       [](Survey& s) { s.runtime_info.runtime_ready = false; }, "log"},
      {"pod network", Grade::kProblem, [](Survey& s) { s.runtime_info.network_ready = false; },
       "CNI"},
      {"CNI configuration", Grade::kProblem, [](Survey& s) { s.cni_configs.clear(); }, "bridge"},
      {"CNI configuration", Grade::kNote, [](Survey& s) { s.bridge_wanted = true; }, "take one"},
      {"CNI configuration", Grade::kNote,
       [](Survey& s) {
         s.bridge_wanted = true;
         s.cni_configs.clear();
       },
       "clusterCIDR"},
      {"CNI configuration", Grade::kGood,
       [](Survey& s) {
         s.bridge_wanted = true;
         s.cni_configs = {s.own_cni_config};
       },
       ""},
      {"CNI plug-ins", Grade::kProblem, [](Survey& s) { s.cni_missing = {"bridge"}; },
       "containernetworking-plugins"},
      {"host ports", Grade::kNote, [](Survey& s) { s.has_iptables = false; }, "iptables"},
      {"forwarding", Grade::kNote, [](Survey& s) { s.ip_forward = false; }, "sysctl"},
      {"firewall", Grade::kProblem,
       [](Survey& s) {
         s.bridge_wanted = true;
         s.cni_configs = {s.own_cni_config};
         s.pod_bridge = "muster0";
         s.firewall =
             "table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; "
             "policy drop;\n\t}\n}\n";
       },
       "iptables -I FORWARD -i muster0 -j ACCEPT"},
      {"name servers", Grade::kNote, [](Survey& s) { s.facts.dns.servers.clear(); }, "clusterDNS"},
      {"host's name", Grade::kProblem, [](Survey& s) { s.facts.hostname = "Node_1"; },
       "hostnamectl"},
      {"host's address", Grade::kProblem, [](Survey& s) { s.facts.addresses.clear(); }, "nodeIP"},
      {"kernel", Grade::kProblem, [](Survey& s) { s.has_pidfd = false; }, "5.3"},
      {"control groups", Grade::kNote, [](Survey& s) { s.cgroup_v2 = false; }, "version 2"},
      {"control groups", Grade::kProblem,
       [](Survey& s) {
         s.cgroup_controllers = {"cpu", "pids"};
       },
       "cgroup_enable=memory"},
      {"cgroup driver", Grade::kNote, [](Survey& s) { s.runtime_info.cgroup_driver = "cgroupfs"; },
       "SystemdCgroup"},
      {"mounts", Grade::kNote, [](Survey& s) { s.facts.root_is_shared = false; }, "make-rshared"},
      {"overlayfs", Grade::kNote, [](Survey& s) { s.has_overlayfs = false; }, "modprobe"},
      {"right to mount", Grade::kProblem, [](Survey& s) { s.may_mount = false; }, "capabilities"},
      {"OOM scores", Grade::kNote, [](Survey& s) { s.facts.may_lower_oom_score = false; },
       "guaranteed"},
      {"inotify", Grade::kNote, [](Survey& s) { s.inotify_instances_max = 128; }, "sysctl"},
      {"state directory", Grade::kNote, [](Survey& s) { s.state_filesystem = "tmpfs"; }, "reboot"},
      {"room on the disk", Grade::kNote, [](Survey& s) { s.state_bytes_free = 5 << 20; },
       "make room"},
      {"room on the disk", Grade::kNote, [](Survey& s) { s.state_files_free = 9; }, "make room"},
      {"containers' logs", Grade::kProblem,
       [](Survey& s) { s.logs_writable = absl::PermissionDeniedError("no"); }, "logDir"},
  };
  for (const auto& c : cases) {
    Survey survey = Healthy();
    c.spoil(survey);
    const Finding finding = Of(survey, c.subject);
    EXPECT_EQ(finding.grade, c.grade) << c.subject << ": " << finding.seen;
    EXPECT_THAT(finding.remedy, HasSubstr(c.remedy)) << c.subject;
    int worse = 0;
    for (const Finding& other : Examine(survey)) worse += other.grade != Grade::kGood;
    EXPECT_EQ(worse, c.grade == Grade::kGood ? 0 : 1) << c.subject;
    EXPECT_EQ(AnyProblem(Examine(survey)), c.grade == Grade::kProblem) << c.subject;
  }
}

TEST(Doctor, WhatCannotBeKnownIsSkippedInsteadOfBlamed) {
  Survey survey = Healthy();
  survey.runtime_socket = false;
  EXPECT_THAT(Of(survey, "runtime's socket").remedy, HasSubstr("apt install containerd"));
  for (const char* subject : {"container runtime", "pod network", "cgroup driver"}) {
    EXPECT_EQ(Of(survey, subject).grade, Grade::kSkipped) << subject;
  }
  survey.identity = absl::NotFoundError("not joined");
  EXPECT_THAT(Of(survey, "membership").remedy, HasSubstr("musterctl token create"));
  EXPECT_EQ(Of(survey, "certificate").grade, Grade::kSkipped);
  survey.coordinator_name = absl::NotFoundError("control is not found");
  EXPECT_EQ(Of(survey, "coordinator's name").grade, Grade::kProblem);
  EXPECT_EQ(Of(survey, "way to the coordinator").grade, Grade::kSkipped);
}

TEST(Doctor, TheOtherRuntimeIsNamed) {
  Survey survey = Healthy();
  survey.runtime_socket = false;
  survey.runtime_sockets = {"/run/crio/crio.sock"};
  const Finding finding = Of(survey, "runtime's socket");
  EXPECT_THAT(finding.seen, HasSubstr("/run/crio/crio.sock"));
  EXPECT_THAT(finding.remedy, HasSubstr("runtimeEndpoint: unix:///run/crio/crio.sock"));
}

TEST(Doctor, TheReportHasTheRemedyBelowAndCounts) {
  const std::string report = Report({{Grade::kGood, "a", "fine", ""},
                                     {Grade::kNote, "b", "so so", "do this"},
                                     {Grade::kProblem, "c", "bad", "do that"},
                                     {Grade::kSkipped, "d", "unseen", ""}});
  EXPECT_EQ(report,
            "ok       a: fine\n"
            "note     b: so so\n         -> do this\n"
            "PROBLEM  c: bad\n         -> do that\n"
            "-        d: unseen\n"
            "1 problem, 1 note\n");
}

TEST(Doctor, TheSummarySaysWhatTheHostBringsAlong) {
  EXPECT_EQ(Summary(Examine(Healthy())),
            "  service: muster-agent.service starts at each boot\n"
            "  container runtime: containerd 1.6.20, CRI v1\n"
            "  pod network: ready\n"
            "  control groups: version 2\n");
  Survey survey = Healthy();
  survey.runtime_socket = false;
  EXPECT_THAT(Summary(Examine(survey)), HasSubstr("-> install and start a container runtime"));
}

}  // namespace
}  // namespace muster::agent
