#include "coordinator/table/describe.h"

#include <map>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/manifest/encode.h"
#include "common/model/kinds.h"
#include "common/model/labels.h"
#include "common/model/resources.h"
#include "coordinator/table/age.h"
#include "coordinator/table/daemon_job_text.h"
#include "coordinator/table/describe_node.h"
#include "coordinator/table/describe_sections.h"
#include "coordinator/table/event_text.h"
#include "coordinator/table/tab_text.h"
#include "google/protobuf/descriptor.h"

namespace muster::coordinator {
namespace {

const v1::OwnerReference* ControllerOf(const v1::ObjectMeta& metadata) {
  for (const v1::OwnerReference& owner : metadata.owner_references()) {
    if (owner.controller()) return &owner;
  }
  return nullptr;
}

// "3 Running / 0 Waiting / 0 Succeeded / 0 Failed" of the pods that this object controls.
std::string PhaseCounts(const v1::ObjectMeta& controller, absl::Span<const v1::Object> pods) {
  std::map<std::string, int> count;
  for (const v1::Object& object : pods) {
    const v1::OwnerReference* owner = ControllerOf(object.pod().metadata());
    if (owner == nullptr || owner->uid() != controller.uid()) continue;
    ++count[object.pod().status().phase()];
  }
  return absl::StrCat(count["Running"], " Running / ", count["Pending"], " Waiting / ",
                      count["Succeeded"], " Succeeded / ", count["Failed"], " Failed");
}

// Kubernetes has none for a DaemonSet; laid out like those that it has for a Deployment.
void DescribeRollout(const v1::DaemonSetStatus& status, std::string& out) {
  if (status.conditions().empty()) return;
  out += "Conditions:\n  Type\tStatus\tReason\tMessage\n  ----\t------\t------\t-------\n";
  for (const v1::DaemonSetCondition& condition : status.conditions()) {
    absl::StrAppend(&out, "  ", condition.type(), "\t", condition.status(), "\t",
                    condition.reason(), "\t",
                    condition.message().empty() ? "<none>" : condition.message(), "\n");
  }
}

void DescribeDaemonSet(const v1::DaemonSet& daemon_set, absl::Span<const v1::Object> pods,
                       std::string& out) {
  const v1::ObjectMeta& metadata = daemon_set.metadata();
  const v1::DaemonSetStatus& status = daemon_set.status();
  const v1::PodTemplateSpec& pod_template = daemon_set.spec().template_();
  absl::StrAppend(&out, "Name:\t", metadata.name(), "\n");
  absl::StrAppend(&out, "Namespace:\t", metadata.namespace_(), "\n");
  absl::StrAppend(&out, "Selector:\t", model::FormatLabelSelector(daemon_set.spec().selector()),
                  "\n");
  absl::StrAppend(&out, "Node-Selector:\t",
                  model::FormatLabels(pod_template.spec().node_selector()), "\n");
  DescribeLabels("Labels", metadata.labels(), out);
  DescribeAnnotations("Annotations", metadata.annotations(), out);
  absl::StrAppend(&out, "Desired Number of Nodes Scheduled: ", status.desired_number_scheduled(),
                  "\n");
  absl::StrAppend(&out, "Current Number of Nodes Scheduled: ", status.current_number_scheduled(),
                  "\n");
  absl::StrAppend(&out, "Number of Nodes Scheduled with Up-to-date Pods: ",
                  status.updated_number_scheduled(), "\n");
  absl::StrAppend(
      &out, "Number of Nodes Scheduled with Available Pods: ", status.number_available(), "\n");
  absl::StrAppend(&out, "Number of Nodes Misscheduled: ", status.number_misscheduled(), "\n");
  absl::StrAppend(&out, "Pods Status:\t", PhaseCounts(metadata, pods), "\n");
  DescribePodTemplate(pod_template, out);
  DescribeRollout(status, out);
}

void DescribePodStatus(const v1::Pod& pod, WallTime now, std::string& out) {
  const v1::ObjectMeta& metadata = pod.metadata();
  const v1::PodStatus& status = pod.status();
  const bool ended = status.phase() == "Failed" || status.phase() == "Succeeded";
  if (metadata.has_deletion_timestamp() && !ended) {
    absl::StrAppend(&out, "Status:\tTerminating (lasts ", AgeOf(metadata.deletion_timestamp(), now),
                    ")\n");
    absl::StrAppend(&out, "Termination Grace Period:\t", metadata.deletion_grace_period_seconds(),
                    "s\n");
  } else {
    absl::StrAppend(&out, "Status:\t", status.phase(), "\n");
  }
  if (!status.reason().empty()) absl::StrAppend(&out, "Reason:\t", status.reason(), "\n");
  if (!status.message().empty()) absl::StrAppend(&out, "Message:\t", status.message(), "\n");
}

void DescribePodAddresses(const v1::PodStatus& status, std::string& out) {
  absl::StrAppend(&out, "IP:\t", status.pod_ip(), "\n");
  if (status.pod_ips().empty()) {
    out += "IPs:\t<none>\n";
    return;
  }
  out += "IPs:\n";
  for (const v1::PodIP& ip : status.pod_ips()) absl::StrAppend(&out, "  IP:\t", ip.ip(), "\n");
}

void DescribePodIdentity(const v1::Pod& pod, std::string& out) {
  const v1::PodSpec& spec = pod.spec();
  absl::StrAppend(&out, "Name:\t", pod.metadata().name(), "\n");
  absl::StrAppend(&out, "Namespace:\t", pod.metadata().namespace_(), "\n");
  if (spec.has_priority()) absl::StrAppend(&out, "Priority:\t", spec.priority(), "\n");
  if (!spec.priority_class_name().empty()) {
    absl::StrAppend(&out, "Priority Class Name:\t", spec.priority_class_name(), "\n");
  }
  if (!spec.runtime_class_name().empty()) {
    absl::StrAppend(&out, "Runtime Class Name:\t", spec.runtime_class_name(), "\n");
  }
  if (!spec.service_account_name().empty()) {
    absl::StrAppend(&out, "Service Account:\t", spec.service_account_name(), "\n");
  }
  if (spec.node_name().empty()) {
    out += "Node:\t<none>\n";
  } else {
    absl::StrAppend(&out, "Node:\t", spec.node_name(), "/", pod.status().host_ip(), "\n");
  }
  if (pod.status().has_start_time()) {
    absl::StrAppend(&out, "Start Time:\t", FullTime(pod.status().start_time()), "\n");
  }
}

void DescribePod(const v1::Pod& pod, WallTime now, std::string& out) {
  const v1::PodSpec& spec = pod.spec();
  const v1::PodStatus& status = pod.status();
  DescribePodIdentity(pod, out);
  DescribeLabels("Labels", pod.metadata().labels(), out);
  DescribeAnnotations("Annotations", pod.metadata().annotations(), out);
  DescribePodStatus(pod, now, out);
  const v1::SeccompProfile& seccomp = spec.security_context().seccomp_profile();
  if (!seccomp.type().empty()) {
    absl::StrAppend(&out, "SeccompProfile:\t", seccomp.type(), "\n");
    if (seccomp.type() == "Localhost") {
      absl::StrAppend(&out, "LocalhostProfile:\t", seccomp.localhost_profile(), "\n");
    }
  }
  DescribePodAddresses(status, out);
  if (const v1::OwnerReference* owner = ControllerOf(pod.metadata())) {
    absl::StrAppend(&out, "Controlled By:\t", owner->kind(), "/", owner->name(), "\n");
  }
  if (!status.nominated_node_name().empty()) {
    absl::StrAppend(&out, "NominatedNodeName:\t", status.nominated_node_name(), "\n");
  }
  if (!spec.init_containers().empty()) {
    DescribeContainers("Init Containers", spec.init_containers(), status.init_container_statuses(),
                       &pod, "", out);
  }
  DescribeContainers("Containers", spec.containers(), status.container_statuses(), &pod, "", out);
  if (!status.conditions().empty()) out += "Conditions:\n  Type\tStatus\n";
  for (const v1::PodCondition& condition : status.conditions()) {
    absl::StrAppend(&out, "  ", condition.type(), " \t", condition.status(), " \n");
  }
  DescribeVolumes(spec.volumes(), "", out);
  absl::StrAppend(
      &out, "QoS Class:\t",
      status.qos_class().empty() ? std::string(model::QosClass(spec)) : status.qos_class(), "\n");
  DescribeLabels("Node-Selectors", spec.node_selector(), out);
  DescribeTolerations("Tolerations", spec.tolerations(), out);
  DescribeSpreadConstraints(spec.topology_spread_constraints(), "", out);
}

void DescribeHeading(const v1::Object& object, std::string& out) {
  const v1::ObjectMeta& metadata = model::MetadataOf(object);
  absl::StrAppend(&out, "Name:\t", metadata.name(), "\n");
  if (model::InfoOf(object).namespaced) {
    absl::StrAppend(&out, "Namespace:\t", metadata.namespace_(), "\n");
  }
  DescribeLabels("Labels", metadata.labels(), out);
  DescribeAnnotations("Annotations", metadata.annotations(), out);
}

void DescribeConfigMap(const v1::Object& object, std::string& out) {
  const v1::ConfigMap& config_map = object.config_map();
  DescribeHeading(object, out);
  out += "\nData\n====\n";
  const std::map<std::string, std::string> data(config_map.data().begin(), config_map.data().end());
  for (const auto& [key, value] : data) {
    absl::StrAppend(&out, key, ":\n----\n", value, "\n\n");
  }
  out += "\nBinaryData\n====\n";
  const std::map<std::string, std::string> binary(config_map.binary_data().begin(),
                                                  config_map.binary_data().end());
  for (const auto& [key, value] : binary) {
    absl::StrAppend(&out, key, ": ", value.size(), " bytes\n");
  }
  out += '\n';
}

void DescribeSecret(const v1::Object& object, std::string& out) {
  DescribeHeading(object, out);
  absl::StrAppend(&out, "\nType:\t", object.secret().type(), "\n\nData\n====\n");
  const std::map<std::string, std::string> data(object.secret().data().begin(),
                                                object.secret().data().end());
  for (const auto& [key, value] : data) {
    absl::StrAppend(&out, key, ":\t", value.size(), " bytes\n");
  }
}

// The rest of an object as YAML below its heading.
void DescribeAnything(const v1::Object& object, std::string& out) {
  DescribeHeading(object, out);
  v1::Object rest = object;
  google::protobuf::Message& message = model::MutableMessageOf(rest);
  for (const char* shown : {"api_version", "kind", "metadata"}) {
    message.GetReflection()->ClearField(&message, message.GetDescriptor()->FindFieldByName(shown));
  }
  const std::string yaml = manifest::EncodeYaml(message);
  if (yaml != "{}\n") out += yaml;
}

}  // namespace

std::string Describe(const v1::Object& object, const DescribeContext& context) {
  std::string text;
  switch (object.object_case()) {
    case model::Kind::kDaemonSet:
      DescribeDaemonSet(object.daemon_set(), context.pods, text);
      break;
    case model::Kind::kDaemonJob:
      DescribeDaemonJob(object.daemon_job(), context.now, text);
      break;
    case model::Kind::kPod:
      DescribePod(object.pod(), context.now, text);
      break;
    case model::Kind::kNode:
      DescribeNode(object.node(), context.pods, context.now, text);
      break;
    case model::Kind::kConfigMap:
      DescribeConfigMap(object, text);
      break;
    case model::Kind::kSecret:
      DescribeSecret(object, text);
      break;
    default:
      DescribeAnything(object, text);
  }
  EventSection events = DescribeEvents(object, context.events, context.now);
  // Like in kubectl the table of events is aligned by itself, "<none>" with what is before it.
  if (!events.is_table) return AlignTabs(text + events.text);
  return AlignTabs(text) + AlignTabs(events.text);
}

}  // namespace muster::coordinator
