#include "common/manifest/unsupported.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "muster/v1/options.pb.h"

namespace muster::manifest {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

class Walk {
 public:
  std::vector<UnsupportedField> Find(const Message& message) {
    Visit(message, "");
    return std::move(found_);
  }

 private:
  void Visit(const Message& message, const std::string& path) {
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);  // In the order of their numbers.
    for (const FieldDescriptor* field : fields) {
      const std::string field_path =
          absl::StrCat(path, path.empty() ? "" : ".", field->json_name());
      const v1::FieldOptions& options = field->options().GetExtension(v1::field);
      const bool marked = !options.refuse().empty() || !options.warn().empty();
      if (marked && !IsExempt(message, *field, options)) {
        found_.push_back({field_path, !options.refuse().empty(),
                          options.refuse().empty() ? options.warn() : options.refuse()});
        // What is inside is not honoured either; one finding says so.
        if (!options.refuse().empty()) continue;
      }
      Descend(message, *field, field_path);
    }
  }

  void Descend(const Message& message, const FieldDescriptor& field, const std::string& path) {
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field.is_map()) return;
    const Reflection& reflection = *message.GetReflection();
    if (!field.is_repeated()) return Visit(reflection.GetMessage(message, &field), path);
    const std::string_view outer = std::exchange(list_, field.json_name());
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      Visit(reflection.GetRepeatedMessage(message, &field, i), absl::StrCat(path, "[", i, "]"));
    }
    list_ = outer;
  }

  // Whether the value is among those that the options let through.
  bool IsExempt(const Message& message, const FieldDescriptor& field,
                const v1::FieldOptions& options) const {
    if (options.unless().empty() || field.is_repeated()) return false;
    const Reflection& reflection = *message.GetReflection();
    std::string text;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        text = reflection.GetString(message, &field);
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        text = reflection.GetBool(message, &field) ? "true" : "false";
        break;
      default:
        return false;
    }
    for (const std::string& exempt : options.unless()) {
      const size_t colon = exempt.find(':');
      if (colon == std::string::npos
              ? exempt == text
              : exempt.substr(0, colon) == list_ && exempt.substr(colon + 1) == text) {
        return true;
      }
    }
    return false;
  }

  std::string_view list_;  // The nearest list around the message, by its JSON name.
  std::vector<UnsupportedField> found_;
};

}  // namespace

std::vector<UnsupportedField> FindUnsupportedFields(const Message& message) {
  return Walk().Find(message);
}

}  // namespace muster::manifest
