#include "coordinator/daemonset/rollout_words.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace muster::coordinator {
namespace {

constexpr size_t kNamedMax = 3;

std::string Listed(const std::vector<std::string>& named, int64_t all) {
  const int64_t more = all - static_cast<int64_t>(named.size());
  return absl::StrCat(absl::StrJoin(named, ", "),
                      more > 0 ? absl::StrCat(" and ", more, " more") : "");
}

}  // namespace

std::string NodeCount(int64_t count) {
  return count == 1 ? "1 node" : absl::StrCat(count, " nodes");
}

std::string LeftNodes(const v1::DaemonSetRollout& rollout) {
  std::vector<std::string> named;
  for (const std::string& node : rollout.left_nodes()) {
    if (named.size() == kNamedMax) break;
    named.push_back(node);
  }
  return Listed(named, rollout.left());
}

std::string LeftClause(const v1::DaemonSetRollout& rollout) {
  if (rollout.left() == 0) return "";
  return absl::StrCat("; left for later, unreachable: ", LeftNodes(rollout));
}

std::string FailureList(const v1::DaemonSetRollout& rollout) {
  std::vector<std::string> named;
  for (const v1::DaemonSetNodeFailure& failure : rollout.failures()) {
    if (failure.accepted()) continue;
    if (named.size() == kNamedMax) break;
    named.push_back(
        absl::StrCat(failure.node(), " (", failure.reason(), ": ", failure.message(), ")"));
  }
  return Listed(named, rollout.failed());
}

std::string WhyRolledBack(const v1::DaemonSetRollout& rollout) {
  for (const v1::DaemonSetRejectedRevision& rejected : rollout.rejected()) {
    if (rejected.revision() != rollout.rolled_back_from()) continue;
    return absl::StrCat(rejected.reason(), ": ", rejected.message());
  }
  return "";
}

}  // namespace muster::coordinator
