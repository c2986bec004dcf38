#include "common/manifest/encode.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/manifest/json_writer.h"
#include "common/manifest/reader.h"
#include "common/manifest/text_form.h"
#include "common/manifest/yaml_writer.h"
#include "common/model/kinds.h"
#include "common/model/time_text.h"
#include "muster/v1/meta.pb.h"
#include "muster/v1/object.pb.h"
#include "muster/v1/options.pb.h"

namespace muster::manifest {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

Value ValueOf(const Message& message);

Value ValueOfRawJson(const v1::RawJson& raw) {
  DecodeLimits limits;
  limits.values_max = static_cast<size_t>(-1);
  ReadResult read = ReadJson(raw.json(), limits);
  // Nothing but JSON gets into this field from outside; what a program put there by mistake is
  // shown as the text it is.
  if (!read.problems.empty() || read.documents.size() != 1) {
    return raw.json().empty() ? Value() : MakeString(raw.json());
  }
  return std::move(read.documents.front());
}

Value ValueOfIntOrString(const v1::IntOrString& value) {
  return value.has_string_value() ? MakeString(value.string_value())
                                  : MakeInteger(value.int_value());
}

// `index` is below zero for a field that is no list.
Value ValueOfField(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  const bool repeated = index >= 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ValueOf(repeated ? reflection.GetRepeatedMessage(message, &field, index)
                              : reflection.GetMessage(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return MakeBool(repeated ? reflection.GetRepeatedBool(message, &field, index)
                               : reflection.GetBool(message, &field));
    case FieldDescriptor::CPPTYPE_INT32:
      return MakeInteger(repeated ? reflection.GetRepeatedInt32(message, &field, index)
                                  : reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return MakeInteger(repeated ? reflection.GetRepeatedInt64(message, &field, index)
                                  : reflection.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text = repeated ? reflection.GetRepeatedString(message, &field, index)
                                  : reflection.GetString(message, &field);
      const bool bytes = field.type() == FieldDescriptor::TYPE_BYTES;
      return MakeString(bytes ? absl::Base64Escape(text) : std::move(text));
    }
    default:
      return Value();  // The schema has no other types; a test walks all of it.
  }
}

Value ValueOfMap(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  const FieldDescriptor& key_field = *field.message_type()->map_key();
  const FieldDescriptor& value_field = *field.message_type()->map_value();
  Value value;
  value.type = Value::Type::kMapping;
  const int size = reflection.FieldSize(message, &field);
  for (int i = 0; i < size; ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    value.members.push_back({entry.GetReflection()->GetString(entry, &key_field),
                             {},
                             ValueOfField(entry, value_field, -1)});
  }
  return value;
}

Value ValueOfList(const Message& message, const FieldDescriptor& field) {
  Value value;
  value.type = Value::Type::kList;
  const int size = message.GetReflection()->FieldSize(message, &field);
  for (int i = 0; i < size; ++i) value.items.push_back(ValueOfField(message, field, i));
  return value;
}

bool IsPrinted(const Message& message, const FieldDescriptor& field) {
  if (field.options().GetExtension(v1::field).always()) return true;
  return field.is_repeated() ? message.GetReflection()->FieldSize(message, &field) > 0
                             : message.GetReflection()->HasField(message, &field);
}

Value ValueOfFields(const Message& message) {
  Value value;
  value.type = Value::Type::kMapping;
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (!IsPrinted(message, field)) continue;
    value.members.push_back({field.json_name(),
                             {},
                             field.is_map()        ? ValueOfMap(message, field)
                             : field.is_repeated() ? ValueOfList(message, field)
                                                   : ValueOfField(message, field, -1)});
  }
  return value;
}

Value ValueOf(const Message& message) {
  switch (FormOf(*message.GetDescriptor())) {
    case TextForm::kTime:
      return MakeString(model::FormatTime(static_cast<const v1::Time&>(message)));
    case TextForm::kMicroTime:
      return MakeString(model::FormatMicroTime(static_cast<const v1::MicroTime&>(message)));
    case TextForm::kIntOrString:
      return ValueOfIntOrString(static_cast<const v1::IntOrString&>(message));
    case TextForm::kQuantity: {
      const std::string& text = static_cast<const v1::Quantity&>(message).text();
      return MakeString(text.empty() ? "0" : text);
    }
    case TextForm::kRawJson:
      return ValueOfRawJson(static_cast<const v1::RawJson&>(message));
    case TextForm::kMessage:
      break;
  }
  if (message.GetDescriptor() == v1::Object::descriptor()) {
    const auto& object = static_cast<const v1::Object&>(message);
    if (object.object_case() != v1::Object::OBJECT_NOT_SET) {
      return ValueOf(model::MessageOf(object));
    }
  }
  return ValueOfFields(message);
}

Value ValueOfAll(const std::vector<const Message*>& messages) {
  Value items;
  items.type = Value::Type::kList;
  for (const Message* message : messages) items.items.push_back(ValueOf(*message));
  // As clusters answer a `get` of several objects.
  Value metadata;
  metadata.type = Value::Type::kMapping;
  metadata.members.push_back({"resourceVersion", {}, MakeString("")});
  Value list;
  list.type = Value::Type::kMapping;
  list.members.push_back({"apiVersion", {}, MakeString("v1")});
  list.members.push_back({"items", {}, std::move(items)});
  list.members.push_back({"kind", {}, MakeString("List")});
  list.members.push_back({"metadata", {}, std::move(metadata)});
  return list;
}

}  // namespace

std::string EncodeJson(const Message& message, JsonForm form) {
  return WriteJson(ValueOf(message), form);
}

std::string EncodeYaml(const Message& message) { return WriteYaml(ValueOf(message)); }

std::string EncodeJsonList(const std::vector<const Message*>& messages, JsonForm form) {
  return WriteJson(ValueOfAll(messages), form);
}

std::string EncodeYamlList(const std::vector<const Message*>& messages) {
  return WriteYaml(ValueOfAll(messages));
}

Value ToValue(const Message& message) { return ValueOf(message); }

Value ToListValue(const std::vector<const Message*>& messages) { return ValueOfAll(messages); }

}  // namespace muster::manifest
