#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/manifest/value.h"

namespace muster::ctl::jsonpath {

// What a template means, once parsed. Plain values.

struct Step;
// Each step turns the values found so far into the next ones.
using Path = std::vector<Step>;

// {"\n"}, {5}, {true}: itself, whatever was found before.
struct Literal {
  manifest::Value value;
};
struct Member {
  std::string name;
};
// .* of members and items.
struct Everything {};
// .. : the value and all there is inside it, as far as it has something inside.
struct Descent {};
// [begin:end:step]; a single index is a slice of one.
struct Slice {
  std::optional<int64_t> begin, end, step;
  bool single = false;
};
// ['a','b'] and [0,2]
struct Union {
  std::vector<std::vector<Step>> paths;
};
// [?(left OP right)]
struct Filter {
  enum class Operator {
    kExists,
    kEqual,
    kNotEqual,
    kLess,
    kLessOrEqual,
    kGreater,
    kGreaterOrEqual
  };
  std::vector<Step> left, right;
  Operator comparison = Operator::kExists;
};

struct Step {
  std::variant<Literal, Member, Everything, Descent, Slice, Union, Filter> what;
};

// A piece of a template.
struct Piece {
  enum class Type { kText, kAction, kRange };
  Type type = Type::kText;
  std::string text;         // kText
  Path path;                // kAction, kRange
  std::vector<Piece> body;  // kRange
};

}  // namespace muster::ctl::jsonpath
