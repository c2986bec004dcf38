#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/manifest/diagnostic.h"

namespace muster::manifest {

struct Member;

// A JSON value with the places it was written at: what readers produce and writers take.
//
// A plain value. Mappings keep the order and also the repetitions of what was written; to say
// which key is double is left to whoever knows the field path.
struct Value {
  enum class Type { kNull, kBool, kInteger, kFloat, kString, kList, kMapping };

  Type type = Type::kNull;
  Position position;
  // A string itself; "true" or "false"; a number in JSON's form, "" when JSON has none for it.
  std::string text;
  // A bool or number as the author wrote it ("yes", "0644"), for messages. Else empty.
  std::string written;
  std::vector<Value> items;     // Of a list.
  std::vector<Member> members;  // Of a mapping.

  // The first member with this key, or null.
  const Value* Find(std::string_view key) const;
  Value* Find(std::string_view key);
};

struct Member {
  std::string key;
  Position key_position;
  Value value;
};

// The members by key; of those with equal keys only the first. They live as long as `mapping`.
std::vector<const Member*> SortedMembers(const Value& mapping);

Value MakeString(std::string text);
Value MakeBool(bool value);
Value MakeInteger(int64_t value);

}  // namespace muster::manifest
