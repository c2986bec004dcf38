#include "common/model/semantic_equal.h"

#include "common/base/macros.h"
#include "common/model/canonical_text.h"

namespace muster::model {

bool SemanticallyEqual(const google::protobuf::Message& a, const google::protobuf::Message& b) {
  MUSTER_CHECK(a.GetDescriptor() == b.GetDescriptor());
  return CanonicalText(a) == CanonicalText(b);
}

}  // namespace muster::model
