#include "agent/volumes/nested_mounts.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace muster::agent {
namespace {

// "/a//b/" and "a/b" are one place. One that climbs is none: "".
std::string Place(const std::string& path) {
  const std::vector<std::string> parts = absl::StrSplit(path, '/', absl::SkipEmpty());
  std::vector<std::string> kept;
  for (const std::string& part : parts) {
    if (part == "..") return "";
    if (part != ".") kept.push_back(part);
  }
  return absl::StrJoin(kept, "/");
}

void AddNested(const v1::Container& container, const std::string& volume,
               std::set<std::string>& nested) {
  for (const v1::VolumeMount& outer : container.volume_mounts()) {
    // Of a part of the volume it is not known what it will be.
    if (outer.name() != volume || !outer.sub_path().empty() || !outer.sub_path_expr().empty()) {
      continue;
    }
    const std::string root = absl::StrCat(Place(outer.mount_path()), "/");
    for (const v1::VolumeMount& inner : container.volume_mounts()) {
      const std::string place = Place(inner.mount_path());
      if (root != "/" && absl::StartsWith(place, root)) nested.insert(place.substr(root.size()));
    }
  }
}

}  // namespace

std::set<std::string> NestedMountPoints(const v1::PodSpec& spec, const std::string& volume) {
  std::set<std::string> nested;
  for (const v1::Container& container : spec.init_containers()) {
    AddNested(container, volume, nested);
  }
  for (const v1::Container& container : spec.containers()) AddNested(container, volume, nested);
  return nested;
}

}  // namespace muster::agent
