#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "muster/admin/v1/admin.pb.h"

namespace muster::ctl {

struct TableOptions {
  bool headers = true;
  bool namespaces = false;                 // A NAMESPACE column in front.
  std::vector<std::string> label_columns;  // A column for each of these labels.
  bool labels = false;                     // A LABELS column at the end.
  std::string name_prefix;                 // "pod/" when several kinds are shown together.
};

// Prints tables as kubectl does: columns three blanks apart, left aligned, no blanks at the end of
// a line. A value that keeps the widths, so that the rows of a watch stay below their headers.
class TablePrinter {
 public:
  explicit TablePrinter(TableOptions options) : options_(std::move(options)) {}

  // Headers (the first time, unless turned off) and rows.
  void Print(const admin::v1::Table& table, std::ostream& out);

 private:
  std::vector<std::string> Header(const admin::v1::Table& table) const;
  std::vector<std::string> Line(const admin::v1::Table& table,
                                const admin::v1::Table::Row& row) const;
  void Widen(const std::vector<std::string>& line);
  void PrintLine(const std::vector<std::string>& line, std::ostream& out) const;

  TableOptions options_;
  bool headers_printed_ = false;
  std::vector<size_t> widths_;
};

// How many columns a terminal needs for it; what cannot be decoded counts one a byte.
size_t DisplayWidth(std::string_view text);

}  // namespace muster::ctl
