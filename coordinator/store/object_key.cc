#include "coordinator/store/object_key.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster::coordinator {
namespace {

const model::KindInfo& Info(model::Kind kind) {
  const model::KindInfo* info = model::FindKind(kind);
  MUSTER_CHECK(info != nullptr);
  return *info;
}

// `daemonsets.apps "x"`
std::string Named(model::Kind kind, std::string_view name) {
  const model::KindInfo& info = Info(kind);
  std::string text(info.plural);
  if (!info.group().empty()) text.append(".").append(info.group());
  return text.append(" \"").append(name).append("\"");
}

}  // namespace

std::string KeyFor(model::Kind kind, std::string_view ns, std::string_view name) {
  return PrefixFor(kind, ns).append(name);
}

std::string KeyOf(const v1::Object& object) {
  const v1::ObjectMeta& metadata = model::MetadataOf(object);
  return KeyFor(object.object_case(), metadata.namespace_(), metadata.name());
}

std::string PrefixFor(model::Kind kind, std::string_view ns) {
  const model::KindInfo& info = Info(kind);
  std::string prefix("/");
  prefix.append(info.plural).append("/");
  if (info.namespaced && !ns.empty()) prefix.append(ns).append("/");
  return prefix;
}

model::Kind KindOfKey(std::string_view key) {
  if (key.empty() || key.front() != '/') return model::Kind::OBJECT_NOT_SET;
  const std::string_view rest = key.substr(1);
  const std::string_view plural = rest.substr(0, rest.find('/'));
  for (const model::KindInfo& info : model::AllKinds()) {
    if (info.plural == plural && plural.size() < rest.size()) return info.kind;
  }
  return model::Kind::OBJECT_NOT_SET;
}

absl::Status ObjectNotFound(model::Kind kind, std::string_view name) {
  return absl::NotFoundError(absl::StrCat(Named(kind, name), " not found"));
}

absl::Status ObjectExists(model::Kind kind, std::string_view name) {
  return absl::AlreadyExistsError(absl::StrCat(Named(kind, name), " already exists"));
}

absl::Status ObjectConflict(model::Kind kind, std::string_view name) {
  return absl::AbortedError(absl::StrCat("Operation cannot be fulfilled on ", Named(kind, name),
                                         ": the object has been modified; please apply your "
                                         "changes to the latest version and try again"));
}

}  // namespace muster::coordinator
