#include "coordinator/explain/preview.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/daemonset/node_templates.h"
#include "coordinator/daemonset/update_budget.h"
#include "coordinator/policy/rollout_policy.h"

namespace muster::coordinator {
namespace {

using Action = NodePreview::Action;

std::string ResourcesText(const char* title,
                          const google::protobuf::Map<std::string, v1::Quantity>& of) {
  std::map<std::string, std::string> sorted;
  for (const auto& [name, amount] : of) sorted[name] = amount.text();
  if (sorted.empty()) return "";
  return absl::StrCat(", ", title, " ", absl::StrJoin(sorted, " ", absl::PairFormatter(" ")));
}

std::string ContainerText(const v1::Container& container) {
  std::string text = absl::StrCat(container.name(), ": ", container.image());
  if (!container.args().empty()) {
    absl::StrAppend(&text, ", args ", absl::StrJoin(container.args(), " "));
  }
  absl::StrAppend(&text, ResourcesText("requests", container.resources().requests()),
                  ResourcesText("limits", container.resources().limits()));
  return text;
}

// "LEVEL=debug": only what an override sets, since a template may have very many.
void AddVariables(const v1::NodeOverride& patch, std::vector<std::string>& gets) {
  for (const v1::ContainerOverride& container : patch.containers()) {
    std::vector<std::string> variables;
    for (const v1::EnvVar& variable : container.env()) {
      variables.push_back(variable.has_value_from()
                              ? absl::StrCat(variable.name(), " from a reference")
                              : absl::StrCat(variable.name(), "=", variable.value()));
    }
    if (!variables.empty()) {
      gets.push_back(absl::StrCat(container.name(), ": with ", absl::StrJoin(variables, ", ")));
    }
  }
}

void AddContainers(const v1::PodSpec& spec, std::vector<std::string>& gets) {
  for (const v1::Container& container : spec.init_containers()) {
    gets.push_back(absl::StrCat("init ", ContainerText(container)));
  }
  for (const v1::Container& container : spec.containers()) {
    gets.push_back(ContainerText(container));
  }
}

class Previewer {
 public:
  explicit Previewer(const Survey& survey) : survey_(survey) {}

  NodePreview Of(const std::string& name, const v1::Node* node) const {
    NodePreview preview;
    preview.node = name;
    const PodFacts* pod = PodOn(name);
    if (pod != nullptr) preview.pod = pod->name;
    if (node == nullptr) {
      preview.action = Action::kRemove;
      preview.why = "the node is not there";
      return preview;
    }
    if (survey_.rules->suspended) {
      preview.action = pod == nullptr ? Action::kNone : Action::kRemove;
      preview.why = "suspended";
      return preview;
    }
    const Placement placement = survey_.rules->placement.Judge(*node);
    if (!placement.should_run) {
      preview.action = pod == nullptr              ? Action::kNone
                       : placement.should_continue ? Action::kKeep
                                                   : Action::kRemove;
      preview.why = survey_.rules->placement.Explain(*node);
      return preview;
    }
    if (pod == nullptr) {
      preview.action = Action::kCreate;
    } else if (survey_.rules->IsCurrent(*pod, node)) {
      preview.action = Action::kKeep;
    } else {
      preview.action = Action::kReplace;
      preview.why = "the template changes";
    }
    AddPod(*node, preview);
    return preview;
  }

 private:
  // The one that would stay if nothing else changed.
  const PodFacts* PodOn(const std::string& node) const {
    const auto found = survey_.pods_by_node.find(node);
    if (found == survey_.pods_by_node.end()) return nullptr;
    const PodFacts* kept = nullptr;
    for (const PodFacts& pod : found->second) {
      if (pod.terminating || pod.terminal()) continue;
      if (kept == nullptr || KeptBefore(pod, *kept)) kept = &pod;
    }
    return kept;
  }

