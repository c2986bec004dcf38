#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "common/model/kinds.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// Objects with anything their types allow, right or wrong. The same seed gives the same objects.
class RandomObjects {
 public:
  enum class Values { kAny, kDecodable };

  // Decodable objects survive being written as JSON and read back.
  explicit RandomObjects(uint32_t seed, Values values = Values::kAny)
      : random_(seed), values_(values) {}

  v1::Object Next() {
    const auto& kinds = model::AllKinds();
    v1::Object object = model::NewObject(kinds[Below(kinds.size())]);
    Fill(model::MutableMessageOf(object), 0);
    return object;
  }

 private:
  using FieldDescriptor = google::protobuf::FieldDescriptor;
  using Message = google::protobuf::Message;

  static constexpr int kDepthMax = 7;

  size_t Below(size_t limit) { return random_() % limit; }

  std::string Text() {
    static const std::vector<std::string> kTexts = {
        "",          "a",       "default", "Always",        "100m",     "1.5Gi",       "10%",
        "not valid", "nginx:1", "nginx",   "RollingUpdate", "OnDelete", "TCP",         "Exists",
        "1000m",     "-1",      "http",    "/a/b",          "../x",     "ClusterFirst"};
    return kTexts[Below(kTexts.size())];
  }

  void FillField(Message& message, const FieldDescriptor* field, int depth) {
    const google::protobuf::Reflection& reflection = *message.GetReflection();
    const bool repeated = field->is_repeated();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        Fill(repeated ? *reflection.AddMessage(&message, field)
                      : *reflection.MutableMessage(&message, field),
             depth + 1);
        break;
      case FieldDescriptor::CPPTYPE_STRING:
        repeated ? reflection.AddString(&message, field, Text())
                 : reflection.SetString(&message, field, Text());
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        repeated ? reflection.AddBool(&message, field, Below(2) == 0)
                 : reflection.SetBool(&message, field, Below(2) == 0);
        break;
      case FieldDescriptor::CPPTYPE_INT32:
        repeated ? reflection.AddInt32(&message, field, static_cast<int>(Below(100)) - 10)
                 : reflection.SetInt32(&message, field, static_cast<int>(Below(100)) - 10);
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        repeated ? reflection.AddInt64(&message, field, static_cast<int>(Below(100)) - 10)
                 : reflection.SetInt64(&message, field, static_cast<int>(Below(100)) - 10);
        break;
      default:
        FAIL() << field->full_name();
    }
  }

  // The types with a text form of their own.
  bool FillDecodable(Message& message) {
    const google::protobuf::Descriptor* type = message.GetDescriptor();
    if (type == v1::Quantity::descriptor()) {
      static const std::vector<std::string> kAmounts = {"100m", "1", "1.5Gi", "1000m", "0"};
      static_cast<v1::Quantity&>(message).set_text(kAmounts[Below(kAmounts.size())]);
    } else if (type == v1::RawJson::descriptor()) {
      static_cast<v1::RawJson&>(message).set_json(R"({"a":1})");
    } else if (type == v1::Time::descriptor()) {
      static_cast<v1::Time&>(message).set_seconds(static_cast<int64_t>(Below(1000)) + 1);
    } else if (type == v1::MicroTime::descriptor()) {
      static_cast<v1::MicroTime&>(message).set_seconds(static_cast<int64_t>(Below(1000)) + 1);
    } else if (type == v1::IntOrString::descriptor()) {
      static_cast<v1::IntOrString&>(message).set_string_value("10%");
    } else {
      return false;
    }
    return true;
  }

  void Fill(Message& message, int depth) {
    if (values_ == Values::kDecodable && FillDecodable(message)) return;
    const google::protobuf::Descriptor* type = message.GetDescriptor();
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
      // Volume sources and the like are many: of deep messages fewer, or objects get too large.
      if ((is_message && depth >= kDepthMax) || Below(is_message && depth > 2 ? 4 : 2) != 0) {
        continue;
      }
      // Finalizers are a set, which has nothing twice.
      const bool several =
          field->is_repeated() && !field->is_map() && field->name() != "finalizers";
      const size_t count = several ? 1 + Below(2) : 1;
      for (size_t n = 0; n < count; ++n) FillField(message, field, depth);
    }
  }

  std::mt19937 random_;
  const Values values_;
};

}  // namespace muster::coordinator
