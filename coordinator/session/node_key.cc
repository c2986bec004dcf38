#include "coordinator/session/node_key.h"

#include "absl/strings/str_cat.h"
#include "common/model/node_key.h"

namespace muster::coordinator {

absl::Status CheckNodeKey(const v1::Node& node, const std::string& key_hash) {
  const auto& annotations = node.metadata().annotations();
  const auto found = annotations.find(model::kNodeKeyHashAnnotation);
  const std::string known = found == annotations.end() ? "" : found->second;
  if (known == key_hash) return absl::OkStatus();
  return absl::UnauthenticatedError(
      absl::StrCat("node \"", node.metadata().name(),
                   "\" belongs to another key by now; join anew with a token of this fleet"));
}

}  // namespace muster::coordinator
