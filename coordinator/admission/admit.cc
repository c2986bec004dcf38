#include "coordinator/admission/admit.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/macros.h"
#include "common/model/kinds.h"
#include "common/model/resources.h"
#include "common/model/semantic_equal.h"
#include "common/model/time_text.h"
#include "coordinator/admission/defaults.h"
#include "coordinator/admission/node_key_guard.h"
#include "coordinator/admission/service_rules.h"
#include "coordinator/admission/support.h"
#include "coordinator/admission/validate.h"
#include "coordinator/templates/effective.h"
#include "google/protobuf/descriptor.h"

namespace muster::coordinator {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

const FieldDescriptor* StatusField(const Message& message) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName("status");
  return field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE ? field
                                                                                   : nullptr;
}

void ClearStatus(v1::Object& object) {
  Message& message = model::MutableMessageOf(object);
  if (const FieldDescriptor* status = StatusField(message)) {
    message.GetReflection()->ClearField(&message, status);
  }
}

void CopyStatus(const v1::Object& from, v1::Object& to) {
  ClearStatus(to);
  const Message& source = model::MessageOf(from);
  Message& target = model::MutableMessageOf(to);
  const FieldDescriptor* status = StatusField(source);
  if (status == nullptr || !source.GetReflection()->HasField(source, status)) return;
  target.GetReflection()
      ->MutableMessage(&target, status)
      ->CopyFrom(source.GetReflection()->GetMessage(source, status));
}

std::optional<int64_t> TemplateGenerationOf(const v1::ObjectMeta& metadata) {
  const auto found = metadata.annotations().find(kTemplateGenerationAnnotation);
  if (found == metadata.annotations().end()) return std::nullopt;
  const std::string& text = found->second;
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

void SetTemplateGeneration(int64_t number, v1::ObjectMeta& metadata) {
  (*metadata.mutable_annotations())[kTemplateGenerationAnnotation] = absl::StrCat(number);
}

// What the API server gives a new object of a kind that starts with a status.
void SetFirstStatus(v1::Object& object) {
  if (object.has_pod()) {
    v1::PodStatus& status = *object.mutable_pod()->mutable_status();
    status.set_phase("Pending");
    status.set_qos_class(std::string(model::QosClass(object.pod().spec())));
  } else if (object.has_namespace_object()) {
    object.mutable_namespace_object()->mutable_status()->set_phase("Active");
  }
}

void PrepareNew(v1::Object& object, WallTime now) {
  v1::ObjectMeta& metadata = model::MutableMetadataOf(object);
  metadata.clear_uid();
  metadata.clear_resource_version();
  metadata.clear_generation();
  metadata.clear_deletion_timestamp();
  metadata.clear_deletion_grace_period_seconds();
  *metadata.mutable_creation_timestamp() = model::ToTime(absl::FromChrono(now));
  ClearStatus(object);
  SetFirstStatus(object);
  if (object.has_daemon_set()) {
    metadata.set_generation(1);
    SetTemplateGeneration(std::max<int64_t>(1, TemplateGenerationOf(metadata).value_or(1)),
                          metadata);
  } else if (object.has_daemon_job()) {
    metadata.set_generation(1);
  }
}

void PrepareUpdate(const v1::Object& stored, v1::Object& object) {
  v1::ObjectMeta& metadata = model::MutableMetadataOf(object);
  const v1::ObjectMeta& before = model::MetadataOf(stored);
  if (metadata.uid().empty()) metadata.set_uid(before.uid());
  if (!metadata.has_creation_timestamp() && before.has_creation_timestamp()) {
    *metadata.mutable_creation_timestamp() = before.creation_timestamp();
  }
  metadata.set_resource_version(before.resource_version());
  metadata.set_generation(before.generation());
  metadata.clear_deletion_timestamp();
  metadata.clear_deletion_grace_period_seconds();
  if (before.has_deletion_timestamp()) {
    *metadata.mutable_deletion_timestamp() = before.deletion_timestamp();
  }
  if (before.has_deletion_grace_period_seconds()) {
    metadata.set_deletion_grace_period_seconds(before.deletion_grace_period_seconds());
  }
  CopyStatus(stored, object);
  if (object.has_service()) KeepAllocatedValues(stored.service(), *object.mutable_service());
  if (object.has_pod() && !model::SemanticallyEqual(object.pod().spec(), stored.pod().spec())) {
    metadata.set_generation(before.generation() + 1);
  }
  if (object.has_daemon_job() &&
      !model::SemanticallyEqual(object.daemon_job().spec(), stored.daemon_job().spec())) {
    metadata.set_generation(before.generation() + 1);
  }
  if (!object.has_daemon_set()) return;

  const v1::DaemonSetSpec& spec = object.daemon_set().spec();
  const v1::DaemonSetSpec& spec_before = stored.daemon_set().spec();
  // Annotations that change what pods are made from count like the spec, so that whoever waits for
  // the change to be observed waits for it.
  const auto effective = [](const v1::Object& of) {
    return EffectiveDaemonSet(of.daemon_set(), "").spec();
  };
  if (!model::SemanticallyEqual(effective(object), effective(stored))) {
    metadata.set_generation(before.generation() + 1);
  }
  int64_t template_generation = TemplateGenerationOf(before).value_or(1);
  if (!model::SemanticallyEqual(spec.template_(), spec_before.template_())) ++template_generation;
  SetTemplateGeneration(template_generation, metadata);
}

void CheckCreationTime(const v1::Object& object, const v1::Object& stored, Problems& problems) {
  const v1::Time& now = model::MetadataOf(object).creation_timestamp();
  if (!model::SemanticallyEqual(now, model::MetadataOf(stored).creation_timestamp())) {
    problems.InvalidText(FieldPath("metadata.creationTimestamp"), model::FormatTime(now),
                         "field is immutable");
  }
}

void Append(std::vector<Problem> more, std::vector<Problem>& problems) {
  problems.insert(problems.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
}

}  // namespace

AdmitResult Admit(const v1::Object& proposed, const v1::Object* stored, WallTime now) {
  MUSTER_CHECK(stored == nullptr || stored->object_case() == proposed.object_case());
  AdmitResult result;
  result.object = proposed;
  // Before defaulting, which sets fields that the user did not.
  SupportReport support = CheckSupport(proposed);
  SetDefaults(result.object);
  if (stored == nullptr) {
    PrepareNew(result.object, now);
  } else {
    PrepareUpdate(*stored, result.object);
  }
  Problems guarded;
  GuardNodeKey(stored, result.object, guarded);
  result.problems = Validate(result.object);
  Append(std::move(support.problems), result.problems);
  Append(guarded.Take(), result.problems);
  if (stored != nullptr) {
    Problems more;
    CheckCreationTime(result.object, *stored, more);
    Append(more.Take(), result.problems);
    Append(ValidateUpdate(result.object, *stored), result.problems);
    result.changed = !model::SemanticallyEqual(result.object, *stored);
  }
  result.warnings = std::move(support.warnings);
  return result;
}

}  // namespace muster::coordinator
