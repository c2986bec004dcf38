#include "common/model/labels.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/macros.h"
#include "common/model/names.h"

namespace muster::model {
namespace {

using Operator = LabelRequirement::Operator;

const std::string* Find(const LabelMap& labels, const std::string& key) {
  auto found = labels.find(key);
  return found == labels.end() ? nullptr : &found->second;
}

absl::Status CheckRequirement(const LabelRequirement& requirement) {
  if (NameProblems problems = CheckQualifiedName(requirement.key); !problems.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", requirement.key, "\" is no label key: ", problems.front()));
  }
  for (const std::string& value : requirement.values) {
    if (NameProblems problems = CheckLabelValue(value); !problems.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", value, "\" is no label value: ", problems.front()));
    }
  }
  const size_t count = requirement.values.size();
  switch (requirement.op) {
    case Operator::kIn:
    case Operator::kNotIn:
      if (count == 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("no values for the set of \"", requirement.key, "\""));
      }
      break;
    case Operator::kExists:
    case Operator::kDoesNotExist:
      if (count != 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("existence of \"", requirement.key, "\" takes no values"));
      }
      break;
    case Operator::kEquals:
    case Operator::kNotEquals:
      if (count != 1) {
        return absl::InvalidArgumentError(
            absl::StrCat("\"", requirement.key, "\" is compared with exactly one value"));
      }
      break;
    case Operator::kGreaterThan:
    case Operator::kLessThan:
      if (count != 1 || !ParseLabelInteger(requirement.values.front())) {
        return absl::InvalidArgumentError(
            absl::StrCat("\"", requirement.key, "\" is compared with exactly one integer"));
      }
      break;
  }
  return absl::OkStatus();
}

// Reads the text form. Words are what stands between blanks and the signs ( ) , ! = < >.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool AtEnd() {
    SkipBlanks();
    return position_ == text_.size();
  }

  bool Take(std::string_view sign) {
    SkipBlanks();
    if (text_.substr(position_, sign.size()) != sign) return false;
    position_ += sign.size();
    return true;
  }

  std::string Word() {
    SkipBlanks();
    size_t start = position_;
    while (position_ < text_.size() && !IsSign(text_[position_]) &&
           !absl::ascii_isspace(text_[position_])) {
      ++position_;
    }
    return std::string(text_.substr(start, position_ - start));
  }

  absl::Status Error(const std::string& what) const {
    return absl::InvalidArgumentError(
        absl::StrCat("label selector \"", std::string(text_), "\": ", what));
  }

  absl::Status Expected(const char* what) {
    SkipBlanks();
    const std::string where =
        position_ == text_.size()
            ? "at the end"
            : absl::StrCat("before \"", std::string(text_.substr(position_)), "\"");
    return Error(absl::StrCat("expected ", what, " ", where));
  }

 private:
  static bool IsSign(char c) { return std::string_view("(),!=<>").find(c) != std::string::npos; }
  void SkipBlanks() {
    while (position_ < text_.size() && absl::ascii_isspace(text_[position_])) ++position_;
  }

  const std::string_view text_;
  size_t position_ = 0;
};

absl::Status ScanSet(Scanner& scanner, std::vector<std::string>& values) {
  if (!scanner.Take("(")) return scanner.Expected("\"(\"");
  do {
    values.push_back(scanner.Word());
  } while (scanner.Take(","));
  if (!scanner.Take(")")) return scanner.Expected("\",\" or \")\"");
  return absl::OkStatus();
}

absl::StatusOr<LabelRequirement> ScanRequirement(Scanner& scanner) {
  LabelRequirement requirement;
  const bool negated = scanner.Take("!");
  requirement.key = scanner.Word();
  if (requirement.key.empty()) return scanner.Expected("a label key");
  if (negated) {
    requirement.op = Operator::kDoesNotExist;
    return requirement;
  }
  const std::pair<std::string_view, Operator> signs[] = {
      {"==", Operator::kEquals},     {"=", Operator::kEquals},   {"!=", Operator::kNotEquals},
      {">", Operator::kGreaterThan}, {"<", Operator::kLessThan},
  };
  for (const auto& [sign, op] : signs) {
    if (!scanner.Take(sign)) continue;
    requirement.op = op;
    requirement.values.push_back(scanner.Word());
    return requirement;
  }
  const std::string word = scanner.Word();
  if (word.empty()) return requirement;  // Just the key: it exists.
  if (word == "in" || word == "notin") {
    requirement.op = word == "in" ? Operator::kIn : Operator::kNotIn;
    MUSTER_RETURN_IF_ERROR(ScanSet(scanner, requirement.values));
    return requirement;
  }
  return scanner.Error(absl::StrCat("expected =, ==, !=, in, notin, <, > or \",\" after \"",
                                    requirement.key, "\", found \"", word, "\""));
}

}  // namespace

