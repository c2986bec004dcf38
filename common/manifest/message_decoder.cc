#include "common/manifest/message_decoder.h"

#include <cstdint>
#include <limits>
#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/manifest/json_writer.h"
#include "common/manifest/suggest.h"
#include "common/manifest/text_form.h"
#include "common/manifest/yaml_scalar.h"
#include "common/model/quantity.h"
#include "common/model/time_text.h"
#include "muster/v1/config.pb.h"
#include "muster/v1/meta.pb.h"

namespace muster::manifest {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr size_t kShownMax = 60;

// A value may be long or hold line ends; a finding is one line.
std::string Excerpt(const std::string& text) {
  if (text.size() <= kShownMax) return absl::Utf8SafeCEscape(text);
  return absl::Utf8SafeCEscape(text.substr(0, kShownMax)) + "...";
}

const FieldDescriptor* FindField(const Descriptor& type, std::string_view json_name) {
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == json_name) return type.field(i);
  }
  return nullptr;
}

bool IsNumber(const Value& value) {
  return value.type == Value::Type::kInteger || value.type == Value::Type::kFloat;
}

bool IsSecretType(const Descriptor& type) { return &type == v1::Secret::descriptor(); }

}  // namespace

class MessageDecoder::Step {
 public:
  Step(std::string& path, std::string_view field) : path_(path), size_(path.size()) {
    if (!path.empty()) path += '.';
    path.append(field);
  }
  Step(std::string& path, size_t index) : path_(path), size_(path.size()) {
    absl::StrAppend(&path, "[", index, "]");
  }
  struct Key {
    std::string text;
  };
  Step(std::string& path, const Key& key) : path_(path), size_(path.size()) {
    absl::StrAppend(&path, "[", key.text, "]");
  }
  ~Step() { path_.resize(size_); }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

 private:
  std::string& path_;
  const size_t size_;
};

class MessageDecoder::KeyCheck {
 public:
  explicit KeyCheck(MessageDecoder& decoder) : decoder_(decoder) {}

  bool IsFirst(const Member& member) {
    const auto [first, inserted] = seen_.emplace(member.key, member.key_position);
    if (inserted) return true;
    std::string message = absl::StrCat("the key \"", Excerpt(member.key), "\" occurs twice");
    if (first->second.line > 0) {
      absl::StrAppend(&message, ", in line ", first->second.line, " and in line ",
                      member.key_position.line);
    }
    decoder_.findings_.Error(member.key_position, decoder_.path_, message);
    return false;
  }

 private:
  MessageDecoder& decoder_;
  std::map<std::string_view, Position> seen_;
};

void MessageDecoder::Decode(const Value& value, Message& message) {
  path_.clear();
  levels_.clear();
  is_confidential_ = IsSecretType(*message.GetDescriptor());
  if (source_ != nullptr) source_->Add("", value.position);
  DecodeMessage(value, message);
}

void MessageDecoder::DecodeMessage(const Value& value, Message& message) {
  switch (FormOf(*message.GetDescriptor())) {
    case TextForm::kTime:
    case TextForm::kMicroTime:
      return DecodeTime(value, message);
    case TextForm::kIntOrString:
      return DecodeIntOrString(value, message);
    case TextForm::kQuantity:
      return DecodeQuantity(value, message);
    case TextForm::kRawJson: {
      Value free_form = value;
      NormalizeFreeForm(free_form);
      static_cast<v1::RawJson&>(message).set_json(WriteJson(free_form, JsonForm::kCompact));
      return;
    }
    case TextForm::kMessage:
      break;
  }
  if (value.type != Value::Type::kMapping) {
    const bool one_item = value.type == Value::Type::kList && value.items.size() == 1;
    return Expected("mapping", value, one_item ? "remove the \"-\" in front of it" : "");
  }
  levels_.push_back({message.GetDescriptor(), path_.size()});
  DecodeFields(value, message);
  levels_.pop_back();
}

