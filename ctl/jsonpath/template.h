#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/manifest/value.h"
#include "ctl/jsonpath/expression.h"

namespace muster::ctl::jsonpath {

// A template in kubectl's dialect of JSONPath: text that is copied, and between braces paths into
// an object.
//
//   {.a.b} {['a.b']} {.a\.b}    members             {.l[0]} {.l[-1]} {.l[1:5:2]} {.l[0,2]}  items
//   {.*} {.l[*]} {..name}       all; at any depth   {.l[?(@.n=="x")].v} {.l[?(@.n)]}        a
//   choice {range .l[*]}...{end}       for each            {"\n"} {'text'} {5} themselves
//
// What is not there has no value and is no error; an index beyond a list is one. As in kubectl, "$"
// and "@" both stand for the current object, which is the whole one outside of range and filters.
//
// A plain value; pure.
class Template {
 public:
  // InvalidArgument, naming the place in `text`.
  static absl::StatusOr<Template> Parse(std::string_view text);
  // One path, with or without braces and the first dot: what --sort-by and custom columns take.
  static absl::StatusOr<Template> ParsePath(std::string_view text);

  // The text with every action replaced by its values, which are separated by blanks.
  absl::StatusOr<std::string> Render(const manifest::Value& root) const;
  // The values of all actions in order. They live as long as `root` and this template.
  absl::StatusOr<std::vector<const manifest::Value*>> Find(const manifest::Value& root) const;

 private:
  std::vector<Piece> pieces_;
};

// A value inside a text: strings as they are, lists and mappings as compact JSON.
std::string TextOf(const manifest::Value& value);

}  // namespace muster::ctl::jsonpath
