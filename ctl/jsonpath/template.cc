#include "ctl/jsonpath/template.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/manifest/json_writer.h"
#include "ctl/jsonpath/parser.h"

namespace muster::ctl::jsonpath {
namespace {

using manifest::Value;
using Values = std::vector<const Value*>;

// Descents multiply what they find; a template that finds more than this was not meant so.
constexpr size_t kValuesMax = 5'000'000;

std::optional<double> NumberOf(const Value& value) {
  if (value.type != Value::Type::kInteger && value.type != Value::Type::kFloat) return std::nullopt;
  double number = 0;
  const char* end = value.text.data() + value.text.size();
  const auto [read, error] = std::from_chars(value.text.data(), end, number);
  if (error != std::errc() || read != end) return std::nullopt;
  return number;
}

// Below, at or above zero, as `left` is below, equal to or above `right`; nothing for values that
// cannot be compared.
std::optional<int> Compare(const Value& left, const Value& right) {
  const std::optional<double> a = NumberOf(left);
  const std::optional<double> b = NumberOf(right);
  if (a && b) return *a < *b ? -1 : *a > *b ? 1 : 0;
  if (left.type != right.type) return std::nullopt;
  switch (left.type) {
    case Value::Type::kNull:
      return 0;
    case Value::Type::kBool:
    case Value::Type::kString:
      return left.text.compare(right.text);
    default:
      return std::nullopt;
  }
}

class Evaluator {
 public:
  absl::StatusOr<Values> Follow(const Path& path, Values values) const {
    for (const Step& step : path) {
      MUSTER_ASSIGN_OR_RETURN(
          values, std::visit([&](const auto& what) { return Take(what, values); }, step.what));
      if (values.size() > kValuesMax) {
        return absl::InvalidArgumentError("the path finds more values than can be of use");
      }
    }
    return values;
  }

