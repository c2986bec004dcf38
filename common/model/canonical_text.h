#pragma once

#include <string>

#include "google/protobuf/message.h"

namespace muster::model {

// One text for every value: compact JSON of what is set, fields sorted by their JSON name, map
// entries by key, quantities by value ("1000m" is "1"), bytes in base64.
//
// Two messages have equal texts iff Kubernetes calls them semantically equal. Fields that are not
// set leave no trace, so that the text of an object is the same in every version of Muster that
// knows its fields: hashes made from it survive upgrades. Never change what it prints.
std::string CanonicalText(const google::protobuf::Message& message);

}  // namespace muster::model
