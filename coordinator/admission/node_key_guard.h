#pragma once

#include "coordinator/admission/problem.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// Which key a Node belongs to is settled when its host joins (coordinator/enrol). Whoever could
// write it otherwise could become the node, and read its Secrets. So in what users send it stays as
// it is `stored` (null: a new object, which has none); another value is a problem. What the
// coordinator notes of its certificates and of its sealing key stays too, silently: it changes by
// itself, and a manifest that was read a while ago has an older word. Leaves objects that are no
// nodes alone. Pure.
void GuardNodeKey(const v1::Object* stored, v1::Object& object, Problems& problems);

}  // namespace muster::coordinator
