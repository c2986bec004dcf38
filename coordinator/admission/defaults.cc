#include "coordinator/admission/defaults.h"

#include <string>

#include "common/model/int_or_string.h"
#include "common/model/kinds.h"
#include "coordinator/admission/service_rules.h"

namespace muster::coordinator {
namespace {

constexpr char kDefaultNamespace[] = "default";
constexpr char kNamespaceNameLabel[] = "kubernetes.io/metadata.name";
constexpr int32_t kRevisionHistoryLimit = 10;
constexpr int32_t kBackoffLimit = 6;

void DefaultDaemonSet(v1::DaemonSet& daemon_set) {
  v1::DaemonSetSpec& spec = *daemon_set.mutable_spec();
  v1::DaemonSetUpdateStrategy& strategy = *spec.mutable_update_strategy();
  if (strategy.type().empty()) strategy.set_type("RollingUpdate");
  if (strategy.type() == "RollingUpdate") {
    v1::RollingUpdateDaemonSet& rolling = *strategy.mutable_rolling_update();
    if (!rolling.has_max_unavailable()) *rolling.mutable_max_unavailable() = model::FromInt(1);
    if (!rolling.has_max_surge()) *rolling.mutable_max_surge() = model::FromInt(0);
  }
  if (!spec.has_revision_history_limit()) spec.set_revision_history_limit(kRevisionHistoryLimit);
  SetTemplateDefaults(*spec.mutable_template_());
}

void DefaultDaemonJob(v1::DaemonJob& job) {
  v1::DaemonJobSpec& spec = *job.mutable_spec();
  if (!spec.has_parallelism()) *spec.mutable_parallelism() = model::FromString("100%");
  if (!spec.has_backoff_limit()) spec.set_backoff_limit(kBackoffLimit);
  if (!spec.has_suspend()) spec.set_suspend(false);
  SetTemplateDefaults(*spec.mutable_template_());
}

void DefaultSecret(v1::Secret& secret) {
  for (const auto& [key, text] : secret.string_data()) (*secret.mutable_data())[key] = text;
  secret.clear_string_data();
  if (secret.type().empty()) secret.set_type("Opaque");
}

}  // namespace

void SetDefaults(v1::Object& object) {
  const model::KindInfo& info = model::InfoOf(object);
  v1::ObjectMeta& metadata = model::MutableMetadataOf(object);
  if (info.namespaced && metadata.namespace_().empty()) metadata.set_namespace_(kDefaultNamespace);
  switch (info.kind) {
    case model::Kind::kDaemonSet:
      DefaultDaemonSet(*object.mutable_daemon_set());
      break;
    case model::Kind::kDaemonJob:
      DefaultDaemonJob(*object.mutable_daemon_job());
      break;
    case model::Kind::kPod:
      model::SetPodDefaults(*object.mutable_pod()->mutable_spec());
      break;
    case model::Kind::kSecret:
      DefaultSecret(*object.mutable_secret());
      break;
    case model::Kind::kService:
      DefaultService(*object.mutable_service());
      break;
    case model::Kind::kEndpoints:
      DefaultEndpoints(*object.mutable_endpoints());
      break;
    case model::Kind::kEndpointSlice:
      DefaultEndpointSlice(*object.mutable_endpoint_slice());
      break;
    case model::Kind::kNamespaceObject:
      (*metadata.mutable_labels())[kNamespaceNameLabel] = metadata.name();
      break;
    case model::Kind::kPriorityClass:
      if (!object.priority_class().has_preemption_policy()) {
        object.mutable_priority_class()->set_preemption_policy("PreemptLowerPriority");
      }
      break;
    default:
      break;
  }
  CanonicalizeQuantities(model::MutableMessageOf(object));
}

}  // namespace muster::coordinator
