#include "ctl/output/object_format.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"
#include "common/manifest/encode.h"
#include "common/manifest/json_writer.h"
#include "common/model/kinds.h"
#include "ctl/output/escape.h"

namespace muster::ctl {
namespace {

using manifest::Value;

std::vector<const google::protobuf::Message*> Pointers(const std::vector<v1::Object>& objects) {
  std::vector<const google::protobuf::Message*> pointers;
  for (const v1::Object& object : objects) pointers.push_back(&object);
  return pointers;
}

Value ValueOf(const std::vector<v1::Object>& objects, bool as_list) {
  return as_list ? manifest::ToListValue(Pointers(objects)) : manifest::ToValue(objects.front());
}

// A cell as kubectl writes it: lists and mappings in Go's notation.
std::string CellText(const Value& value) {
  std::string text;
  switch (value.type) {
    case Value::Type::kNull:
      return "<nil>";
    case Value::Type::kList:
      for (const Value& item : value.items) {
        absl::StrAppend(&text, text.empty() ? "" : " ", CellText(item));
      }
      return absl::StrCat("[", text, "]");
    case Value::Type::kMapping:
      for (const manifest::Member* member : SortedMembers(value)) {
        absl::StrAppend(&text, text.empty() ? "" : " ", member->key, ":", CellText(member->value));
      }
      return absl::StrCat("map[", text, "]");
    default:
      return value.text;
  }
}

// A cell takes one line.
std::string OneLine(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  }
  return text;
}

}  // namespace

const char* ObjectFormat::Forms() {
  return "json, yaml, name, jsonpath=TEMPLATE, jsonpath-as-json=TEMPLATE, jsonpath-file=FILE, "
         "custom-columns=HEADER:PATH,... or custom-columns-file=FILE";
}

absl::StatusOr<ObjectFormat> ObjectFormat::Parse(const std::string& text, bool headers) {
  if (text == "name") return ObjectFormat(Form::kName);
  if (text == "json") return ObjectFormat(Form::kJson);
  if (text == "yaml") return ObjectFormat(Form::kYaml);
  const size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  std::string argument = equals == std::string::npos ? "" : text.substr(equals + 1);
  const bool from_file = name == "jsonpath-file" || name == "custom-columns-file";
  const bool columns = name.starts_with("custom-columns");
  if (!from_file && name != "jsonpath" && name != "jsonpath-as-json" && name != "custom-columns") {
    return absl::InvalidArgumentError(
        absl::StrCat("-o: expected wide, ", Forms(), ", found \"", text, "\""));
  }
  if (argument.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("-o ", name, ": expected ", name, "=",
                                                   from_file ? "FILE"
                                                   : columns ? "HEADER:PATH,..."
                                                             : "TEMPLATE"));
  }
  if (from_file) {
    MUSTER_ASSIGN_OR_RETURN(argument, ReadFile(argument));
  }
  if (columns) {
    ObjectFormat format(Form::kColumns);
    MUSTER_RETURN_IF_ERROR(from_file ? format.ReadColumns(argument)
                                     : format.ParseColumns(argument));
    TableOptions options;
    options.headers = headers;
    format.table_.emplace(std::move(options));
    return format;
  }
  ObjectFormat format(name == "jsonpath-as-json" ? Form::kTemplateAsJson : Form::kTemplate);
  auto parsed = jsonpath::Template::Parse(argument);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("-o ", name, ": ", std::string(parsed.status().message())));
  }
  format.template_ = *std::move(parsed);
  return format;
}

absl::Status ObjectFormat::AddColumn(const std::string& header, const std::string& path) {
  auto parsed = jsonpath::Template::ParsePath(path);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("custom column ", header, ": ", std::string(parsed.status().message())));
  }
  columns_.push_back({header, *std::move(parsed)});
  return absl::OkStatus();
}

