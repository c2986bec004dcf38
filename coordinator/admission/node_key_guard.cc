#include "coordinator/admission/node_key_guard.h"

#include <string>

#include "common/model/node_key.h"

namespace muster::coordinator {
namespace {

const std::string* Annotation(const v1::Node& node, const char* key) {
  const auto& annotations = node.metadata().annotations();
  const auto found = annotations.find(key);
  return found == annotations.end() ? nullptr : &found->second;
}

void Keep(const v1::Object* stored, const char* key, v1::Node& node) {
  auto& annotations = *node.mutable_metadata()->mutable_annotations();
  const std::string* kept = stored == nullptr ? nullptr : Annotation(stored->node(), key);
  if (kept != nullptr) {
    annotations[key] = *kept;
  } else {
    annotations.erase(key);
  }
}

}  // namespace

void GuardNodeKey(const v1::Object* stored, v1::Object& object, Problems& problems) {
  if (!object.has_node()) return;
  const char* key = model::kNodeKeyHashAnnotation;
  const std::string* asked = Annotation(object.node(), key);
  const std::string* kept = stored == nullptr ? nullptr : Annotation(stored->node(), key);
  if (asked != nullptr && (kept == nullptr || *asked != *kept)) {
    problems.Forbidden(FieldPath("metadata.annotations").Key(key),
                       "is written when a host joins, and not otherwise");
  } else {
    Keep(stored, key, *object.mutable_node());
  }
  for (const char* note :
       {model::kCertificateExpiresAnnotation, model::kCertificateAuthorityAnnotation,
        model::kSealingKeyAnnotation, model::kReplaceSealingKeyAnnotation,
        model::kSealingKeyProblemAnnotation}) {
    Keep(stored, note, *object.mutable_node());
  }
}

}  // namespace muster::coordinator
