#include "coordinator/session/tunnel_support.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace muster::coordinator {

absl::Status CheckTunnel(const session::v1::OpenTunnel& request,
                         const std::vector<std::string>& served, const std::string& node,
                         const std::string& agent_version) {
  using session::v1::OpenTunnel;
  if (request.purpose_case() == OpenTunnel::PURPOSE_NOT_SET) return absl::OkStatus();
  const std::string& name =
      OpenTunnel::descriptor()->FindFieldByNumber(request.purpose_case())->name();
  const bool serves = served.empty() ? request.has_logs() || request.has_exec()
                                     : std::ranges::find(served, name) != served.end();
  if (serves) return absl::OkStatus();
  const std::string what = request.has_stats() ? "top" : absl::StrReplaceAll(name, {{"_", "-"}});
  return absl::UnimplementedError(absl::StrCat(what, " is not supported by the agent on ", node,
                                               " (version ", agent_version, "): upgrade it"));
}

}  // namespace muster::coordinator
