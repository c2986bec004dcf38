#include "coordinator/api/service_addresses.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/macros.h"
#include "common/model/kinds.h"
#include "common/model/semantic_equal.h"

namespace muster::coordinator {
namespace {

std::string MarkKey() { return std::string(kInternalPrefix) + "service-addresses"; }

// Addresses or node ports that it asks for itself.
bool AsksFor(const v1::Service& service, const v1::Object* stored) {
  const v1::ServiceSpec& spec = service.spec();
  if (stored == nullptr) {
    const bool asks_ip = !spec.cluster_ip().empty() && spec.cluster_ip() != "None";
    return asks_ip ||
           std::any_of(spec.ports().begin(), spec.ports().end(),
                       [](const v1::ServicePort& port) { return port.node_port() != 0; });
  }
  v1::Service now, before;
  *now.mutable_spec()->mutable_cluster_ips() = spec.cluster_ips();
  *now.mutable_spec()->mutable_ports() = spec.ports();
  *before.mutable_spec()->mutable_cluster_ips() = stored->service().spec().cluster_ips();
  *before.mutable_spec()->mutable_ports() = stored->service().spec().ports();
  return !model::SemanticallyEqual(now, before);
}

}  // namespace

ServiceAddresses::ServiceAddresses(ObjectStore& objects, const ServiceRanges& ranges,
                                   RandomBits random)
    : objects_(objects), ranges_(ranges), random_(std::move(random)) {}

absl::Status ServiceAddresses::Read() {
  if (read_) return absl::OkStatus();
  // Before the list, so that what is given out in between moves the mark.
  MUSTER_ASSIGN_OR_RETURN(const std::optional<KeyValue> mark, objects_.store().Get(MarkKey()));
  MUSTER_ASSIGN_OR_RETURN(ObjectList list, objects_.List({model::Kind::kService, ""}));
  mark_revision_ = mark ? mark->mod_revision : 0;
  others_ = std::move(list.items);
  read_ = true;
  return absl::OkStatus();
}

absl::Status ServiceAddresses::Complete(const v1::Object* stored, AdmitResult& admitted) {
  if (!admitted.object.has_service() || !admitted.problems.empty() || ranges_.cluster_ips.empty()) {
    return absl::OkStatus();
  }
  v1::Service& service = *admitted.object.mutable_service();
  if (!NeedsAllocation(service) && !AsksFor(service, stored)) return absl::OkStatus();
  MUSTER_RETURN_IF_ERROR(Read());
  const std::string key = KeyOf(admitted.object);
  std::erase_if(others_, [&key](const v1::Object& other) { return KeyOf(other) == key; });
  TakenByServices taken;
  for (const v1::Object& other : others_) taken.Add(other.service());
  admitted.problems = AllocateService(ranges_, taken, random_, service);
  others_.push_back(admitted.object);
  if (stored != nullptr) {
    admitted.changed = !model::SemanticallyEqual(admitted.object, *stored);
  }
  return absl::OkStatus();
}

void ServiceAddresses::AddTo(ObjectTransaction& transaction) const {
  if (!read_) return;
  transaction.AddCondition({MarkKey(), mark_revision_});
  transaction.AddWrite({MarkKey(), ""});
}

}  // namespace muster::coordinator