void MessageDecoder::DecodeFields(const Value& value, Message& message) {
  const Descriptor& type = *message.GetDescriptor();
  KeyCheck keys(*this);
  for (const Member& member : value.members) {
    const FieldDescriptor* field = FindField(type, member.key);
    const Step step(path_, std::string_view(Excerpt(member.key)));
    if (!keys.IsFirst(member)) continue;
    if (field == nullptr) {
      if (unknown_ == UnknownFields::kRefuse) ReportUnknown(member, type);
      continue;
    }
    DecodeField(member, *field, message);
  }
}

void MessageDecoder::DecodeField(const Member& member, const FieldDescriptor& field,
                                 Message& message) {
  const Value& value = member.value;
  if (source_ != nullptr) {
    const bool on_value = value.type == Value::Type::kString || IsNumber(value);
    source_->Add(path_, on_value ? value.position : member.key_position);
  }
  if (value.type == Value::Type::kNull) return;
  if (field.is_map()) return DecodeMap(value, field, message);
  if (field.is_repeated()) return DecodeList(value, field, message);
  DecodeOne(value, field, message, false);
}

void MessageDecoder::DecodeMap(const Value& value, const FieldDescriptor& field, Message& message) {
  if (value.type != Value::Type::kMapping) return Expected("mapping", value);
  const FieldDescriptor& key_field = *field.message_type()->map_key();
  const FieldDescriptor& value_field = *field.message_type()->map_value();
  KeyCheck keys(*this);
  for (const Member& member : value.members) {
    const Step step(path_, Step::Key{Excerpt(member.key)});
    if (!keys.IsFirst(member)) continue;
    if (source_ != nullptr) source_->Add(path_, member.key_position);
    Message* entry = message.GetReflection()->AddMessage(&message, &field);
    entry->GetReflection()->SetString(entry, &key_field, member.key);
    if (member.value.type != Value::Type::kNull) {
      DecodeOne(member.value, value_field, *entry, false);
    } else if (value_field.message_type() == v1::Quantity::descriptor()) {
      // An entry without value is an empty text, and a quantity of nothing.
      Message* amount = entry->GetReflection()->MutableMessage(entry, &value_field);
      static_cast<v1::Quantity*>(amount)->set_text("0");
    }
  }
}

void MessageDecoder::DecodeList(const Value& value, const FieldDescriptor& field,
                                Message& message) {
  if (value.type != Value::Type::kList) {
    const bool mapping = value.type == Value::Type::kMapping;
    return Expected("list", value, mapping ? "start each item with \"- \"" : "");
  }
  for (size_t i = 0; i < value.items.size(); ++i) {
    const Step step(path_, i);
    if (source_ != nullptr) source_->Add(path_, value.items[i].position);
    DecodeOne(value.items[i], field, message, true);
  }
}

