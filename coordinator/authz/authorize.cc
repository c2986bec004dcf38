#include "coordinator/authz/authorize.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/model/kinds.h"

namespace muster::coordinator {
namespace {

using model::Kind;

constexpr std::string_view kRead = "get list watch";
constexpr std::string_view kReadWrite = "get list watch create update patch delete";

// What a role may do with the objects of a kind. Who may write pods decides what runs as root on
// the hosts; so an operator is trusted with the hosts, but is not shown what is in Secrets, and
// makes neither nodes nor people.
struct KindRule {
  Kind kind;
  std::string_view viewer, operators;
};
constexpr KindRule kKindRules[] = {
    {Kind::kNamespaceObject, kRead, "get list watch create update patch"},
    {Kind::kPriorityClass, kRead, kRead},
    {Kind::kServiceAccount, kRead, kReadWrite},
    {Kind::kSecret, "", ""},
    {Kind::kConfigMap, kRead, kReadWrite},
    {Kind::kService, kRead, kReadWrite},
    // As in Kubernetes: with these one could send the clients of a Service anywhere.
    {Kind::kEndpoints, kRead, kRead},
    {Kind::kEndpointSlice, kRead, kRead},
    // cordon, drain, label and taint. To remove a node, or to make one, is an admin's part.
    {Kind::kNode, kRead, "get list watch update patch"},
    {Kind::kDaemonSet, kRead, kReadWrite},
    {Kind::kControllerRevision, kRead, kRead},
    {Kind::kDaemonJob, kRead, kReadWrite},
    {Kind::kPod, kRead, kReadWrite},
    {Kind::kEvent, kRead, kRead},
};

// What belongs to pods. Without a right it comes with every role.
struct SubresourceRule {
  std::string_view name;
  std::string_view verbs;
  std::optional<Right> right;
};
constexpr SubresourceRule kPodSubresources[] = {
    {"log", "get", std::nullopt},         {"exec", "create", Right::kExec},
    {"attach", "create", Right::kAttach}, {"portforward", "create", Right::kPortForward},
    {"cp", "create", Right::kCopy},
};

// What is no object. For admins only.
struct ResourceRule {
  std::string_view name;
  std::string_view verbs;
};
constexpr ResourceRule kResources[] = {{"certificates", "get update"},
                                       {"seals", "get update"},
                                       {"tokens", "create list delete"},
                                       {"users", "create list delete"}};

bool HasVerb(std::string_view verbs, std::string_view verb) {
  if (verb == "*") return verbs == kReadWrite;
  for (size_t begin = 0; begin <= verbs.size();) {
    const size_t end = std::min(verbs.find(' ', begin), verbs.size());
    if (!verb.empty() && verbs.substr(begin, end - begin) == verb) return true;
    begin = end + 1;
  }
  return false;
}

std::vector<std::string> Split(std::string_view verbs) {
  std::vector<std::string> all;
  for (size_t begin = 0; begin < verbs.size();) {
    const size_t end = std::min(verbs.find(' ', begin), verbs.size());
    all.emplace_back(verbs.substr(begin, end - begin));
    begin = end + 1;
  }
  return all;
}

std::string_view VerbsOn(const Identity& identity, Kind kind) {
  if (identity.role == Role::kAdmin) return kReadWrite;
  for (const KindRule& rule : kKindRules) {
    if (rule.kind == kind) return identity.role == Role::kViewer ? rule.viewer : rule.operators;
  }
  return "";
}

const SubresourceRule* SubresourceNamed(std::string_view name) {
  for (const SubresourceRule& rule : kPodSubresources) {
    if (rule.name == name) return &rule;
  }
  return nullptr;
}

std::string_view VerbsOn(const Identity& identity, const SubresourceRule& rule) {
  // Who may run anything may run what copies.
  const bool may = identity.role == Role::kAdmin || !rule.right ||
                   identity.rights.contains(*rule.right) ||
                   (rule.right == Right::kCopy && identity.rights.contains(Right::kExec));
  return may ? rule.verbs : std::string_view();
}

bool IsUnlimitedAdmin(const Identity& identity) {
  return identity.role == Role::kAdmin && identity.namespaces.empty();
}

bool IsAllowed(const Identity& identity, const Access& access) {
  // Limited to namespaces: nothing outside of them, nor over all of them.
  if (!identity.namespaces.empty() && !identity.namespaces.contains(access.ns)) return false;
  const model::KindInfo* kind = model::FindResource(access.resource);
  if (kind == nullptr || kind->plural != access.resource || kind->group() != access.group) {
    // No kind: there is nothing to be protected in it, or it is a resource of ours.
    return IsUnlimitedAdmin(identity);
  }
  if (access.subresource.empty()) return HasVerb(VerbsOn(identity, kind->kind), access.verb);
  const SubresourceRule* sub = SubresourceNamed(access.subresource);
  if (kind->kind != Kind::kPod || sub == nullptr) return IsUnlimitedAdmin(identity);
  return HasVerb(VerbsOn(identity, *sub), access.verb);
}

absl::Status Denial(const Identity& identity, const Access& access) {
  const std::string qualified =
      access.group.empty() ? access.resource : absl::StrCat(access.resource, ".", access.group);
  std::string text = qualified;
  if (!access.name.empty()) absl::StrAppend(&text, " \"", access.name, "\"");
  absl::StrAppend(&text, " is forbidden: User \"", identity.name, "\" cannot ", access.verb,
                  " resource \"", access.resource);
  if (!access.subresource.empty()) absl::StrAppend(&text, "/", access.subresource);
  absl::StrAppend(&text, "\" in API group \"", access.group, "\" ");
  if (access.ns.empty()) {
    absl::StrAppend(&text, "at the cluster scope");
  } else {
    absl::StrAppend(&text, "in the namespace \"", access.ns, "\"");
  }
  const SubresourceRule* sub = SubresourceNamed(access.subresource);
  if (sub != nullptr && sub->right && !identity.rights.contains(*sub->right)) {
    absl::StrAppend(&text, ": the right \"", std::string(NameOf(*sub->right)), "\" is missing");
  }
  return absl::PermissionDeniedError(text);
}

}  // namespace

absl::Status Authorize(const Identity& identity, const Access& access) {
  return IsAllowed(identity, access) ? absl::OkStatus() : Denial(identity, access);
}

absl::Status Authorize(const Identity& identity, std::string_view rpc,
                       const google::protobuf::Message& request) {
  const RpcRule* rule = RuleOf(rpc);
  if (rule == nullptr) {
    return absl::PermissionDeniedError(
        absl::StrCat("nobody may call ", std::string(rpc), ": it has no rule"));
  }
  for (const Access& access : AccessesOf(*rule, request)) {
    MUSTER_RETURN_IF_ERROR(Authorize(identity, access));
  }
  return absl::OkStatus();
}

std::vector<Allowed> AllAllowed(const Identity& identity, std::string_view ns) {
  std::vector<Allowed> all;
  const auto add = [&](std::string resource, std::string_view verbs) {
    if (!verbs.empty()) all.push_back({std::move(resource), Split(verbs)});
  };
  const bool limited = !identity.namespaces.empty();
  const bool here = !limited || identity.namespaces.contains(std::string(ns));
  for (const model::KindInfo& kind : model::AllKinds()) {
    if (!(kind.namespaced ? here : !limited)) continue;
    std::string name(kind.plural);
    if (!kind.group().empty()) absl::StrAppend(&name, ".", std::string(kind.group()));
    add(std::move(name), VerbsOn(identity, kind.kind));
    if (kind.kind != Kind::kPod) continue;
    for (const SubresourceRule& sub : kPodSubresources) {
      add(absl::StrCat("pods/", std::string(sub.name)), VerbsOn(identity, sub));
    }
  }
  if (IsUnlimitedAdmin(identity)) {
    for (const ResourceRule& rule : kResources) add(std::string(rule.name), rule.verbs);
  }
  std::sort(all.begin(), all.end(),
            [](const Allowed& a, const Allowed& b) { return a.resource < b.resource; });
  return all;
}

}  // namespace muster::coordinator
