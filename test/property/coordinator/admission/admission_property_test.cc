#include <string>
#include <vector>

#include "common/model/canonical_text.h"
#include "coordinator/admission/admit.h"
#include "coordinator/admission/defaults.h"
#include "coordinator/admission/three_way.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "muster/v1/object.pb.h"
#include "test/property/coordinator/admission/random_objects.h"

namespace muster::coordinator {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

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
    // An alias of serviceAccountName, which wins; and what goes with sessionAffinity "None".
    if (field->full_name() == "muster.v1.PodSpec.service_account") continue;
    if (field->full_name() == "muster.v1.ServiceSpec.session_affinity_config") continue;
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

TEST(ApplyProperty, ApplyingTheSameManifestAgainChangesNothing) {
  RandomObjects objects(4, RandomObjects::Values::kDecodable);
  const WallTime now{std::chrono::seconds(1'700'000'000)};
  for (int round = 0; round < kRounds; ++round) {
    const v1::Object manifest = objects.Next();
    const absl::StatusOr<v1::Object> fresh = ThreeWayApply(manifest, nullptr);
    ASSERT_TRUE(fresh.ok());
    const v1::Object stored = Admit(*fresh, nullptr, now).object;
    const absl::StatusOr<v1::Object> again = ThreeWayApply(manifest, &stored);
    ASSERT_TRUE(again.ok()) << again.status();
    const v1::Object after = Admit(*again, &stored, now).object;
    ASSERT_EQ(model::CanonicalText(after), model::CanonicalText(stored)) << "round " << round;
  }
}

TEST(ApplyProperty, ApplyingOneAfterAnotherLeavesNothingOfTheFirstBehind) {
  RandomObjects objects(5);
  const WallTime now{std::chrono::seconds(1'700'000'000)};
  for (int round = 0; round < kRounds; ++round) {
    v1::Object first = objects.Next();
    if (!first.has_config_map()) continue;
    v1::Object second = objects.Next();
    while (!second.has_config_map()) second = objects.Next();
    const v1::Object stored = Admit(*ThreeWayApply(first, nullptr), nullptr, now).object;
    const absl::StatusOr<v1::Object> merged = ThreeWayApply(second, &stored);
    ASSERT_TRUE(merged.ok()) << merged.status();
    const v1::Object after = Admit(*merged, &stored, now).object;
    const v1::Object alone = Admit(*ThreeWayApply(second, nullptr), nullptr, now).object;
    ASSERT_EQ(model::CanonicalText(after), model::CanonicalText(alone)) << "round " << round;
  }
}

}  // namespace
}  // namespace muster::coordinator
