#pragma once

#include <string>
#include <vector>

#include "google/protobuf/message.h"

namespace muster::manifest {

// A field that is set although this version of Muster does not honour it. A value.
struct UnsupportedField {
  std::string path;
  bool refused;        // Else it is only worth a warning.
  std::string reason;  // From the (field) options of the schema.
};

// Every such field below `message`, in the order of the schema. Ask before defaults are filled in,
// since those set fields that the user did not.
std::vector<UnsupportedField> FindUnsupportedFields(const google::protobuf::Message& message);

}  // namespace muster::manifest
