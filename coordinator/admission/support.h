#pragma once

#include <vector>

#include "coordinator/admission/problem.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

struct SupportReport {
  std::vector<Problem> problems;  // Of type Forbidden.
  std::vector<Warning> warnings;
};

// What a legal Kubernetes object asks of this version of Muster in vain: what would break silently
// is refused, what is harmless to leave out is a warning. Fields speak for themselves by the
// options of the schema; this adds what only several fields together tell. Pure.
//
// Ask before defaults are filled in.
SupportReport CheckSupport(const v1::Object& object);

}  // namespace muster::coordinator
