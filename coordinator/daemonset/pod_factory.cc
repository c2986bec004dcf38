#include "coordinator/daemonset/pod_factory.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/model/pod_annotations.h"
#include "common/model/resources.h"
#include "coordinator/admission/admit.h"
#include "coordinator/admission/defaults.h"
#include "coordinator/daemonset/ownership.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/placement/placement.h"

namespace muster::coordinator {
namespace {

constexpr std::string_view kSuffixAlphabet = "bcdfghjklmnpqrstvwxz2456789";
constexpr size_t kSuffixLength = 5;
constexpr size_t kPodNameMax = 63;
constexpr size_t kObjectNameMax = 253;
constexpr int kNameDraws = 8;

}  // namespace

std::string RandomSuffix(const RandomBits& random) {
  return RandomText(random, kSuffixAlphabet, kSuffixLength);
}

std::string PodNamePrefix(const std::string& daemon_set) {
  return daemon_set.size() < kObjectNameMax ? daemon_set + "-" : daemon_set;
}

absl::StatusOr<std::string> DrawPodName(const std::string& daemon_set, const RandomBits& random,
                                        const std::function<bool(const std::string&)>& taken) {
  const std::string base = PodNamePrefix(daemon_set).substr(0, kPodNameMax - kSuffixLength);
  for (int draw = 0; draw < kNameDraws; ++draw) {
    std::string name = base + RandomSuffix(random);
    if (!taken(name)) return name;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("no free name found for a pod of \"", daemon_set, "\""));
}

absl::StatusOr<v1::Pod> MakePodPattern(const v1::DaemonSet& daemon_set, std::string_view hash,
                                       const PriorityClasses& priority_classes) {
  const PodOwner owner{daemon_set.metadata().name(), daemon_set.metadata().namespace_(),
                       OwnerReferenceTo(daemon_set)};
  MUSTER_ASSIGN_OR_RETURN(v1::Pod pod,
                          MakePodPattern(owner, daemon_set.spec().template_(), priority_classes));
  v1::ObjectMeta& meta = *pod.mutable_metadata();
  (*meta.mutable_labels())[kRevisionHashLabel] = std::string(hash);
  const auto& annotations = daemon_set.metadata().annotations();
  // The agent sees only pods. What the template itself says, counts.
  const auto zero_gap = annotations.find(model::kZeroGapAnnotation);
  if (zero_gap != annotations.end()) {
    meta.mutable_annotations()->insert({zero_gap->first, zero_gap->second});
  }
  const auto generation = annotations.find(kTemplateGenerationAnnotation);
  if (generation != annotations.end()) {
    (*meta.mutable_labels())[kTemplateGenerationLabel] = generation->second;
  }
  return pod;
}

absl::StatusOr<v1::Pod> MakePodPattern(const PodOwner& owner, const v1::PodTemplateSpec& source,
                                       const PriorityClasses& priority_classes) {
  v1::Pod pod;
  pod.set_api_version("v1");
  pod.set_kind("Pod");
  v1::ObjectMeta& meta = *pod.mutable_metadata();
  meta.set_generate_name(PodNamePrefix(owner.name));
  meta.set_namespace_(owner.ns);
  meta.set_generation(1);
  *meta.mutable_labels() = source.metadata().labels();
  *meta.mutable_annotations() = source.metadata().annotations();
  *meta.mutable_finalizers() = source.metadata().finalizers();
  *meta.add_owner_references() = owner.reference;

  v1::PodSpec& spec = *pod.mutable_spec();
  spec = source.spec();
  *spec.mutable_tolerations() = WithDaemonTolerations(source.spec());
  SetPodLevelDefaults(spec);
  const absl::StatusOr<PodPriority> priority =
      FindPriority(source.spec(), meta.generate_name(), priority_classes);
  if (!priority.ok()) return priority.status();
  SetPriority(*priority, spec);

  pod.mutable_status()->set_phase("Pending");
  pod.mutable_status()->set_qos_class(std::string(model::QosClass(spec)));
  return pod;
}

v1::Pod MakePod(const v1::Pod& pattern, const std::string& name, const std::string& node) {
  v1::Pod pod = pattern;
  pod.mutable_metadata()->set_name(name);
  v1::NodeSelector& required = *pod.mutable_spec()
                                    ->mutable_affinity()
                                    ->mutable_node_affinity()
                                    ->mutable_required_during_scheduling_ignored_during_execution();
  required.Clear();
  v1::NodeSelectorRequirement& field = *required.add_node_selector_terms()->add_match_fields();
  field.set_key("metadata.name");
  field.set_operator_("In");
  field.add_values(node);
  return pod;
}

}  // namespace muster::coordinator
