#include "coordinator/admission/node_key_guard.h"

#include <string>

#include "common/model/node_key.h"

namespace muster::coordinator {
namespace {

const std::string* KeyHashOf(const v1::Node& node) {
  const auto& annotations = node.metadata().annotations();
  const auto found = annotations.find(model::kNodeKeyHashAnnotation);
  return found == annotations.end() ? nullptr : &found->second;
}

}  // namespace

void GuardNodeKey(const v1::Object* stored, v1::Object& object, Problems& problems) {
  if (!object.has_node()) return;
  const std::string* asked = KeyHashOf(object.node());
  const std::string* kept = stored == nullptr ? nullptr : KeyHashOf(stored->node());
  if (asked != nullptr && (kept == nullptr || *asked != *kept)) {
    problems.Forbidden(FieldPath("metadata.annotations").Key(model::kNodeKeyHashAnnotation),
                       "is written when a host joins, and not otherwise");
  } else if (kept != nullptr) {
    (*object.mutable_node()
          ->mutable_metadata()
          ->mutable_annotations())[model::kNodeKeyHashAnnotation] = *kept;
  }
}

}  // namespace muster::coordinator
