#pragma once

#include <string_view>
#include <vector>

#include "google/protobuf/message.h"

namespace muster::coordinator {

// Kubernetes' strategic three-way merge on messages of one type: brings `live` to what `modified`
// says and takes out what `original` said and `modified` no longer does. Pure.
void MergeThreeWay(const google::protobuf::Message& original,
                   const google::protobuf::Message& modified, google::protobuf::Message& live);

// The fields that together name an item of this repeated field; empty for lists that are replaced
// whole. By the full names of the schema.
const std::vector<std::string_view>& MergeKeysOf(std::string_view field);

// All fields with merge keys, for tests.
std::vector<std::string_view> FieldsWithMergeKeys();

}  // namespace muster::coordinator
