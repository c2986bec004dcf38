#pragma once

#include <vector>

#include "coordinator/admission/problem.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// Kubernetes' rules for one object by itself, after defaulting. All problems, in the order of the
// fields; none when it may be stored. Pure.
std::vector<Problem> Validate(const v1::Object& object);

// What must not change between two versions of an object. Both are defaulted and of one kind; the
// new one has passed Validate or will be reported with its problems anyway.
std::vector<Problem> ValidateUpdate(const v1::Object& updated, const v1::Object& stored);

}  // namespace muster::coordinator
