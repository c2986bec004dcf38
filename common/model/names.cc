#include "common/model/names.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace muster::model {
namespace {

constexpr size_t kLabelLengthMax = 63;
constexpr size_t kSubdomainLengthMax = 253;
constexpr size_t kPortNameLengthMax = 15;

constexpr char kLabelText[] =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
constexpr char kLabel1035Text[] =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
    "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
constexpr char kSubdomainText[] =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr char kNamePartText[] =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
constexpr char kQualifiedText[] =
    "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex "
    "used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS "
    "subdomain prefix and '/' (e.g. 'example.com/MyName')";
constexpr char kLabelValueText[] =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  "
    "or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
constexpr char kEnvNameText[] =
    "a valid environment variable name must consist only of printable ASCII characters other "
    "than '='";
constexpr char kConfigKeyText[] =
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
constexpr char kHeaderText[] =
    "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', "
    "regex used for validation is '[-A-Za-z0-9]+')";

std::string TooLong(size_t length_max) {
  return absl::StrCat("must be no more than ", length_max, " characters");
}

bool IsLowerAlnum(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); }

// [a-z0-9]([-a-z0-9]*[a-z0-9])?
template <typename StringView>
bool HasLabelShape(StringView text) {
  return !text.empty() && IsLowerAlnum(text.front()) && IsLowerAlnum(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return c == '-' || IsLowerAlnum(c); });
}

// ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]
bool HasNamePartShape(std::string_view text) {
  return !text.empty() && absl::ascii_isalnum(text.front()) && absl::ascii_isalnum(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return c == '-' || c == '_' || c == '.' || absl::ascii_isalnum(c);
         });
}

// File names that would leave the directory they are written to.
void CheckNoParentReference(std::string_view name, NameProblems& problems) {
  if (name == ".") {
    problems.emplace_back("must not be '.'");
  } else if (name == "..") {
    problems.emplace_back("must not be '..'");
  } else if (name.starts_with("..")) {
    problems.emplace_back("must not start with '..'");
  }
}

}  // namespace

NameProblems CheckDnsLabel(std::string_view name) {
  NameProblems problems;
  if (name.size() > kLabelLengthMax) problems.push_back(TooLong(kLabelLengthMax));
  if (!HasLabelShape(name)) problems.emplace_back(kLabelText);
  return problems;
}

NameProblems CheckDns1035Label(std::string_view name) {
  NameProblems problems;
  if (name.size() > kLabelLengthMax) problems.push_back(TooLong(kLabelLengthMax));
  if (!HasLabelShape(name) || !absl::ascii_islower(name.front())) {
    problems.emplace_back(kLabel1035Text);
  }
  return problems;
}

NameProblems CheckDnsSubdomain(std::string_view name) {
  NameProblems problems;
  if (name.size() > kSubdomainLengthMax) problems.push_back(TooLong(kSubdomainLengthMax));
  for (absl::string_view label : absl::StrSplit(absl::string_view(name.data(), name.size()), '.')) {
    if (!HasLabelShape(label)) {
      problems.emplace_back(kSubdomainText);
      break;
    }
  }
  return problems;
}

NameProblems CheckQualifiedName(std::string_view name) {
  NameProblems problems;
  std::string_view name_part = name;
  if (size_t slash = name.find('/'); slash != std::string_view::npos) {
    std::string_view prefix = name.substr(0, slash);
    name_part = name.substr(slash + 1);
    if (name_part.find('/') != std::string_view::npos) return {kQualifiedText};
    if (prefix.empty()) {
      problems.emplace_back("prefix part must be non-empty");
    } else {
      for (const std::string& problem : CheckDnsSubdomain(prefix)) {
        problems.push_back(absl::StrCat("prefix part ", problem));
      }
    }
  }
  if (name_part.empty()) problems.emplace_back("name part must be non-empty");
  if (name_part.size() > kLabelLengthMax) {
    problems.push_back(absl::StrCat("name part ", TooLong(kLabelLengthMax)));
  }
  if (!HasNamePartShape(name_part)) problems.emplace_back(kNamePartText);
  return problems;
}

NameProblems CheckLabelValue(std::string_view value) {
  NameProblems problems;
  if (value.size() > kLabelLengthMax) problems.push_back(TooLong(kLabelLengthMax));
  if (!value.empty() && !HasNamePartShape(value)) problems.emplace_back(kLabelValueText);
  return problems;
}

NameProblems CheckPortName(std::string_view name) {
  NameProblems problems;
  if (name.size() > kPortNameLengthMax) problems.push_back(TooLong(kPortNameLengthMax));
  if (name.empty() ||
      !std::all_of(name.begin(), name.end(), [](char c) { return c == '-' || IsLowerAlnum(c); })) {
    problems.emplace_back("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  }
  if (std::none_of(name.begin(), name.end(), absl::ascii_islower)) {
    problems.emplace_back("must contain at least one letter (a-z)");
  }
  if (name.find("--") != std::string_view::npos) {
    problems.emplace_back("must not contain consecutive hyphens");
  }
  if (!name.empty() && (name.front() == '-' || name.back() == '-')) {
    problems.emplace_back("must not begin or end with a hyphen");
  }
  return problems;
}

NameProblems CheckEnvName(std::string_view name) {
  NameProblems problems;
  if (name.empty() || !std::all_of(name.begin(), name.end(),
                                   [](char c) { return absl::ascii_isprint(c) && c != '='; })) {
    problems.emplace_back(kEnvNameText);
  }
  CheckNoParentReference(name, problems);
  return problems;
}

NameProblems CheckConfigKey(std::string_view key) {
  NameProblems problems;
  if (key.size() > kSubdomainLengthMax) problems.push_back(TooLong(kSubdomainLengthMax));
  if (key.empty() || !std::all_of(key.begin(), key.end(), [](char c) {
        return c == '-' || c == '.' || c == '_' || absl::ascii_isalnum(c);
      })) {
    problems.emplace_back(kConfigKeyText);
  }
  CheckNoParentReference(key, problems);
  return problems;
}

NameProblems CheckHttpHeaderName(std::string_view name) {
  if (!name.empty() && std::all_of(name.begin(), name.end(),
                                   [](char c) { return c == '-' || absl::ascii_isalnum(c); })) {
    return {};
  }
  return {kHeaderText};
}

bool IsLegalPortNumber(int64_t port) { return port >= 1 && port <= 65535; }

}  // namespace muster::model
