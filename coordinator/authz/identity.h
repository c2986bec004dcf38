#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"

namespace muster::coordinator {

// What a person may do, in one word. The table is in coordinator/authz/authorize.cc.
enum class Role { kViewer, kOperator, kAdmin };

// What no role but the unlimited powers of an admin brings along: to be inside of somebody else's
// containers. Each is given by itself, on top of a role.
enum class Right { kExec, kAttach, kPortForward, kCopy };

// "admin", "operator", "viewer".
std::string_view NameOf(Role role);
std::optional<Role> RoleNamed(std::string_view name);
// "exec", "attach", "port-forward", "cp".
std::string_view NameOf(Right right);
std::optional<Right> RightNamed(std::string_view name);

// Who calls the admin API, and with what powers. A plain value; how a caller proves that it is this
// one is coordinator/rpc's and coordinator/enrol's part.
struct Identity {
  std::string name;                 // As messages and the log say it.
  std::vector<std::string> groups;  // Where the identity comes from, for people to read.
  Role role = Role::kViewer;
  std::set<std::string> namespaces;  // The role and the rights hold in these. Empty: everywhere.
  std::set<Right> rights;
  std::optional<WallTime> until;  // When what proves it ends; not set: it does not.
};

}  // namespace muster::coordinator
