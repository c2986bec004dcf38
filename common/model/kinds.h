#pragma once

#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "google/protobuf/message.h"
#include "muster/v1/object.pb.h"

namespace muster::model {

// A kind of object is the case of the envelope that holds it.
using Kind = v1::Object::ObjectCase;

// How one kind is called, in manifests and on the command line. The texts live for ever.
struct KindInfo {
  Kind kind;
  std::string_view api_version;  // "apps/v1", or "v1" for the core group.
  std::string_view name;         // "DaemonSet", the value of `kind` in a manifest.
  std::string_view singular;     // "daemonset"
  std::string_view plural;       // "daemonsets", also the first part of a store key.
  std::string_view short_name;   // "ds", empty when there is none.
  bool namespaced;

  // "apps", "" for the core group.
  std::string_view group() const;
};

// Every kind of muster.v1.Object, in the order they have to be created so that what one mentions
// is there before it: namespaces first, pods and events last.
absl::Span<const KindInfo> AllKinds();

// Null for Object::OBJECT_NOT_SET and nothing else.
const KindInfo* FindKind(Kind kind);
// By what a manifest says; both have to match exactly.
const KindInfo* FindKind(std::string_view api_version, std::string_view name);
// By what a user types: kind, singular, plural or short name in any case, also followed by its
// group as in "daemonsets.apps". Null when there is no such kind.
const KindInfo* FindResource(std::string_view text);

// The functions below take an Object that holds something; anything else is a broken invariant.

const KindInfo& InfoOf(const v1::Object& object);
// The DaemonSet, Pod ... inside.
const google::protobuf::Message& MessageOf(const v1::Object& object);
google::protobuf::Message& MutableMessageOf(v1::Object& object);
const v1::ObjectMeta& MetadataOf(const v1::Object& object);
v1::ObjectMeta& MutableMetadataOf(v1::Object& object);

// An empty object of this kind with apiVersion and kind filled in.
v1::Object NewObject(const KindInfo& info);

// As messages name an object: "daemonset.apps/web", "configmap/settings".
std::string QualifiedName(const KindInfo& info, std::string_view name);
std::string QualifiedName(const v1::Object& object);

}  // namespace muster::model
