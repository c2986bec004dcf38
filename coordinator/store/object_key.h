#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/model/kinds.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// Where objects are in the store: "/<plural>/<namespace>/<name>", without the namespace for kinds
// that have none. Everything else in the store is under kInternalPrefix. Pure functions.

inline constexpr std::string_view kInternalPrefix = "/muster.dev/";

// `ns` plays no role for kinds without namespaces.
std::string KeyFor(model::Kind kind, std::string_view ns, std::string_view name);
std::string KeyOf(const v1::Object& object);

// The keys of all objects of a kind, or of those of one namespace when `ns` is not empty.
std::string PrefixFor(model::Kind kind, std::string_view ns = {});

// The kind whose object has this key; OBJECT_NOT_SET when it is none of an object.
model::Kind KindOfKey(std::string_view key);

// The answers in Kubernetes' words: `daemonsets.apps "x" not found`, and so on.
absl::Status ObjectNotFound(model::Kind kind, std::string_view name);
absl::Status ObjectExists(model::Kind kind, std::string_view name);
// Aborted: somebody else was quicker; read again and decide again.
absl::Status ObjectConflict(model::Kind kind, std::string_view name);

}  // namespace muster::coordinator
