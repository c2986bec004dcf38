#include "coordinator/authz/identity.h"

#include <utility>

namespace muster::coordinator {
namespace {

constexpr std::pair<Role, std::string_view> kRoles[] = {
    {Role::kViewer, "viewer"}, {Role::kOperator, "operator"}, {Role::kAdmin, "admin"}};
constexpr std::pair<Right, std::string_view> kRights[] = {{Right::kExec, "exec"},
                                                          {Right::kAttach, "attach"},
                                                          {Right::kPortForward, "port-forward"},
                                                          {Right::kCopy, "cp"}};

template <typename Value, size_t kSize>
std::string_view NameIn(const std::pair<Value, std::string_view> (&table)[kSize], Value value) {
  for (const auto& entry : table) {
    if (entry.first == value) return entry.second;
  }
  return "";
}

template <typename Value, size_t kSize>
std::optional<Value> ValueIn(const std::pair<Value, std::string_view> (&table)[kSize],
                             std::string_view name) {
  for (const auto& entry : table) {
    if (entry.second == name) return entry.first;
  }
  return std::nullopt;
}

}  // namespace

std::string_view NameOf(Role role) { return NameIn(kRoles, role); }
std::optional<Role> RoleNamed(std::string_view name) { return ValueIn(kRoles, name); }
std::string_view NameOf(Right right) { return NameIn(kRights, right); }
std::optional<Right> RightNamed(std::string_view name) { return ValueIn(kRights, name); }

}  // namespace muster::coordinator
