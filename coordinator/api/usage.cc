#include "coordinator/api/usage.h"

#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/model/quantity.h"

namespace muster::coordinator {
namespace {

using session::v1::TunnelUsage;

constexpr uint64_t kNanosInMilli = 1'000'000;

// On its node something of it may run.
bool MayRun(const v1::Pod& pod) {
  const std::string& phase = pod.status().phase();
  return !pod.spec().node_name().empty() && phase != "Succeeded" && phase != "Failed";
}

admin::v1::Usage AmountFor(const TunnelUsage::Amount& amount) {
  admin::v1::Usage usage;
  if (amount.has_cpu_nano_cores()) usage.set_cpu_nano_cores(amount.cpu_nano_cores());
  if (amount.has_memory_bytes()) usage.set_memory_bytes(amount.memory_bytes());
  return usage;
}

std::optional<model::Quantity> Allocatable(const v1::Node& node, const std::string& resource) {
  const auto found = node.status().allocatable().find(resource);
  if (found == node.status().allocatable().end()) return std::nullopt;
  const absl::StatusOr<model::Quantity> amount = model::Quantity::Parse(found->second.text());
  if (!amount.ok() || amount->sign() <= 0) return std::nullopt;
  return *amount;
}

void AddNode(const v1::Node& node, const TunnelUsage* usage, admin::v1::TopResponse& response) {
  admin::v1::NodeUsage& shown = *response.add_nodes();
  shown.set_name(node.metadata().name());
  if (usage != nullptr) *shown.mutable_usage() = AmountFor(usage->node());
  if (const auto cpu = Allocatable(node, "cpu")) {
    shown.set_allocatable_cpu_nano_cores(static_cast<uint64_t>(cpu->MilliValue()) * kNanosInMilli);
  }
  if (const auto memory = Allocatable(node, "memory")) {
    shown.set_allocatable_memory_bytes(static_cast<uint64_t>(memory->Value()));
  }
}

void AddPod(const v1::Pod& pod, const TunnelUsage* usage, admin::v1::TopResponse& response) {
  admin::v1::PodUsage shown;
  shown.set_namespace_(pod.metadata().namespace_());
  shown.set_name(pod.metadata().name());
  shown.set_node(pod.spec().node_name());
  shown.set_known(usage != nullptr);
  if (usage != nullptr) {
    for (const TunnelUsage::Container& container : usage->containers()) {
      if (container.pod_uid() != pod.metadata().uid()) continue;
      admin::v1::PodUsage::Container& each = *shown.add_containers();
      each.set_name(container.container());
      *each.mutable_usage() = AmountFor(container.amount());
    }
    if (shown.containers().empty()) return;
  }
  *response.add_pods() = std::move(shown);
}

}  // namespace

UsageQuestions QuestionsAbout(const std::vector<v1::Object>& objects) {
  UsageQuestions questions;
  for (const v1::Object& object : objects) {
    if (object.has_node()) {
      questions[object.node().metadata().name()].set_node(true);
    } else if (object.has_pod() && MayRun(object.pod())) {
      questions[object.pod().spec().node_name()].add_pod_uids(object.pod().metadata().uid());
    }
  }
  return questions;
}

admin::v1::TopResponse UsageOf(const std::vector<v1::Object>& objects,
                               const UsageAnswers& answers) {
  admin::v1::TopResponse response;
  std::set<std::string> told;
  // Null when the node did not say; the reason is told once.
  const auto answer_of = [&](const std::string& node) -> const TunnelUsage* {
    const auto found = answers.find(node);
    if (found != answers.end() && found->second.ok()) return &*found->second;
    if (told.insert(node).second) {
      response.add_problems(absl::StrCat("node \"", node, "\": ",
                                         found == answers.end()
                                             ? "was not asked"
                                             : std::string(found->second.status().message())));
    }
    return nullptr;
  };
  for (const v1::Object& object : objects) {
    if (object.has_node()) {
      AddNode(object.node(), answer_of(object.node().metadata().name()), response);
    } else if (object.has_pod() && MayRun(object.pod())) {
      AddPod(object.pod(), answer_of(object.pod().spec().node_name()), response);
    }
  }
  return response;
}

}  // namespace muster::coordinator
