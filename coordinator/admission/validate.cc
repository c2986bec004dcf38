#include "coordinator/admission/validate.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "common/model/int_or_string.h"
#include "common/model/kinds.h"
#include "common/model/labels.h"
#include "common/model/names.h"
#include "common/model/semantic_equal.h"
#include "coordinator/admission/service_rules.h"
#include "coordinator/admission/validate_common.h"
#include "coordinator/admission/validate_daemon_job.h"
#include "coordinator/admission/validate_overrides.h"
#include "coordinator/admission/validate_pod_spec.h"
#include "coordinator/admission/validate_rollout.h"
#include "coordinator/admission/validate_selectors.h"
#include "coordinator/admission/validate_small_kinds.h"

namespace muster::coordinator {
namespace {

constexpr char kImmutable[] = "field is immutable";

void ValidateName(const FieldPath& path, const v1::Object& object, Problems& problems) {
  const std::string& name = model::MetadataOf(object).name();
  if (name.empty()) {
    problems.Required(path, "name or generateName is required");
    return;
  }
  switch (object.object_case()) {
    case model::Kind::kNamespaceObject:
      problems.InvalidTexts(path, name, model::CheckDnsLabel(name));
      break;
    case model::Kind::kService:
      problems.InvalidTexts(path, name, model::CheckDns1035Label(name));
      break;
    default:
      problems.InvalidTexts(path, name, model::CheckDnsSubdomain(name));
  }
}

void ValidateOwners(const FieldPath& path, const v1::ObjectMeta& metadata, Problems& problems) {
  int controllers = 0;
  for (int i = 0; i < metadata.owner_references_size(); ++i) {
    const v1::OwnerReference& owner = metadata.owner_references(i);
    const FieldPath at = path.Index(i);
    for (const auto& [field, value] :
         {std::pair("apiVersion", owner.api_version()), std::pair("kind", owner.kind()),
          std::pair("name", owner.name()), std::pair("uid", owner.uid())}) {
      if (value.empty()) problems.InvalidText(at.Child(field), value, "must not be empty");
    }
    if (owner.controller() && ++controllers > 1) {
      problems.Invalid(at.Child("controller"), "true",
                       "Only one reference can have Controller set to true");
    }
  }
}

void ValidateMetadata(const v1::Object& object, Problems& problems) {
  const FieldPath path("metadata");
  const v1::ObjectMeta& metadata = model::MetadataOf(object);
  ValidateName(path.Child("name"), object, problems);
  const FieldPath namespace_path = path.Child("namespace");
  if (model::InfoOf(object).namespaced) {
    if (metadata.namespace_().empty()) {
      problems.Required(namespace_path);
    } else {
      problems.InvalidTexts(namespace_path, metadata.namespace_(),
                            model::CheckDnsLabel(metadata.namespace_()));
    }
  } else if (!metadata.namespace_().empty()) {
    problems.Forbidden(namespace_path, "not allowed on this type");
  }
  CheckLabels(path.Child("labels"), metadata.labels(), problems);
  CheckAnnotations(path.Child("annotations"), metadata.annotations(), problems);
  ValidateOwners(path.Child("ownerReferences"), metadata, problems);
  for (int i = 0; i < metadata.finalizers_size(); ++i) {
    problems.InvalidTexts(path.Child("finalizers").Index(i), metadata.finalizers(i),
                          model::CheckQualifiedName(metadata.finalizers(i)));
  }
}

std::string ValueText(const v1::IntOrString& value) {
  return value.has_string_value() ? Quoted(value.string_value()) : model::ToText(value);
}

// Whether a node may be disturbed at all; a text that is no percentage has been named already.
bool IsNonZero(const v1::IntOrString& value) {
  return value.has_string_value() ? model::PercentOf(value).value_or(1) != 0
                                  : value.int_value() != 0;
}

void ValidateUpdateStrategy(const FieldPath& path, const v1::DaemonSetUpdateStrategy& strategy,
                            Problems& problems) {
  if (strategy.type() == "OnDelete") return;
  if (strategy.type() != "RollingUpdate") {
    problems.Unsupported(path, strategy.type(), {"RollingUpdate", "OnDelete"});
    return;
  }
  const v1::RollingUpdateDaemonSet& rolling = strategy.rolling_update();
  const FieldPath at = path.Child("rollingUpdate");
  const FieldPath unavailable = at.Child("maxUnavailable");
  const FieldPath surge = at.Child("maxSurge");
  const bool may_stop = IsNonZero(rolling.max_unavailable());
  const bool may_surge = IsNonZero(rolling.max_surge());
  if (may_stop && may_surge) {
    problems.Invalid(surge, ValueText(rolling.max_surge()),
                     "may not be set when maxUnavailable is non-zero");
  } else if (!may_stop && !may_surge) {
    problems.Required(unavailable, "cannot be 0 when maxSurge is 0");
  }
  CheckShareOfNodes(unavailable, rolling.max_unavailable(), problems);
  CheckShareOfNodes(surge, rolling.max_surge(), problems);
}

void ValidateDaemonSet(const v1::DaemonSet& daemon_set, Problems& problems) {
  const FieldPath path("spec");
  const v1::DaemonSetSpec& spec = daemon_set.spec();
  const FieldPath selector = path.Child("selector");
  const FieldPath pod_template = path.Child("template");
  if (!spec.has_selector()) {
    problems.Required(selector);
  } else {
    ValidateLabelSelector(selector, spec.selector(), problems);
    const model::LabelMap& labels = spec.template_().metadata().labels();
    absl::StatusOr<model::LabelQuery> query = model::LabelQuery::FromSelector(spec.selector());
    if (query.ok() && !query->Matches(labels)) {
      problems.Invalid(pod_template.Child("metadata").Child("labels"), LabelsText(labels),
                       "`selector` does not match template `labels`");
    }
    if (query.ok() && query->empty()) {
      problems.Invalid(selector, JsonText(spec.selector()),
                       "empty selector is invalid for daemonset");
    }
  }
  ValidatePodTemplate(pod_template, spec.template_(), problems);
  ValidateTemplateAnnotations(daemon_set, problems);
  const FieldPath pod = pod_template.Child("spec");
  if (IsOneOf(spec.template_().spec().restart_policy(), {"OnFailure", "Never"})) {
    problems.Unsupported(pod.Child("restartPolicy"), spec.template_().spec().restart_policy(),
                         {"Always"});
  }
  if (spec.template_().spec().has_active_deadline_seconds()) {
    problems.Forbidden(pod.Child("activeDeadlineSeconds"),
                       "activeDeadlineSeconds in DaemonSet is not Supported");
  }
  CheckNotNegative(path.Child("minReadySeconds"), spec.min_ready_seconds(), problems);
  ValidateUpdateStrategy(path.Child("updateStrategy"), spec.update_strategy(), problems);
  CheckNotNegative(path.Child("revisionHistoryLimit"), spec.revision_history_limit(), problems);
  ValidateRolloutPolicy(daemon_set, problems);
}

// As in Kubernetes: what the pods there have their addresses from stays with the node.
void ValidateNodeUpdate(const v1::Node& updated, const v1::Node& stored, Problems& problems) {
  if (stored.spec().pod_cidrs().empty() ||
      std::ranges::equal(updated.spec().pod_cidrs(), stored.spec().pod_cidrs())) {
    return;
  }
  problems.Forbidden(FieldPath("spec.podCIDRs"),
                     "node updates may not change podCIDR except from \"\" to valid");
}

}  // namespace

std::vector<Problem> Validate(const v1::Object& object) {
  Problems problems;
  ValidateMetadata(object, problems);
  switch (object.object_case()) {
    case model::Kind::kDaemonSet:
      ValidateDaemonSet(object.daemon_set(), problems);
      break;
    case model::Kind::kDaemonJob:
      ValidateDaemonJob(object.daemon_job(), problems);
      break;
    case model::Kind::kPod:
      ValidatePodSpec(FieldPath("spec"), object.pod().spec(), PodUse::kPod, problems);
      break;
    case model::Kind::kNode:
      ValidateTaints(FieldPath("spec").Child("taints"), object.node().spec().taints(), problems);
      break;
    case model::Kind::kConfigMap:
      ValidateConfigMap(object.config_map(), problems);
      break;
    case model::Kind::kSecret:
      ValidateSecret(object.secret(), problems);
      break;
    case model::Kind::kPriorityClass:
      ValidatePriorityClass(object.priority_class(), problems);
      break;
    case model::Kind::kService:
      ValidateService(object.service(), problems);
      break;
    case model::Kind::kEndpoints:
      ValidateEndpoints(object.endpoints(), problems);
      break;
    case model::Kind::kEndpointSlice:
      ValidateEndpointSlice(object.endpoint_slice(), problems);
      break;
    case model::Kind::kServiceAccount:
      ValidateServiceAccount(object.service_account(), problems);
      break;
    default:  // Namespaces, revisions and events have no more rules than their metadata.
      break;
  }
  return problems.Take();
}

std::vector<Problem> ValidateUpdate(const v1::Object& updated, const v1::Object& stored) {
  Problems problems;
  const FieldPath metadata("metadata");
  const v1::ObjectMeta& now = model::MetadataOf(updated);
  const v1::ObjectMeta& before = model::MetadataOf(stored);
  for (const auto& [field, value, old] :
       {std::tuple("name", now.name(), before.name()),
        std::tuple("namespace", now.namespace_(), before.namespace_()),
        std::tuple("uid", now.uid(), before.uid())}) {
    if (value != old) problems.InvalidText(metadata.Child(field), value, kImmutable);
  }
  switch (updated.object_case()) {
    case model::Kind::kDaemonSet:
      if (!model::SemanticallyEqual(updated.daemon_set().spec().selector(),
                                    stored.daemon_set().spec().selector())) {
        problems.Invalid(FieldPath("spec.selector"),
                         JsonText(updated.daemon_set().spec().selector()), kImmutable);
      }
      break;
    case model::Kind::kDaemonJob:
      ValidateDaemonJobUpdate(updated.daemon_job(), stored.daemon_job(), problems);
      break;
    case model::Kind::kPod:
      ValidatePodUpdate(updated.pod(), stored.pod(), problems);
      break;
    case model::Kind::kNode:
      ValidateNodeUpdate(updated.node(), stored.node(), problems);
      break;
    case model::Kind::kConfigMap:
      ValidateConfigMapUpdate(updated.config_map(), stored.config_map(), problems);
      break;
    case model::Kind::kSecret:
      ValidateSecretUpdate(updated.secret(), stored.secret(), problems);
      break;
    case model::Kind::kPriorityClass:
      ValidatePriorityClassUpdate(updated.priority_class(), stored.priority_class(), problems);
      break;
    case model::Kind::kService:
      ValidateServiceUpdate(updated.service(), stored.service(), problems);
      break;
    case model::Kind::kEndpointSlice:
      ValidateEndpointSliceUpdate(updated.endpoint_slice(), stored.endpoint_slice(), problems);
      break;
    case model::Kind::kControllerRevision:
      if (!model::SemanticallyEqual(updated.controller_revision().data(),
                                    stored.controller_revision().data())) {
        problems.Invalid(FieldPath("data"), JsonText(updated.controller_revision().data()),
                         kImmutable);
      }
      break;
    default:
      break;
  }
  return problems.Take();
}

}  // namespace muster::coordinator
