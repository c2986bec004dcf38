#pragma once

#include <string>
#include <vector>

#include "common/manifest/value.h"
#include "google/protobuf/message.h"

namespace muster::manifest {

// Kubernetes' JSON form of a message of muster.v1, the same bytes for equal messages: keys are
// sorted; unset and zero fields are left out, except those marked (field).always. An Object
// envelope is written as what it holds. No newline at the end.
enum class JsonForm { kCompact, kPretty };
std::string EncodeJson(const google::protobuf::Message& message,
                       JsonForm form = JsonForm::kCompact);

// The same as YAML in the layout of kubectl, with a newline at the end. Texts that a YAML 1.1
// reader would take for something else are quoted, those of several lines are written as blocks.
std::string EncodeYaml(const google::protobuf::Message& message);

// Several messages as one `kind: List`, as `get` prints them.
std::string EncodeJsonList(const std::vector<const google::protobuf::Message*>& messages,
                           JsonForm form = JsonForm::kPretty);
std::string EncodeYamlList(const std::vector<const google::protobuf::Message*>& messages);

// The same as values, for whoever looks into an object instead of printing all of it.
Value ToValue(const google::protobuf::Message& message);
Value ToListValue(const std::vector<const google::protobuf::Message*>& messages);

}  // namespace muster::manifest
