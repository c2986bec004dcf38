#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/kinds.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// Demands on fields of an object, all of which have to hold:
// "spec.nodeName=n1,status.phase!=Failed".
//
// Kubernetes rules: operators =, == and !=; only the fields that Kubernetes selects by are known,
// another one is InvalidArgument `field label not supported: X`. A plain value.
class FieldSelector {
 public:
  // Empty text selects everything.
  static absl::StatusOr<FieldSelector> Parse(const std::string& text, const model::KindInfo& info);

  bool Matches(const v1::Object& object) const;
  bool empty() const { return terms_.empty(); }

 private:
  struct Term {
    std::string path;
    std::string value;
    bool equal = true;
  };
  std::vector<Term> terms_;
};

}  // namespace muster::coordinator
