#include "agent/workload/action.h"

#include "absl/strings/str_cat.h"

namespace muster::agent {
namespace {

struct Describer {
  std::string operator()(const PrepareVolumes&) const { return "prepare volumes"; }
  std::string operator()(const EnsureGroup& a) const {
    return absl::StrCat(a.only_raise ? "raise" : "set", " control group ", a.group);
  }
  std::string operator()(const RunSandbox& a) const {
    return absl::StrCat("run sandbox (attempt ", a.attempt, ")");
  }
  std::string operator()(const InspectImage& a) const {
    return absl::StrCat("look for image ", a.image);
  }
  std::string operator()(const PullImage& a) const { return absl::StrCat("pull image ", a.image); }
  std::string operator()(const LaunchContainer& a) const {
    return absl::StrCat("launch container ", a.container, " (restart ", a.restart_count, ")");
  }
  std::string operator()(const ResizeContainer& a) const {
    return absl::StrCat("resize container ", a.container, " to ", a.target);
  }
  std::string operator()(const RunPostStart& a) const {
    return absl::StrCat("run postStart hook of ", a.container);
  }
  std::string operator()(const RunPreStop& a) const {
    return absl::StrCat("run preStop hook of ", a.container, " within ", a.grace.count(), " s");
  }
  std::string operator()(const StopContainer& a) const {
    return absl::StrCat("stop container ", a.container, " within ", a.grace.count(), " s");
  }
  std::string operator()(const RemoveContainer& a) const {
    return absl::StrCat("remove container ", a.container, " (restart ", a.restart_count, ")");
  }
  std::string operator()(const StopSandbox& a) const { return absl::StrCat("stop sandbox ", a.id); }
  std::string operator()(const RemoveSandbox& a) const {
    return absl::StrCat("remove sandbox ", a.id);
  }
  std::string operator()(const CleanUp&) const { return "remove the pod's files"; }
};

}  // namespace

std::string Describe(const Action& action) { return std::visit(Describer(), action); }

}  // namespace muster::agent
