#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "muster/v1/meta.pb.h"

namespace muster::model {

using LabelMap = google::protobuf::Map<std::string, std::string>;

// One demand on the labels of an object.
struct LabelRequirement {
  enum class Operator {
    kEquals,
    kNotEquals,  // Also holds without the label.
    kIn,
    kNotIn,  // Also holds without the label.
    kExists,
    kDoesNotExist,
    kGreaterThan,  // Both sides base-10 integers, otherwise it does not hold.
    kLessThan,
  };
  std::string key;
  Operator op = Operator::kExists;
  std::vector<std::string> values;  // Sorted, none twice. One for all but kIn and kNotIn.

  bool Matches(const LabelMap& labels) const;
  // As kubectl prints it: "k=v", "k in (a,b)", "!k".
  std::string Text() const;
};

// Label requirements that all have to hold; none at all holds for everything.
//
// A plain value. Keys and values are checked when it is made, with Kubernetes' name rules.
class LabelQuery {
 public:
  // kubectl's text form: "a=b,c in (d,e),!f,g!=h,i notin (j),k,l>3". Empty text selects everything.
  // InvalidArgument names what was expected where.
  static absl::StatusOr<LabelQuery> Parse(std::string_view text);
  // InvalidArgument for an unknown operator, or values that do not fit it.
  static absl::StatusOr<LabelQuery> FromSelector(const v1::LabelSelector& selector);

  bool Matches(const LabelMap& labels) const;
  // Requirements sorted by key, joined by commas; empty when there are none.
  std::string Text() const;
  bool empty() const { return requirements_.empty(); }
  const std::vector<LabelRequirement>& requirements() const { return requirements_; }

 private:
  absl::Status Add(LabelRequirement requirement);

  std::vector<LabelRequirement> requirements_;  // By key, stable.
};

// The whole text as a base-10 integer, as Gt and Lt compare them: "010" is 10, "+1" is none.
std::optional<int64_t> ParseLabelInteger(std::string_view text);

// The SELECTOR cell of kubectl: LabelQuery::Text, "<none>" or "<error>".
std::string FormatLabelSelector(const v1::LabelSelector& selector);
// "k=v,k2=v2" sorted by key, or "<none>".
std::string FormatLabels(const LabelMap& labels);

// Does the selector hold? An unparsable one holds for nothing.
bool SelectorMatches(const v1::LabelSelector& selector, const LabelMap& labels);

}  // namespace muster::model
