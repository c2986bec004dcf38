#include "agent/loop/pod_events.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/workload/duration_text.h"
#include "agent/workload/pod_status.h"

namespace muster::agent {
namespace {

PodEvent Normal(std::string reason, std::string message, std::string container = "") {
  return {std::move(reason), std::move(message), false, std::move(container)};
}
PodEvent Warning(std::string reason, std::string message, std::string container = "") {
  return {std::move(reason), std::move(message), true, std::move(container)};
}

std::string Text(const absl::Status& status) { return std::string(status.message()); }

bool IsInit(const v1::Pod& pod, const std::string& container) {
  for (const v1::Container& init : pod.spec().init_containers()) {
    if (init.name() == container) return true;
  }
  return false;
}

std::string KillingText(const std::string& container, const std::string& why) {
  const bool told = why.starts_with("Container ") || why == "FailedPostStartHook";
  return told ? why : absl::StrCat("Stopping container ", container);
}

}  // namespace

std::optional<PodEvent> EventOfBegin(const Action& action) {
  if (const auto* pull = std::get_if<PullImage>(&action)) {
    return Normal("Pulling", absl::StrCat("Pulling image \"", pull->image, "\""), pull->container);
  }
  if (const auto* stop = std::get_if<StopContainer>(&action)) {
    if (stop->announced) return std::nullopt;
    return Normal("Killing", KillingText(stop->container, stop->why), stop->container);
  }
  if (const auto* hook = std::get_if<RunPreStop>(&action)) {
    return Normal("Killing", KillingText(hook->container, hook->why), hook->container);
  }
  return std::nullopt;
}

std::optional<PodEvent> EventOfEnd(const Action& action, const Outcome& outcome, Duration took) {
  const bool ok = outcome.status.ok();
  if (const auto* inspect = std::get_if<InspectImage>(&action)) {
    if (!ok || !outcome.image) return std::nullopt;
    return Normal(
        "Pulled",
        absl::StrCat("Container image \"", inspect->image, "\" already present on machine"),
        inspect->container);
  }
  if (const auto* pull = std::get_if<PullImage>(&action)) {
    if (!ok) {
      return Warning(
          "Failed",
          absl::StrCat("Failed to pull image \"", pull->image, "\": ", Text(outcome.status)),
          pull->container);
    }
    const std::string time = DurationText(took);
    return Normal("Pulled",
                  absl::StrCat("Successfully pulled image \"", pull->image, "\" in ", time, " (",
                               time, " including waiting). Image size: ",
                               outcome.image ? outcome.image->size_bytes : 0, " bytes."),
                  pull->container);
  }
  const auto* launched = std::get_if<LaunchContainer>(&action);
  if (ok && launched != nullptr && !outcome.skipped_variables.empty()) {
    return Warning("InvalidEnvironmentVariableNames",
                   absl::StrCat("Keys [", absl::StrJoin(outcome.skipped_variables, ", "),
                                "] of envFrom were skipped since they are no names of variables."),
                   launched->container);
  }
  if (ok) return std::nullopt;
  if (std::holds_alternative<RunSandbox>(action)) {
    return Warning("FailedCreatePodSandBox",
                   absl::StrCat("Failed to create pod sandbox: ", Text(outcome.status)));
  }
  if (std::holds_alternative<EnsureGroup>(action)) {
    return Warning("FailedCreatePodContainer",
                   absl::StrCat("unable to ensure pod container exists: ", Text(outcome.status)));
  }
  if (std::holds_alternative<PrepareVolumes>(action)) {
    return Warning("FailedMount", Text(outcome.status));
  }
  if (const auto* launch = std::get_if<LaunchContainer>(&action)) {
    return Warning("Failed", absl::StrCat("Error: ", Text(outcome.status)), launch->container);
  }
  if (const auto* resize = std::get_if<ResizeContainer>(&action)) {
    return Warning(
        "ResizeError",
        absl::StrCat("Failed to resize container ", resize->container, ": ", Text(outcome.status)),
        resize->container);
  }
  // Without the error: what a hook's server says may be secret.
  if (const auto* hook = std::get_if<RunPostStart>(&action)) {
    return Warning("FailedPostStartHook", "PostStartHook failed", hook->container);
  }
  if (const auto* hook = std::get_if<RunPreStop>(&action)) {
    return Warning("FailedPreStopHook", "PreStopHook failed", hook->container);
  }
  if (absl::IsNotFound(outcome.status) || RuntimeAway(outcome.status)) return std::nullopt;
  if (std::holds_alternative<StopContainer>(action) ||
      std::holds_alternative<StopSandbox>(action)) {
    return Warning("FailedKillPod", absl::StrCat("error killing pod: ", Text(outcome.status)));
  }
  return std::nullopt;
}

PodEvent EventOfStep(const std::string& container, LaunchStep step) {
  if (step == LaunchStep::kCreate) {
    return Normal("Created", absl::StrCat("Created container: ", container), container);
  }
  return Normal("Started", absl::StrCat("Started container ", container), container);
}

std::optional<PodEvent> EventOfWaiting(const v1::Pod& pod, const std::string& container,
                                       const std::string& reason, const std::string& message) {
  if (reason == "CrashLoopBackOff") {
    const v1::ObjectMeta& meta = pod.metadata();
    return Warning("BackOff",
                   absl::StrCat("Back-off restarting failed container ", container, " in pod ",
                                meta.name(), "_", meta.namespace_(), "(", meta.uid(), ")"),
                   container);
  }
  if (reason == "ImagePullBackOff") return Normal("BackOff", message, container);
  if (reason == "ErrImagePull") return Warning("Failed", "Error: ErrImagePull", container);
  if (reason == "ErrImageNeverPull") return Warning("ErrImageNeverPull", message, container);
  if (reason == "InvalidImageName") return Warning("InspectFailed", message, container);
  if (reason == "ImageInspectError") return Warning("InspectFailed", message, container);
  return std::nullopt;
}

namespace {

void Complete(bool warning, const std::string& node_name, WallTime now, v1::Event& result) {
  result.set_type(warning ? "Warning" : "Normal");
  result.mutable_source()->set_component("muster-agent");
  result.mutable_source()->set_host(node_name);
  result.set_reporting_component("muster-agent");
  result.set_reporting_instance(node_name);
  *result.mutable_first_timestamp() = ToApiTime(now);
  *result.mutable_last_timestamp() = ToApiTime(now);
  result.set_count(1);
}

}  // namespace

v1::Event MakeNodeWarning(const std::string& reason, const std::string& message,
                          const std::string& node_name, WallTime now) {
  v1::Event result;
  v1::ObjectReference& object = *result.mutable_involved_object();
  object.set_kind("Node");
  object.set_api_version("v1");
  object.set_name(node_name);
  object.set_uid(node_name);  // As kubelet refers to its node.
  result.set_reason(reason);
  result.set_message(message);
  Complete(true, node_name, now, result);
  return result;
}

v1::Event MakeEvent(const PodEvent& event, const v1::Pod& pod, const std::string& node_name,
                    WallTime now) {
  const v1::ObjectMeta& meta = pod.metadata();
  v1::Event result;
  v1::ObjectReference& object = *result.mutable_involved_object();
  object.set_kind("Pod");
  object.set_api_version("v1");
  object.set_namespace_(meta.namespace_());
  object.set_name(meta.name());
  object.set_uid(meta.uid());
  if (!event.container.empty()) {
    object.set_field_path(
        absl::StrCat(IsInit(pod, event.container) ? "spec.initContainers{" : "spec.containers{",
                     event.container, "}"));
  }
  result.set_reason(event.reason);
  result.set_message(event.message);
  Complete(event.warning, node_name, now, result);
  return result;
}

}  // namespace muster::agent
