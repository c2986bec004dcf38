#include <random>
#include <string>
#include <vector>

#include "common/model/canonical_text.h"
#include "common/model/kinds.h"
#include "coordinator/admission/admit.h"
#include "coordinator/admission/defaults.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Fills messages of the object model with anything their types allow, right or wrong.
class RandomObjects {
 public:
  explicit RandomObjects(uint32_t seed) : random_(seed) {}

  v1::Object Next() {
    const auto& kinds = model::AllKinds();
    v1::Object object = model::NewObject(kinds[Below(kinds.size())]);
    Fill(model::MutableMessageOf(object), 0);
    return object;
  }

 private:
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
    const Reflection& reflection = *message.GetReflection();
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

  void Fill(Message& message, int depth) {
    const google::protobuf::Descriptor* type = message.GetDescriptor();
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      const bool is_message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
      // Volume sources and the like are many; half of everything else, so that depths are reached.
      if ((is_message && depth >= kDepthMax) || Below(is_message && depth > 2 ? 4 : 2) != 0) {
        continue;
      }
      const size_t count = field->is_repeated() && !field->is_map() ? 1 + Below(2) : 1;
      for (size_t n = 0; n < count; ++n) FillField(message, field, depth);
    }
  }

  std::mt19937 random_;
};

constexpr int kRounds = 400;

TEST(DefaultsProperty, DefaultsOfDefaultsChangeNothing) {
  RandomObjects objects(1);
  for (int round = 0; round < kRounds; ++round) {
    v1::Object once = objects.Next();
    SetDefaults(once);
    v1::Object twice = once;
    SetDefaults(twice);
    ASSERT_EQ(model::CanonicalText(once), model::CanonicalText(twice)) << "round " << round;
  }
}

// Whether everything set in `before` is there in `after` with the same value.
void ExpectKept(const Message& before, const Message& after) {
  if (before.GetDescriptor() == v1::Quantity::descriptor()) return;  // Their text may change.
  const Reflection& reflection = *before.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(before, &fields);
  for (const FieldDescriptor* field : fields) {
    // An alias of serviceAccountName, which wins.
    if (field->full_name() == "muster.v1.PodSpec.service_account") continue;
    if (field->is_map()) {
      EXPECT_GE(reflection.FieldSize(after, field), reflection.FieldSize(before, field));
    } else if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      std::string was;
      std::string is;
      google::protobuf::TextFormat::Printer printer;
      for (int n = 0; n < (field->is_repeated() ? reflection.FieldSize(before, field) : 1); ++n) {
        const int index = field->is_repeated() ? n : -1;
        ASSERT_TRUE(!field->is_repeated() || n < reflection.FieldSize(after, field));
        printer.PrintFieldValueToString(before, field, index, &was);
        printer.PrintFieldValueToString(after, field, index, &is);
        EXPECT_EQ(is, was) << field->full_name();
      }
    } else if (field->is_repeated()) {
      ASSERT_EQ(reflection.FieldSize(after, field), reflection.FieldSize(before, field));
      for (int n = 0; n < reflection.FieldSize(before, field); ++n) {
        ExpectKept(reflection.GetRepeatedMessage(before, field, n),
                   reflection.GetRepeatedMessage(after, field, n));
      }
    } else {
      ASSERT_TRUE(reflection.HasField(after, field)) << field->full_name();
      ExpectKept(reflection.GetMessage(before, field), reflection.GetMessage(after, field));
    }
  }
}

TEST(DefaultsProperty, WhatIsSetStaysSet) {
  RandomObjects objects(2);
  for (int round = 0; round < kRounds && !testing::Test::HasFailure(); ++round) {
    const v1::Object before = objects.Next();
    if (before.has_secret()) continue;  // stringData moves into data.
    v1::Object after = before;
    SetDefaults(after);
    ExpectKept(before, after);
  }
}

TEST(AdmitProperty, AnythingGetsAnAnswerAndAdmittingTheResultAgainChangesNothing) {
  RandomObjects objects(3);
  const WallTime now{std::chrono::seconds(1'700'000'000)};
  for (int round = 0; round < kRounds; ++round) {
    const v1::Object proposed = objects.Next();
    const AdmitResult first = Admit(proposed, nullptr, now);
    const AdmitResult second = Admit(first.object, &first.object, now + std::chrono::hours(1));
    ASSERT_FALSE(second.changed) << "round " << round;
    ASSERT_EQ(model::CanonicalText(first.object), model::CanonicalText(second.object))
        << "round " << round;
  }
}

}  // namespace
}  // namespace muster::coordinator
