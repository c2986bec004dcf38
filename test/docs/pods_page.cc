// Writes the tables of docs/pods.md: what of a pod's specification is supported, field by field,
// from the options of the schema that applying a manifest goes by.
//
//   pods_page FILE          rewrites what stands behind the mark in FILE
//   pods_page --check FILE  fails when that would change it

#include <cstdio>
#include <deque>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/base/text_file.h"
#include "common/manifest/text_form.h"
#include "google/protobuf/descriptor.h"
#include "muster/v1/options.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using manifest::FormOf;
using manifest::TextForm;

constexpr char kMark[] = "<!-- From here on by test/docs/pods_page.cc: ./dev docs -->\n";

// What Kubernetes has in pods that run, and forbids in what they are made from.
constexpr char kNotInTemplates[] = "ephemeralContainers";

// `Always` in initContainers, `Memory`
std::string Exempt(const v1::FieldOptions& options) {
  std::vector<std::string> values;
  for (const std::string& value : options.unless()) {
    const size_t colon = value.find(':');
    values.push_back(
        colon == std::string::npos
            ? absl::StrCat("`", value, "`")
            : absl::StrCat("`", value.substr(colon + 1), "` in `", value.substr(0, colon), "`"));
  }
  return absl::StrJoin(values, ", ");
}

std::string Cell(const std::string& text) { return absl::StrReplaceAll(text, {{"|", "\\|"}}); }

// One line of a table; whether what is inside the field is worth a table of its own.
std::string Row(const FieldDescriptor& field, bool& descend) {
  const v1::FieldOptions& options = field.options().GetExtension(v1::field);
  const bool refused = !options.refuse().empty();
  std::string supported = "yes", note;
  if (field.json_name() == kNotInTemplates) {
    supported = "no";
    note = "not in a template, as in Kubernetes";
  } else if (refused) {
    supported = options.unless().empty() ? "no" : absl::StrCat("only ", Exempt(options));
    note = options.refuse();
  } else if (!options.warn().empty()) {
    supported =
        options.unless().empty() ? "warning" : absl::StrCat("warning but for ", Exempt(options));
    note = options.warn();
  }
  descend = supported == "yes";
  return absl::StrCat("| `", field.json_name(), field.is_map() || !field.is_repeated() ? "" : "[]",
                      "` | ", Cell(supported), " | ", Cell(note), " |\n");
}

const Descriptor* Inside(const FieldDescriptor& field) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field.is_map()) return nullptr;
  return FormOf(*field.message_type()) == TextForm::kMessage ? field.message_type() : nullptr;
}

// A table for each type of message, in the order in which they are met from the top.
std::string Tables() {
  struct Stop {
    const Descriptor* type;
    std::string path;
  };
  std::string page;
  std::deque<Stop> stops = {{v1::PodSpec::descriptor(), "spec"}};
  std::set<const Descriptor*> seen = {v1::PodSpec::descriptor()};
  while (!stops.empty()) {
    const Stop stop = stops.front();
    stops.pop_front();
    absl::StrAppend(&page, "\n## ", stop.path, "\n\n");
    absl::StrAppend(&page, "| ", stop.type->name(), " | supported | |\n| --- | --- | --- |\n");
    for (int i = 0; i < stop.type->field_count(); ++i) {
      const FieldDescriptor& field = *stop.type->field(i);
      bool descend = false;
      page += Row(field, descend);
      const Descriptor* inside = Inside(field);
      if (!descend || inside == nullptr || !seen.insert(inside).second) continue;
      // The first to be met; the others are of the same type.
      const std::string name =
          field.json_name() == "initContainers" ? "containers" : field.json_name();
      stops.push_back(
          {inside, absl::StrCat(stop.path, ".", name, field.is_repeated() ? "[]" : "")});
    }
  }
  return page;
}

int Run(bool check, const std::string& path) {
  const absl::StatusOr<std::string> now = ReadFile(path);
  if (!now.ok()) {
    std::cerr << now.status() << "\n";
    return 1;
  }
  const size_t mark = now->find(kMark);
  if (mark == std::string::npos) {
    std::cerr << path << ": there is no line " << kMark;
    return 1;
  }
  const std::string wanted = now->substr(0, mark) + kMark + Tables();
  if (wanted == *now) return 0;
  if (check) {
    std::cerr << path << " is not what the schema says: ./dev docs\n";
    return 1;
  }
  if (const absl::Status written = WriteFileAtomically(path, wanted, 0644); !written.ok()) {
    std::cerr << written << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace muster

int main(int argc, char** argv) {
  const bool check = argc == 3 && std::string(argv[1]) == "--check";
  if (!check && argc != 2) {
    std::cerr << "usage: pods_page [--check] FILE\n";
    return 64;
  }
  return muster::Run(check, argv[argc - 1]);
}
