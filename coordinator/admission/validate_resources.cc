#include "coordinator/admission/validate_resources.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/model/names.h"
#include "common/model/quantity.h"
#include "coordinator/admission/validate_common.h"

namespace muster::coordinator {
namespace {

using model::Quantity;
using model::ResourceAmounts;

bool IsHugePages(std::string_view name) { return name.starts_with("hugepages-"); }

bool IsStandard(std::string_view name) {
  return name == "cpu" || name == "memory" || name == "ephemeral-storage" || IsHugePages(name);
}

// Of Kubernetes itself, as opposed to a device of some vendor.
bool IsNative(std::string_view name) {
  return name.find('/') == std::string_view::npos ||
         name.find("kubernetes.io/") != std::string_view::npos;
}

// Whether limits may be above requests.
bool MayBeOvercommitted(std::string_view name) { return IsNative(name) && !IsHugePages(name); }

void CheckResourceName(const FieldPath& path, const std::string& name, Problems& problems) {
  const model::NameProblems details = model::CheckQualifiedName(name);
  problems.InvalidTexts(path, name, details);
  if (!details.empty()) return;
  if (name.find('/') == std::string::npos && !IsStandard(name)) {
    problems.InvalidText(path, name, "must be a standard resource for containers");
  } else if (!IsNative(name) && name.starts_with("requests.")) {
    problems.InvalidText(path, name, "doesn't follow extended resource name standard");
  }
}

void ValidateAmounts(const FieldPath& path, const model::ResourceMap& resources,
                     Problems& problems) {
  for (const auto* resource : SortedEntries(resources)) {
    const FieldPath at = path.Key(resource->first);
    CheckResourceName(at, resource->first, problems);
    CheckAmount(at, resource->second, problems);
    const absl::StatusOr<Quantity> amount = Quantity::Parse(resource->second.text());
    if (amount.ok() && !IsNative(resource->first) && !amount->IsInteger()) {
      problems.InvalidText(at, amount->ToString(), "must be an integer");
    }
  }
}

}  // namespace

void ValidateResources(const FieldPath& path, const v1::ResourceRequirements& resources,
                       Problems& problems) {
  const FieldPath requests_path = path.Child("requests");
  ValidateAmounts(path.Child("limits"), resources.limits(), problems);
  ValidateAmounts(requests_path, resources.requests(), problems);
  const ResourceAmounts limits = model::ToAmounts(resources.limits());
  const ResourceAmounts requests = model::ToAmounts(resources.requests());
  for (const auto& [name, request] : requests) {
    const auto limit = limits.find(name);
    if (limit == limits.end()) {
      if (!MayBeOvercommitted(name)) {
        problems.Required(path.Child("limits"),
                          "Limit must be set for non overcommitable resources");
      }
    } else if (!MayBeOvercommitted(name) && request != limit->second) {
      problems.InvalidText(
          requests_path, request.ToString(),
          absl::StrCat("must be equal to ", name, " limit of ", limit->second.ToString()));
    } else if (request > limit->second) {
      problems.InvalidText(requests_path, request.ToString(),
                           absl::StrCat("must be less than or equal to ", name, " limit of ",
                                        limit->second.ToString()));
    }
  }
  bool huge_pages = false;
  bool cpu_or_memory = false;
  for (const ResourceAmounts* amounts : {&limits, &requests}) {
    for (const auto& [name, amount] : *amounts) {
      huge_pages |= IsHugePages(name);
      cpu_or_memory |= name == "cpu" || name == "memory";
    }
  }
  if (huge_pages && !cpu_or_memory) {
    problems.Forbidden(path, "HugePages require cpu or memory");
  }
}

}  // namespace muster::coordinator
