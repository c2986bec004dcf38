#include "coordinator/admission/support.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/manifest/unsupported.h"
#include "common/model/int_or_string.h"
#include "common/model/kinds.h"
#include "common/model/pod_annotations.h"
#include "common/model/quantity.h"
#include "common/model/resources.h"
#include "coordinator/admission/validate_common.h"
#include "coordinator/admission/validate_daemon_job.h"
#include "coordinator/admission/validate_rollout.h"

namespace muster::coordinator {
namespace {

using model::kZeroGapAnnotation;

constexpr std::string_view kBetaOs = "beta.kubernetes.io/os";
constexpr std::string_view kBetaArch = "beta.kubernetes.io/arch";

void Warn(const FieldPath& path, std::string text, SupportReport& report) {
  report.warnings.push_back({path.text(), std::move(text)});
}

void CheckNodeLabel(const FieldPath& path, std::string_view key, SupportReport& report) {
  if (key == kBetaOs || key == kBetaArch) {
    Warn(path,
         absl::StrCat("nodes have this label only if you give it to them; use kubernetes.io/",
                      key == kBetaOs ? "os" : "arch"),
         report);
  }
}

// Labels that nodes of Kubernetes have by themselves and nodes of Muster do not.
void CheckNodeChoice(const FieldPath& path, const v1::PodSpec& spec, SupportReport& report) {
  for (const auto* label : SortedEntries(spec.node_selector())) {
    const FieldPath at = path.Child("nodeSelector").Key(label->first);
    CheckNodeLabel(at, label->first, report);
    if (label->first == "kubernetes.io/os" && label->second != "linux") {
      Warn(at, "Muster runs Linux hosts only, so no node matches", report);
    }
  }
  const FieldPath terms_path = path.Child("affinity")
                                   .Child("nodeAffinity")
                                   .Child("requiredDuringSchedulingIgnoredDuringExecution")
                                   .Child("nodeSelectorTerms");
  const v1::NodeSelector& required =
      spec.affinity().node_affinity().required_during_scheduling_ignored_during_execution();
  for (int t = 0; t < required.node_selector_terms_size(); ++t) {
    const v1::NodeSelectorTerm& term = required.node_selector_terms(t);
    for (int e = 0; e < term.match_expressions_size(); ++e) {
      CheckNodeLabel(terms_path.Index(t).Child("matchExpressions").Index(e).Child("key"),
                     term.match_expressions(e).key(), report);
    }
  }
}

// A fraction of a byte is nearly always a mixed up unit.
void CheckBytes(const FieldPath& path, const model::ResourceMap& resources, SupportReport& report) {
  for (const auto* resource : SortedEntries(resources)) {
    if (resource->first != "memory" && resource->first != "ephemeral-storage") continue;
    const absl::StatusOr<model::Quantity> amount = model::Quantity::Parse(resource->second.text());
    if (!amount.ok() || amount->IsInteger()) continue;
    const std::string& text = resource->second.text();
    const std::string meant =
        text.ends_with('m')
            ? absl::StrCat("; did you mean ", text.substr(0, text.size() - 1), "Mi?")
            : "";
    Warn(path.Key(resource->first),
         absl::StrCat("fractional byte value \"", text, "\" counts as ", amount->Value(),
                      amount->Value() == 1 ? " byte" : " bytes", meant),
         report);
  }
}

// Many write "*" where Kubernetes has "ALL", which does nothing there either.
void CheckStars(const FieldPath& path, const google::protobuf::RepeatedPtrField<std::string>& names,
                SupportReport& report) {
  for (int i = 0; i < names.size(); ++i) {
    if (names[i] != "*") continue;
    Warn(path.Index(i), "without effect, as in Kubernetes; did you mean \"ALL\"?", report);
  }
}

void CheckContainers(const FieldPath& path,
                     const google::protobuf::RepeatedPtrField<v1::Container>& containers,
                     SupportReport& report) {
  for (int i = 0; i < containers.size(); ++i) {
    const FieldPath resources = path.Index(i).Child("resources");
    CheckBytes(resources.Child("limits"), containers[i].resources().limits(), report);
    CheckBytes(resources.Child("requests"), containers[i].resources().requests(), report);
    const v1::Capabilities& capabilities = containers[i].security_context().capabilities();
    const FieldPath at = path.Index(i).Child("securityContext").Child("capabilities");
    CheckStars(at.Child("add"), capabilities.add(), report);
    CheckStars(at.Child("drop"), capabilities.drop(), report);
  }
}

void CheckSwitch(const FieldPath& path, const std::string& value, SupportReport& report) {
  if (value == "true" || value == "false") return;
  report.problems.push_back(
      {path.text(), "Unsupported value", Quoted(value), "supported values: \"true\", \"false\""});
}

void CheckAppArmorName(const FieldPath& path, const std::string& profile, SupportReport& report) {
  constexpr std::string_view kLocalhost = "localhost/";
  if (profile == "runtime/default" || profile == "unconfined" ||
      (profile.starts_with(kLocalhost) && profile.size() > kLocalhost.size())) {
    return;
  }
  report.problems.push_back({path.text(), "Invalid value", Quoted(profile),
                             absl::StrCat("invalid AppArmor profile name: ", Quoted(profile))});
}

// Annotations that once configured what fields configure now.
void CheckAnnotations(const FieldPath& path, const v1::ObjectMeta& metadata,
                      SupportReport& report) {
  for (const auto* annotation : SortedEntries(metadata.annotations())) {
    const std::string_view key = annotation->first;
    const FieldPath at = path.Child("annotations").Key(key);
    if (key == model::kServiceAccountVolumeAnnotation &&
        annotation->second != model::kServiceAccountVolumeEmpty) {
      report.problems.push_back({at.text(), "Unsupported value", Quoted(annotation->second),
                                 "supported values: \"empty\""});
    }
    if (key == kZeroGapAnnotation) CheckSwitch(at, annotation->second, report);
    if (key.starts_with("container.apparmor.security.beta.kubernetes.io/")) {
      CheckAppArmorName(at, annotation->second, report);
    } else if (key == "seccomp.security.alpha.kubernetes.io/pod" ||
               key.starts_with("container.seccomp.security.alpha.kubernetes.io/")) {
      Warn(at, "ignored, as in Kubernetes since 1.27; use securityContext.seccompProfile", report);
    } else if (key == "scheduler.alpha.kubernetes.io/critical-pod") {
      Warn(at, "ignored, as in Kubernetes since 1.16; use priorityClassName", report);
    } else if (key == "scheduler.alpha.kubernetes.io/tolerations") {
      Warn(at, "ignored, as in Kubernetes since 1.8; use spec.tolerations", report);
    } else if (key == "scheduler.alpha.kubernetes.io/affinity") {
      Warn(at, "ignored, as in Kubernetes since 1.8; use spec.affinity", report);
    }
  }
}

void CheckPod(const FieldPath& path, const v1::PodSpec& spec, SupportReport& report) {
  CheckNodeChoice(path, spec, report);
  CheckContainers(path.Child("initContainers"), spec.init_containers(), report);
  CheckContainers(path.Child("containers"), spec.containers(), report);
}

bool IsNonZero(const v1::IntOrString& value) {
  return model::PercentOf(value).value_or(value.int_value()) != 0;
}

// The first port of the host that two pods on one node would both want.
std::optional<FieldPath> FindHostPort(const FieldPath& path, const v1::PodSpec& spec) {
  const auto find = [&spec](const FieldPath& at,
                            const v1::Container& container) -> std::optional<FieldPath> {
    for (int p = 0; p < container.ports_size(); ++p) {
      if (container.ports(p).host_port() == 0 && !spec.host_network()) continue;
      return at.Child("ports").Index(p);
    }
    return std::nullopt;
  };
  for (int c = 0; c < spec.containers_size(); ++c) {
    if (auto found = find(path.Child("containers").Index(c), spec.containers(c))) return found;
  }
  for (int c = 0; c < spec.init_containers_size(); ++c) {
    if (!model::IsSidecar(spec.init_containers(c))) continue;
    if (auto found = find(path.Child("initContainers").Index(c), spec.init_containers(c))) {
      return found;
    }
  }
  return std::nullopt;
}

// Of a DaemonSet's pods and where that is said; the template's word counts more.
struct ZeroGap {
  bool on = false;
  FieldPath path;
};

ZeroGap ZeroGapOf(const v1::DaemonSet& daemon_set) {
  ZeroGap found{false, FieldPath("spec.template.metadata.annotations").Key(kZeroGapAnnotation)};
  const auto& own = daemon_set.metadata().annotations();
  const auto& pods = daemon_set.spec().template_().metadata().annotations();
  if (const auto said = pods.find(kZeroGapAnnotation); said != pods.end()) {
    found.on = said->second == "true";
  } else if (const auto fallback = own.find(kZeroGapAnnotation); fallback != own.end()) {
    found = {fallback->second == "true", FieldPath("metadata.annotations").Key(kZeroGapAnnotation)};
  }
  return found;
}

void CheckDaemonSet(const v1::DaemonSet& daemon_set, SupportReport& report) {
  const FieldPath pod_template = FieldPath("spec").Child("template");
  const v1::DaemonSetSpec& spec = daemon_set.spec();
  CheckAnnotations(pod_template.Child("metadata"), spec.template_().metadata(), report);
  CheckPod(pod_template.Child("spec"), spec.template_().spec(), report);
  WarnAboutRolloutPolicy(daemon_set, report);
  const auto own = daemon_set.metadata().annotations().find(kZeroGapAnnotation);
  if (own != daemon_set.metadata().annotations().end()) {
    CheckSwitch(FieldPath("metadata.annotations").Key(kZeroGapAnnotation), own->second, report);
  }
  const std::optional<FieldPath> port =
      FindHostPort(pod_template.Child("spec"), spec.template_().spec());
  const ZeroGap zero_gap = ZeroGapOf(daemon_set);
  if (zero_gap.on && spec.template_().spec().host_network()) {
    Warn(zero_gap.path, "has no effect with hostNetwork: the pods have the host's own ports",
         report);
  } else if (zero_gap.on && !port) {
    Warn(zero_gap.path, "has no effect: no container has a hostPort", report);
  } else if (zero_gap.on) {
    return;
  }
  if (!port || !IsNonZero(spec.update_strategy().rolling_update().max_surge())) return;
  std::string advice = "use maxUnavailable instead";
  if (!spec.template_().spec().host_network()) {
    absl::StrAppend(&advice, ", or annotate the template with ", kZeroGapAnnotation, ": \"true\"");
  }
  Warn(FieldPath("spec.updateStrategy.rollingUpdate.maxSurge"),
       absl::StrCat("the pods use a port of the host (", port->text(),
                    "), so old and new cannot run beside each other and a rollout would wait for "
                    "ever; ",
                    advice),
       report);
}

}  // namespace

SupportReport CheckSupport(const v1::Object& object) {
  SupportReport report;
  for (const manifest::UnsupportedField& field :
       manifest::FindUnsupportedFields(model::MessageOf(object))) {
    if (field.refused) {
      report.problems.push_back({field.path, "Forbidden", "", field.reason});
    } else {
      report.warnings.push_back({field.path, field.reason});
    }
  }
  if (object.has_daemon_set()) {
    CheckDaemonSet(object.daemon_set(), report);
  } else if (object.has_daemon_job()) {
    const FieldPath pod_template = FieldPath("spec").Child("template");
    const v1::PodTemplateSpec& of = object.daemon_job().spec().template_();
    CheckAnnotations(pod_template.Child("metadata"), of.metadata(), report);
    CheckPod(pod_template.Child("spec"), of.spec(), report);
    WarnAboutDaemonJob(object.daemon_job(), report);
  } else if (object.has_pod()) {
    CheckAnnotations(FieldPath("metadata"), object.pod().metadata(), report);
    CheckPod(FieldPath("spec"), object.pod().spec(), report);
    if (object.pod().spec().node_name().empty()) {
      Warn(FieldPath("spec.nodeName"),
           "not set; Muster places only the pods of DaemonSets, so this one stays Pending", report);
    }
  }
  return report;
}

}  // namespace muster::coordinator
