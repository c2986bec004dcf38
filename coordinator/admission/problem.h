#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "google/protobuf/message.h"

namespace muster::coordinator {

// The place of a field as Kubernetes writes it, "spec.containers[0].env[1]". A plain value.
class FieldPath {
 public:
  FieldPath() = default;  // The object itself.
  explicit FieldPath(std::string_view text) : text_(text) {}

  FieldPath Child(std::string_view name) const;
  FieldPath Index(int index) const;
  FieldPath Key(std::string_view key) const;  // Of a map: "limits[cpu]".

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Why an object cannot be accepted, in Kubernetes' words.
struct Problem {
  std::string path;
  std::string type;    // "Invalid value", "Required value", "Unsupported value", ...
  std::string value;   // As Kubernetes prints it: quoted text, bare number, JSON. May be empty.
  std::string detail;  // May be empty.

  // "<path>: <type>: <value>: <detail>" without what is empty.
  std::string Text() const;
  bool operator==(const Problem&) const = default;
};

// What does not happen although a field asks for it.
struct Warning {
  std::string path;
  std::string text;
  bool operator==(const Warning&) const = default;
};

std::string Quoted(std::string_view text);
// Any message as the JSON that Kubernetes would print.
std::string JsonText(const google::protobuf::Message& message);

// Collects problems in the order they are found.
class Problems {
 public:
  // `value` is printed as it is: see Quoted and JsonText.
  void Invalid(const FieldPath& path, std::string value, std::string detail);
  void InvalidText(const FieldPath& path, std::string_view value, std::string detail);
  void InvalidNumber(const FieldPath& path, int64_t value, std::string detail);
  void Required(const FieldPath& path, std::string detail = "");
  void Unsupported(const FieldPath& path, std::string_view value,
                   const std::vector<std::string_view>& supported);
  void Duplicate(const FieldPath& path, std::string_view value);
  void Forbidden(const FieldPath& path, std::string detail);
  void NotFound(const FieldPath& path, std::string_view value);
  void TooLong(const FieldPath& path, int64_t bytes_max);

  // One that was found elsewhere.
  void Add(Problem problem) { problems_.push_back(std::move(problem)); }

  // One Invalid for each text, as the name checks of common/model give them.
  void InvalidTexts(const FieldPath& path, std::string_view value,
                    const std::vector<std::string>& details);

  const std::vector<Problem>& all() const { return problems_; }
  std::vector<Problem> Take() { return std::move(problems_); }
  bool empty() const { return problems_.empty(); }

 private:
  std::vector<Problem> problems_;
};

// The DaemonSet "x" is invalid: ..., on one line for one problem, else one "* " line for each.
std::string FormatInvalid(std::string_view kind, std::string_view name,
                          const std::vector<Problem>& problems);

}  // namespace muster::coordinator
