#pragma once

#include "google/protobuf/message.h"

namespace muster::model {

// Kubernetes' semantic equality: quantities by value ("1000m" is "1"), empty lists and maps like
// absent ones; an empty object ({}) differs from none. Both messages are of one type.
bool SemanticallyEqual(const google::protobuf::Message& a, const google::protobuf::Message& b);

}  // namespace muster::model
