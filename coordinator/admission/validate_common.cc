#include "coordinator/admission/validate_common.h"

#include <arpa/inet.h>

#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/model/int_or_string.h"
#include "common/model/names.h"
#include "common/model/quantity.h"

namespace muster::coordinator {
namespace {

constexpr int64_t kAnnotationBytesMax = 256 << 10;

bool HasParentStep(std::string_view path) {
  for (const absl::string_view step :
       absl::StrSplit(absl::string_view(path.data(), path.size()), '/')) {
    if (step == "..") return true;
  }
  return false;
}

}  // namespace

std::string LabelsText(const model::LabelMap& labels) {
  std::string text = "{";
  for (const auto* label : SortedEntries(labels)) {
    if (text.size() > 1) text += ',';
    text += Quoted(label->first) + ":" + Quoted(label->second);
  }
  return text + "}";
}

bool IsOneOf(std::string_view value, const std::vector<std::string_view>& list) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

void CheckOneOf(const FieldPath& path, std::string_view value,
                const std::vector<std::string_view>& supported, bool required, Problems& problems) {
  if (value.empty()) {
    if (required) problems.Required(path);
  } else if (!IsOneOf(value, supported)) {
    problems.Unsupported(path, value, supported);
  }
}

void CheckNotNegative(const FieldPath& path, int64_t value, Problems& problems) {
  if (value < 0) problems.InvalidNumber(path, value, "must be greater than or equal to 0");
}

void CheckShareOfNodes(const FieldPath& path, const v1::IntOrString& value, Problems& problems) {
  if (!value.has_string_value()) {
    CheckNotNegative(path, value.int_value(), problems);
    return;
  }
  const std::optional<int32_t> percent = model::PercentOf(value);
  if (!percent) {
    problems.InvalidText(path, value.string_value(),
                         "a valid percent string must be a numeric string followed by an ending "
                         "'%' (e.g. '1%', or '93%', regex used for validation is '[0-9]+%')");
  } else if (*percent > 100) {
    problems.InvalidText(path, value.string_value(), "must not be greater than 100%");
  }
}

void CheckIpAddress(const FieldPath& path, std::string_view value, Problems& problems) {
  const std::string text(value);
  unsigned char address[sizeof(in6_addr)];
  if (inet_pton(AF_INET, text.c_str(), address) != 1 &&
      inet_pton(AF_INET6, text.c_str(), address) != 1) {
    problems.InvalidText(path, value,
                         "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
  }
}

void CheckNoParentSteps(const FieldPath& path, std::string_view value, Problems& problems) {
  if (HasParentStep(value)) problems.InvalidText(path, value, "must not contain '..'");
}

void CheckPathInside(const FieldPath& path, std::string_view value, Problems& problems) {
  if (value.starts_with('/')) problems.InvalidText(path, value, "must be a relative path");
  CheckNoParentSteps(path, value, problems);
}

void CheckFileMode(const FieldPath& path, int32_t mode, Problems& problems) {
  if (mode < 0 || mode > 0777) {
    problems.InvalidNumber(path, mode,
                           "must be a number between 0 and 0777 (octal), both inclusive");
  }
}

void CheckLabels(const FieldPath& path, const model::LabelMap& labels, Problems& problems) {
  for (const auto* label : SortedEntries(labels)) {
    problems.InvalidTexts(path, label->first, model::CheckQualifiedName(label->first));
    problems.InvalidTexts(path.Key(label->first), label->second,
                          model::CheckLabelValue(label->second));
  }
}

void CheckAnnotations(const FieldPath& path, const model::LabelMap& annotations,
                      Problems& problems) {
  size_t bytes = 0;
  for (const auto* annotation : SortedEntries(annotations)) {
    problems.InvalidTexts(path, annotation->first,
                          model::CheckQualifiedName(absl::AsciiStrToLower(annotation->first)));
    bytes += annotation->first.size() + annotation->second.size();
  }
  if (bytes > kAnnotationBytesMax) problems.TooLong(path, kAnnotationBytesMax);
}

void CheckObjectName(const FieldPath& path, std::string_view name, Problems& problems) {
  if (name.empty()) {
    problems.Required(path);
  } else {
    problems.InvalidTexts(path, name, model::CheckDnsSubdomain(name));
  }
}

void CheckAmount(const FieldPath& path, const v1::Quantity& quantity, Problems& problems) {
  const absl::StatusOr<model::Quantity> amount = model::Quantity::Parse(quantity.text());
  if (!amount.ok()) {
    problems.InvalidText(path, quantity.text(), std::string(amount.status().message()));
  } else if (amount->sign() < 0) {
    problems.InvalidText(path, amount->ToString(), "must be greater than or equal to 0");
  }
}

}  // namespace muster::coordinator
