#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ctl/jsonpath/template.h"
#include "ctl/output/table.h"
#include "muster/admin/v1/admin.pb.h"

namespace muster::ctl {

// How `-o` prints objects: name, json, yaml, jsonpath=TEMPLATE, jsonpath-file=FILE,
// jsonpath-as-json=TEMPLATE, custom-columns=HEADER:PATH,..., custom-columns-file=FILE.
//
// A value that keeps the widths of columns, so that the rows of a watch stay below their headers.
class ObjectFormat {
 public:
  // InvalidArgument, for people, when `text` is none of these or its template has a mistake;
  // NotFound and the like when its file cannot be read. Tables ("" and "wide") are no business of
  // this class.
  static absl::StatusOr<ObjectFormat> Parse(const std::string& text, bool headers = true);
  // All that Parse takes, for help and messages.
  static const char* Forms();

  // `as_list`: as one `kind: List` where that matters; else there is exactly one object.
  // InvalidArgument when a template does not fit what it is given.
  absl::Status Print(const std::vector<v1::Object>& objects, bool as_list, std::ostream& out);
  // One object out of a sequence whose end is not known.
  absl::Status PrintNext(const v1::Object& object, std::ostream& out);

 private:
  enum class Form { kName, kJson, kYaml, kTemplate, kTemplateAsJson, kColumns };
  struct Column {
    std::string header;
    jsonpath::Template path;
  };

  explicit ObjectFormat(Form form) : form_(form) {}
  absl::Status ParseColumns(const std::string& spec);
  absl::Status ReadColumns(const std::string& text);
  absl::Status AddColumn(const std::string& header, const std::string& path);
  absl::Status PrintColumns(const std::vector<v1::Object>& objects, std::ostream& out);

  Form form_;
  std::optional<jsonpath::Template> template_;
  std::vector<Column> columns_;
  std::optional<TablePrinter> table_;
};

}  // namespace muster::ctl
