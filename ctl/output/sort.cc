#include "ctl/output/sort.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/manifest/encode.h"
#include "common/model/quantity.h"
#include "ctl/jsonpath/template.h"

namespace muster::ctl {
namespace {

// What an object is sorted by.
struct Key {
  // In the order in which kinds of values come.
  enum class Type { kMissing, kNumber, kQuantity, kText };
  Type type = Type::kMissing;
  double number = 0;
  model::Quantity quantity;
  std::string text;
};

Key KeyOf(const manifest::Value& value) {
  Key key;
  key.text = jsonpath::TextOf(value);
  key.type = Key::Type::kText;
  if (value.type == manifest::Value::Type::kInteger ||
      value.type == manifest::Value::Type::kFloat) {
    const char* end = key.text.data() + key.text.size();
    if (std::from_chars(key.text.data(), end, key.number).ec == std::errc()) {
      key.type = Key::Type::kNumber;
    }
  } else if (auto quantity = model::Quantity::Parse(key.text); quantity.ok()) {
    key.quantity = *quantity;
    key.type = Key::Type::kQuantity;
  }
  return key;
}

bool Less(const Key& a, const Key& b) {
  if (a.type != b.type) return a.type < b.type;
  switch (a.type) {
    case Key::Type::kMissing:
      return false;
    case Key::Type::kNumber:
      return a.number < b.number;
    case Key::Type::kQuantity:
      return a.quantity < b.quantity;
    case Key::Type::kText:
      return NaturallyLess(a.text, b.text);
  }
  return false;
}

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

// The digits at the start of `text`, without zeros before them; takes them off.
std::string_view TakeNumber(std::string_view& text) {
  size_t end = 0;
  while (end < text.size() && IsDigit(text[end])) ++end;
  std::string_view digits = text.substr(0, end);
  text.remove_prefix(end);
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

}  // namespace

bool NaturallyLess(std::string_view a, std::string_view b) {
  const std::string_view whole_a = a;
  const std::string_view whole_b = b;
  while (!a.empty() && !b.empty()) {
    if (IsDigit(a[0]) && IsDigit(b[0])) {
      const std::string_view left = TakeNumber(a);
      const std::string_view right = TakeNumber(b);
      if (left.size() != right.size()) return left.size() < right.size();
      if (left != right) return left < right;
      continue;
    }
    if (a[0] != b[0]) return a[0] < b[0];
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  if (a.empty() != b.empty()) return a.empty();
  return whole_a < whole_b;
}

absl::StatusOr<std::vector<size_t>> SortedOrder(const std::string& path,
                                                absl::Span<const v1::Object> objects) {
  auto parsed = jsonpath::Template::ParsePath(path);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--sort-by: ", std::string(parsed.status().message())));
  }
  std::vector<Key> keys;
  bool any = false;
  for (const v1::Object& object : objects) {
    const manifest::Value value = manifest::ToValue(object);
    MUSTER_ASSIGN_OR_RETURN(const auto found, parsed->Find(value));
    keys.push_back(found.empty() ? Key() : KeyOf(*found[0]));
    any = any || !found.empty();
  }
  if (!any && !objects.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--sort-by: no object has a field \"", path, "\""));
  }
  // What happens to be a quantity is a text among texts, or there would be no order.
  const bool texts = std::any_of(keys.begin(), keys.end(),
                                 [](const Key& key) { return key.type == Key::Type::kText; });
  for (Key& key : keys) {
    if (texts && key.type == Key::Type::kQuantity) key.type = Key::Type::kText;
  }
  std::vector<size_t> order(objects.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&keys](size_t a, size_t b) { return Less(keys[a], keys[b]); });
  return order;
}

}  // namespace muster::ctl
