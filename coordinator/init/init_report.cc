#include "coordinator/init/init_report.h"

#include "absl/strings/str_cat.h"

namespace muster::coordinator {
namespace {

struct Problem {
  std::string what, remedy;
};

std::vector<Problem> ProblemsOf(const InitSurvey& s) {
  std::vector<Problem> problems;
  if (!s.is_root) {
    problems.push_back(
        {"this is not root, so not everything can be seen", "sudo muster-coordinator init"});
  }
  if (!s.state_writable.ok()) {
    problems.push_back({std::string(s.state_writable.message()),
                        "make room for the store there, or set 'stateDir'"});
  }
  if (s.listen_taken && !s.running) {
    problems.push_back({absl::StrCat("somebody else listens on ", s.listen),
                        "end it, or set 'listen' in the settings"});
  }
  if (!s.name_resolves.ok()) {
    problems.push_back({std::string(s.name_resolves.message()),
                        "set 'advertiseAddresses' to a name or an address that nodes know"});
  }
  return problems;
}

}  // namespace

bool InitHasProblem(const InitSurvey& survey) { return !ProblemsOf(survey).empty(); }

std::string InitReport(const InitSurvey& s) {
  std::string text;
  absl::StrAppend(&text, "Settings: ", s.settings_path,
                  s.settings_there ? "" : " is not there, all is as by default", "\n");
  absl::StrAppend(&text, "Store: ", s.state_dir,
                  s.store_there ? ", which a fleet is in already"
                                : ", made with the keys of a new fleet at the first start",
                  "\n");
  absl::StrAppend(&text, "Agents: will look for it at ", s.agent_address, "\n");
  if (s.name_resolves.ok() && s.only_loopback) {
    absl::StrAppend(&text,
                    "  -> here that name means this host alone; if it does so on the nodes, set "
                    "'advertiseAddresses'\n");
  }
  absl::StrAppend(&text, "Service: ",
                  s.running        ? "a coordinator is running"
                  : !s.unit_known  ? "muster-coordinator.service is not installed"
                  : s.unit_enabled ? "starts at each boot, but does not run now"
                                   : "not started",
                  "\n");
  const std::vector<Problem> problems = ProblemsOf(s);
  for (const Problem& problem : problems) {
    absl::StrAppend(&text, "PROBLEM: ", problem.what, "\n  -> ", problem.remedy, "\n");
  }
  if (!problems.empty()) return text;
  absl::StrAppend(&text, "Next:\n");
  if (!s.running) {
    absl::StrAppend(
        &text, "  ",
        s.unit_known ? "systemctl enable --now muster-coordinator" : "muster-coordinator", "\n");
  }
  absl::StrAppend(&text,
                  "  musterctl token create      # prints the line that makes a host a node\n");
  return text;
}

}  // namespace muster::coordinator
