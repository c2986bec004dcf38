#include "coordinator/admission/may_run.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/model/host_reach.h"
#include "common/model/kinds.h"
#include "common/model/semantic_equal.h"
#include "coordinator/templates/node_overrides.h"

namespace muster::coordinator {
namespace {

constexpr char kAppArmorPrefix[] = "container.apparmor.security.beta.kubernetes.io/";

// Where an object has what its pods are made from.
struct PodSource {
  const v1::ObjectMeta* metadata = nullptr;  // Of the pods. Null: the object has none.
  const v1::PodSpec* spec = nullptr;
  std::string path;       // Of the spec.
  std::string overrides;  // The annotation's text.
};

PodSource SourceOf(const v1::Object& object) {
  const auto of_template = [](const v1::PodTemplateSpec& pod_template) {
    return PodSource{&pod_template.metadata(), &pod_template.spec(), "spec.template.spec", ""};
  };
  if (object.has_pod()) return {&object.pod().metadata(), &object.pod().spec(), "spec", ""};
  if (object.has_daemon_job()) return of_template(object.daemon_job().spec().template_());
  if (!object.has_daemon_set()) return {};
  PodSource source = of_template(object.daemon_set().spec().template_());
  const auto& annotations = object.daemon_set().metadata().annotations();
  const auto found = annotations.find(kOverridesAnnotation);
  if (found != annotations.end()) source.overrides = found->second;
  return source;
}

std::map<std::string, std::string> AppArmorOf(const v1::ObjectMeta& metadata) {
  std::map<std::string, std::string> profiles;
  for (const auto& [key, value] : metadata.annotations()) {
    if (absl::StartsWith(key, kAppArmorPrefix)) profiles[key] = value;
  }
  return profiles;
}

bool SameSource(const PodSource& a, const PodSource& b) {
  return a.spec != nullptr && b.spec != nullptr && a.overrides == b.overrides &&
         AppArmorOf(*a.metadata) == AppArmorOf(*b.metadata) &&
         model::SemanticallyEqual(*a.spec, *b.spec);
}

void CheckHostPaths(const PodSource& source, const std::vector<std::string>& allowed,
                    Problems& problems) {
  for (const model::PodUse& use : model::HostPathsOf(*source.spec)) {
    if (model::IsBelow(use.value, allowed)) continue;
    problems.Forbidden(
        FieldPath(absl::StrCat(source.path, ".", use.path)),
        absl::StrCat("\"", use.value, "\" is not below what the coordinator allows (",
                     allowed.empty() ? "nothing" : absl::StrJoin(allowed, ", "), ")"));
  }
}

void CheckImages(const PodSource& source, const std::vector<std::string>& allowed,
                 Problems& problems) {
  const auto check = [&](const std::string& path, const std::string& image) {
    if (image.empty() || model::IsFrom(image, allowed)) return;
    problems.Forbidden(
        FieldPath(path),
        absl::StrCat("\"", image,
                     "\" is not from where the coordinator allows images to come "
                     "from (",
                     allowed.empty() ? "nowhere" : absl::StrJoin(allowed, ", "), ")"));
  };
  for (const model::PodUse& use : model::ImagesOf(*source.spec)) {
    check(absl::StrCat(source.path, ".", use.path), use.value);
  }
  if (source.overrides.empty()) return;
  std::vector<OverrideProblem> unreadable;  // Validation tells of them.
  const NodeOverrides overrides = NodeOverrides::Parse(source.overrides, unreadable);
  const std::string path = absl::StrCat("metadata.annotations[", kOverridesAnnotation, "]");
  for (const NodeClass& node_class : overrides.classes()) {
    for (const auto* containers :
         {&node_class.patch.containers(), &node_class.patch.init_containers()}) {
      for (const v1::ContainerOverride& each : *containers) check(path, each.image());
    }
  }
}

std::string ViolationText(PodSecurityLevel level, const PodSource& source) {
  const auto violations = CheckPodSecurity(level, *source.metadata, *source.spec);
  return violations.empty() ? "" : PodSecurityText(level, violations);
}

void CheckLevels(const PodSource& source, const PodSecurityLevels& levels, RunVerdict& verdict) {
  if (std::string text = ViolationText(levels.enforce, source); !text.empty()) {
    Problems problems;
    problems.Forbidden(FieldPath(source.path), std::move(text));
    verdict.problems.push_back(problems.Take().front());
  } else if (text = ViolationText(levels.warn, source); !text.empty()) {
    verdict.warnings.push_back({source.path, "would " + text.replace(0, 8, "violate")});
  }
  if (std::string text = ViolationText(levels.audit, source); !text.empty()) {
    verdict.notes.push_back("would " + text.replace(0, 8, "violate"));
  }
}

}  // namespace

RunVerdict CheckMayRun(const v1::Object& proposed, const v1::Object* stored,
                       const model::LabelMap& namespace_labels, const RunRules& rules) {
  RunVerdict verdict;
  const PodSource source = SourceOf(proposed);
  if (source.spec == nullptr) return verdict;
  if (stored != nullptr && SameSource(source, SourceOf(*stored))) return verdict;
  CheckLevels(source, PodSecurityLevelsOf(namespace_labels, rules.pod_security), verdict);
  Problems problems;
  if (rules.host_paths) CheckHostPaths(source, *rules.host_paths, problems);
  if (rules.registries) CheckImages(source, *rules.registries, problems);
  for (Problem& problem : problems.Take()) verdict.problems.push_back(std::move(problem));
  return verdict;
}

std::vector<Problem> CheckPodSecurityLabels(const v1::ObjectMeta& metadata) {
  std::vector<BadPodSecurityLabel> bad;
  PodSecurityLevelsOf(metadata.labels(), {}, &bad);
  Problems problems;
  for (const BadPodSecurityLabel& label : bad) {
    const FieldPath path = FieldPath("metadata.labels").Key(label.key);
    if (label.is_version) {
      problems.InvalidText(path, label.value, "must be \"latest\" or \"v1.x\"");
    } else {
      problems.Unsupported(path, label.value, {"privileged", "baseline", "restricted"});
    }
  }
  return problems.Take();
}

std::string WouldBeRefused(const v1::Object& object, PodSecurityLevel enforce) {
  const PodSource source = SourceOf(object);
  return source.spec == nullptr ? "" : ViolationText(enforce, source);
}

}  // namespace muster::coordinator