void MessageDecoder::DecodeOne(const Value& value, const FieldDescriptor& field, Message& message,
                               bool repeated) {
  const Reflection& reflection = *message.GetReflection();
  int64_t number = 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return DecodeMessage(value, repeated ? *reflection.AddMessage(&message, &field)
                                           : *reflection.MutableMessage(&message, &field));
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text;
      if (field.type() == FieldDescriptor::TYPE_BYTES) {
        if (!DecodeBytes(value, text)) return;
      } else if (value.type == Value::Type::kString) {
        text = value.text;
      } else {
        const bool quoting_helps = IsNumber(value) || value.type == Value::Type::kBool;
        return Expected("string", value, quoting_helps ? "quote it" : "");
      }
      return repeated ? reflection.AddString(&message, &field, std::move(text))
                      : reflection.SetString(&message, &field, std::move(text));
    }
    case FieldDescriptor::CPPTYPE_BOOL: {
      if (value.type != Value::Type::kBool) {
        const bool quoted = value.type == Value::Type::kString &&
                            ResolvePlainScalar(value.text).type == PlainScalar::Type::kBool;
        return Expected("boolean", value, quoted ? "remove the quotes" : "");
      }
      const bool flag = value.text == "true";
      return repeated ? reflection.AddBool(&message, &field, flag)
                      : reflection.SetBool(&message, &field, flag);
    }
    case FieldDescriptor::CPPTYPE_INT32:
      if (!DecodeInteger(value, std::numeric_limits<int32_t>::min(),
                         std::numeric_limits<int32_t>::max(), number)) {
        return;
      }
      return repeated ? reflection.AddInt32(&message, &field, static_cast<int32_t>(number))
                      : reflection.SetInt32(&message, &field, static_cast<int32_t>(number));
    case FieldDescriptor::CPPTYPE_INT64:
      if (!DecodeInteger(value, std::numeric_limits<int64_t>::min(),
                         std::numeric_limits<int64_t>::max(), number)) {
        return;
      }
      return repeated ? reflection.AddInt64(&message, &field, number)
                      : reflection.SetInt64(&message, &field, number);
    default:
      // The schema has no other types; a test walks all of it.
      findings_.Error(value.position, path_, "this field cannot be read by this version");
  }
}

bool MessageDecoder::DecodeInteger(const Value& value, int64_t low, int64_t high, int64_t& number) {
  if (value.type != Value::Type::kInteger) {
    const bool quoted = value.type == Value::Type::kString &&
                        ResolvePlainScalar(value.text).type == PlainScalar::Type::kInteger;
    Expected("integer", value, quoted ? "remove the quotes" : "");
    return false;
  }
  if (!absl::SimpleAtoi(value.text, &number) || number < low || number > high) {
    Expected(absl::StrCat("integer between ", low, " and ", high), value);
    return false;
  }
  return true;
}

bool MessageDecoder::DecodeBytes(const Value& value, std::string& bytes) {
  if (value.type != Value::Type::kString) {
    Expected("string in base64", value);
    return false;
  }
  // Line ends are allowed anywhere, as base64 often comes folded.
  std::string packed;
  for (char c : value.text) {
    if (c != '\n' && c != '\r') packed += c;
  }
  const size_t bad =
      packed.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");
  if (bad == std::string::npos && packed.size() % 4 == 0 && absl::Base64Unescape(packed, &bytes)) {
    return true;
  }
  // What is not base64 may well be a password in the clear.
  findings_.Error(value.position, path_,
                  absl::StrCat("expected base64",
                               bad == std::string::npos
                                   ? ", found a text of the wrong length or padding"
                                   : absl::StrCat(", found another character at place ", bad + 1),
                               is_confidential_ ? " (plain text belongs into stringData)"
                                                : " (plain text belongs into data)"));
  return false;
}

void MessageDecoder::DecodeIntOrString(const Value& value, Message& message) {
  auto& result = static_cast<v1::IntOrString&>(message);
  if (value.type == Value::Type::kString) {
    result.set_string_value(value.text);
    return;
  }
  if (value.type != Value::Type::kInteger) return Expected("integer or string", value);
  int64_t number = 0;
  if (DecodeInteger(value, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max(),
                    number)) {
    result.set_int_value(static_cast<int32_t>(number));
  }
}

void MessageDecoder::DecodeQuantity(const Value& value, Message& message) {
  const bool usable =
      value.type == Value::Type::kString || (IsNumber(value) && !value.text.empty());
  if (!usable) return Expected("quantity", value);
  const absl::Status status = model::Quantity::Parse(value.text).status();
  if (!status.ok()) {
    return findings_.Error(value.position, path_,
                           absl::StrCat("\"", Excerpt(value.text), "\": ", status.message()));
  }
  static_cast<v1::Quantity&>(message).set_text(std::string(absl::StripAsciiWhitespace(value.text)));
}