std::optional<int64_t> ParseLabelInteger(std::string_view text) {
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool LabelRequirement::Matches(const LabelMap& labels) const {
  const std::string* label = Find(labels, key);
  const bool listed =
      label != nullptr && std::find(values.begin(), values.end(), *label) != values.end();
  switch (op) {
    case Operator::kEquals:
    case Operator::kIn:
      return listed;
    case Operator::kNotEquals:
    case Operator::kNotIn:
      return !listed;
    case Operator::kExists:
      return label != nullptr;
    case Operator::kDoesNotExist:
      return label == nullptr;
    case Operator::kGreaterThan:
    case Operator::kLessThan: {
      if (label == nullptr || values.size() != 1) return false;
      const std::optional<int64_t> left = ParseLabelInteger(*label);
      const std::optional<int64_t> right = ParseLabelInteger(values.front());
      if (!left || !right) return false;
      return op == Operator::kGreaterThan ? *left > *right : *left < *right;
    }
  }
  return false;
}

std::string LabelRequirement::Text() const {
  switch (op) {
    case Operator::kEquals:
      return absl::StrCat(key, "=", absl::StrJoin(values, ","));
    case Operator::kNotEquals:
      return absl::StrCat(key, "!=", absl::StrJoin(values, ","));
    case Operator::kIn:
      return absl::StrCat(key, " in (", absl::StrJoin(values, ","), ")");
    case Operator::kNotIn:
      return absl::StrCat(key, " notin (", absl::StrJoin(values, ","), ")");
    case Operator::kExists:
      return key;
    case Operator::kDoesNotExist:
      return absl::StrCat("!", key);
    case Operator::kGreaterThan:
      return absl::StrCat(key, ">", absl::StrJoin(values, ","));
    case Operator::kLessThan:
      return absl::StrCat(key, "<", absl::StrJoin(values, ","));
  }
  return key;
}

absl::Status LabelQuery::Add(LabelRequirement requirement) {
  std::sort(requirement.values.begin(), requirement.values.end());
  requirement.values.erase(std::unique(requirement.values.begin(), requirement.values.end()),
                           requirement.values.end());
  MUSTER_RETURN_IF_ERROR(CheckRequirement(requirement));
  auto place = std::upper_bound(
      requirements_.begin(), requirements_.end(), requirement.key,
      [](const std::string& key, const LabelRequirement& other) { return key < other.key; });
  requirements_.insert(place, std::move(requirement));
  return absl::OkStatus();
}

absl::StatusOr<LabelQuery> LabelQuery::Parse(std::string_view text) {
  LabelQuery query;
  Scanner scanner(text);
  if (scanner.AtEnd()) return query;
  do {
    MUSTER_ASSIGN_OR_RETURN(LabelRequirement requirement, ScanRequirement(scanner));
    MUSTER_RETURN_IF_ERROR(query.Add(std::move(requirement)));
  } while (scanner.Take(","));
  if (!scanner.AtEnd()) return scanner.Expected("\",\" or the end");
  return query;
}

absl::StatusOr<LabelQuery> LabelQuery::FromSelector(const v1::LabelSelector& selector) {
  LabelQuery query;
  // The map has no order of its own; this one makes the first problem reproducible.
  const std::map<std::string, std::string> labels(selector.match_labels().begin(),
                                                  selector.match_labels().end());
  for (const auto& [key, value] : labels) {
    MUSTER_RETURN_IF_ERROR(query.Add({key, Operator::kEquals, {value}}));
  }
  const std::pair<std::string_view, Operator> operators[] = {
      {"In", Operator::kIn},
      {"NotIn", Operator::kNotIn},
      {"Exists", Operator::kExists},
      {"DoesNotExist", Operator::kDoesNotExist},
  };
  for (const v1::LabelSelectorRequirement& expression : selector.match_expressions()) {
    const auto* known = std::find_if(std::begin(operators), std::end(operators), [&](auto& entry) {
      return entry.first == expression.operator_();
    });
    if (known == std::end(operators)) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", expression.operator_(), "\" is not a valid label selector operator"));
    }
    MUSTER_RETURN_IF_ERROR(query.Add({expression.key(),
                                      known->second,
                                      {expression.values().begin(), expression.values().end()}}));
  }
  return query;
}

bool LabelQuery::Matches(const LabelMap& labels) const {
  return std::all_of(
      requirements_.begin(), requirements_.end(),
      [&](const LabelRequirement& requirement) { return requirement.Matches(labels); });
}

std::string LabelQuery::Text() const {
  return absl::StrJoin(requirements_, ",", [](std::string* out, const LabelRequirement& each) {
    absl::StrAppend(out, each.Text());
  });
}

std::string FormatLabelSelector(const v1::LabelSelector& selector) {
  absl::StatusOr<LabelQuery> query = LabelQuery::FromSelector(selector);
  if (!query.ok()) return "<error>";
  return query->empty() ? "<none>" : query->Text();
}

std::string FormatLabels(const LabelMap& labels) {
  if (labels.empty()) return "<none>";
  const std::map<std::string, std::string> sorted(labels.begin(), labels.end());
  return absl::StrJoin(sorted, ",", absl::PairFormatter("="));
}

bool SelectorMatches(const v1::LabelSelector& selector, const LabelMap& labels) {
  absl::StatusOr<LabelQuery> query = LabelQuery::FromSelector(selector);
  return query.ok() && query->Matches(labels);
}

}  // namespace muster::model
