#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "muster/session/v1/session.pb.h"

namespace muster::coordinator {

// Unimplemented, in words for the user, when the agent of `node` does not serve this request.
// `served` is what its Hello said: the purposes of OpenTunnel by field name; an agent from before
// they were said serves logs and exec. It passes over what it does not know, so that nobody would
// ever answer.
absl::Status CheckTunnel(const session::v1::OpenTunnel& request,
                         const std::vector<std::string>& served, const std::string& node,
                         const std::string& agent_version);

}  // namespace muster::coordinator
