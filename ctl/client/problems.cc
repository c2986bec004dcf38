#include "absl/strings/cord.h"
#include "ctl/client/admin_client.h"

namespace muster::ctl {

std::optional<admin::v1::ApplyProblems> ProblemsOf(const absl::Status& status) {
  constexpr char kType[] = "type.googleapis.com/muster.admin.v1.ApplyProblems";
  const absl::optional<absl::Cord> payload = status.GetPayload(kType);
  admin::v1::ApplyProblems problems;
  if (!payload.has_value() || !problems.ParseFromString(std::string(*payload))) {
    return std::nullopt;
  }
  return problems;
}

}  // namespace muster::ctl
