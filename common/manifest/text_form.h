#pragma once

#include "google/protobuf/descriptor.h"

namespace muster::manifest {

// How a value of the schema looks in JSON, where that differs from its protobuf type.
enum class TextForm {
  kMessage,  // A mapping of its fields.
  kTime,
  kMicroTime,
  kIntOrString,
  kQuantity,
  kRawJson,
};

TextForm FormOf(const google::protobuf::Descriptor& type);

}  // namespace muster::manifest