  void AddPod(const v1::Node& node, NodePreview& preview) const {
    const NodeTemplates& templates = survey_.rules->templates;
    const int node_class = templates.ClassOf(node.metadata().labels());
    AddContainers(templates.TemplateOf(node_class).spec(), preview.gets);
    if (node_class == NodeOverrides::kNoClass) return;
    const NodeClass& applied = templates.overrides().classes()[node_class];
    AddVariables(applied.patch, preview.gets);
    preview.gets.push_back(absl::StrCat("by override ", node_class, ": ", applied.selector.Text()));
  }

  const Survey& survey_;
};

}  // namespace

std::vector<NodePreview> PreviewOf(const Survey& survey) {
  const Previewer previewer(survey);
  std::vector<NodePreview> previews;
  for (const auto& [name, node] : survey.nodes) previews.push_back(previewer.Of(name, node));
  return previews;
}

std::string PaceOf(const v1::DaemonSet& daemon_set, int32_t desired) {
  if (!IsRollingUpdate(daemon_set)) return "OnDelete: a pod is replaced once somebody deletes it";
  const UpdateBudget budget = BudgetOf(daemon_set, desired);
  std::string pace = budget.max_surge > 0
                         ? absl::StrCat("RollingUpdate, maxSurge ", budget.max_surge)
                         : absl::StrCat("RollingUpdate, maxUnavailable ", budget.max_unavailable);
  absl::StrAppend(&pace, " of ", desired, desired == 1 ? " node" : " nodes");
  const RolloutPolicy policy = ParseRolloutPolicy(daemon_set.metadata().annotations()).policy;
  if (policy.suspended) absl::StrAppend(&pace, "; suspended");
  if (policy.paused) absl::StrAppend(&pace, "; paused");
  if (policy.canary) absl::StrAppend(&pace, "; canary first");
  return pace;
}

std::vector<NodePreview> PreviewOf(const JobSurvey& survey, const v1::DaemonJob& job) {
  std::vector<NodePreview> previews;
  for (const auto& [name, node] : survey.nodes) {
    NodePreview& preview = previews.emplace_back();
    preview.node = name;
    if (const auto runs = survey.runs.find(name); runs != survey.runs.end()) {
      for (const RunFacts& run : runs->second) {
        if (!run.terminal() && !run.terminating) preview.pod = run.name;
      }
    }
    const JobVerdict* verdict = survey.roster.Find(name);
    const bool there = !preview.pod.empty();
    if (node == nullptr) {
      preview.action = there ? Action::kRemove : Action::kNone;
      preview.why = "the node is not there";
    } else if (verdict != nullptr && verdict->over()) {
      preview.action = there ? Action::kRemove : Action::kNone;
      preview.why = verdict->succeeded ? "it has succeeded there" : "it has failed there";
    } else if (survey.rules.suspended) {
      preview.action = there ? Action::kRemove : Action::kNone;
      preview.why = "suspended";
    } else if (const Placement placement = survey.rules.placement.Judge(*node);
               !placement.should_run) {
      preview.action = !there                      ? Action::kNone
                       : placement.should_continue ? Action::kKeep
                                                   : Action::kRemove;
      preview.why = survey.rules.placement.Explain(*node);
    } else {
      preview.action = there ? Action::kKeep : Action::kCreate;
      AddContainers(job.spec().template_().spec(), preview.gets);
    }
  }
  return previews;
}

std::string PaceOf(const v1::DaemonJob& job, int32_t desired) {
  const int32_t parallel = std::min(ParallelNodes(job, desired), desired);
  return absl::StrCat(parallel, " of ", desired, desired == 1 ? " node" : " nodes", " at once",
                      job.spec().suspend() ? "; suspended" : "");
}

std::string_view NameOf(NodePreview::Action action) {
  switch (action) {
    case Action::kNone:
      return "none";
    case Action::kKeep:
      return "keep";
    case Action::kCreate:
      return "create";
    case Action::kReplace:
      return "replace";
    case Action::kRemove:
      return "remove";
  }
  return "";
}

}  // namespace muster::coordinator
