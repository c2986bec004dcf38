#include "common/model/kinds.h"

#include "absl/strings/ascii.h"
#include "common/base/macros.h"

namespace muster::model {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kApiVersionNumber = 1;
constexpr int kKindNumber = 2;
constexpr int kMetadataNumber = 3;

constexpr KindInfo kKinds[] = {
    {Kind::kNamespaceObject, "v1", "Namespace", "namespace", "namespaces", "ns", false},
    {Kind::kPriorityClass, "scheduling.k8s.io/v1", "PriorityClass", "priorityclass",
     "priorityclasses", "pc", false},
    {Kind::kServiceAccount, "v1", "ServiceAccount", "serviceaccount", "serviceaccounts", "sa",
     true},
    {Kind::kSecret, "v1", "Secret", "secret", "secrets", "", true},
    {Kind::kConfigMap, "v1", "ConfigMap", "configmap", "configmaps", "cm", true},
    {Kind::kService, "v1", "Service", "service", "services", "svc", true},
    {Kind::kEndpoints, "v1", "Endpoints", "endpoints", "endpoints", "ep", true},
    {Kind::kEndpointSlice, "discovery.k8s.io/v1", "EndpointSlice", "endpointslice",
     "endpointslices", "", true},
    {Kind::kNode, "v1", "Node", "node", "nodes", "no", false},
    {Kind::kDaemonSet, "apps/v1", "DaemonSet", "daemonset", "daemonsets", "ds", true},
    {Kind::kControllerRevision, "apps/v1", "ControllerRevision", "controllerrevision",
     "controllerrevisions", "", true},
    {Kind::kDaemonJob, "muster.dev/v1", "DaemonJob", "daemonjob", "daemonjobs", "dj", true},
    {Kind::kPod, "v1", "Pod", "pod", "pods", "po", true},
    {Kind::kEvent, "v1", "Event", "event", "events", "ev", true},
};

const FieldDescriptor* EnvelopeField(const v1::Object& object) {
  MUSTER_CHECK(object.object_case() != Kind::OBJECT_NOT_SET);
  // A case of the oneof has the number of its field.
  return v1::Object::descriptor()->FindFieldByNumber(static_cast<int>(object.object_case()));
}

const FieldDescriptor* MetadataField(const Message& message) {
  return message.GetDescriptor()->FindFieldByNumber(kMetadataNumber);
}

}  // namespace

std::string_view KindInfo::group() const {
  const size_t slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
}

absl::Span<const KindInfo> AllKinds() { return kKinds; }

const KindInfo* FindKind(Kind kind) {
  for (const KindInfo& info : kKinds) {
    if (info.kind == kind) return &info;
  }
  return nullptr;
}

const KindInfo* FindKind(std::string_view api_version, std::string_view name) {
  for (const KindInfo& info : kKinds) {
    if (info.name == name && info.api_version == api_version) return &info;
  }
  return nullptr;
}

const KindInfo* FindResource(std::string_view text) {
  const std::string lower = absl::AsciiStrToLower(std::string(text));
  std::string_view name = lower;
  std::string_view group;
  const size_t dot = name.find('.');
  if (dot != std::string_view::npos) {
    group = name.substr(dot + 1);
    name = name.substr(0, dot);
  }
  if (name.empty()) return nullptr;
  for (const KindInfo& info : kKinds) {
    const bool group_fits = dot == std::string_view::npos || group == info.group();
    const bool name_fits = name == info.plural || name == info.singular || name == info.short_name;
    if (group_fits && name_fits) return &info;
  }
  return nullptr;
}

const KindInfo& InfoOf(const v1::Object& object) {
  const KindInfo* info = FindKind(object.object_case());
  MUSTER_CHECK(info != nullptr);
  return *info;
}

const Message& MessageOf(const v1::Object& object) {
  return object.GetReflection()->GetMessage(object, EnvelopeField(object));
}

Message& MutableMessageOf(v1::Object& object) {
  return *object.GetReflection()->MutableMessage(&object, EnvelopeField(object));
}

const v1::ObjectMeta& MetadataOf(const v1::Object& object) {
  const Message& message = MessageOf(object);
  return static_cast<const v1::ObjectMeta&>(
      message.GetReflection()->GetMessage(message, MetadataField(message)));
}

v1::ObjectMeta& MutableMetadataOf(v1::Object& object) {
  Message& message = MutableMessageOf(object);
  return static_cast<v1::ObjectMeta&>(
      *message.GetReflection()->MutableMessage(&message, MetadataField(message)));
}

v1::Object NewObject(const KindInfo& info) {
  v1::Object object;
  const FieldDescriptor* field =
      v1::Object::descriptor()->FindFieldByNumber(static_cast<int>(info.kind));
  Message* message = object.GetReflection()->MutableMessage(&object, field);
  const google::protobuf::Descriptor* type = message->GetDescriptor();
  const google::protobuf::Reflection* reflection = message->GetReflection();
  reflection->SetString(message, type->FindFieldByNumber(kApiVersionNumber),
                        std::string(info.api_version));
  reflection->SetString(message, type->FindFieldByNumber(kKindNumber), std::string(info.name));
  return object;
}

std::string QualifiedName(const KindInfo& info, std::string_view name) {
  std::string qualified(info.singular);
  if (!info.group().empty()) qualified.append(".").append(info.group());
  return qualified.append("/").append(name);
}

std::string QualifiedName(const v1::Object& object) {
  return QualifiedName(InfoOf(object), MetadataOf(object).name());
}

}  // namespace muster::model
