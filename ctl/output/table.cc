#include "ctl/output/table.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace muster::ctl {
namespace {

constexpr size_t kGap = 3;

std::string LabelsCell(const admin::v1::Table::Row& row) {
  if (row.labels().empty()) return "<none>";
  const std::map<std::string, std::string> sorted(row.labels().begin(), row.labels().end());
  return absl::StrJoin(sorted, ",", absl::PairFormatter("="));
}

}  // namespace

size_t DisplayWidth(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::vector<std::string> TablePrinter::Header(const admin::v1::Table& table) const {
  std::vector<std::string> line;
  if (options_.namespaces) line.push_back("NAMESPACE");
  for (const auto& column : table.columns()) line.push_back(column.name());
  for (const std::string& label : options_.label_columns) {
    line.push_back(absl::AsciiStrToUpper(label.substr(label.rfind('/') + 1)));
  }
  if (options_.labels) line.push_back("LABELS");
  return line;
}

std::vector<std::string> TablePrinter::Line(const admin::v1::Table& table,
                                            const admin::v1::Table::Row& row) const {
  std::vector<std::string> line;
  if (options_.namespaces) line.push_back(row.namespace_());
  for (int i = 0; i < row.cells_size(); ++i) {
    const bool is_name = i < table.columns_size() && table.columns(i).name() == "NAME";
    line.push_back(is_name ? absl::StrCat(options_.name_prefix, row.cells(i)) : row.cells(i));
  }
  for (const std::string& label : options_.label_columns) {
    const auto found = row.labels().find(label);
    line.push_back(found == row.labels().end() ? "<none>" : found->second);
  }
  if (options_.labels) line.push_back(LabelsCell(row));
  return line;
}

void TablePrinter::Widen(const std::vector<std::string>& line) {
  if (widths_.size() < line.size()) widths_.resize(line.size());
  for (size_t i = 0; i < line.size(); ++i) widths_[i] = std::max(widths_[i], DisplayWidth(line[i]));
}

void TablePrinter::PrintLine(const std::vector<std::string>& line, std::ostream& out) const {
  for (size_t i = 0; i < line.size(); ++i) {
    out << line[i];
    if (i + 1 == line.size()) break;
    out << std::string(widths_[i] - DisplayWidth(line[i]) + kGap, ' ');
  }
  out << '\n';
}

void TablePrinter::Print(const admin::v1::Table& table, std::ostream& out) {
  const bool with_header = options_.headers && !headers_printed_;
  const std::vector<std::string> header = Header(table);
  if (with_header) Widen(header);
  std::vector<std::vector<std::string>> lines;
  for (const auto& row : table.rows()) {
    lines.push_back(Line(table, row));
    Widen(lines.back());
  }
  if (with_header) {
    PrintLine(header, out);
    headers_printed_ = true;
  }
  for (const std::vector<std::string>& line : lines) PrintLine(line, out);
  out.flush();
}

}  // namespace muster::ctl
