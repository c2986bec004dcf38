#include "common/manifest/value.h"

#include <algorithm>
#include <utility>

namespace muster::manifest {
namespace {

Value MakeScalar(Value::Type type, std::string text) {
  Value value;
  value.type = type;
  value.text = std::move(text);
  return value;
}

}  // namespace

const Value* Value::Find(std::string_view key) const {
  for (const Member& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

Value* Value::Find(std::string_view key) {
  for (Member& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

std::vector<const Member*> SortedMembers(const Value& mapping) {
  std::vector<const Member*> sorted;
  sorted.reserve(mapping.members.size());
  for (const Member& member : mapping.members) sorted.push_back(&member);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Member* a, const Member* b) { return a->key < b->key; });
  const auto end = std::unique(sorted.begin(), sorted.end(),
                               [](const Member* a, const Member* b) { return a->key == b->key; });
  sorted.erase(end, sorted.end());
  return sorted;
}

Value MakeString(std::string text) { return MakeScalar(Value::Type::kString, std::move(text)); }

Value MakeBool(bool value) { return MakeScalar(Value::Type::kBool, value ? "true" : "false"); }

Value MakeInteger(int64_t value) {
  return MakeScalar(Value::Type::kInteger, std::to_string(value));
}

}  // namespace muster::manifest
