#include "common/model/canonical_text.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/macros.h"
#include "common/model/quantity.h"
#include "google/protobuf/descriptor.h"
#include "muster/v1/meta.pb.h"

namespace muster::model {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// JSON text: quotes, backslashes and control characters escaped, everything else as it is.
void AppendQuoted(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

void AppendMessage(const Message& message, std::string& out);

// One value: of a single field, or the element `index` of a repeated one.
class Value {
 public:
  Value(const Message& message, const FieldDescriptor* field) : message_(message), field_(field) {}
  Value(const Message& message, const FieldDescriptor* field, int index)
      : message_(message), field_(field), index_(index) {}

  void AppendTo(std::string& out) const {
    const Reflection& reflection = *message_.GetReflection();
    switch (field_->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        AppendText(out);
        return;
      case FieldDescriptor::CPPTYPE_MESSAGE:
        AppendMessage(index_ < 0 ? reflection.GetMessage(message_, field_)
                                 : reflection.GetRepeatedMessage(message_, field_, index_),
                      out);
        return;
      case FieldDescriptor::CPPTYPE_BOOL:
        absl::StrAppend(&out,
                        Get(&Reflection::GetBool, &Reflection::GetRepeatedBool) ? "true" : "false");
        return;
      case FieldDescriptor::CPPTYPE_INT32:
        absl::StrAppend(&out, Get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32));
        return;
      case FieldDescriptor::CPPTYPE_INT64:
        absl::StrAppend(&out, Get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64));
        return;
      default:
        // The object model has no other types; test/unit proves it for every field.
        MUSTER_CHECK(false);
    }
  }

  std::string Text() const {
    const Reflection& reflection = *message_.GetReflection();
    return index_ < 0 ? reflection.GetString(message_, field_)
                      : reflection.GetRepeatedString(message_, field_, index_);
  }

 private:
  template <typename T>
  T Get(T (Reflection::*single)(const Message&, const FieldDescriptor*) const,
        T (Reflection::*repeated)(const Message&, const FieldDescriptor*, int) const) const {
    const Reflection& reflection = *message_.GetReflection();
    return index_ < 0 ? (reflection.*single)(message_, field_)
                      : (reflection.*repeated)(message_, field_, index_);
  }

  void AppendText(std::string& out) const {
    const std::string text = Text();
    AppendQuoted(field_->type() == FieldDescriptor::TYPE_BYTES ? absl::Base64Escape(text) : text,
                 out);
  }

  const Message& message_;
  const FieldDescriptor* const field_;
  const int index_ = -1;
};

void AppendMap(const Message& message, const FieldDescriptor* field, std::string& out) {
  const Reflection& reflection = *message.GetReflection();
  std::map<std::string, std::string> entries;
  for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, field, i);
    const google::protobuf::Descriptor& type = *field->message_type();
    std::string value;
    Value(entry, type.map_value()).AppendTo(value);
    entries.emplace(Value(entry, type.map_key()).Text(), std::move(value));
  }
  out += '{';
  bool first = true;
  for (const auto& [key, value] : entries) {
    if (!std::exchange(first, false)) out += ',';
    AppendQuoted(key, out);
    absl::StrAppend(&out, ":", value);
  }
  out += '}';
}

void AppendField(const Message& message, const FieldDescriptor* field, std::string& out) {
  if (field->is_map()) {
    AppendMap(message, field, out);
  } else if (field->is_repeated()) {
    out += '[';
    for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
      if (i > 0) out += ',';
      Value(message, field, i).AppendTo(out);
    }
    out += ']';
  } else {
    Value(message, field).AppendTo(out);
  }
}

// The same for equal amounts, whatever family of suffixes they are written in.
std::string QuantityText(const std::string& text) {
  const absl::StatusOr<Quantity> quantity = Quantity::Parse(text);
  if (!quantity.ok()) return text;
  if (quantity->IsInteger()) return Quantity::FromUnits(quantity->Value()).ToString();
  const Quantity milli = Quantity::FromMilli(quantity->MilliValue());
  return milli == *quantity ? milli.ToString() : quantity->ToString();
}

// The types whose JSON form is not an object.
bool AppendSpecial(const Message& message, std::string& out) {
  const google::protobuf::Descriptor* type = message.GetDescriptor();
  if (type == v1::Quantity::descriptor()) {
    AppendQuoted(QuantityText(static_cast<const v1::Quantity&>(message).text()), out);
    return true;
  }
  if (type == v1::IntOrString::descriptor()) {
    const auto& value = static_cast<const v1::IntOrString&>(message);
    if (value.has_string_value()) {
      AppendQuoted(value.string_value(), out);
    } else {
      absl::StrAppend(&out, value.int_value());
    }
    return true;
  }
  if (type == v1::RawJson::descriptor()) {
    out += static_cast<const v1::RawJson&>(message).json();
    return true;
  }
  return false;
}

void AppendMessage(const Message& message, std::string& out) {
  if (AppendSpecial(message, out)) return;
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  std::sort(fields.begin(), fields.end(), [](const FieldDescriptor* a, const FieldDescriptor* b) {
    return a->json_name() < b->json_name();
  });
  out += '{';
  bool first = true;
  for (const FieldDescriptor* field : fields) {
    if (!std::exchange(first, false)) out += ',';
    AppendQuoted(field->json_name(), out);
    out += ':';
    AppendField(message, field, out);
  }
  out += '}';
}

}  // namespace

std::string CanonicalText(const Message& message) {
  std::string text;
  AppendMessage(message, text);
  return text;
}

}  // namespace muster::model
