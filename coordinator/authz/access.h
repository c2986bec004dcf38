#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "google/protobuf/message.h"

namespace muster::coordinator {

// One thing that a call would do, in Kubernetes' words: a verb on a resource. A plain value.
struct Access {
  std::string verb;         // get, list, watch, create, update, patch, delete
  std::string resource;     // Plural: "pods". What is no kind at all stands as it was asked for.
  std::string subresource;  // "log", "exec", ...; mostly empty.
  std::string group;        // "apps"; empty for the core group.
  // Empty for what has no namespace, and for a list over all of them.
  std::string ns;
  std::string name;  // Empty: all of them, or not said.

  bool operator==(const Access&) const = default;
};

// What an RPC of the admin API is, as far as rights go. An RPC without a rule is refused to
// everybody, and fails a test (test/unit/coordinator/authz).
struct RpcRule {
  enum class About {
    kNothing,   // Everybody who is somebody may.
    kObjects,   // Whatever kinds of objects the request names.
    kPods,      // Pods that the request names, and `subresource` of them.
    kResource,  // Always `resource`, which is no kind of object, or all of that kind.
  };
  std::string_view rpc;  // As in `service Admin`.
  About about = About::kNothing;
  std::string_view verb;
  std::string_view resource;     // For kResource.
  std::string_view subresource;  // For kPods.
};

// Every RPC that is known, by name.
absl::Span<const RpcRule> AllRpcRules();
// Null when there is none.
const RpcRule* RuleOf(std::string_view rpc);

// What a call of `rule` with this request would do. Objects are found by what the messages in it
// have, at any depth: they are an Object; or have `resource` (with `namespace`, `name` and
// `all_namespaces`), or `pod` (with `namespace`). So a new request needs no code here. Namespaces
// are those that the API will look in: "default" where a namespaced kind comes without one. A rule
// about objects whose request names none gives one access to everything. An exec of what `cp` runs
// (copy_command.h) is an access to pods/cp. Pure.
std::vector<Access> AccessesOf(const RpcRule& rule, const google::protobuf::Message& request);

// "pods", "ds.apps", "pods/exec" as people type it. `ns` is taken over for namespaced kinds.
Access AccessTo(std::string_view verb, std::string_view resource, std::string_view ns,
                std::string_view name);

}  // namespace muster::coordinator
