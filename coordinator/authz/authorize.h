#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/authz/access.h"
#include "coordinator/authz/identity.h"
#include "google/protobuf/message.h"

namespace muster::coordinator {

// Who may do what. Pure functions of a table; Kubernetes' words.

// May `identity` do this? PermissionDenied says which verb on what is missing:
//   secrets is forbidden: User "x" cannot list resource "secrets" in API group "" in the
//   namespace "y"
// An access over all namespaces is for identities that are not limited to some.
absl::Status Authorize(const Identity& identity, const Access& access);

// May `identity` make this call of the admin API? The first denial counts. PermissionDenied as well
// for an RPC without a rule.
absl::Status Authorize(const Identity& identity, std::string_view rpc,
                       const google::protobuf::Message& request);

// All that `identity` may in one namespace (and outside of namespaces, unless it is limited), as
// `auth can-i --list` shows it: "daemonsets.apps", "pods/exec", "tokens", each with its verbs.
struct Allowed {
  std::string resource;
  std::vector<std::string> verbs;
};
std::vector<Allowed> AllAllowed(const Identity& identity, std::string_view ns);

}  // namespace muster::coordinator