absl::Status ObjectFormat::ParseColumns(const std::string& spec) {
  for (const std::string& part : std::vector<std::string>(absl::StrSplit(spec, ','))) {
    const size_t colon = part.find(':');
    if (colon == 0 || colon == std::string::npos || colon + 1 == part.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("custom columns: expected HEADER:PATH, found \"", part, "\""));
    }
    MUSTER_RETURN_IF_ERROR(AddColumn(part.substr(0, colon), part.substr(colon + 1)));
  }
  return absl::OkStatus();
}

// A line of headers and one of paths.
absl::Status ObjectFormat::ReadColumns(const std::string& text) {
  const std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipWhitespace());
  if (lines.size() == 2) {
    const auto blanks = absl::ByAnyChar(" \t\r");
    const std::vector<std::string> headers = absl::StrSplit(lines[0], blanks, absl::SkipEmpty());
    const std::vector<std::string> paths = absl::StrSplit(lines[1], blanks, absl::SkipEmpty());
    if (headers.size() == paths.size()) {
      for (size_t i = 0; i < headers.size(); ++i) {
        MUSTER_RETURN_IF_ERROR(AddColumn(headers[i], paths[i]));
      }
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(
      "custom columns: expected a file of two lines, one with headers and one with as many paths");
}

absl::Status ObjectFormat::PrintColumns(const std::vector<v1::Object>& objects, std::ostream& out) {
  admin::v1::Table table;
  for (const Column& column : columns_) table.add_columns()->set_name(column.header);
  for (const v1::Object& object : objects) {
    const Value value = manifest::ToValue(object);
    admin::v1::Table::Row& row = *table.add_rows();
    for (const Column& column : columns_) {
      MUSTER_ASSIGN_OR_RETURN(const auto found, column.path.Find(value));
      std::string cell;
      for (const Value* each : found) {
        absl::StrAppend(&cell, each == found.front() ? "" : ",", CellText(*each));
      }
      row.add_cells(found.empty() ? "<none>" : OneLine(std::move(cell)));
    }
  }
  table_->Print(table, out);
  return absl::OkStatus();
}

absl::Status ObjectFormat::Print(const std::vector<v1::Object>& objects, bool as_list,
                                 std::ostream& out) {
  MUSTER_CHECK(as_list || objects.size() == 1);
  const OutputMode mode(out, EscapingBuffer::Mode::kMachine);
  switch (form_) {
    case Form::kName:
      for (const v1::Object& object : objects) out << model::QualifiedName(object) << "\n";
      return absl::OkStatus();
    case Form::kJson:
      out << manifest::WriteJson(ValueOf(objects, as_list), manifest::JsonForm::kPretty) << "\n";
      return absl::OkStatus();
    case Form::kYaml:
      out << (as_list ? manifest::EncodeYamlList(Pointers(objects))
                      : manifest::EncodeYaml(objects.front()));
      return absl::OkStatus();
    case Form::kTemplate: {
      MUSTER_ASSIGN_OR_RETURN(const std::string text, template_->Render(ValueOf(objects, as_list)));
      out << text;
      return absl::OkStatus();
    }
    case Form::kTemplateAsJson: {
      const Value root = ValueOf(objects, as_list);
      MUSTER_ASSIGN_OR_RETURN(const auto found, template_->Find(root));
      Value list;
      list.type = Value::Type::kList;
      for (const Value* value : found) list.items.push_back(*value);
      out << manifest::WriteJson(list, manifest::JsonForm::kPretty) << "\n";
      return absl::OkStatus();
    }
    case Form::kColumns:
      return PrintColumns(objects, out);
  }
  return absl::OkStatus();
}

absl::Status ObjectFormat::PrintNext(const v1::Object& object, std::ostream& out) {
  const OutputMode mode(out, EscapingBuffer::Mode::kMachine);
  if (form_ == Form::kYaml) out << "---\n";
  MUSTER_RETURN_IF_ERROR(Print({object}, /*as_list=*/false, out));
  out.flush();
  return absl::OkStatus();
}

}  // namespace muster::ctl
