#include "ctl/output/table.h"

#include <gtest/gtest.h>

#include <sstream>

#include "ctl/output/errors.h"

namespace muster::ctl {
namespace {

admin::v1::Table MakeTable(const std::vector<std::vector<std::string>>& rows) {
  admin::v1::Table table;
  table.add_columns()->set_name("NAME");
  table.add_columns()->set_name("AGE");
  for (const auto& cells : rows) {
    auto* row = table.add_rows();
    for (const auto& cell : cells) row->add_cells(cell);
    row->set_namespace_("shop");
  }
  return table;
}

std::string Printed(TableOptions options, const admin::v1::Table& table) {
  std::ostringstream out;
  TablePrinter(std::move(options)).Print(table, out);
  return out.str();
}

TEST(TablePrinter, AlignsColumnsThreeBlanksApartWithoutTrailingOnes) {
  EXPECT_EQ(Printed({}, MakeTable({{"a", "1s"}, {"longer", "2m"}})),
            "NAME     AGE\n"
            "a        1s\n"
            "longer   2m\n");
}

TEST(TablePrinter, PutsNamespacesFirstAndLabelsLast) {
  admin::v1::Table table = MakeTable({{"a", "1s"}});
  EXPECT_EQ(Printed({.namespaces = true, .labels = true}, table),
            "NAMESPACE   NAME   AGE   LABELS\n"
            "shop        a      1s    <none>\n");
  (*table.mutable_rows(0)->mutable_labels())["y"] = "2";
  (*table.mutable_rows(0)->mutable_labels())["x"] = "1";
  EXPECT_EQ(Printed({.headers = false, .labels = true}, table), "a   1s   x=1,y=2\n");
}

TEST(TablePrinter, KeepsItsWidthsForLaterRows) {
  std::ostringstream out;
  TablePrinter printer({});
  printer.Print(MakeTable({{"longer", "1s"}}), out);
  printer.Print(MakeTable({{"a", "2s"}}), out);
  EXPECT_EQ(out.str(),
            "NAME     AGE\n"
            "longer   1s\n"
            "a        2s\n");
}

TEST(TablePrinter, PrefixesNamesWhenSeveralKindsAreShown) {
  EXPECT_EQ(Printed({.headers = false, .name_prefix = "pod/"}, MakeTable({{"a", "1s"}})),
            "pod/a   1s\n");
}

TEST(TablePrinter, CountsCharactersNotBytes) {
  EXPECT_EQ(DisplayWidth("é"), 1u);
  EXPECT_EQ(Printed({.headers = false}, MakeTable({{"é", "1"}, {"ab", "2"}})), "é    1\nab   2\n");
}

TEST(ErrorText, IsKubectls) {
  EXPECT_EQ(ErrorText(absl::NotFoundError("daemonsets.apps \"x\" not found"), "unix:/s"),
            "Error from server (NotFound): daemonsets.apps \"x\" not found");
  EXPECT_EQ(ErrorText(absl::AbortedError("changed"), ""), "Error from server (Conflict): changed");
}

TEST(ErrorText, NamesTheAddressThatCannotBeReached) {
  EXPECT_NE(ErrorText(absl::UnavailableError("refused"), "h:7440").find("h:7440"),
            std::string::npos);
}

}  // namespace
}  // namespace muster::ctl