void MessageDecoder::DecodeTime(const Value& value, Message& message) {
  constexpr std::string_view kWanted = "time such as \"2026-01-31T09:15:00Z\"";
  if (value.type != Value::Type::kString) return Expected(kWanted, value);
  if (message.GetDescriptor() == v1::MicroTime::descriptor()) {
    const auto time = model::ParseMicroTime(value.text);
    if (!time.ok()) return Expected(kWanted, value);
    static_cast<v1::MicroTime&>(message) = *time;
  } else {
    const auto time = model::ParseTime(value.text);
    if (!time.ok()) return Expected(kWanted, value);
    static_cast<v1::Time&>(message) = *time;
  }
}

void MessageDecoder::NormalizeFreeForm(Value& value) {
  if (IsNumber(value)) {
    PlainScalar number = ResolvePlainScalar(value.text);
    const bool fits = number.type == PlainScalar::Type::kInteger ||
                      (number.type == PlainScalar::Type::kFloat && !number.json.empty());
    if (!fits) return Expected("number that JSON can hold", value);
    value.text = std::move(number.json);
  }
  for (size_t i = 0; i < value.items.size(); ++i) {
    const Step step(path_, i);
    NormalizeFreeForm(value.items[i]);
  }
  KeyCheck keys(*this);
  for (Member& member : value.members) {
    const Step step(path_, std::string_view(Excerpt(member.key)));
    keys.IsFirst(member);
    NormalizeFreeForm(member.value);
  }
}

void MessageDecoder::ReportUnknown(const Member& member, const Descriptor& type) {
  const auto names_of = [](const Descriptor& message_type) {
    std::vector<std::string_view> names;
    for (int i = 0; i < message_type.field_count(); ++i) {
      names.push_back(message_type.field(i)->json_name());
    }
    return names;
  };
  std::string message = absl::StrCat("unknown field \"", Excerpt(member.key), "\"");
  // A field in the wrong place: one that an enclosing mapping has, or one of those just below.
  std::string home;
  for (const Level& level : levels_) {
    if (FindField(*level.type, member.key) == nullptr) continue;
    home = level.path_size == 0 ? "the top level" : path_.substr(0, level.path_size);
  }
  for (int i = 0; home.empty() && i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const bool message_field =
        field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field.is_repeated();
    if (message_field && FindField(*field.message_type(), member.key) != nullptr) {
      home = path_.substr(0, levels_.back().path_size);
      absl::StrAppend(&home, home.empty() ? "" : ".", field.json_name());
    }
  }
  const std::string nearest = Suggest(member.key, names_of(type));
  if (!home.empty()) {
    absl::StrAppend(&message, ", it belongs into ", home);
  } else if (!nearest.empty()) {
    absl::StrAppend(&message, ", did you mean \"", nearest, "\"?");
  }
  findings_.Error(member.key_position, path_, message);
}

std::string MessageDecoder::Describe(const Value& value) const {
  switch (value.type) {
    case Value::Type::kNull:
      return "nothing";
    case Value::Type::kBool:
      return is_confidential_ ? "boolean" : absl::StrCat("boolean ", Excerpt(value.written));
    case Value::Type::kInteger:
    case Value::Type::kFloat:
      return is_confidential_ ? "number" : absl::StrCat("number ", Excerpt(value.written));
    case Value::Type::kString:
      return is_confidential_ ? "string" : absl::StrCat("string \"", Excerpt(value.text), "\"");
    case Value::Type::kList:
      return "list";
    case Value::Type::kMapping:
      return "mapping";
  }
  return "";
}

void MessageDecoder::Expected(std::string_view what, const Value& value, std::string_view hint) {
  std::string message = "expected ";
  message.append(what);
  absl::StrAppend(&message, ", found ", Describe(value));
  if (!hint.empty()) message.append(" (").append(hint).append(")");
  findings_.Error(value.position, path_, message);
}

}  // namespace muster::manifest