  // Ends each action with its values.
  template <typename EmitText, typename EmitValues>
  absl::Status Run(const std::vector<Piece>& pieces, const Value& current, const EmitText& text,
                   const EmitValues& values) const {
    for (const Piece& piece : pieces) {
      if (piece.type == Piece::Type::kText) {
        text(piece.text);
        continue;
      }
      MUSTER_ASSIGN_OR_RETURN(const Values found, Follow(piece.path, {&current}));
      if (piece.type == Piece::Type::kAction) {
        values(found);
        continue;
      }
      for (const Value* each : found) {
        MUSTER_RETURN_IF_ERROR(Run(piece.body, *each, text, values));
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<Values> Take(const Literal& literal, const Values&) const {
    return Values{&literal.value};
  }

  absl::StatusOr<Values> Take(const Member& member, const Values& values) const {
    Values found;
    for (const Value* value : values) {
      if (value->type != Value::Type::kMapping) continue;
      if (const Value* inside = value->Find(member.name)) found.push_back(inside);
    }
    return found;
  }

  static Values InsideOf(const Value& value) {
    Values found;
    for (const Value& item : value.items) found.push_back(&item);
    for (const manifest::Member* member : SortedMembers(value)) found.push_back(&member->value);
    return found;
  }

  absl::StatusOr<Values> Take(const Everything&, const Values& values) const {
    Values found;
    for (const Value* value : values) {
      const Values inside = InsideOf(*value);
      found.insert(found.end(), inside.begin(), inside.end());
    }
    return found;
  }

  absl::StatusOr<Values> Take(const Descent&, const Values& values) const {
    Values found;
    Values open(values.rbegin(), values.rend());  // The next one is at the end.
    while (!open.empty()) {
      const Value* value = open.back();
      open.pop_back();
      const Values inside = InsideOf(*value);
      if (inside.empty()) continue;
      found.push_back(value);
      open.insert(open.end(), inside.rbegin(), inside.rend());
    }
    return found;
  }

  absl::StatusOr<Values> Take(const Slice& slice, const Values& values) const {
    Values found;
    for (const Value* value : values) {
      if (value->type != Value::Type::kList) {
        return absl::InvalidArgumentError(
            absl::StrCat(TextOf(*value), " is no list and has no items"));
      }
      MUSTER_RETURN_IF_ERROR(AddItems(slice, value->items, found));
    }
    return found;
  }

  static absl::Status AddItems(const Slice& slice, const std::vector<Value>& items, Values& found) {
    const auto length = static_cast<int64_t>(items.size());
    const auto from_the_end = [length](int64_t index) {
      return index < 0 ? index + length : index;
    };
    const int64_t begin = from_the_end(slice.begin.value_or(0));
    const int64_t end = slice.single ? begin + 1 : from_the_end(slice.end.value_or(length));
    const int64_t step = slice.step.value_or(1);
    if (step <= 0) return absl::InvalidArgumentError("the step of a slice has to be above 0");
    if (begin == end) return absl::OkStatus();
    const auto out_of_bounds = [length](int64_t index) {
      return absl::InvalidArgumentError(
          absl::StrCat("array index out of bounds: index ", index, ", length ", length));
    };
    if (begin < 0 || begin >= length) return out_of_bounds(begin);
    if (end < 0 || end > length) return out_of_bounds(end - 1);
    if (begin > end) {
      return absl::InvalidArgumentError(
          absl::StrCat("a slice starts at ", begin, ", after its end at ", end));
    }
    for (int64_t i = begin; i < end; i += std::min(step, length)) {
      found.push_back(&items[static_cast<size_t>(i)]);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Values> Take(const Union& choice, const Values& values) const {
    Values found;
    for (const Path& path : choice.paths) {
      MUSTER_ASSIGN_OR_RETURN(const Values more, Follow(path, values));
      found.insert(found.end(), more.begin(), more.end());
    }
    return found;
  }

  absl::StatusOr<Values> Take(const Filter& filter, const Values& values) const {
    Values found;
    for (const Value* value : values) {
      if (value->type != Value::Type::kList) {
        return absl::InvalidArgumentError(
            absl::StrCat(TextOf(*value), " is no list and cannot be filtered"));
      }
      for (const Value& item : value->items) {
        MUSTER_ASSIGN_OR_RETURN(const bool passes, Passes(filter, item));
        if (passes) found.push_back(&item);
      }
    }
    return found;
  }

  absl::StatusOr<bool> Passes(const Filter& filter, const Value& item) const {
    MUSTER_ASSIGN_OR_RETURN(const Values left, Follow(filter.left, {&item}));
    if (filter.comparison == Filter::Operator::kExists) return !left.empty();
    MUSTER_ASSIGN_OR_RETURN(const Values right, Follow(filter.right, {&item}));
    if (left.size() > 1 || right.size() > 1) {
      return absl::InvalidArgumentError("a filter compares one value with one, not with several");
    }
    if (left.empty() || right.empty()) return false;
    const std::optional<int> order = Compare(*left[0], *right[0]);
    switch (filter.comparison) {
      case Filter::Operator::kEqual:
        return order == 0;
      case Filter::Operator::kNotEqual:
        return order != 0;
      default:
        break;
    }
    if (!order) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot tell which is less, ", TextOf(*left[0]), " or ", TextOf(*right[0])));
    }
    switch (filter.comparison) {
      case Filter::Operator::kLess:
        return *order < 0;
      case Filter::Operator::kLessOrEqual:
        return *order <= 0;
      case Filter::Operator::kGreater:
        return *order > 0;
      default:
        return *order >= 0;
    }
  }
};

}  // namespace

std::string TextOf(const Value& value) {
  if (value.type == Value::Type::kString) return value.text;
  return manifest::WriteJson(value, manifest::JsonForm::kCompact);
}

absl::StatusOr<Template> Template::Parse(std::string_view text) {
  Template parsed;
  MUSTER_ASSIGN_OR_RETURN(parsed.pieces_, ParseTemplate(text));
  return parsed;
}

absl::StatusOr<Template> Template::ParsePath(std::string_view text) {
  if (text.starts_with('{')) {
    MUSTER_ASSIGN_OR_RETURN(Template parsed, Parse(text));
    if (parsed.pieces_.size() == 1 && parsed.pieces_[0].type == Piece::Type::kAction) return parsed;
  } else if (!text.empty() && text.find_first_of("{}") == std::string_view::npos) {
    const bool rooted = std::string_view(".[$@").find(text[0]) != std::string_view::npos;
    return Parse(absl::StrCat("{", rooted ? "" : ".", std::string(text), "}"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("expected one path such as .metadata.name or {.metadata.name}, found \"",
                   std::string(text), "\""));
}

absl::StatusOr<std::string> Template::Render(const Value& root) const {
  std::string out;
  MUSTER_RETURN_IF_ERROR(Evaluator().Run(
      pieces_, root, [&out](const std::string& text) { out += text; },
      [&out](const Values& found) {
        bool first = true;
        for (const Value* value : found) {
          absl::StrAppend(&out, first ? "" : " ", TextOf(*value));
          first = false;
        }
      }));
  return out;
}

absl::StatusOr<Values> Template::Find(const Value& root) const {
  Values all;
  MUSTER_RETURN_IF_ERROR(Evaluator().Run(
      pieces_, root, [](const std::string&) {},
      [&all](const Values& found) { all.insert(all.end(), found.begin(), found.end()); }));
  return all;
}

}  // namespace muster::ctl::jsonpath
