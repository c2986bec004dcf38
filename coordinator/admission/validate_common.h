#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/model/labels.h"
#include "common/model/resources.h"
#include "coordinator/admission/problem.h"

namespace muster::coordinator {

// Rules that several parts of an object share. Each adds what it finds to `problems`.

// One of `supported`; empty is Required when `required`, else fine.
void CheckOneOf(const FieldPath& path, std::string_view value,
                const std::vector<std::string_view>& supported, bool required, Problems& problems);
void CheckNotNegative(const FieldPath& path, int64_t value, Problems& problems);
// A number that is not negative, or up to 100%.
void CheckShareOfNodes(const FieldPath& path, const v1::IntOrString& value, Problems& problems);
void CheckIpAddress(const FieldPath& path, std::string_view value, Problems& problems);
// A path below a directory: relative and without "..".
void CheckPathInside(const FieldPath& path, std::string_view value, Problems& problems);
void CheckNoParentSteps(const FieldPath& path, std::string_view value, Problems& problems);
void CheckFileMode(const FieldPath& path, int32_t mode, Problems& problems);
// Keys and values as labels; also for nodeSelector and matchLabels.
void CheckLabels(const FieldPath& path, const model::LabelMap& labels, Problems& problems);
// Keys, and the size of all keys and values together.
void CheckAnnotations(const FieldPath& path, const model::LabelMap& annotations,
                      Problems& problems);
// A name of another object, by the rule for its kind; Required when empty.
void CheckObjectName(const FieldPath& path, std::string_view name, Problems& problems);
// That it is a quantity, and not negative.
void CheckAmount(const FieldPath& path, const v1::Quantity& quantity, Problems& problems);

// Labels as JSON, sorted by key.
std::string LabelsText(const model::LabelMap& labels);

bool IsOneOf(std::string_view value, const std::vector<std::string_view>& list);

// Maps have no order of their own; problems are reported by key.
template <typename Map>
std::vector<const typename Map::value_type*> SortedEntries(const Map& map) {
  std::vector<const typename Map::value_type*> entries;
  for (const auto& entry : map) entries.push_back(&entry);
  std::sort(entries.begin(), entries.end(),
            [](const auto* a, const auto* b) { return a->first < b->first; });
  return entries;
}

}  // namespace muster::coordinator
