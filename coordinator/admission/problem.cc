#include "coordinator/admission/problem.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/model/canonical_text.h"

namespace muster::coordinator {

FieldPath FieldPath::Child(std::string_view name) const {
  FieldPath path = *this;
  if (!path.text_.empty()) path.text_ += '.';
  path.text_ += name;
  return path;
}

FieldPath FieldPath::Index(int index) const {
  FieldPath path = *this;
  absl::StrAppend(&path.text_, "[", index, "]");
  return path;
}

FieldPath FieldPath::Key(std::string_view key) const {
  FieldPath path = *this;
  path.text_ += '[';
  path.text_ += key;
  path.text_ += ']';
  return path;
}

std::string Problem::Text() const {
  std::string text = path;
  for (const std::string* part : {&type, &value, &detail}) {
    if (part->empty()) continue;
    if (!text.empty()) text += ": ";
    text += *part;
  }
  return text;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(&quoted, "\\x%02x", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string JsonText(const google::protobuf::Message& message) {
  return model::CanonicalText(message);
}

void Problems::Invalid(const FieldPath& path, std::string value, std::string detail) {
  problems_.push_back({path.text(), "Invalid value", std::move(value), std::move(detail)});
}

void Problems::InvalidText(const FieldPath& path, std::string_view value, std::string detail) {
  Invalid(path, Quoted(value), std::move(detail));
}

void Problems::InvalidNumber(const FieldPath& path, int64_t value, std::string detail) {
  Invalid(path, absl::StrCat(value), std::move(detail));
}

void Problems::Required(const FieldPath& path, std::string detail) {
  problems_.push_back({path.text(), "Required value", "", std::move(detail)});
}

void Problems::Unsupported(const FieldPath& path, std::string_view value,
                           const std::vector<std::string_view>& supported) {
  problems_.push_back(
      {path.text(), "Unsupported value", Quoted(value),
       absl::StrCat("supported values: ",
                    absl::StrJoin(supported, ", ", [](std::string* out, std::string_view each) {
                      out->append(Quoted(each));
                    }))});
}

void Problems::Duplicate(const FieldPath& path, std::string_view value) {
  problems_.push_back({path.text(), "Duplicate value", Quoted(value), ""});
}

void Problems::Forbidden(const FieldPath& path, std::string detail) {
  problems_.push_back({path.text(), "Forbidden", "", std::move(detail)});
}

void Problems::NotFound(const FieldPath& path, std::string_view value) {
  problems_.push_back({path.text(), "Not found", Quoted(value), ""});
}

void Problems::TooLong(const FieldPath& path, int64_t bytes_max) {
  problems_.push_back(
      {path.text(), "Too long", "", absl::StrCat("may not be more than ", bytes_max, " bytes")});
}

void Problems::InvalidTexts(const FieldPath& path, std::string_view value,
                            const std::vector<std::string>& details) {
  for (const std::string& detail : details) InvalidText(path, value, detail);
}

std::string FormatInvalid(std::string_view kind, std::string_view name,
                          const std::vector<Problem>& problems) {
  std::string text = absl::StrCat("The ", std::string(kind), " ", Quoted(name), " is invalid: ");
  if (problems.size() == 1) return text + problems.front().Text();
  for (const Problem& problem : problems) absl::StrAppend(&text, "\n* ", problem.Text());
  return text;
}

}  // namespace muster::coordinator
