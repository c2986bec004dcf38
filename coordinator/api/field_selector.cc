#include "coordinator/api/field_selector.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace muster::coordinator {
namespace {

struct Selectable {
  model::Kind kind;
  const char* path;
};

// Beside metadata.name and metadata.namespace, which every kind has.
constexpr std::array kSelectable = {
    Selectable{v1::Object::kPod, "spec.nodeName"},
    Selectable{v1::Object::kPod, "spec.restartPolicy"},
    Selectable{v1::Object::kPod, "spec.schedulerName"},
    Selectable{v1::Object::kPod, "spec.serviceAccountName"},
    Selectable{v1::Object::kPod, "spec.hostNetwork"},
    Selectable{v1::Object::kPod, "status.phase"},
    Selectable{v1::Object::kPod, "status.podIP"},
    Selectable{v1::Object::kPod, "status.nominatedNodeName"},
    Selectable{v1::Object::kEvent, "involvedObject.kind"},
    Selectable{v1::Object::kEvent, "involvedObject.namespace"},
    Selectable{v1::Object::kEvent, "involvedObject.name"},
    Selectable{v1::Object::kEvent, "involvedObject.uid"},
    Selectable{v1::Object::kEvent, "involvedObject.apiVersion"},
    Selectable{v1::Object::kEvent, "involvedObject.resourceVersion"},
    Selectable{v1::Object::kEvent, "involvedObject.fieldPath"},
    Selectable{v1::Object::kEvent, "reason"},
    Selectable{v1::Object::kEvent, "reportingComponent"},
    Selectable{v1::Object::kEvent, "source.component"},
    Selectable{v1::Object::kEvent, "type"},
    Selectable{v1::Object::kNode, "spec.unschedulable"},
    Selectable{v1::Object::kSecret, "type"},
    Selectable{v1::Object::kNamespaceObject, "status.phase"},
};

bool IsSelectable(const model::KindInfo& info, const std::string& path) {
  if (path == "metadata.name") return true;
  if (path == "metadata.namespace") return info.namespaced;
  return std::any_of(kSelectable.begin(), kSelectable.end(),
                     [&](const Selectable& s) { return s.kind == info.kind && path == s.path; });
}

// The text of a single field by its JSON path; empty when it is not set.
std::string FieldText(const google::protobuf::Message& root, const std::string& path) {
  using google::protobuf::FieldDescriptor;
  const google::protobuf::Message* message = &root;
  const std::vector<std::string> names = absl::StrSplit(path, '.');
  for (size_t i = 0; i < names.size(); ++i) {
    const FieldDescriptor* field = nullptr;
    for (int f = 0; f < message->GetDescriptor()->field_count(); ++f) {
      const FieldDescriptor* candidate = message->GetDescriptor()->field(f);
      if (candidate->json_name() == names[i]) field = candidate;
    }
    if (field == nullptr || field->is_repeated()) return "";
    const google::protobuf::Reflection& reflection = *message->GetReflection();
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && i + 1 < names.size()) {
      message = &reflection.GetMessage(*message, field);
      continue;
    }
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      return reflection.GetString(*message, field);
    }
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
      return reflection.GetBool(*message, field) ? "true" : "false";
    }
  }
  return "";
}

}  // namespace

absl::StatusOr<FieldSelector> FieldSelector::Parse(const std::string& text,
                                                   const model::KindInfo& info) {
  FieldSelector selector;
  for (const std::string& part : std::vector<std::string>(absl::StrSplit(text, ','))) {
    if (part.empty()) continue;
    const size_t at = part.find('=');
    if (at == std::string::npos || at == 0) {
      return absl::InvalidArgumentError(absl::StrCat("invalid field selector \"", text,
                                                     "\": expected field=value in \"", part, "\""));
    }
    Term term;
    term.equal = part[at - 1] != '!';
    term.path = part.substr(0, term.equal ? at : at - 1);
    term.value = part.substr(part.compare(at, 2, "==") == 0 ? at + 2 : at + 1);
    if (info.kind == v1::Object::kEvent && term.path == "source") term.path = "source.component";
    if (!IsSelectable(info, term.path)) {
      return absl::InvalidArgumentError(absl::StrCat("field label not supported: ", term.path));
    }
    selector.terms_.push_back(std::move(term));
  }
  return selector;
}

bool FieldSelector::Matches(const v1::Object& object) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    return (FieldText(model::MessageOf(object), term.path) == term.value) == term.equal;
  });
}

}  // namespace muster::coordinator
